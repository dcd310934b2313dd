//! Copying into a handle over a writer that buffers.

use super::support::*;
use futures_util::io::{BufWriter, copy};

runtimes::tests! {
    /// A tunnel: the source sends nothing more before it has an answer. The copy keeps waiting, and
    /// flushes nothing itself.
    async fn what_a_copy_has_taken_arrives_while_its_source_waits<R: Runtime>() {
        for way in ways() {
            let (near, peer) = connected::<R>().await;
            let (mut answers, writer) = near.split();
            let (source, mut client) = R::duplex(64 * 1024);
            let answering = R::task(async move {
                for len in [1, 5000, 200_000, 3] {
                    let mut question = vec![0; len];
                    peer.read_exact(&mut question).await.unwrap();
                    assert!(question == payload(len));
                    peer.write_all(b"!").await.unwrap();
                }
                let mut rest = Vec::new();
                peer.read_to_end(&mut rest).await.unwrap();
                assert_eq!(rest, b"the end");
            });
            let asking = R::task(async move {
                for len in [1, 5000, 200_000, 3] {
                    client.write_all(&payload(len)).await.unwrap();
                    let mut answer = [0; 1];
                    let answered = in_time::<R, _>(format!("with {way:?}, {len} bytes"), answers.read_exact(&mut answer));
                    answered.await.unwrap();
                }
                client.write_all(b"the end").await.unwrap();
                client.close().await.unwrap();
            });
            serve::<R, _, _>(way, BufWriter::new(writer), |handoff| async move {
                let mut into = handoff.clone().into_writer();
                let copied = in_time::<R, _>("the end of the source", copy(source, &mut into)).await;
                assert_eq!(copied.unwrap(), 205_004 + 7);
                // The end of the copy also arrives without a flush.
                asking.await;
            })
            .await;
            in_time::<R, _>("the end", answering).await;
        }
    }

    async fn the_end_of_a_copy_reaches_a_slow_reader<R: Runtime>() {
        const LEN: usize = 1_000_003;
        for way in ways() {
            let (near, peer) = connected::<R>().await;
            let reading = R::task(async move {
                let mut received = vec![0; LEN];
                R::sleep(Duration::from_millis(20)).await;
                peer.read_exact(&mut received).await.unwrap();
                assert!(received == payload(LEN));
            });
            serve::<R, _, _>(way, BufWriter::new(near), |handoff| async move {
                let mut into = handoff.clone().into_writer();
                let copied = copy(&payload(LEN)[..], &mut into).await;
                assert_eq!(copied.unwrap(), LEN as u64);
                in_time::<R, _>("the last byte", reading).await;
            })
            .await;
        }
    }
}
