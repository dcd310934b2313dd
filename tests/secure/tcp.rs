//! Real sockets, on every runtime.

use std::{future::pending, net::SocketAddr};

use super::support::*;
use futures_util::{AsyncReadExt, TryStreamExt, future::try_join};

fn anywhere() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// Lengths of files, of all magnitudes.
fn files(seed: u64) -> Vec<Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..24)
        .map(|_| {
            let most = 1 << random.u32(1..20);
            pattern(random.usize(0..most))
        })
        .collect()
}

runtimes::tests! {
    async fn files_of_any_size_are_exchanged<R: Runtime>() {
        for suite in SUITES {
            let config = config().with_suite(suite).with_max_message_len(1 << 20).with_rekey_after(20);
            let mut listener = R::bind(anywhere()).await.unwrap();
            let (near, far) = R::tcp_pair(&mut listener).await.unwrap();
            let (initiator, responder) = Pattern::Xx.sides();
            let (near, far) = (near.split(), far.split());
            let (near, far) = try_join(
                connect(near.0, near.1, initiator, &config, pending()),
                accept(far.0, far.1, responder, &config, pending()),
            )
            .await
            .unwrap();
            assert_eq!(near.binding, far.binding);
            let sides = [(near.sender, near.receiver, near.task, 1), (far.sender, far.receiver, far.task, 2)];
            let running: Vec<_> = sides
                .map(|(sender, receiver, task, seed)| {
                    R::spawn(task.detach());
                    let sending = R::task(async move {
                        for file in files(seed) {
                            sender.send(&file).await.unwrap();
                        }
                        sender.close().await.unwrap();
                    });
                    let receiving = R::task(async move {
                        let received: Vec<_> = receiver.try_collect().await.unwrap();
                        assert!(received == files(3 - seed), "{} files", received.len());
                    });
                    [sending, receiving]
                })
                .into_iter()
                .flatten()
                .collect();
            for task in running {
                task.await;
            }
        }
    }
}
