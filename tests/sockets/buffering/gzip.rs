//! An encoder, which buffers its output: below a handle and above it.

use super::support::*;
use async_compression::futures::{bufread::GzipDecoder, write::GzipEncoder};
use futures_util::io::{BufReader, BufWriter};

/// What a peer of a gzip stream reads.
fn decoded<R: AsyncRead + Unpin>(reader: R) -> GzipDecoder<BufReader<R>> {
    GzipDecoder::new(BufReader::new(reader))
}

runtimes::tests! {
    async fn each_message_through_an_encoder_arrives_before_the_next_one_is_written<R: Runtime>() {
        for way in ways() {
            let (near, peer) = connected::<R>().await;
            let (reader, writer) = near.split();
            let (peer_reader, peer_writer) = peer.split();
            let peer = (decoded(peer_reader), peer_writer);
            each_message_arrives::<R, _>(way, GzipEncoder::new(writer), reader, peer, &[1, 7, 10_000, 100_000, 2]).await;
        }
    }

    async fn the_tail_in_an_encoder_arrives_when_the_socket_was_full<R: Runtime>() {
        for way in ways() {
            let (near, peer) = connected::<R>().await;
            let full = near.full();
            a_late_reader_gets_the_tail::<R, _>(way, GzipEncoder::new(near), full, decoded(peer)).await;
        }
    }

    /// The encoder decides when it writes, and its owner when it is flushed. After that the handoff
    /// flushes.
    async fn what_an_encoder_above_a_handle_has_put_out_arrives<R: Runtime>() {
        const LENS: [usize; 3] = [100_000, 300_000, 70_000];
        for way in ways() {
            let (near, peer) = connected::<R>().await;
            let arrived = Arc::new(AtomicUsize::new(0));
            let reading = R::task({
                let arrived = Arc::clone(&arrived);
                async move {
                    let (mut all, mut piece) = (Vec::new(), vec![0; 16 * 1024]);
                    loop {
                        match peer.read(&mut piece).await.unwrap() {
                            0 => return all,
                            n => all.extend_from_slice(&piece[..n]),
                        }
                        arrived.store(all.len(), Ordering::Relaxed);
                    }
                }
            });
            serve::<R, _, _>(way, BufWriter::new(near), |handoff| async move {
                let watching = handoff.clone();
                let mut encoder = GzipEncoder::new(handoff.into_writer());
                for len in LENS {
                    encoder.write_all(&payload(len)).await.unwrap();
                    let put_out = watching.stats().accepted as usize;
                    assert!(put_out > 0);
                    let all = async {
                        while arrived.load(Ordering::Relaxed) < put_out {
                            R::sleep(Duration::from_millis(1)).await;
                        }
                    };
                    in_time::<R, _>(format!("with {way:?}, what is accepted, {put_out} bytes,"), all).await;
                }
                drop(watching);
                in_time::<R, _>("the end of the encoder", encoder.close()).await.unwrap();
            })
            .await;
            let all = in_time::<R, _>("the end", reading).await;
            let mut received = Vec::new();
            decoded(&all[..]).read_to_end(&mut received).await.unwrap();
            assert!(received == LENS.map(payload).concat());
        }
    }
}
