//! A flush waits for what was accepted before it, and reaches the writer.

use super::support::*;
use futures_util::{
    future::{BoxFuture, join_all},
    io::BufWriter,
};
use std::{
    future::Future,
    io::ErrorKind,
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

runtimes::tests! {
    async fn a_flush_waits_for_what_was_accepted_before_it<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(defaults());
        put(&handoff, "before");
        let mut flush = Hand::waiting(handoff.flush());
        assert_eq!(log.flushes(), 0);
        gate.open();
        task.run();
        assert!(flush.run().unwrap().is_ok());
        assert_eq!((log.written(), log.flushes(), log.flushed()), (b"before".to_vec(), 1, 6));
        assert_eq!(flush.polls(), 2);
    }

    /// A writer with state may need a flush for which no byte was written.
    async fn every_flush_reaches_the_writer<R: Runtime>() {
        let (handoff, _task, log) = willing(defaults());
        for flushes in 1..4 {
            assert!(handoff.flush().await.is_ok());
            assert_eq!(log.flushes(), flushes);
        }
        assert_eq!(handoff.stats().flush_calls, 3);
    }

    async fn waiting_for_bytes_does_not_flush<R: Runtime>() {
        let (handoff, mut task, log) = willing(unflushed());
        put(&handoff, "a");
        let written = handoff.sender().written();
        task.run();
        assert!(written.await.is_ok());
        assert_eq!((log.len(), log.flushes()), (1, 0));
    }

    /// A writer that buffers would keep the end of it otherwise, and the peer would wait for that and not answer.
    async fn what_a_buffering_writer_holds_leaves_when_there_is_nothing_more_to_write<R: Runtime>() {
        let inner = ScriptWriter::willing();
        let log = inner.log();
        let (handoff, mut task) = stream(BufWriter::new(inner), defaults());
        // Written last by the task.
        put(&handoff, "by the task");
        task.run();
        assert_eq!(log.written(), b"by the task");
        // By a producer that sends what is large, and by one that is about to wait.
        handoff.write_fire_and_forget(filled(b'L', 20_000)).await.unwrap();
        assert_eq!(log.len(), 20_011);
        handoff.batching(async { put(&handoff, "small") }).await;
        assert_eq!(log.len(), 20_016);
        assert_eq!(handoff.stats().inline_write_calls, 2);
        assert_eq!((handoff.stats().flushed, log.flushed()), (20_016, 20_016));
        assert!(!task.is_due());
    }

    async fn a_burst_is_flushed_once_and_a_quiet_stream_not_again<R: Runtime>() {
        let steps = [3, 4, 5].map(WriteStep::Accept);
        let config = limits(64, 1024).with_inline(Inline::Never);
        let (handoff, mut task, log) = scripted(steps, config);
        for _ in 0..2 {
            for _ in 0..10 {
                put(&handoff, "abcdefghij");
            }
            let before = log.calls().len();
            task.run();
            let calls = log.calls().split_off(before);
            let (last, writes) = calls.split_last().unwrap();
            assert!(*last == Call::Flush && writes.iter().all(|call| matches!(call, Call::Write { .. })), "{calls:?}");
        }
        let before = log.calls().len();
        for _ in 0..3 {
            task.wake();
            task.run();
            handoff.dispatch();
            assert!(handoff.written().await.is_ok());
            handoff.try_write(Bytes::new()).unwrap().await.unwrap();
        }
        assert_eq!(log.calls().len(), before, "nothing was written since");
        assert_eq!(handoff.stats().flush_calls, 2);
    }

    async fn an_idle_flush_that_the_writer_does_not_confirm_goes_on_and_holds_up_nobody<R: Runtime>() {
        for inline in [Inline::SameThread, Inline::Never] {
            let gate = Gate::new();
            let writer = ScriptWriter::willing().with_flush([EndStep::Wait(gate.clone())]);
            let log = writer.log();
            let (handoff, mut task) = stream(writer, limits(8, 4).with_inline(inline));
            for part in ["abcd", "efgh", "ijkl", "mnop"] {
                handoff.write(text(part)).now_or_never().expect("nobody waits for the flush").unwrap();
                task.run();
            }
            assert_eq!((log.len(), log.flushed()), (16, 0));
            assert!(!task.is_due(), "it sleeps until the writer wakes it");
            gate.open();
            task.run();
            assert_eq!((log.flushed(), handoff.stats().flushed), (16, 16));
        }
    }

    async fn a_writer_that_fails_an_idle_flush_ends_the_stream<R: Runtime>() {
        for config in [defaults(), defaults().with_inline(Inline::Never)] {
            let writer = ScriptWriter::willing().with_flush([EndStep::Error(ErrorKind::TimedOut)]);
            let (handoff, mut task) = stream(writer, config.with_send_at(0));
            let ticket = handoff.write(text("taken")).await.unwrap();
            let failure = task.run().unwrap().unwrap_err();
            assert!(matches!(failure.reason(), CloseReason::Io(error) if error.kind() == ErrorKind::TimedOut));
            assert!(ticket.await.is_ok(), "its bytes were taken");
            assert_eq!((failure.written(), failure.flushed()), (5, 0));
        }
    }

    /// While the writer does not confirm a flush, newer bytes are offered to it, as many as the budget admits at once, and no more.
    async fn newer_bytes_are_offered_up_to_one_budget_past_a_flush<R: Runtime>() {
        for inline in [Inline::SameThread, Inline::Never] {
            let gate = Gate::new();
            let writer = ScriptWriter::willing().with_flush([EndStep::Wait(gate.clone())]);
            let log = writer.log();
            let config = limits(8, 10).with_inline(inline).with_send_at(0);
            let (handoff, mut task) = stream(writer, config.with_flush_when_idle(false));
            put(&handoff, "abc");
            task.run();
            let mut flush = Hand::waiting(handoff.flush());
            task.run();
            for part in ["4567", "89ab", "cdef", "ghij"] {
                handoff.try_write_fire_and_forget(text(part)).unwrap();
                task.run();
            }
            assert_eq!(log.written(), b"abc456789abcdef"[..].to_vec(), "written until 10 bytes were, past the flush");
            assert_eq!(handoff.pending_bytes(), 4);
            let mut later = Hand::waiting(handoff.write(filled(b'x', 7)));
            gate.open();
            task.run();
            assert!(flush.run().unwrap().is_ok());
            assert!(later.run().unwrap().is_ok());
            task.run();
            assert_eq!(log.len(), 26);
        }
    }

    async fn flushes_that_wait_together_are_one<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(defaults());
        put(&handoff, "a");
        let mut flushes: Vec<_> = (0..50).map(|_| Hand::waiting(handoff.flush())).collect();
        gate.open();
        task.run();
        assert!(flushes.iter_mut().all(|flush| flush.run().unwrap().is_ok()));
        assert_eq!(log.flushes(), 1);
    }

    /// The flush was under way when the second one was asked for, which is owed another one.
    async fn a_flush_asked_for_during_a_flush_is_made<R: Runtime>() {
        let gate = Gate::new();
        let writer = ScriptWriter::willing().with_flush([EndStep::Wait(gate.clone())]);
        let log = writer.log();
        let (handoff, mut task) = stream(writer, defaults());
        put(&handoff, "a");
        let mut first = Hand::waiting(handoff.flush());
        task.run();
        put(&handoff, "b");
        let mut second = Hand::waiting(handoff.flush());
        gate.open();
        task.run();
        assert!(first.run().unwrap().is_ok());
        assert!(second.run().unwrap().is_ok());
        assert_eq!((log.written(), log.flushed()), (b"ab".to_vec(), 2));
    }

    /// It was asked for while the writer was being polled for another one, which may have begun before the asking.
    async fn a_flush_asked_for_in_the_call_that_flushes_is_another_one<R: Runtime>() {
        type Slot = Arc<Mutex<Option<Hand<BoxFuture<'static, Result<(), CloseReason>>>>>>;
        let (second, sender) = (Slot::default(), Arc::new(OnceLock::<WriteHandoff>::new()));
        let (asked, own) = (Arc::clone(&second), Arc::clone(&sender));
        let mut flushes = 0;
        let writer = FnWriter(move |op: Op<'_>, _: &mut Context<'_>| {
            if matches!(op, Op::Flush) {
                flushes += 1;
                if flushes == 1 {
                    let sender = own.get().unwrap().clone();
                    let flush = async move { sender.flush().await }.boxed();
                    *asked.lock().unwrap() = Some(Hand::waiting(flush));
                } else {
                    let mut second = asked.lock().unwrap();
                    assert!(!second.as_ref().unwrap().is_due(), "served by a flush that began before it");
                    assert!(second.as_mut().unwrap().run().is_none());
                }
            }
            op.all()
        });
        let (handoff, mut task) = stream(writer, defaults().with_inline(Inline::Never));
        sender.set(handoff.sender()).unwrap();
        let mut first = Hand::waiting(handoff.flush());
        task.run();
        assert!(first.run().unwrap().is_ok());
        let mut second = second.lock().unwrap().take().unwrap();
        assert!(second.run().unwrap().is_ok());
        assert_eq!(handoff.stats().flush_calls, 2);
    }

    async fn a_writer_that_has_begun_to_close_is_not_flushed_again<R: Runtime>() {
        let gate = Gate::new();
        let writer = ScriptWriter::willing().with_close([EndStep::Wait(gate.clone())]);
        let log = writer.log();
        let (handoff, mut task) = stream(writer, defaults());
        handoff.try_write_fire_and_forget(text("a")).unwrap();
        let close = closing(&handoff);
        task.run();
        assert!(gate.is_reached());
        let mut flush = Hand::waiting(handoff.flush());
        task.wake();
        task.run();
        assert_eq!(log.flushes(), 1, "that was before");
        gate.open();
        assert!(task.run().unwrap().is_ok());
        assert!(flush.run().unwrap().is_ok());
        assert_eq!((log.flushes(), close.await.is_ok()), (1, true));
    }

    async fn a_flush_goes_before_newer_writes<R: Runtime>() {
        let gate = Gate::new();
        let steps = [WriteStep::Wait(gate.clone()), WriteStep::Accept(3)];
        let (handoff, mut task, log) = scripted(steps, ungathered(8, 64));
        put(&handoff, "old");
        task.run();
        let mut flush = Hand::waiting(handoff.flush());
        put(&handoff, "new");
        gate.open();
        task.run();
        assert!(flush.run().unwrap().is_ok());
        assert_eq!(log.calls()[2..], [Call::Flush, Call::Write { offered: 3 }]);
    }

    /// Also where the newer write is all that there is to do besides.
    async fn a_flush_that_waits_for_the_task_goes_before_a_newer_write<R: Runtime>() {
        let (handoff, mut task, log) = willing(ungathered(8, 64));
        put(&handoff, "old");
        task.run();
        let mut flush = Hand::waiting(handoff.flush());
        put(&handoff, "new");
        task.run();
        assert!(flush.run().unwrap().is_ok());
        assert_eq!(log.calls(), [Call::Write { offered: 3 }, Call::Flush, Call::Write { offered: 3 }]);
    }

    /// Producers never stop writing, so there are always newer bytes.
    async fn a_flush_is_not_starved_by_later_writes<R: Runtime>() {
        let (handoff, task, _) = background::<R>(ScriptWriter::seeded(1), limits(64, 256));
        let (stop, stopped) = futures_channel::oneshot::channel::<()>();
        let stopped = stopped.shared();
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let (handoff, stopped) = (handoff.clone(), stopped.clone());
                R::task(async move {
                    while (&mut stopped.clone()).now_or_never().is_none() {
                        handoff.write_fire_and_forget(filled(0, 100)).await.unwrap();
                        yield_now().await;
                    }
                })
            })
            .collect();
        for _ in 0..50 {
            handoff.flush().await.unwrap();
        }
        drop(stop);
        join_all(writers).await;
        handoff.written().await.unwrap();
        drop(handoff);
        task.await.unwrap();
    }

    /// The writer holds these bytes and takes no more; they can be flushed all the same.
    async fn later_writes_cannot_delay_a_flush<R: Runtime>() {
        for config in [unflushed(), direct(), unflushed().with_inline(Inline::Never)] {
            let (handoff, mut task, log, gate) = gated_after(3, config);
            let ticket = handoff.try_write(text("old")).unwrap();
            task.run();
            put(&handoff, "new");
            task.run();
            assert!(gate.is_reached(), "the task waits for the writer");
            let mut flushed = Hand::new(ticket.flushed());
            flushed.run();
            task.run();
            assert!(flushed.run().unwrap().is_ok());
            assert_eq!(log.flushed(), 3);
            gate.open();
            task.run();
            assert_eq!(log.written(), b"oldnew", "and the task still waits for the writer");
        }
    }

    async fn a_writer_that_fails_to_flush_fails_the_flush<R: Runtime>() {
        for config in [defaults(), defaults().with_inline(Inline::Never)] {
            let writer = ScriptWriter::willing().with_flush([EndStep::Error(ErrorKind::TimedOut)]);
            let (handoff, mut task) = stream(writer, config);
            let ticket = handoff.try_write(text("taken")).unwrap();
            let mut flush = Hand::new(handoff.flush());
            let told = flush.run();
            let failure = task.run().unwrap().unwrap_err();
            let reason = match told.or_else(|| flush.run()) {
                Some(Err(reason)) => reason,
                other => panic!("the flush failed, and is told {other:?}"),
            };
            assert!(matches!(&reason, CloseReason::Io(error) if error.kind() == ErrorKind::TimedOut));
            assert!(ticket.await.is_ok(), "its bytes were taken");
            assert_eq!((failure.written(), failure.flushed()), (5, 0));
            assert!(matches!(handoff.flush().await.unwrap_err(), CloseReason::Io(_)));
        }
    }

    async fn flush_of_a_sender_leaves_the_writer_to_the_task<R: Runtime>() {
        let (handoff, mut task, log) = willing(defaults());
        let sender = handoff.sender();
        sender.try_write_fire_and_forget(text("a")).unwrap();
        let mut flush = Hand::waiting(sender.flush());
        assert_eq!(log.calls(), []);
        task.run();
        assert!(flush.run().unwrap().is_ok());
        assert_eq!(log.flushed(), 1);
    }

    async fn flush_in_the_background<R: Runtime>() {
        let writer = ScriptWriter::seeded(2).with_flush([EndStep::Pending, EndStep::Pending, EndStep::Done]);
        let log = writer.log();
        let (handoff, task) = WriteHandoff::new(writer, defaults());
        let task = R::task(task);
        for round in 1..20 {
            handoff.write_fire_and_forget(filled(0, 100)).await.unwrap();
            handoff.flush().await.unwrap();
            assert_eq!(log.flushed(), round * 100);
        }
        drop(Settled(handoff));
        task.await.unwrap();
    }

    /// The flush is asked for while the writer says `Pending` to a write, and the writer forgets that waker in its flush.
    async fn a_write_is_polled_again_after_a_flush_in_its_way<R: Runtime>() {
        let asleep = Arc::new(Mutex::new(None::<Waker>));
        let asked = Arc::new(Mutex::new(None::<Pin<Box<dyn Future<Output = ()> + Send>>>));
        let open = Arc::new(AtomicBool::new(true));
        let writer = {
            let (asleep, asked, open) = (asleep.clone(), asked.clone(), open.clone());
            FnWriter(move |op: Op<'_>, cx: &mut Context<'_>| match op {
                Op::Write(_) if !open.load(Ordering::Relaxed) => {
                    *asleep.lock().unwrap() = Some(cx.waker().clone());
                    if let Some(flush) = &mut *asked.lock().unwrap() {
                        assert!(flush.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
                    }
                    Poll::Pending
                }
                Op::Flush => {
                    *asleep.lock().unwrap() = None;
                    *asked.lock().unwrap() = None;
                    Poll::Ready(Ok(0))
                }
                op => op.all(),
            })
        };
        let (handoff, mut task) = stream(writer, ungathered(8, 64));
        let taken = handoff.try_write(text("taken")).unwrap();
        task.run();
        open.store(false, Ordering::Relaxed);
        *asked.lock().unwrap() = Some(Box::pin(taken.flushed().map(drop)));
        put(&handoff, "waits");
        task.run();
        assert_eq!(handoff.stats().flush_calls, 1);
        open.store(true, Ordering::Relaxed);
        asleep.lock().unwrap().take().expect("the task sleeps on the writer").wake();
        task.run();
        assert_eq!(handoff.pending_bytes(), 0);
    }
}
