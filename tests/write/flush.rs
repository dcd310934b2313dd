//! A flush waits for the bytes accepted before it, and reaches the writer.

use super::support::*;
use futures_util::io::BufWriter;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

runtimes::tests! {
    /// A writer with state may need a flush for which no byte was written.
    async fn every_flush_reaches_the_writer<R: Runtime>() {
        let (handoff, _task, log) = willing(defaults());
        for flushes in 1..4 {
            assert!(handoff.flush().await.is_ok());
            assert_eq!(log.flushes(), flushes);
        }
        assert_eq!(handoff.stats().flush_calls, 3);
    }

    /// Otherwise a writer that buffers would keep the end, and the peer would wait for it and not
    /// answer.
    async fn what_a_buffering_writer_holds_leaves_when_there_is_nothing_more_to_write<R: Runtime>() {
        let inner = ScriptWriter::willing();
        let log = inner.log();
        let (handoff, mut task) = stream(BufWriter::new(inner), defaults());
        // The task writes last.
        put(&handoff, "by the task");
        task.run();
        assert_eq!(log.written(), b"by the task");
        // A producer with a large chunk writes last, or a producer that is about to wait.
        handoff.write_fire_and_forget(filled(b'L', 20_000)).await.unwrap();
        assert_eq!(log.len(), 20_011);
        handoff.batching(async { put(&handoff, "small") }).await;
        assert_eq!(log.len(), 20_016);
        assert_eq!(handoff.stats().inline_write_calls, 2);
        assert_eq!((handoff.stats().flushed, log.flushed()), (20_016, 20_016));
        assert!(!task.is_due());
    }

    async fn an_idle_flush_that_the_writer_does_not_confirm_goes_on_and_delays_no_write<R: Runtime>() {
        for inline in [Inline::SameThread, Inline::Never, Inline::Always] {
            let (handoff, mut task, log, gate) = flush_gated(limits(8, 4).with_inline(inline));
            for part in ["abcd", "efgh", "ijkl", "mnop"] {
                let ticket =
                    handoff.write(text(part)).now_or_never().expect("no write waits for the flush").unwrap();
                task.run();
                assert!(
                    ticket.try_result().is_some_and(|result| result.is_ok()),
                    "{part} is written, {inline:?}"
                );
            }
            assert_eq!((log.len(), log.flushed()), (16, 0));
            assert!(!task.is_due(), "it sleeps until the writer wakes it");
            gate.open();
            task.run();
            assert_eq!((log.flushed(), handoff.stats().flushed), (16, 16));
        }
    }

    /// While the writer does not confirm a flush, it is offered newer bytes, up to the byte budget.
    async fn newer_bytes_are_offered_up_to_one_budget_past_a_flush<R: Runtime>() {
        for inline in [Inline::SameThread, Inline::Never] {
            let config = limits(8, 10).with_inline(inline).with_send_at(0).with_flush_when_idle(false);
            let (handoff, mut task, log, gate) = flush_gated(config);
            put(&handoff, "abc");
            task.run();
            let mut flush = Hand::waiting(handoff.flush());
            task.run();
            for part in ["4567", "89ab", "cdef", "ghij"] {
                put(&handoff, part);
                task.run();
            }
            assert_eq!(log.written(), b"abc456789abcdef", "written until 10 bytes were, past the flush");
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

    /// The flush was requested during another one, which may have begun before the request.
    async fn a_flush_asked_for_in_the_call_that_flushes_is_another_one<R: Runtime>() {
        let (writer, log, inside) = running(ScriptWriter::willing());
        let (handoff, mut task) = stream(writer, defaults().with_inline(Inline::Never));
        let (second, own) = (Arc::new(Mutex::new(None)), handoff.sender());
        let asked = Arc::clone(&second);
        inside.set(move || {
            let flush = async move { own.flush().await }.boxed();
            *asked.lock().unwrap() = Some(Hand::waiting(flush));
        });
        let mut first = Hand::waiting(handoff.flush());
        task.run();
        assert!(first.run().unwrap().is_ok());
        let mut second = second.lock().unwrap().take().unwrap();
        assert!(second.run().unwrap().is_ok());
        assert_eq!(log.flushes(), 2, "served by a flush that began before it");
    }

    async fn a_writer_that_has_begun_to_close_is_not_flushed_again<R: Runtime>() {
        let gate = Gate::new();
        let writer = ScriptWriter::willing().with_close([EndStep::Wait(gate.clone())]);
        let (handoff, mut task, log) = over(writer, defaults());
        put(&handoff, "a");
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

    /// Also if the newer write is the only other work.
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

    /// The flush is requested while a write of the writer is pending, and the writer drops that
    /// waker in its flush.
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
