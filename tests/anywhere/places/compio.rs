//! compio completes operations instead of reporting readiness. Its streams stay on their thread,
//! and buffer what they read and write.

use std::pin::Pin;

use compio_driver::{DriverType, ProactorBuilder};
use compio_io::compat::AsyncStream;
use compio_net::{TcpListener, TcpStream};
use compio_runtime::Runtime;
use futures_util::future::join;
use static_assertions::assert_not_impl_any;

use super::{BoxFuture, DetachedWriteTask, Executor, Future, Ipv4Addr, MOMENT, Place, executor_fn, io};

/// With io_uring, unless the kernel does not allow that.
pub(crate) fn usual<F: Future<Output = ()>>(scenario: impl FnOnce(Completions) -> F) {
    run(ProactorBuilder::new(), scenario);
}

/// As it runs where io_uring is not allowed.
pub(crate) fn polling<F: Future<Output = ()>>(scenario: impl FnOnce(Completions) -> F) {
    let mut driver = ProactorBuilder::new();
    driver.driver_type(DriverType::Poll);
    run(driver, scenario);
}

fn run<F: Future<Output = ()>>(driver: ProactorBuilder, scenario: impl FnOnce(Completions) -> F) {
    let runtime = Runtime::builder().with_proactor(driver).build().unwrap();
    println!("compio's driver: {:?}", runtime.driver_type());
    runtime.block_on(scenario(Completions));
}

pub(crate) struct Completions;

assert_not_impl_any!(<Completions as Place>::Stream: Send);

impl Place for Completions {
    /// Boxed, as it may not be moved.
    type Stream = Pin<Box<AsyncStream<TcpStream>>>;

    spawns!(|_place, future| compio_runtime::spawn(future).detach());

    async fn pair(&self) -> io::Result<(Self::Stream, Self::Stream)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (near, far) = join(TcpStream::connect(listener.local_addr()?), listener.accept()).await;
        Ok((Box::pin(AsyncStream::new(near?)), Box::pin(AsyncStream::new(far?.0))))
    }

    async fn moment(&self) {
        compio_runtime::time::sleep(MOMENT).await;
    }
}
