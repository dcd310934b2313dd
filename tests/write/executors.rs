//! What runs the task, and what becomes of the stream when that stops. How each executor starts tasks is tested beside
//! them.

use super::support::*;
use futures_handoff::{DetachedWriteTask, Executor};
use futures_util::future::join;
use std::{cell::RefCell, thread};

/// Keeps what it is given and never polls it.
#[derive(Default)]
struct Lazy(RefCell<Vec<DetachedWriteTask>>);

impl Executor<DetachedWriteTask> for Lazy {
    fn execute(&self, future: DetachedWriteTask) {
        self.0.borrow_mut().push(future);
    }
}

runtimes::tests! {
    async fn no_executor_at_all_the_task_is_joined<R: Runtime>() {
        let writer = ScriptWriter::seeded(1);
        let log = writer.log();
        let (handoff, task) = WriteHandoff::new(writer, limits(8, 64));
        let produce = async move {
            for _ in 0..100 {
                handoff.write(text("0123456789")).await.unwrap().await.unwrap();
            }
            handoff.flush().await.unwrap();
        };
        let (writer, ()) = join(task, produce).await;
        assert_eq!(writer.unwrap().log().written(), b"0123456789".repeat(100));
        assert!(log.is_closed());
    }

    async fn a_thread_of_its_own<R: Runtime>() {
        let writer = ScriptWriter::seeded(2);
        let log = writer.log();
        let (handoff, task) = WriteHandoff::new(writer, limits(8, 64));
        let thread = thread::spawn(move || futures_executor::block_on(task).is_ok());
        for _ in 0..100 {
            handoff.write_fire_and_forget(text("0123456789")).await.unwrap();
        }
        handoff.close();
        handoff.closed().await.unwrap();
        assert!(thread.join().unwrap());
        assert_eq!(log.written(), b"0123456789".repeat(100));
    }

    async fn an_executor_that_never_polls_leaves_everything_where_it_is<R: Runtime>() {
        let lazy = Lazy::default();
        let writer = ScriptWriter::willing();
        let log = writer.log();
        let handoff = Settled(WriteHandoff::spawn(writer, limits(8, 8), &lazy));
        let mut ticket = Hand::waiting(handoff.try_write(text("abc")).unwrap());
        let mut flush = Hand::waiting(handoff.flush());
        let mut write = Hand::waiting(handoff.write(text("no room")));
        assert_eq!((handoff.pending_bytes(), log.calls()), (3, vec![]));
        drop(lazy);
        assert!(matches!(ticket.run().unwrap().unwrap_err().reason(), CloseReason::TaskDropped));
        assert!(matches!(flush.run(), Some(Err(CloseReason::TaskDropped))));
        assert_eq!(write.run().unwrap().unwrap_err().into_bytes(), "no room");
        let failure = (*handoff).clone().into_parts().await.err().unwrap();
        assert_eq!(failure.unwritten().concat(), b"abc");
    }

    /// There is room, so there is nothing to wait for, whether the task has begun or not and however much is held.
    async fn a_write_on_a_fresh_stream_is_ready_at_once<R: Runtime>() {
        let (handoff, task) = WriteHandoff::new(ScriptWriter::willing(), defaults().with_send_at(10));
        let (handoff, mut task) = (Settled(handoff), Hand::new(task));
        for _ in 0..10 {
            handoff.write(filled(0, 5 * 1024)).now_or_never().expect("there is room").unwrap();
        }
        assert_eq!(handoff.pending_bytes(), 50 * 1024);
        task.run();
    }
}

#[cfg(feature = "smol")]
runtimes::watched_tests! {
    fn a_dropped_smol_executor_ends_the_stream() {
        let executor = smol::Executor::new();
        let gate = Gate::new();
        let writer = ScriptWriter::new([WriteStep::Accept(1), WriteStep::Wait(gate.clone())]);
        let handoff = WriteHandoff::spawn(writer, defaults(), &executor);
        let ticket = handoff.try_write(text("abc")).unwrap();
        while !gate.is_reached() {
            executor.try_tick();
        }
        drop(executor);
        let error = smol::block_on(ticket).unwrap_err();
        assert!(matches!(error.reason(), CloseReason::TaskDropped));
        assert_eq!(error.written(), 1);
        let failure = smol::block_on(handoff.into_parts()).err().unwrap();
        assert_eq!(failure.unwritten().concat(), b"bc");
    }
}

#[cfg(feature = "tokio")]
mod on_tokio {
    use super::*;
    use std::{sync::mpsc, time::Duration};

    runtimes::watched_tests! {
        fn a_runtime_that_was_shut_down_ends_the_stream_at_once() {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let handle = runtime.handle().clone();
            drop(runtime);
            let writer = ScriptWriter::willing();
            let log = writer.log();
            let handoff = Settled(WriteHandoff::spawn(writer, defaults(), &handle));
            assert!(matches!(handoff.close_reason(), Some(CloseReason::TaskDropped)));
            assert!(log.is_dropped());
            assert_eq!(handoff.try_write(text("a")).unwrap_err().into_bytes(), "a");
        }

        /// The writer uses a timer of the runtime. A plain thread that polled it would panic in it.
        fn a_writer_that_needs_its_runtime_is_safe_from_other_threads() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let writer = FnWriter(|op: Op<'_>, _: &mut std::task::Context<'_>| {
                drop(tokio::time::sleep(Duration::ZERO));
                op.all()
            });
            let (handoff, task) = WriteHandoff::new(writer, limits(8, 20_000));
            let (begun, has_begun) = mpsc::channel();
            let producer = thread::spawn(move || {
                has_begun.recv().unwrap();
                futures_executor::block_on(async {
                    for _ in 0..10 {
                        handoff.write(filled(0, 20_000)).await.unwrap();
                        handoff.dispatch();
                    }
                    handoff.flush().await.unwrap();
                    handoff.close();
                    handoff.closed().await.unwrap();
                });
            });
            let (ended, ()) = runtime.block_on(join(task, async { begun.send(()).unwrap() }));
            assert!(ended.is_ok());
            producer.join().unwrap();
        }
    }
}
