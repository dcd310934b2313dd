//! TLS: bytes that its writer takes while the socket is full stay in it until the next call.

use super::{support::*, tls_support::*};
use futures_util::future::join;

/// What goes out in one write.
const CHUNK: usize = 32 * 1024;

/// How long the messages are: many short ones, some about as long as a TLS record, and a long one.
fn sizes() -> impl Iterator<Item = usize> {
    (0..50).map(|n| 1 + 37 * n).chain([16 * 1024, 16 * 1024 + 1, 65_537, 1 << 20, 3])
}

/// Reads an answer of that many bytes and compares it with noise.
async fn expect_payload(reader: &mut (impl AsyncRead + Unpin), len: usize) {
    let mut received = vec![0; len];
    reader.read_exact(&mut received).await.unwrap();
    assert!(received == payload(len));
}

runtimes::tests! {
    async fn requests_and_responses_of_any_size_go_over_tls<R: Runtime>() {
        for way in ways() {
            let (near, mut far, _) = secured::<R>().await;
            let (mut reader, writer) = near.split();
            let asking = R::task(async move {
                for size in sizes() {
                    let request = [&(size as u32).to_be_bytes()[..], &payload(size)].concat();
                    far.write_all(&request).await.unwrap();
                    far.flush().await.unwrap();
                    expect_payload(&mut far, size).await;
                }
                far.close().await.unwrap();
                let mut rest = Vec::new();
                far.read_to_end(&mut rest).await.unwrap();
                assert!(rest.is_empty());
            });
            let answered = serve::<R, _, _>(way, writer, |handoff| async move {
                let mut buffer = HandoffBuffer::new(2 << 20);
                let mut answered = 0;
                loop {
                    while buffer.len() < 4 {
                        let request = in_time::<R, _>("a request", buffer.read_available(&mut reader));
                        if request.await.unwrap() == 0 {
                            assert!(buffer.is_empty());
                            return answered;
                        }
                    }
                    let size = u32::from_be_bytes(buffer.peek()[..4].try_into().unwrap()) as usize;
                    while buffer.len() < 4 + size {
                        let request = in_time::<R, _>("a request", buffer.read_available(&mut reader));
                        assert!(request.await.unwrap() > 0);
                    }
                    let request = buffer.split_prefix(4 + size).unwrap();
                    respond(&handoff, request.slice(4..), CHUNK).await;
                    answered += 1;
                }
            });
            assert_eq!(answered.await, sizes().count());
            in_time::<R, _>("the end", asking).await;
        }
    }

    async fn the_tail_in_a_tls_session_arrives_when_the_socket_was_full<R: Runtime>() {
        for way in ways() {
            let (near, far, full) = secured::<R>().await;
            a_late_reader_gets_the_tail::<R, _>(way, near, full, far).await;
        }
    }

    async fn both_directions_of_a_tls_connection_go_on_at_once<R: Runtime>() {
        const LEN: usize = 2_500_000;
        for way in ways() {
            let (near, far, _) = secured::<R>().await;
            let (near_reader, near_writer) = near.split();
            let (far_reader, far_writer) = far.split();
            // Each side sends everything and receives everything before it ends; neither flushes.
            let near = talk::<R, _>(way, near_reader, near_writer, LEN);
            let far = R::task(talk::<R, _>(way, far_reader, far_writer, LEN));
            join(near, far).await;
        }
    }
}

async fn talk<R: runtimes::Runtime, W: AsyncWrite + Unpin + Send + 'static>(
    way: (Inline, Run),
    mut reader: impl AsyncRead + Unpin + Send,
    writer: W,
    len: usize,
) {
    serve::<R, _, _>(way, writer, |handoff| async move {
        let listening = in_time::<R, _>("all of the other direction", async {
            expect_payload(&mut reader, len).await;
        });
        join(respond(&handoff, payload(len).into(), CHUNK), listening).await;
    })
    .await;
}
