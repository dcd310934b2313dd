//! Ends other than closing: abort, taking the writer back, and a task that is dropped or never
//! starts.

use super::support::*;
use std::{
    io,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

struct Unheard;

impl Wake for Unheard {
    fn wake(self: Arc<Self>) {}
}

runtimes::tests! {
    /// An abort during a poll of the writer: the bytes that this poll takes count as written, and
    /// no more are offered.
    async fn abort_stops_after_the_poll_in_progress<R: Runtime>() {
        for inline in [Inline::Never, Inline::Always] {
            let (writer, log, inside) = running(ScriptWriter::new([WriteStep::Accept(2)]));
            let (handoff, mut task) = stream(writer, ungathered(100, 1000).with_inline(inline));
            let abort = handoff.downgrade();
            inside.set(move || abort.abort());
            let ticket = handoff.try_write(text("abcd")).unwrap();
            handoff.dispatch();
            let failure = task.run().unwrap().unwrap_err();
            assert!(matches!(failure.reason(), CloseReason::Aborted));
            assert_eq!((failure.written(), failure.unwritten().concat()), (2, b"cd".to_vec()));
            assert_eq!(ticket.await.unwrap_err().written(), 2);
            assert_eq!(log.calls(), [Call::Write { offered: 4 }], "polled after the abort");
        }
    }

    /// A detached task drops a failed writer, whose descriptor is of no use, unless an `into_parts`
    /// waits for it.
    async fn into_parts_after_a_failure_gives_what_is_left<R: Runtime>() {
        for asked_before in [false, true] {
            let writer =
                ScriptWriter::new([WriteStep::Accept(2), WriteStep::Error(io::ErrorKind::BrokenPipe)]);
            let log = writer.log();
            let (handoff, task) = WriteHandoff::new(writer, ungathered(8, 64));
            let mut task = Hand::waiting(task.detach());
            put(&handoff, "abc");
            put(&handoff, "de");
            let mut parts = Hand::new(handoff.clone().into_parts());
            assert!(!asked_before || parts.run().is_none());
            assert!(task.run().is_some());
            assert_eq!(log.is_dropped(), !asked_before, "the task and the handle are still there");
            drop((task, handoff));
            let failure = parts.run().unwrap().unwrap_err();
            assert!(matches!(failure.reason(), CloseReason::Io(_)));
            assert_eq!(failure.written(), 2);
            let (writer, unwritten) = failure.into_parts();
            assert_eq!((unwritten.concat(), writer.is_some()), (b"cde".to_vec(), asked_before));
        }
    }

    async fn close_wins_over_into_parts<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(defaults());
        put(&handoff, "a");
        let mut parts = Hand::waiting((*handoff).clone().into_parts());
        let mut close = Hand::waiting(closing(&handoff));
        gate.open();
        task.run();
        assert!(close.run().unwrap().is_ok());
        assert!(parts.run().unwrap().is_ok());
        assert!(log.is_closed());
    }

    async fn a_detached_task_may_be_polled_after_its_end<R: Runtime>() {
        let (handoff, task) = WriteHandoff::new(ScriptWriter::willing(), defaults());
        let mut task = task.detach();
        drop(handoff);
        (&mut task).await;
        (&mut task).await;
    }

    /// With an executor whose waker keeps the task, stream and task would otherwise keep each other
    /// for ever.
    async fn a_stream_that_has_ended_keeps_no_waker<R: Runtime>() {
        for end in 0..3 {
            let (handoff, task, _log) = willing(defaults());
            let kept = Arc::new(Unheard);
            let waker = Waker::from(Arc::clone(&kept));
            let cx = &mut Context::from_waker(&waker);
            let mut task = task.into_future();
            assert!(task.as_mut().poll(cx).is_pending());
            let mut closed = Box::pin(handoff.closed());
            assert!(closed.poll_unpin(cx).is_pending());
            assert_eq!(Arc::strong_count(&kept), 4);
            match end {
                0 => drop(task),
                1 => handoff.downgrade().abort(),
                _ => {
                    handoff.close();
                    assert!(task.as_mut().poll(cx).is_ready());
                }
            }
            assert_eq!(Arc::strong_count(&kept), 2);
        }
    }

    /// Whatever the result of that call: nothing else would drop the writer before the last handle.
    async fn a_writer_whose_task_is_dropped_in_its_call_is_dropped<R: Runtime>() {
        for (fails, aborts) in [(false, false), (true, false), (true, true)] {
            let (guard, dropped) = Block::bytes(Vec::new());
            let inside = Inside::default();
            let run = inside.clone();
            let poller: Poller = Box::new(move |op, _| {
                let _owned = &guard;
                run.run();
                if fails { Poll::Ready(Err(io::Error::other("no more"))) } else { op.all() }
            });
            let (handoff, task) = stream(FnWriter(poller), direct().with_send_at(0));
            let abort = handoff.downgrade();
            inside.set(move || {
                if aborts {
                    abort.abort();
                }
                drop(task);
            });
            let ticket = handoff.try_write(text("hello")).unwrap();
            assert!(handoff.is_closed() && dropped.get(), "fails: {fails}, aborts: {aborts}");
            assert_eq!(ticket.try_result().unwrap().is_err(), fails, "the poll in progress counts");
            if !fails {
                assert!(matches!(handoff.close_reason(), Some(CloseReason::TaskDropped)));
            }
        }
    }
}
