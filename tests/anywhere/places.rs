//! The places, each with a function that runs a scenario there to its end.

use std::{future::Future, io, net::Ipv4Addr, rc::Rc, thread};

use futures_channel::oneshot;
use futures_executor::{LocalPool, LocalSpawner};
use futures_handoff::{DetachedWriteTask, Executor, executor_fn};
use futures_handoff_runtimes::{Local, Runtime, Smol, TokioCurrent};
use futures_util::{future::BoxFuture, task::LocalSpawnExt};
use static_assertions::assert_not_impl_any;

use crate::support::{Bound, MOMENT, Place};

assert_not_impl_any!(Bound<()>: Send);

/// The sockets and the timer of a runtime, as they are or with streams that may not leave their
/// thread.
macro_rules! sockets {
    ($runtime:ty) => {
        sockets!($runtime, <$runtime as Runtime>::Tcp, |both| both);
    };
    ($runtime:ty, bound) => {
        sockets!($runtime, Bound<<$runtime as Runtime>::Tcp>, Bound::both);
    };
    ($runtime:ty, $stream:ty, $both:expr) => {
        type Stream = $stream;

        async fn pair(&self) -> io::Result<(Self::Stream, Self::Stream)> {
            let mut listener = <$runtime>::bind((Ipv4Addr::LOCALHOST, 0).into()).await?;
            <$runtime>::tcp_pair(&mut listener).await.map($both)
        }

        async fn moment(&self) {
            <$runtime>::sleep(MOMENT).await;
        }
    };
}

/// One expression that runs any future beside the scenario.
macro_rules! spawns {
    (|$place:ident, $future:ident| $spawn:expr) => {
        fn executor(&self) -> impl Executor<DetachedWriteTask<Self::Stream>> {
            let $place = self;
            executor_fn(|$future| $spawn)
        }

        fn spawn(&self, $future: BoxFuture<'static, ()>) {
            let $place = self;
            $spawn
        }
    };
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(crate) mod compio;

/// No runtime: a thread that blocks on a future, and one more for each other future.
pub(crate) fn block_on<F: Future<Output = ()>>(scenario: impl FnOnce(Threads) -> F) {
    futures_executor::block_on(scenario(Threads));
}

pub(crate) struct Threads;

impl Place for Threads {
    sockets!(Local);
    spawns!(|_place, future| drop(thread::spawn(|| futures_executor::block_on(future))));
}

/// The `ThreadPool` of futures: what runs there has to be `Send`, the scenario included.
pub(crate) fn thread_pool<F: Future<Output = ()> + Send + 'static>(scenario: impl FnOnce(ThreadPool) -> F) {
    let pool = futures_executor::ThreadPool::builder().pool_size(2).create().unwrap();
    let scenario = scenario(ThreadPool(pool.clone()));
    let (done, end) = oneshot::channel();
    pool.spawn_ok(async {
        scenario.await;
        done.send(()).unwrap();
    });
    futures_executor::block_on(end).expect("the scenario does not panic");
}

pub(crate) struct ThreadPool(futures_executor::ThreadPool);

impl Place for ThreadPool {
    sockets!(Local);
    spawns!(|pool, future| pool.0.spawn_ok(future));
}

/// The `LocalPool` of futures: one thread, which polls everything.
pub(crate) fn local_pool<F: Future<Output = ()>>(scenario: impl FnOnce(InPool) -> F) {
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    pool.run_until(scenario(InPool(spawner)));
}

pub(crate) struct InPool(LocalSpawner);

impl Place for InPool {
    sockets!(Local, bound);
    spawns!(|pool, future| pool.0.spawn_local(future).unwrap());
}

pub(crate) fn tokio_local_set<F: Future<Output = ()>>(scenario: impl FnOnce(LocalSet) -> F) {
    let set = Rc::new(tokio::task::LocalSet::new());
    TokioCurrent::block_on(set.run_until(scenario(LocalSet(Rc::clone(&set)))));
}

pub(crate) struct LocalSet(Rc<tokio::task::LocalSet>);

impl Place for LocalSet {
    sockets!(TokioCurrent, bound);

    fn executor(&self) -> impl Executor<DetachedWriteTask<Self::Stream>> {
        &*self.0
    }

    fn spawn(&self, future: BoxFuture<'static, ()>) {
        self.0.spawn_local(future);
    }
}

pub(crate) fn smol_local_executor<F: Future<Output = ()>>(scenario: impl FnOnce(LocalExecutor) -> F) {
    let executor = Rc::new(smol::LocalExecutor::new());
    Smol::block_on(executor.run(scenario(LocalExecutor(Rc::clone(&executor)))));
}

pub(crate) struct LocalExecutor(Rc<smol::LocalExecutor<'static>>);

impl Place for LocalExecutor {
    sockets!(Smol, bound);

    fn executor(&self) -> impl Executor<DetachedWriteTask<Self::Stream>> {
        &*self.0
    }

    fn spawn(&self, future: BoxFuture<'static, ()>) {
        self.0.spawn(future).detach();
    }
}
