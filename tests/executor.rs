//! Executors run what they are given or drop it.

use std::{future::Future, sync::mpsc};

use futures_channel::oneshot;
use futures_handoff::Executor;
use futures_handoff_runtimes as runtimes;

/// Polls each future to its end on the spot.
struct Inline;

impl<F: Future> Executor<F> for Inline {
    fn execute(&self, future: F) {
        futures_executor::block_on(future);
    }
}

/// Drops each future.
struct Gone;

impl<F> Executor<F> for Gone {
    fn execute(&self, future: F) {
        drop(future);
    }
}

/// A future that reports whether it completed or was dropped before.
fn reporting() -> (impl Future<Output = ()> + Send + 'static, oneshot::Receiver<()>) {
    let (sender, receiver) = oneshot::channel();
    let future = async move {
        yield_now().await;
        sender.send(()).expect("somebody waits for the report");
    };
    (future, receiver)
}

async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[test]
fn a_user_defined_executor_needs_one_method() {
    let (future, done) = reporting();
    Inline.execute(future);
    assert_eq!(futures_executor::block_on(done), Ok(()));
}

#[test]
fn an_executor_may_drop_the_future() {
    let (future, done) = reporting();
    Gone.execute(future);
    assert!(futures_executor::block_on(done).is_err());
}

#[test]
fn an_executor_can_be_a_trait_object() {
    let executors: [&dyn Executor<Box<dyn Future<Output = ()> + Unpin>>; 2] = [&Inline, &Gone];
    let (sender, receiver) = mpsc::channel();
    for executor in executors {
        let sender = sender.clone();
        executor.execute(Box::new(Box::pin(async move { sender.send(()).unwrap() })));
    }
    drop(sender);
    assert_eq!(receiver.iter().count(), 1);
}

#[test]
fn the_runtime_free_adapter_is_always_stamped() {
    let mut count = 0;
    runtimes::for_each!(R => { count += usize::from(<R as runtimes::Runtime>::NAME == "local") });
    assert_eq!(count, 1);
}

#[cfg(feature = "tokio")]
mod on_tokio {
    use std::{cell::RefCell, rc::Rc, thread};

    use futures_handoff::Tokio;
    use tokio::{runtime::Builder, task::LocalSet};

    use super::*;

    #[test]
    fn ambient_and_handle_run_the_future() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let (ambient, ambient_done) = reporting();
        let (handle, handle_done) = reporting();
        let other_thread = runtime.handle().clone();
        thread::spawn(move || other_thread.execute(handle)).join().unwrap();
        runtime.block_on(async {
            Tokio::new().execute(ambient);
            assert_eq!(ambient_done.await, Ok(()));
            assert_eq!(handle_done.await, Ok(()));
        });
    }

    #[test]
    #[should_panic(expected = "no reactor running")]
    fn ambient_outside_a_runtime_panics() {
        Tokio::new().execute(async {});
    }

    #[test]
    fn a_runtime_that_shut_down_drops_the_future() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let handle = runtime.handle().clone();
        let (running, running_done) = reporting();
        handle.execute(running);
        drop(runtime);
        assert!(futures_executor::block_on(running_done).is_err());

        let (late, late_done) = reporting();
        handle.execute(late);
        assert!(futures_executor::block_on(late_done).is_err());
    }

    #[test]
    fn a_local_set_runs_what_is_not_send() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let local = LocalSet::new();
        let (done, ran) = (Rc::new(RefCell::new(false)), oneshot::channel());
        let shared = Rc::clone(&done);
        local.execute(async move {
            yield_now().await;
            *shared.borrow_mut() = true;
            ran.0.send(()).unwrap();
        });
        local.block_on(&runtime, ran.1).unwrap();
        assert!(*done.borrow());
    }
}

#[cfg(feature = "smol")]
mod on_smol {
    use std::{cell::RefCell, rc::Rc, sync::atomic::AtomicBool, sync::atomic::Ordering};

    use futures_handoff::Smol;
    use smol::{Executor as SmolExecutor, LocalExecutor};

    use super::*;

    #[test]
    fn the_global_executor_runs_the_future_detached() {
        let (future, done) = reporting();
        Smol::new().execute(future);
        assert_eq!(smol::block_on(done), Ok(()));
    }

    #[test]
    fn an_executor_runs_futures_that_borrow() {
        let ran = AtomicBool::new(false);
        let executor = SmolExecutor::new();
        executor.execute(async { ran.store(true, Ordering::Relaxed) });
        while executor.try_tick() {}
        assert!(ran.load(Ordering::Relaxed));
    }

    #[test]
    fn a_dropped_executor_drops_the_future() {
        let executor = SmolExecutor::new();
        let (future, done) = reporting();
        executor.execute(future);
        drop(executor);
        assert!(smol::block_on(done).is_err());
    }

    #[test]
    fn a_local_executor_runs_what_is_not_send() {
        let executor = LocalExecutor::new();
        let done = Rc::new(RefCell::new(false));
        let shared = Rc::clone(&done);
        executor.execute(async move { *shared.borrow_mut() = true });
        while executor.try_tick() {}
        assert!(*done.borrow());
    }
}

#[cfg(feature = "async-std")]
mod on_async_std {
    use futures_handoff::AsyncStd;

    use super::*;

    #[test]
    fn the_global_executor_runs_the_future_detached() {
        let (future, done) = reporting();
        AsyncStd::new().execute(future);
        assert_eq!(async_std::task::block_on(done), Ok(()));
    }
}
