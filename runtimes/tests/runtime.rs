//! Every adapter does what `Runtime` requires.

use std::{net::SocketAddr, time::Duration};

use futures_handoff_runtimes::{self as runtimes, Runtime};
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, FutureExt, future::join_all};

fn anywhere() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

async fn echoes_until_it_is_closed<R, S>(mut client: S, mut server: S)
where
    R: Runtime,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let echo = R::task(async move {
        let mut request = Vec::new();
        server.read_to_end(&mut request).await.unwrap();
        server.write_all(&request).await.unwrap();
        server.close().await.unwrap();
        server
    });
    client.write_all(b"hello").await.unwrap();
    // Only a close that shuts the write direction down lets the other side read to the end.
    client.close().await.unwrap();
    let mut reply = Vec::new();
    client.read_to_end(&mut reply).await.unwrap();
    assert_eq!(reply, b"hello");
    drop(echo.await);
}

#[cfg(unix)]
runtimes::tests! {
    async fn unix_carries_bytes_both_ways_and_closes_one<R: Runtime>() {
        let (client, server) = R::unix_pair().unwrap();
        echoes_until_it_is_closed::<R, _>(client, server).await;
    }
}

runtimes::tests! {
    async fn tasks_run_and_give_their_output<R: Runtime>() {
        let outputs = join_all((0..100).map(|i| R::task(async move { i * 2 }))).await;
        assert_eq!(outputs, (0..100).map(|i| i * 2).collect::<Vec<_>>());
    }

    async fn a_panicking_task_harms_no_other<R: Runtime>() {
        for _ in 0..8 {
            R::spawn(async { panic!("meant to panic") });
        }
        assert_eq!(R::task(async { 1 }).await, 1);
    }

    async fn tcp_carries_bytes_both_ways_and_closes_one<R: Runtime>() {
        let mut listener = R::bind(anywhere()).await.unwrap();
        let (client, server) = R::tcp_pair(&mut listener).await.unwrap();
        echoes_until_it_is_closed::<R, _>(client, server).await;
    }

    async fn tcp_takes_more_than_one_slice_at_a_time<R: Runtime>() {
        let mut listener = R::bind(anywhere()).await.unwrap();
        let (mut client, mut server) = R::tcp_pair(&mut listener).await.unwrap();
        let slices = [std::io::IoSlice::new(b"one, "), std::io::IoSlice::new(b"two")];
        assert_eq!(client.write_vectored(&slices).await.unwrap(), 8);
        let mut received = [0; 8];
        server.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"one, two");
    }

    async fn the_timer_fires<R: Runtime>() {
        R::sleep(Duration::from_millis(1)).await;
        assert_eq!(R::timeout(Duration::from_millis(1), std::future::pending::<()>()).await, None);
        assert_eq!(R::timeout(Duration::from_secs(3600), async { 3 }).await, Some(3));
    }

    async fn duplex_moves_more_than_it_holds<R: Runtime>() {
        let (mut near, mut far) = R::duplex(64);
        let sent: Vec<u8> = (0..100_000u32).map(|i| (i % 251) as u8).collect();
        let expected = sent.clone();
        let sender = R::task(async move {
            near.write_all(&sent).await.unwrap();
            near.close().await.unwrap();
            near
        });
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, expected);
        drop(sender.await);
    }

    #[should_panic(expected = "meant to fail")]
    async fn attributes_and_panics_get_through<R: Runtime>() {
        assert!(R::task(async { 1 }).await == 2, "meant to fail on {}", R::NAME);
    }
}

#[test]
fn names_match_the_enabled_features() {
    let mut names = Vec::new();
    runtimes::for_each!(R => { names.push(R::NAME) });
    let mut expected = vec!["local"];
    if cfg!(feature = "tokio") {
        expected.extend(["tokio", "tokio_current"]);
    }
    if cfg!(feature = "smol") {
        expected.push("smol");
    }
    if cfg!(feature = "async-std") {
        expected.push("async_std");
    }
    assert_eq!(names, expected);
}

#[test]
#[should_panic(expected = "stuck hangs")]
fn a_blocking_hang_fails() {
    let (_sender, receiver) = std::sync::mpsc::channel::<()>();
    runtimes::watched_for(Duration::from_millis(20), "stuck", move || {
        let _ = receiver.recv();
    });
}

#[test]
#[should_panic(expected = "stalled hangs")]
fn a_pending_hang_fails() {
    runtimes::watched_for(Duration::from_millis(20), "stalled", || {
        runtimes::Local::block_on(std::future::pending::<()>());
    });
}

#[test]
#[should_panic(expected = "the body's own words")]
fn the_watchdog_passes_a_panic_on() {
    runtimes::watched("test", || panic!("the body's own words"));
}

#[test]
fn a_task_that_is_not_done_is_pending() {
    runtimes::Local::block_on(async {
        let mut task = runtimes::Local::task(std::future::pending::<()>());
        assert!((&mut task).now_or_never().is_none());
    });
}
