//! The proxy of the examples between real sockets.

use futures_handoff_runtimes as runtimes;
use futures_util::{AsyncReadExt, AsyncWriteExt};

use super::tcp::{anywhere, payload};

#[allow(dead_code, reason = "the example has a main function")]
#[path = "../../examples/tcp_proxy.rs"]
mod tcp_proxy;

runtimes::tests! {
    async fn the_proxy_keeps_what_came_behind_the_line<R: Runtime>() {
        let mut front = R::bind(anywhere()).await.unwrap();
        let mut back = R::bind(anywhere()).await.unwrap();
        let address = R::local_addr(&back).unwrap();
        let (mut client, proxied) = R::tcp_pair(&mut front).await.unwrap();
        let proxy = R::task(tcp_proxy::serve::<R>(proxied));
        let server = R::task(async move {
            let mut server = R::accept(&mut back).await.unwrap();
            let mut received = Vec::new();
            server.read_to_end(&mut received).await.unwrap();
            received.reverse();
            server.write_all(&received).await.unwrap();
            server.close().await.unwrap();
        });

        let sent = payload(200_000);
        let mut first = format!("CONNECT {address}\n").into_bytes();
        first.extend_from_slice(&sent[..100]);
        client.write_all(&first).await.unwrap();
        client.write_all(&sent[100..]).await.unwrap();
        client.close().await.unwrap();

        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        let mut expected = sent;
        expected.reverse();
        assert_eq!(&answer[..3], b"OK\n");
        assert!(answer[3..] == expected, "{} bytes", answer.len());
        proxy.await.unwrap();
        server.await;
    }

    async fn the_proxy_refuses_what_is_no_connect<R: Runtime>() {
        let mut front = R::bind(anywhere()).await.unwrap();
        let (mut client, proxied) = R::tcp_pair(&mut front).await.unwrap();
        let proxy = R::task(tcp_proxy::serve::<R>(proxied));
        client.write_all(b"HELLO\n").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "ERR expected CONNECT <address>\n");
        proxy.await.unwrap();
    }
}
