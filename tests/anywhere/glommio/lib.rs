//! The scenarios on glommio: io_uring, one thread, streams that stay there. `.ci/run glommio` runs
//! them.
#![cfg(all(test, target_os = "linux"))]
#![allow(dead_code, reason = "what sends streams to other threads, or keeps them from that, is for others")]

#[path = "../ending.rs"]
mod ending;
#[path = "../producers.rs"]
mod producers;
#[path = "../routing.rs"]
mod routing;
#[macro_use]
#[path = "../stamp.rs"]
mod stamp;
#[path = "../support.rs"]
mod support;
#[path = "../tunnel.rs"]
mod tunnel;

use std::{future::Future, io, net::Ipv4Addr};

use futures_handoff::{DetachedWriteTask, Executor, executor_fn};
use futures_handoff_runtimes as runtimes;
use futures_util::future::{BoxFuture, join};
use glommio::{
    LocalExecutorBuilder,
    net::{TcpListener, TcpStream},
};

use crate::support::{MOMENT, Place};

anywhere! {
    ring: crate::run;
}

/// Prints this, and runs nothing, if the kernel or its limits do not allow an executor.
fn run<F: Future<Output = ()>>(scenario: impl FnOnce(Ring) -> F) {
    match LocalExecutorBuilder::default().make() {
        Ok(executor) => executor.run(scenario(Ring)),
        Err(error) => println!("not run: {error}"),
    }
}

struct Ring;

impl Place for Ring {
    type Stream = TcpStream;

    fn executor(&self) -> impl Executor<DetachedWriteTask<TcpStream>> {
        executor_fn(|task| {
            glommio::spawn_local(task).detach();
        })
    }

    fn spawn(&self, future: BoxFuture<'static, ()>) {
        glommio::spawn_local(future).detach();
    }

    async fn pair(&self) -> io::Result<(TcpStream, TcpStream)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (near, far) = join(TcpStream::connect(listener.local_addr()?), listener.accept()).await;
        Ok((near?, far?))
    }

    async fn moment(&self) {
        glommio::timer::sleep(MOMENT).await;
    }
}
