//! A tunnel between sockets that end, stall and are reset.

use super::support::*;
use async_io::Async;
use futures_handoff::tunnel::{End, Report, Tunnel};
use futures_util::future::join;
use socket2::SockRef;
use std::{io, net::TcpStream};

/// A client, a server, and the tunnel between them.
async fn between<R: Runtime>(first: &'static [u8]) -> (Peer, Peer, Task<Report>) {
    let ((near, client), (far, server)) = (accepted::<R>().await, connected::<R>().await);
    let tunnel = async move { Tunnel::new(near, far).with_first_to_b(Bytes::from_static(first)).run().await };
    (client, server, R::task(tunnel))
}

fn is_reset_error(error: &io::Error) -> bool {
    is_reset(&CloseReason::from(io::Error::from(error.kind())))
}

runtimes::tests! {
    /// The question ends first, or the answer does.
    async fn all_of_both_directions_arrives_with_a_half_close_in_between<R: Runtime>() {
        for client_first in [true, false] {
            let (client, server, tunnel) = between::<R>(b"first").await;
            let (question, answer) = (payload(700_000), payload(1 << 20));
            let expected = [b"first", &question[..]].concat();
            for asks in [client_first, !client_first] {
                let (from, to, sent, expected) = if asks {
                    (&client, &server, &question, &expected)
                } else {
                    (&server, &client, &answer, &answer)
                };
                let sending = async {
                    from.write_all(sent).await.unwrap();
                    from.end().unwrap();
                };
                assert!(join(sending, rest(to)).await.1 == *expected);
            }
            let carried = within::<R, _>(LONG, tunnel).await.unwrap().into_result().unwrap();
            assert_eq!(carried, (expected.len() as u64, answer.len() as u64));
        }
    }

    /// The client gets no orderly end: the tunnel closes nothing, and its owner drops it.
    async fn a_server_that_resets_ends_the_tunnel<R: Runtime>() {
        let (client, server, tunnel) = between::<R>(b"").await;
        client.write_all(b"question").await.unwrap();
        let mut question = [0; 8];
        server.read_exact(&mut question).await.unwrap();
        server.write_all(&payload(10 << 10)).await.unwrap();
        let mut answer = vec![0; 10 << 10];
        client.read_exact(&mut answer).await.unwrap();
        assert!(answer == payload(10 << 10));
        server.reset().unwrap();
        let report = within::<R, _>(LONG, tunnel).await.unwrap();
        let End::Read(error) = &report.b_to_a.end else { panic!("{report:?}") };
        assert!(is_reset_error(error), "{error}");
        assert_eq!((report.a_to_b.bytes, report.b_to_a.bytes), (8, 10 << 10));
    }

    /// The client uploads, so that a write to the server may get the reset, and not the read.
    async fn a_server_that_resets_within_its_answer_never_looks_whole<R: Runtime>() {
        let (client, server, tunnel) = between::<R>(b"").await;
        let uploading = async {
            let bytes = payload(100_000);
            while client.write_all(&bytes).await.is_ok() {}
        };
        let answering = async {
            server.write_all(b"half an ans").await.unwrap();
            let mut some = vec![0; 500_000];
            server.read_exact(&mut some).await.unwrap();
            server.reset().unwrap();
            let report = within::<R, _>(LONG, tunnel).await.unwrap();
            let End::Read(error) = &report.b_to_a.end else { panic!("{report:?}") };
            assert!(is_reset_error(error), "{error}");
        };
        join(uploading, answering).await;
    }

    /// The kernel gives the connection up. It tells that once as well, and a write learns of it.
    #[cfg(target_os = "linux")]
    async fn a_server_that_is_lost_within_its_answer_never_looks_whole<R: Runtime>() {
        let ((near, client), servers) = (accepted::<R>().await, Peers::new().unwrap());
        let far = Async::<TcpStream>::connect(servers.address()).await.unwrap();
        SockRef::from(&far).set_tcp_user_timeout(Some(Duration::from_millis(100))).unwrap();
        let server = servers.accept().await;
        server.write_all(b"half an ans").await.unwrap();
        let tunnel = R::task(async move { Tunnel::new(near, far).run().await });
        // The server takes nothing.
        let bytes = payload(100_000);
        while client.write_all(&bytes).await.is_ok() {}
        let report = within::<R, _>(LONG, tunnel).await.unwrap();
        let (End::Write(first), End::Read(error)) = (&report.a_to_b.end, &report.b_to_a.end) else {
            panic!("{report:?}")
        };
        assert_eq!((first.kind(), error.kind()), (io::ErrorKind::TimedOut, io::ErrorKind::TimedOut));
    }

    /// The server ends its answer before it resets the connection, because it reads no more.
    async fn an_answer_that_has_ended_is_whole_although_the_upload_is_reset<R: Runtime>() {
        // A short answer is in the kernel of the tunnel before the reset.
        for (len, at_once) in [(11, true), (30_000, true), (11, false), (4 << 20, false)].repeat(5) {
            let (client, server, tunnel) = between::<R>(b"").await;
            let (client, answer) = (Arc::new(client), payload(len));
            let uploading = R::task({
                let client = Arc::clone(&client);
                async move {
                    let bytes = payload(100_000);
                    while client.write_all(&bytes).await.is_ok() {}
                }
            });
            let mut some = vec![0; 500_000];
            server.read_exact(&mut some).await.unwrap();
            let answering = async {
                server.write_all(&answer).await.unwrap();
                server.end().unwrap();
            };
            let received = if at_once {
                answering.await;
                server.reset().unwrap();
                rest(&client).await
            } else {
                let received = join(rest(&client), answering).await.0;
                server.reset().unwrap();
                received
            };
            assert!(received == answer, "{} of {len} bytes", received.len());
            let report = within::<R, _>(LONG, tunnel).await.unwrap();
            assert!(matches!((&report.a_to_b.end, &report.b_to_a.end), (End::Write(_), End::Closed)), "{report:?}");
            uploading.await;
        }
    }

    /// The client keeps sending, and the server takes nothing.
    async fn a_reset_in_the_middle_of_a_transfer_ends_the_tunnel<R: Runtime>() {
        for client_resets in [true, false] {
            let (client, server, tunnel) = between::<R>(b"").await;
            let (resetting, other) = if client_resets { (client, server) } else { (server, client) };
            let writing = R::task(async move {
                let bytes = payload(100_000);
                while other.write_all(&bytes).await.is_ok() {}
            });
            let mut some = vec![0; 500_000];
            resetting.read_exact(&mut some).await.unwrap();
            resetting.reset().unwrap();
            let report = within::<R, _>(LONG, tunnel).await.unwrap();
            let error = report.into_result().unwrap_err();
            assert!(is_reset_error(&error), "{error}");
            within::<R, _>(LONG, writing).await.unwrap();
        }
    }

    /// With the timer of the runtime.
    async fn a_tunnel_between_silent_sockets_ends_when_it_is_idle<R: Runtime>() {
        let ((near, _client), (far, _server)) = (accepted::<R>().await, connected::<R>().await);
        let mut tunnel = Tunnel::new(near, far);
        let idle = tunnel.run_with_idle(|| R::sleep(Duration::from_millis(20)));
        let report = within::<R, _>(LONG, idle).await.unwrap();
        assert!(report.idle);
        assert_eq!(report.into_result().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
