//! Which party polls the writer, and how often.

use super::support::*;
use futures_util::SinkExt;
use std::{
    cell::Cell,
    sync::{Arc, Mutex},
    task::{Context, Waker},
    thread::{self, ThreadId},
};

type Threads = Arc<Mutex<Vec<ThreadId>>>;

/// A writer that takes everything and records on which threads.
fn noting() -> (FnWriter<Poller>, Threads) {
    let threads = Threads::default();
    let in_writer = Arc::clone(&threads);
    let poller: Poller = Box::new(move |op, _| {
        in_writer.lock().unwrap().push(thread::current().id());
        op.all()
    });
    (FnWriter(poller), threads)
}

fn elsewhere<T: Send>(f: impl FnOnce() -> T + Send) -> (T, ThreadId) {
    thread::scope(|scope| scope.spawn(|| (f(), thread::current().id())).join().unwrap())
}

fn large() -> Bytes {
    filled(0, 20_000)
}

runtimes::tests! {
    /// The thread on which the task ran has ended; a new one may use the same memory.
    async fn a_thread_that_comes_later_is_another_thread<R: Runtime>() {
        for _ in 0..20 {
            let ((handoff, mut task, _log), _) = elsewhere(|| willing(defaults()));
            elsewhere(|| {
                put(&handoff, "a");
                handoff.dispatch();
            });
            assert_eq!(handoff.stats().inline_write_calls, 0);
            task.run();
        }
    }

    async fn by_default_only_the_thread_of_the_task_polls_the_writer<R: Runtime>() {
        let (writer, threads) = noting();
        let (handoff, mut task) = stream(writer, defaults());
        elsewhere(|| {
            handoff.try_write_fire_and_forget(large()).unwrap();
            handoff.dispatch();
            assert!(handoff.flush().now_or_never().is_none());
        });
        assert_eq!(*threads.lock().unwrap(), []);
        task.run();
        handoff.write_fire_and_forget(large()).now_or_never().unwrap().unwrap();
        assert!(threads.lock().unwrap().iter().all(|id| *id == thread::current().id()));
        assert_eq!(handoff.stats().inline_write_calls, 1);
    }

    /// Outside of a poll the writer may not find its runtime. A writer that needs one panics there.
    async fn by_default_the_writer_is_polled_only_inside_a_poll<R: Runtime>() {
        thread_local! { static INSIDE: Cell<bool> = const { Cell::new(false) } }
        let inside = |f: &mut dyn FnMut()| {
            INSIDE.set(true);
            f();
            INSIDE.set(false);
        };
        let writer = FnWriter(|op: Op<'_>, _: &mut Context<'_>| {
            assert!(INSIDE.get(), "there is no reactor running");
            op.all()
        });
        let (handoff, mut task) = stream(writer, defaults().with_send_at(0));
        for _ in 0..3 {
            // By plain functions, for example in a destructor or a callback.
            drop(handoff.try_write(large()).unwrap());
            handoff.try_write_chunks(&mut [large(), text("small")]).unwrap();
            handoff.try_write_prefix(&mut holding(&[0; 20_000]), 20_000).unwrap();
            let mut sink = (*handoff).clone().into_sink();
            assert!(sink.poll_ready_unpin(&mut Context::from_waker(Waker::noop())).is_ready());
            sink.start_send_unpin(large()).unwrap();
            handoff.try_reserve(20_000).unwrap().send(large()).unwrap();
            handoff.dispatch();
            drop(handoff.written());
            assert!(task.is_due(), "it was woken instead");
            assert_eq!(handoff.stats().inline_write_calls, 0);
            inside(&mut || drop(task.run()));
        }
        assert_eq!(handoff.pending_bytes(), 0);

        // By a future of the handle, or inside of `batching`, where a plain function may do it too.
        inside(&mut || handoff.write_fire_and_forget(large()).now_or_never().unwrap().unwrap());
        assert_eq!(handoff.stats().inline_write_calls, 1);
        let plain = || handoff.try_write_fire_and_forget(large()).unwrap();
        inside(&mut || handoff.batching(async { plain() }).now_or_never().unwrap());
        assert_eq!(handoff.stats().inline_write_calls, 2);
        handoff.close();
        assert!(handoff.closed().now_or_never().is_none(), "the task closes the writer");
        inside(&mut || assert!(task.run().unwrap().is_ok()));
    }

    async fn always_means_on_any_thread<R: Runtime>() {
        let (writer, threads) = noting();
        let (handoff, _task) = stream(writer, direct());
        let ((), id) = elsewhere(|| handoff.try_write_fire_and_forget(large()).unwrap());
        assert_eq!(*threads.lock().unwrap(), [id]);
    }

    async fn never_means_never<R: Runtime>() {
        let (writer, threads) = noting();
        let (handoff, mut task) = stream(writer, limits(8, 20_000).with_inline(Inline::Never));
        handoff.try_write_fire_and_forget(large()).unwrap();
        handoff.dispatch();
        drop(handoff.written());
        drop(Hand::waiting(handoff.write(large())));
        drop(Hand::waiting(handoff.flush()));
        handoff.batching(async {}).await;
        assert_eq!(*threads.lock().unwrap(), []);
        task.run();
        assert_eq!(handoff.stats().inline_write_calls, 0);
    }

    /// As a work-stealing executor does it.
    async fn a_task_that_moves_takes_the_right_along<R: Runtime>() {
        let (writer, threads) = noting();
        let (handoff, task) = WriteHandoff::new(writer, unflushed());
        let (handoff, task) = (Settled(handoff), Mutex::new(Hand::waiting(task)));
        let write = || handoff.write_fire_and_forget(large()).now_or_never().unwrap().unwrap();
        let ((), other) = elsewhere(|| {
            put(&handoff, "wakes it");
            task.lock().unwrap().run();
            write();
        });
        assert_eq!(*threads.lock().unwrap(), [other, other]);
        write();
        assert_eq!(threads.lock().unwrap().len(), 2, "it is not this thread's any more");
        task.lock().unwrap().run();
        assert_eq!(threads.lock().unwrap().len(), 3);
    }

    /// A forgotten spawn shows at once: nothing moves, whatever the producer does.
    async fn before_the_task_starts_no_producer_polls_the_writer<R: Runtime>() {
        let (writer, threads) = noting();
        let (handoff, task) = WriteHandoff::new(writer, direct());
        let handoff = Settled(handoff);
        handoff.try_write_fire_and_forget(large()).unwrap();
        handoff.dispatch();
        handoff.with_writer(|_| ());
        handoff.dispatch();
        drop(Hand::waiting(handoff.batching(handoff.flush())));
        assert_eq!((&threads.lock().unwrap()[..], handoff.pending_bytes()), (&[][..], 20_000));
        Hand::waiting(task).run();
        assert_eq!(threads.lock().unwrap().len(), 1);
        handoff.downgrade().abort();
    }

    /// A stalled writer is polled once by a producer and once by the task, however many producers
    /// write.
    async fn a_stalled_writer_is_left_alone<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(direct_limits(64, 1 << 20));
        for _ in 0..10 {
            handoff.try_write_fire_and_forget(large()).unwrap();
            handoff.dispatch();
        }
        assert_eq!(log.calls().len(), 1);
        assert!(task.is_due(), "only the task's own poll counts");
        task.run();
        for _ in 0..10 {
            handoff.try_write_fire_and_forget(large()).unwrap();
            handoff.dispatch();
        }
        assert_eq!(log.calls().len(), 2);
        assert!(!task.is_due());
        gate.open();
        task.run();
        assert_eq!(log.len(), 400_000);
    }

    async fn a_producer_serves_others_for_a_few_calls_only<R: Runtime>() {
        let (handoff, mut task, log) = scripted(vec![WriteStep::Accept(1); 100], direct_limits(8, 100));
        handoff.try_write_fire_and_forget(filled(0, 100)).unwrap();
        assert!((1..=3).contains(&log.calls().len()), "{} calls", log.calls().len());
        assert!(task.is_due(), "the rest is the task's");
        task.run();
        assert_eq!(log.len(), 100);
    }

    async fn the_task_lets_others_run<R: Runtime>() {
        let (handoff, task) =
            WriteHandoff::new(ScriptWriter::new(vec![WriteStep::Accept(1); 1000]), limits(8, 1000));
        let (handoff, mut task) = (Settled(handoff), Box::pin(task));
        let log = handoff.with_writer(|writer| writer.log()).unwrap();
        handoff.try_write_fire_and_forget(filled(0, 1000)).unwrap();
        let (waker, wakes) = futures_test::task::new_count_waker();
        let mut polls = 0;
        while handoff.pending_bytes() > 0 {
            let (before, woken) = (log.calls().len(), wakes.get());
            assert!(task.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
            assert!(log.calls().len() - before <= 64, "one poll made {} calls", log.calls().len() - before);
            assert!(wakes.get() > woken || handoff.pending_bytes() == 0, "it comes back by itself");
            polls += 1;
        }
        assert!(polls > 10);
    }

    /// Whatever the producer does in its loop. If the yield did not wake the task, the producer
    /// would wait for ever.
    async fn a_producer_that_lets_others_run_comes_back_by_itself<R: Runtime>() {
        for does in ["write", "chunks", "flush", "sink"] {
            let (handoff, _task, _log) = willing(direct().with_send_at(0));
            let mut sink = (*handoff).clone().into_sink();
            let mut busy = Hand::new(async {
                for _ in 0..1000 {
                    match does {
                        "write" => handoff.write_fire_and_forget(text("x")).await.unwrap(),
                        "chunks" => drop(handoff.write_chunks(&mut [text("x"), text("y")]).await.unwrap()),
                        "flush" => handoff.flush().await.unwrap(),
                        _ => sink.feed(text("x")).await.unwrap(),
                    }
                }
            });
            assert!(busy.run().is_some(), "{does}: it waits, and nothing wakes it");
            assert!(busy.polls() > 1, "{does}: it never yields");
        }
    }
}
