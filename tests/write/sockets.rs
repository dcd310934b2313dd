//! The write half on real sockets, where more than one call is needed and the peer is slow.

use super::{
    stress::{check, produce},
    support::*,
};
use futures_util::{AsyncReadExt, AsyncWriteExt, future::join_all};
use std::net::SocketAddr;

async fn pair<R: runtimes::Runtime>() -> (R::Tcp, R::Tcp) {
    let mut listener = R::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    R::tcp_pair(&mut listener).await.unwrap()
}

runtimes::tests! {
    async fn records_of_many_producers_cross_a_socket_whole_and_in_order<R: Runtime>() {
        for inline in [Inline::SameThread, Inline::Always, Inline::Never] {
            let (near, mut far) = pair::<R>().await;
            let (handoff, task) = WriteHandoff::new(near, limits(64, 4096).with_send_at(512).unwrap().with_inline(inline));
            let handoff = Settled(handoff);
            R::spawn(task.detach());
            let reader = R::task(async move {
                let mut received = Vec::new();
                far.read_to_end(&mut received).await.unwrap();
                received
            });
            let producers: Vec<_> =
                (0..6).map(|producer| R::task(produce(handoff.clone(), producer, 300))).collect();
            join_all(producers).await;
            handoff.close().await.unwrap();
            let seen = check(&reader.await);
            assert!((0..6).all(|producer| seen[&producer] == 300), "{seen:?}");
        }
    }

    /// The peer sees the end of the stream without anybody having called close.
    async fn dropping_the_last_handle_ends_the_connection<R: Runtime>() {
        let (near, mut far) = pair::<R>().await;
        let (handoff, task) = WriteHandoff::new(near, defaults());
        R::spawn(task.detach());
        handoff.try_write_fire_and_forget(text("goodbye")).unwrap();
        drop(handoff);
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"goodbye");
    }

    async fn a_connection_goes_on_with_another_protocol<R: Runtime>() {
        let (near, mut far) = pair::<R>().await;
        let (handoff, task) = WriteHandoff::new(near, defaults());
        R::spawn(task.detach());
        for _ in 0..100 {
            handoff.write_fire_and_forget(text("old ")).await.unwrap();
        }
        let Ok(mut near) = handoff.into_parts().await else { panic!("the writer is whole") };
        near.write_all(b"new").await.unwrap();
        near.close().await.unwrap();
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, [b"old ".repeat(100), b"new".to_vec()].concat());
    }

    /// The peer reads nothing until the producers wait for room, and then everything.
    async fn a_slow_peer_gets_everything<R: Runtime>() {
        let (near, mut far) = pair::<R>().await;
        let (handoff, task) = WriteHandoff::new(near, defaults());
        let handoff = Settled(handoff);
        R::spawn(task.detach());
        let sent = pattern(8 << 20);
        let expected = sent.clone();
        let writing = handoff.clone();
        let writer = R::task(async move {
            let mut left = Bytes::from(sent);
            let mut len = 3;
            while !left.is_empty() {
                len = len * 13 % 40_009 + 1;
                let chunk = left.split_to(len.min(left.len()));
                writing.write_fire_and_forget(chunk).await.unwrap();
                assert!(writing.pending_bytes() <= writing.config().max_pending_bytes());
            }
            writing.close().await.unwrap();
        });
        // It takes more than the sockets' buffers and the budget to get here.
        while handoff.available() > 40_009 && !handoff.is_closed() {
            R::sleep(std::time::Duration::from_millis(1)).await;
        }
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        assert!(received == expected);
        writer.await;
    }
}
