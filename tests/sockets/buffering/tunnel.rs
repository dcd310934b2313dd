//! A tunnel between connections whose writers buffer.

use super::{support::*, tls_support::*};
use futures_handoff::tunnel::{Halves, Report, Tunnel};
use futures_util::io::BufWriter;

/// Questions of these lengths, each with an answer as long, and neither side flushes by an end.
const LENS: [usize; 8] = [1, 700, 2047, 2048, 2049, 16 * 1024 + 1, 300_000, 2];

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    for len in LENS {
        stream.write_all(&payload(len)).await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = vec![0; len];
        stream.read_exact(&mut answer).await.unwrap();
        assert!(answer == payload(len));
    }
    stream.close().await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0, "the end comes back in order");
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    for len in LENS {
        let mut question = vec![0; len];
        stream.read_exact(&mut question).await.unwrap();
        stream.write_all(&question).await.unwrap();
        stream.flush().await.unwrap();
    }
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0, "the end of the questions");
    stream.close().await.unwrap();
}

/// A tunnel between `a` and `b`, with a client behind one and a server behind the other.
async fn converse<R, A, B>(
    a: A,
    b: B,
    client: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    server: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) where
    R: runtimes::Runtime,
    A: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let tunnel = R::task(async move { Tunnel::new(a, b).run().await });
    let answering = R::task(answer(server));
    in_time::<R, _>("all answers", ask(client)).await;
    in_time::<R, _>("the end of the questions", answering).await;
    let report: Report = in_time::<R, _>("the end of the tunnel", tunnel).await;
    let sum = LENS.iter().sum::<usize>() as u64;
    assert_eq!(report.into_result().unwrap(), (sum, sum));
}

runtimes::tests! {
    async fn questions_and_answers_go_through_a_tunnel_between_tls_connections<R: Runtime>() {
        let ((a, client, _), (b, server, _)) = (secured::<R>().await, secured::<R>().await);
        converse::<R, _, _>(a, b, client, server).await;
    }

    async fn questions_and_answers_go_through_a_tunnel_that_ends_tls<R: Runtime>() {
        for mirrored in [false, true] {
            let ((secure, far, _), (plain, peer)) = (secured::<R>().await, connected::<R>().await);
            if mirrored {
                converse::<R, _, _>(plain, secure, peer, far).await;
            } else {
                converse::<R, _, _>(secure, plain, far, peer).await;
            }
        }
    }

    async fn questions_and_answers_go_through_a_tunnel_with_buf_writers<R: Runtime>() {
        let ((a, client), (b, server)) = (connected::<R>().await, connected::<R>().await);
        let ((from_a, to_a), (from_b, to_b)) = (a.split(), b.split());
        let a = Halves::new(from_a, BufWriter::new(to_a));
        let b = Halves::new(from_b, BufWriter::with_capacity(5000, to_b));
        converse::<R, _, _>(a, b, client, server).await;
    }

    /// Both at once: neither side waits for the other to read.
    async fn large_transfers_both_ways_at_once_go_through_a_tunnel_between_tls_connections<R: Runtime>() {
        const LEN: usize = 3_000_000;
        let ((a, client, _), (b, server, _)) = (secured::<R>().await, secured::<R>().await);
        let tunnel = R::task(async move { Tunnel::new(a, b).with_budget(50_000).run().await });
        let ends = [client, server].map(|end| {
            R::task(async move {
                let (mut reader, mut writer) = end.split();
                let mut received = Vec::new();
                let sent = payload(LEN);
                let sending = async {
                    writer.write_all(&sent).await.unwrap();
                    writer.close().await.unwrap();
                };
                futures_util::future::join(sending, reader.read_to_end(&mut received)).await.1.unwrap();
                assert!(received == sent);
            })
        });
        for end in ends {
            in_time::<R, _>("all of a direction", end).await;
        }
        let report = in_time::<R, _>("the end of the tunnel", tunnel).await;
        assert_eq!(report.into_result().unwrap(), (LEN as u64, LEN as u64));
    }
}
