//! Writers that hold bytes until they have a buffer full of them.

use super::support::*;
use futures_util::io::BufWriter;

runtimes::tests! {
    async fn each_message_through_a_buf_writer_arrives_before_the_next_one_is_written<R: Runtime>() {
        for way in ways() {
            let (near, peer) = connected::<R>().await;
            let (mut reader, writer) = near.split();
            let answering = R::task(async move {
                for len in [1, 7, 8192, 8193, 100_000, 2] {
                    let mut question = vec![0; len];
                    peer.read_exact(&mut question).await.unwrap();
                    assert!(question == noise(len));
                    peer.write_all(b"!").await.unwrap();
                }
            });
            serve::<R, _, _>(way, BufWriter::new(writer), |handoff| async move {
                for len in [1, 7, 8192, 8193, 100_000, 2] {
                    respond(&handoff, noise(len).into(), 30_000).await;
                    let mut answer = [0; 1];
                    let answered = in_time::<R, _>(format!("with {way:?}, {len} bytes"), reader.read_exact(&mut answer));
                    answered.await.unwrap();
                }
            })
            .await;
            answering.await;
        }
    }

    async fn the_tail_in_a_buf_writer_arrives_when_the_socket_was_full<R: Runtime>() {
        for way in ways() {
            let (near, peer) = connected::<R>().await;
            let full = near.full();
            a_late_reader_gets_the_tail::<R, _>(way, BufWriter::with_capacity(5000, near), full, peer).await;
        }
    }
}
