//! Real sockets, on every runtime.

use std::net::SocketAddr;

use futures_handoff::{CloseReason, HandoffBuffer, Then, WriteHandoff, WriteHandoffConfig, bytes::Bytes};
use futures_handoff_runtimes as runtimes;
use futures_util::{AsyncReadExt, AsyncWriteExt};

pub(crate) fn anywhere() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

pub(crate) fn payload(len: usize) -> Vec<u8> {
    (0..len as u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

runtimes::tests! {
    async fn frames_of_any_length_arrive_in_order_and_the_end_is_seen<R: Runtime>() {
        let mut listener = R::bind(anywhere()).await.unwrap();
        let (near, mut far) = R::tcp_pair(&mut listener).await.unwrap();
        let sent = payload(700_000);
        let expected = sent.clone();
        let writing = R::task(async move {
            let (handoff, task) = WriteHandoff::new(near, WriteHandoffConfig::default());
            R::spawn(task.detach());
            let mut left = Bytes::from(sent);
            let mut len = 1;
            while !left.is_empty() {
                // 1, 8, 57, .. 50 thousand and back: copied, queued, sent by the producer.
                let frame = left.split_to(len.min(left.len()));
                handoff.write_fire_and_forget(frame).await.unwrap();
                len = len * 7 % 49_999 + 1;
            }
            handoff.close();
            handoff.closed().await.unwrap();
            assert_eq!((handoff.pending_bytes(), handoff.stats().pending_items), (0, 0));
            assert_eq!(handoff.close_reason().map(|reason| reason.is_closed()), Some(true));
        });
        let mut buffer = HandoffBuffer::new(32 * 1024);
        let mut received = Vec::new();
        loop {
            let filled = buffer.read_ready(&mut far, 16 * 1024).await.unwrap();
            assert!(filled.n <= 16 * 1024);
            received.extend_from_slice(&buffer.freeze_all());
            match filled.then {
                Then::End => break,
                Then::Error(error) => panic!("{error}"),
                Then::Pending | Then::Limit | Then::Full => {}
            }
        }
        assert!(received == expected, "{} of {} bytes", received.len(), expected.len());
        writing.await;
    }

    /// The peer sees the end of the stream without a call of `close`.
    async fn dropping_the_last_handle_ends_the_connection<R: Runtime>() {
        let mut listener = R::bind(anywhere()).await.unwrap();
        let (near, mut far) = R::tcp_pair(&mut listener).await.unwrap();
        let (handoff, task) = WriteHandoff::new(near, WriteHandoffConfig::default());
        R::spawn(task.detach());
        handoff.try_write_fire_and_forget(Bytes::from_static(b"goodbye")).unwrap();
        drop(handoff);
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"goodbye");
    }

    async fn a_connection_goes_on_with_another_protocol<R: Runtime>() {
        let mut listener = R::bind(anywhere()).await.unwrap();
        let (near, mut far) = R::tcp_pair(&mut listener).await.unwrap();
        let (handoff, task) = WriteHandoff::new(near, WriteHandoffConfig::default());
        R::spawn(task.detach());
        for _ in 0..100 {
            handoff.write_fire_and_forget(Bytes::from_static(b"old ")).await.unwrap();
        }
        let Ok(mut near) = handoff.into_parts().await else { panic!("the writer is whole") };
        near.write_all(b"new").await.unwrap();
        near.close().await.unwrap();
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, [b"old ".repeat(100), b"new".to_vec()].concat());
    }

    async fn a_peer_that_is_gone_fails_the_writes_and_says_why<R: Runtime>() {
        let mut listener = R::bind(anywhere()).await.unwrap();
        let (near, far) = R::tcp_pair(&mut listener).await.unwrap();
        drop(far);
        let (handoff, task) = WriteHandoff::new(near, WriteHandoffConfig::default());
        R::spawn(task.detach());
        // The first writes may still be taken by the socket.
        let error = loop {
            match handoff.write(Bytes::from(vec![1; 1000])).await {
                Ok(ticket) => {
                    if let Err(error) = ticket.await {
                        break error.reason().clone();
                    }
                }
                Err(error) => break error.close_reason().unwrap().clone(),
            }
        };
        assert!(matches!(error, CloseReason::Io(_)), "{error:?}");
        assert!(handoff.is_closed());
        assert!(matches!(handoff.closed().await, Err(CloseReason::Io(_))));
        assert_eq!(handoff.pending_bytes(), 0);
    }
}
