//! Executors run or drop their futures, whether borrowed, shared, boxed or a closure.

use std::{
    cell::Cell,
    future::{Future, ready},
    rc::Rc,
    sync::{Arc, mpsc},
    thread,
};

use futures_channel::oneshot;
use futures_handoff::{
    CloseReason, DetachedWriteTask, Executor, WriteHandoff, WriteHandoffConfig, bytes::Bytes, executor_fn,
};
use futures_handoff_runtimes::{
    self as runtimes,
    io::{ScriptWriter, WriteStep},
};
use futures_test::future::FutureTestExt;
use futures_util::{FutureExt, future::LocalBoxFuture};

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

#[cfg(any(feature = "tokio", feature = "smol"))]
mod bound {
    use std::{cell::RefCell, io};

    use futures_util::io::AllowStdIo;

    use super::*;

    /// Writes to a writer that cannot leave its thread, by a task on `executor`, which `run` drives
    /// until a future is done.
    pub(crate) fn runs_a_bound_writer<E>(executor: &E, run: impl FnOnce(LocalBoxFuture<'_, ()>))
    where
        E: Executor<DetachedWriteTask<AllowStdIo<Bound>>>,
    {
        let written = Rc::default();
        let writer = AllowStdIo::new(Bound(Rc::clone(&written)));
        let (handoff, task) = WriteHandoff::new(writer, WriteHandoffConfig::default());
        executor.execute(task.detach());
        handoff.try_write_fire_and_forget(Bytes::from_static(b"abc")).unwrap();
        handoff.close();
        run(handoff.closed().map(Result::unwrap).boxed_local());
        assert_eq!(*written.borrow(), b"abc");
    }

    pub(crate) struct Bound(Rc<RefCell<Vec<u8>>>);

    impl io::Write for Bound {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}

/// A future that reports whether it completed or was dropped before.
fn reporting() -> (impl Future<Output = ()> + Send + 'static, oneshot::Receiver<()>) {
    let (sender, receiver) = oneshot::channel();
    let future = async move {
        ready(()).pending_once().await;
        sender.send(()).expect("the receiver of the report is there");
    };
    (future, receiver)
}

runtimes::watched_tests! {
    fn an_executor_of_ones_own_needs_one_method_and_may_drop_the_future() {
        let (future, done) = reporting();
        Inline.execute(future);
        assert_eq!(futures_executor::block_on(done), Ok(()));
        let (future, done) = reporting();
        Gone.execute(future);
        assert!(futures_executor::block_on(done).is_err());
    }
}

/// Runs a future through `executor`, which may be unsized.
fn runs(executor: &(impl Executor<LocalBoxFuture<'static, ()>> + ?Sized)) {
    let ran = Rc::new(Cell::new(0));
    let seen = Rc::clone(&ran);
    executor.execute(async move { seen.set(seen.get() + 1) }.boxed_local());
    assert_eq!(ran.get(), 1);
}

/// A thread for every future.
struct Threads;

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Threads {
    fn execute(&self, future: F) {
        thread::spawn(move || futures_executor::block_on(future));
    }
}

/// A handle whose task runs on `executor` can write, and returns the outcome and the writer.
async fn writes_on<E>(executor: &E)
where
    E: Executor<DetachedWriteTask> + ?Sized,
{
    let writer = ScriptWriter::new([WriteStep::Accept(3), WriteStep::Pending]);
    let log = writer.log();
    let handoff = WriteHandoff::spawn(writer, WriteHandoffConfig::default(), executor);
    let ticket = handoff.write(Bytes::from_static(b"hello, ")).await.unwrap();
    handoff.write_fire_and_forget(Bytes::from_static(b"world")).await.unwrap();
    ticket.await.unwrap();
    assert!(log.written().starts_with(b"hello, "));
    let writer = handoff.into_parts().await.unwrap();
    assert_eq!(log.written(), b"hello, world");
    assert!(!log.is_dropped());
    drop(writer);
}

runtimes::watched_tests! {
    fn a_handoff_runs_on_an_executor_of_ones_own() {
        futures_executor::block_on(writes_on(&Threads));
    }

    fn what_refers_to_an_executor_is_one() {
        runs(&Inline);
        runs(&&Inline);
        runs(&Arc::new(Inline));
        runs(&Box::new(Inline));
        let boxed: Box<dyn Executor<LocalBoxFuture<'static, ()>>> = Box::new(Inline);
        runs(&boxed);
        runs(&*boxed);
        let shared: Arc<dyn Executor<LocalBoxFuture<'static, ()>>> = Arc::from(boxed);
        runs(&shared);
    }

    fn a_closure_that_is_given_a_task_is_an_executor() {
        let (sender, tasks) = mpsc::channel();
        let executor = executor_fn(|task| sender.send(task).unwrap());
        let handoff = WriteHandoff::spawn(Vec::new(), WriteHandoffConfig::default(), &executor);
        let ticket = handoff.try_write("written".into()).unwrap();
        drop(handoff);
        futures_executor::block_on(tasks.recv().unwrap());
        assert!(ticket.now_or_never().unwrap().is_ok());
    }

    fn a_handoff_runs_on_a_trait_object() {
        let executor: &dyn Executor<DetachedWriteTask> = &Threads;
        futures_executor::block_on(writes_on(executor));
    }

    fn an_executor_that_drops_the_task_ends_the_stream_and_the_bytes_come_back() {
        let handoff = WriteHandoff::spawn(ScriptWriter::willing(), WriteHandoffConfig::default(), &Gone);
        let error = handoff.try_write(Bytes::from_static(b"late")).unwrap_err();
        assert!(matches!(error.close_reason(), Some(CloseReason::TaskDropped)));
        assert_eq!(error.into_bytes(), "late");
        let ended = futures_executor::block_on(handoff.closed());
        assert!(matches!(ended, Err(CloseReason::TaskDropped)), "{ended:?}");
    }
}

#[cfg(feature = "tokio")]
mod on_tokio {
    use std::thread;

    use futures_handoff::Tokio;
    use futures_handoff_runtimes::io::Gate;
    use tokio::{runtime::Builder, task::LocalSet};

    use super::*;

    runtimes::watched_tests! {
        fn ambient_and_handle_run_the_future() {
            let runtime = Builder::new_current_thread().build().unwrap();
            let (ambient, ambient_done) = reporting();
            let (handle, handle_done) = reporting();
            let other_thread = runtime.handle().clone();
            thread::spawn(move || other_thread.execute(handle)).join().unwrap();
            runtime.block_on(async {
                Tokio.execute(ambient);
                assert_eq!(ambient_done.await, Ok(()));
                assert_eq!(handle_done.await, Ok(()));
            });
        }

        fn a_handoff_runs_on_each_of_them() {
            let runtime = Builder::new_current_thread().build().unwrap();
            runtime.block_on(writes_on(&Tokio));
            runtime.block_on(writes_on(runtime.handle()));
            let local = LocalSet::new();
            local.block_on(&runtime, writes_on(&local));
        }

        fn a_handoff_outlives_its_runtime() {
            let runtime = Builder::new_current_thread().build().unwrap();
            let gate = Gate::new();
            let writer = ScriptWriter::new([WriteStep::Accept(3), WriteStep::Wait(gate.clone())]);
            let handoff = WriteHandoff::spawn(writer, WriteHandoffConfig::default(), runtime.handle());
            let ticket = handoff.try_write(Bytes::from_static(b"abcde")).unwrap();
            runtime.block_on(gate.reached());
            drop(runtime);

            let error = futures_executor::block_on(ticket).unwrap_err();
            assert!(matches!(error.reason(), CloseReason::TaskDropped), "{error:?}");
            let Err(failure) = futures_executor::block_on(handoff.into_parts()) else { panic!("it was cut off") };
            assert_eq!((failure.written(), failure.unwritten()), (3, &[Bytes::from_static(b"de")][..]));
        }

        fn a_writer_that_is_not_send_runs_on_a_local_set() {
            let runtime = Builder::new_current_thread().build().unwrap();
            let local = LocalSet::new();
            bound::runs_a_bound_writer(&local, |ended| local.block_on(&runtime, ended));
        }

        #[should_panic(expected = "no reactor running")]
        fn ambient_outside_a_runtime_panics() {
            Tokio.execute(async {});
        }

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
    }
}

#[cfg(feature = "smol")]
mod on_smol {
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures_handoff::Smol;
    use smol::{Executor as SmolExecutor, LocalExecutor};

    use super::*;

    runtimes::watched_tests! {
        fn the_global_executor_runs_the_future_detached() {
            let (future, done) = reporting();
            Smol.execute(future);
            assert_eq!(smol::block_on(done), Ok(()));
        }

        fn an_executor_runs_futures_that_borrow() {
            let ran = AtomicBool::new(false);
            let executor = SmolExecutor::new();
            executor.execute(async { ran.store(true, Ordering::Relaxed) });
            while executor.try_tick() {}
            assert!(ran.load(Ordering::Relaxed));
        }

        fn a_handoff_runs_on_each_of_them() {
            smol::block_on(writes_on(&Smol));
            let executor = SmolExecutor::new();
            smol::block_on(executor.run(writes_on(&executor)));
            let local = LocalExecutor::new();
            smol::block_on(local.run(writes_on(&local)));
        }

        fn a_writer_that_is_not_send_runs_on_a_local_executor() {
            let local = LocalExecutor::new();
            bound::runs_a_bound_writer(&local, |ended| smol::block_on(local.run(ended)));
        }

        fn a_dropped_executor_drops_the_future() {
            let executor = SmolExecutor::new();
            let (future, done) = reporting();
            executor.execute(future);
            drop(executor);
            assert!(smol::block_on(done).is_err());
        }
    }
}

#[cfg(feature = "async-std")]
mod on_async_std {
    use futures_handoff::AsyncStd;

    use super::*;

    runtimes::watched_tests! {
        fn the_global_executor_runs_the_future_detached() {
            let (future, done) = reporting();
            AsyncStd.execute(future);
            assert_eq!(async_std::task::block_on(done), Ok(()));
        }

        fn a_handoff_runs_on_it() {
            async_std::task::block_on(writes_on(&AsyncStd));
        }
    }
}
