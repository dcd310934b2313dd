//! Closing, and dropping the last handle: what was accepted is written, flushed, and the writer
//! closed.

use super::support::*;
use std::task::{Context, Poll};

runtimes::tests! {
    /// Also a small chunk that would fit in a block that is not written yet.
    async fn after_close_nothing_joins_what_waits<R: Runtime>() {
        let (handoff, mut task, log) = willing(unflushed().with_inline(Inline::Never));
        put(&handoff, "early");
        handoff.close();
        assert!(handoff.try_write(text("late")).unwrap_err().is_closed());
        assert!(Hand::new(handoff.write(text("late"))).run().unwrap().unwrap_err().is_closed());
        assert!(task.run().unwrap().is_ok());
        assert_eq!(log.written(), b"early");
    }

    /// Room that was granted before the close cannot be used after it.
    async fn close_comes_before_a_grant_that_was_not_used<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(8, 4));
        put(&handoff, "full");
        let mut granted = Hand::waiting(handoff.write(text("late")));
        gate.open();
        task.run();
        assert!(granted.is_due());
        let close = closing(&handoff);
        assert_eq!(granted.run().unwrap().unwrap_err().into_bytes(), "late");
        assert!(task.run().unwrap().is_ok());
        assert!(close.await.is_ok());
        assert_eq!(log.written(), b"full");
    }

    async fn close_of_a_stalled_writer_waits_and_can_be_aborted<R: Runtime>() {
        let (handoff, mut task, log, _gate) = gated(defaults());
        put(&handoff, "stuck");
        task.run();
        let mut close = Hand::waiting(closing(&handoff));
        handoff.downgrade().abort();
        assert!(matches!(close.run(), Some(Err(CloseReason::Aborted))));
        let failure = task.run().unwrap().unwrap_err();
        assert_eq!(failure.unwritten().concat(), b"stuck");
        assert_eq!(log.closes(), 0);
    }

    /// If the producer may poll the writer, it closes it without switching to the task.
    async fn close_is_done_by_who_asks_for_it<R: Runtime>() {
        let (handoff, mut task, log) = willing(direct());
        put(&handoff, "a");
        assert!(closing(&handoff).now_or_never().unwrap().is_ok());
        assert_eq!((log.written(), log.flushed(), log.closes()), (b"a".to_vec(), 1, 1));
        assert!(task.run().unwrap().is_ok());
    }

    /// While a producer polls the writer, more is accepted and the stream is closed.
    async fn close_leaves_to_the_task_what_came_meanwhile<R: Runtime>() {
        let (writer, log, inside) = running(ScriptWriter::willing());
        let (handoff, mut task) = stream(writer, direct().with_send_at(0));
        let own = handoff.sender();
        inside.set(move || {
            put(&own, "more");
            own.close();
        });
        put(&handoff, "first, ");
        assert_eq!((handoff.stats().inline_write_calls, handoff.is_closed()), (1, true));
        assert!(task.run().unwrap().is_ok());
        assert_eq!((log.written(), log.flushed()), (b"first, more".to_vec(), 11));
        assert_eq!(log.calls()[2..], [Call::Flush, Call::Close], "not too early");
    }

    async fn a_close_that_is_pending_is_no_stalled_write<R: Runtime>() {
        let writer = FnWriter(|op: Op<'_>, _: &mut Context<'_>| match op {
            Op::Close => Poll::Pending,
            op => op.all(),
        });
        let (handoff, mut task) = stream(writer, defaults());
        put(&handoff, "hello");
        handoff.close();
        assert!(task.run().is_none());
        assert_eq!((handoff.stats().written, handoff.stats().pending_polls), (5, 0));
    }
}
