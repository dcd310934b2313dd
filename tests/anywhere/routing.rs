//! Frames from one connection to another: order, cancelled reads, back pressure.

use std::pin::pin;

use futures_channel::oneshot;
use futures_handoff::{HandoffBuffer, LengthPrefix, WriteHandoffConfig, bytes::Bytes};
use futures_util::{
    AsyncReadExt, AsyncWriteExt, FutureExt, StreamExt,
    future::{Either, join, join3, select},
};

use crate::support::{Place, assert_same, payload, received, spawned};

/// Frames of different lengths, which begin with theirs.
fn frames(count: usize) -> Vec<u8> {
    let mut frames = Vec::new();
    for i in 0..count {
        let len = i * 37 % 600;
        frames.extend_from_slice(&(len as u16).to_be_bytes());
        frames.extend_from_slice(&payload(len));
    }
    frames
}

pub(crate) async fn frames_in_any_pieces_keep_their_order<P: Place>(place: P) {
    let ((mut client, mut inbound), (outbound, server)) =
        (place.pair().await.unwrap(), place.pair().await.unwrap());
    let sent = frames(1500);
    let write = async {
        let mut left = &sent[..];
        let mut len = 1;
        while !left.is_empty() {
            let (piece, rest) = left.split_at(len.min(left.len()));
            client.write_all(piece).await.unwrap();
            client.flush().await.unwrap();
            left = rest;
            len = len * 7 % 4999 + 1;
        }
        client.close().await.unwrap();
    };
    let handoff = spawned(&place, outbound, WriteHandoffConfig::new(8, 4096));
    let route = async move {
        let mut buffer = HandoffBuffer::new(1024);
        let mut frames = buffer.frames(&mut inbound, LengthPrefix::big_endian(2));
        let mut count = 0;
        while let Some(frame) = frames.next().await {
            handoff.write_fire_and_forget(frame.unwrap()).await.unwrap();
            assert!(handoff.pending_bytes() <= 4096);
            count += 1;
        }
        count
    };
    let ((), routed, arrived) = join3(write, route, received(server)).await;
    assert_eq!(routed, 1500);
    assert_same(&arrived, &sent);
}

/// Each read is dropped when it has to wait.
pub(crate) async fn reads_that_are_cancelled_lose_nothing<P: Place>(place: P) {
    let (mut near, mut far) = place.pair().await.unwrap();
    let sent = frames(20);
    let write = async {
        for piece in sent.chunks(97) {
            far.write_all(piece).await.unwrap();
            far.flush().await.unwrap();
            place.moment().await;
        }
        far.close().await.unwrap();
    };
    let read = async {
        let mut buffer = HandoffBuffer::new(1024);
        let mut finder = LengthPrefix::big_endian(2);
        let (mut arrived, mut cancelled) = (Vec::new(), 0);
        loop {
            match buffer.next_frame(&mut near, &mut finder).now_or_never() {
                Some(Ok(Some(frame))) => arrived.extend_from_slice(&frame),
                Some(end) => break assert!(end.unwrap().is_none()),
                None => {
                    cancelled += 1;
                    place.moment().await;
                }
            }
        }
        assert_ne!(cancelled, 0, "no read had to wait");
        arrived
    };
    let ((), arrived) = join(write, read).await;
    assert_same(&arrived, &sent);
}

/// The peer reads nothing before the producer was held back, however much room the sockets have.
pub(crate) async fn a_slow_reader_holds_the_producer_back_and_cancelled_writes_submit_nothing<P: Place>(
    place: P,
) {
    const CHUNK: usize = 64 * 1024;
    const BUDGET: usize = 2 * CHUNK;
    /// More than the sockets can hold.
    const MOST: usize = 1024;

    let (near, mut far) = place.pair().await.unwrap();
    let handoff = spawned(&place, near, WriteHandoffConfig::new(4, BUDGET));
    let chunk = payload(CHUNK);
    let (stalled, start) = oneshot::channel();
    let produce = async {
        let mut stalled = Some(stalled);
        let (mut written, mut last) = (0, MOST);
        while written < last {
            // The chunk of a cancelled write is written again: if it had been submitted, it would
            // arrive twice.
            let write = pin!(handoff.write_fire_and_forget(numbered(written, &chunk)));
            match select(write, pin!(moments(&place, 20))).await {
                Either::Left((accepted, _)) => {
                    accepted.unwrap();
                    written += 1;
                }
                Either::Right(_) => {
                    if let Some(stalled) = stalled.take() {
                        stalled.send(()).unwrap();
                        last = written + 20;
                    }
                }
            }
            assert!(handoff.pending_bytes() <= BUDGET);
        }
        assert!(stalled.is_none(), "{written} chunks were taken, and the peer read nothing");
        handoff.close();
        handoff.closed().await.unwrap();
        written
    };
    let read = async {
        start.await.unwrap();
        let (mut arrived, mut piece) = (Vec::new(), vec![0; 4 * CHUNK]);
        loop {
            let n = far.read(&mut piece).await.unwrap();
            if n == 0 {
                break arrived;
            }
            arrived.extend_from_slice(&piece[..n]);
            place.moment().await;
        }
    };
    let (written, arrived) = join(produce, read).await;
    assert_eq!(arrived.len(), written * CHUNK);
    for (number, arrived) in arrived.chunks(CHUNK).enumerate() {
        assert_same(arrived, &numbered(number, &chunk));
    }
}

/// The chunk with a number in front.
fn numbered(number: usize, chunk: &Bytes) -> Bytes {
    let mut bytes = chunk.to_vec();
    bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
    bytes.into()
}

async fn moments<P: Place>(place: &P, count: usize) {
    for _ in 0..count {
        place.moment().await;
    }
}
