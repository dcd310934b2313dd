//! Closing, and dropping the last handle: what was accepted is written, flushed, and the writer closed.

use super::support::*;
use futures_handoff::WriteHandoff;
use futures_util::io::BufWriter;
use std::{
    io::ErrorKind,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

runtimes::tests! {
    /// Also a small one, a copy of which would find room in a block that has yet to be written.
    async fn after_close_nothing_joins_what_waits<R: Runtime>() {
        let (handoff, mut task, log) = willing(unflushed().with_inline(Inline::Never));
        put(&handoff, "early");
        handoff.close();
        assert!(handoff.try_write(text("late")).unwrap_err().is_closed());
        assert!(Hand::new(handoff.write(text("late"))).run().unwrap().unwrap_err().is_closed());
        assert!(task.run().unwrap().is_ok());
        assert_eq!(log.written(), b"early");
    }

    async fn last_handle_dropped_writes_flushes_and_closes<R: Runtime>() {
        let writer = ScriptWriter::willing();
        let log = writer.log();
        let (handoff, task) = WriteHandoff::new(writer, ungathered(8, 64));
        for part in ["a", "b", "c"] {
            handoff.try_write_fire_and_forget(text(part)).unwrap();
        }
        drop(handoff);
        R::task(task).await.unwrap();
        assert_eq!(log.written(), b"abc");
        assert_eq!(log.calls()[1..], [Call::Flush, Call::Close]);
        assert!(log.is_closed());
    }

    /// Nothing is pending when the last handle goes, and yet a buffering writer that is not flushed unasked holds bytes.
    async fn a_buffering_writer_is_flushed_when_the_last_handle_is_dropped<R: Runtime>() {
        for idle in [false, true] {
            let inner = ScriptWriter::willing();
            let log = inner.log();
            let (handoff, task) = WriteHandoff::new(BufWriter::new(inner), unflushed());
            let task = R::task(task);
            let ticket = handoff.write(text("hello")).await.unwrap();
            if idle {
                ticket.await.unwrap();
                assert!(log.is_empty(), "it is in the writer's buffer");
            }
            drop(handoff);
            task.await.unwrap();
            assert_eq!(log.written(), b"hello");
            assert!(log.is_closed());
        }
    }

    async fn the_stream_is_open_until_the_last_handle_of_any_kind_is_dropped<R: Runtime>() {
        let (handoff, task) = WriteHandoff::new(ScriptWriter::willing(), defaults());
        let mut task = Hand::waiting(task);
        let (clone, sender) = (handoff.clone(), handoff.sender());
        let (weak, abort) = (handoff.downgrade(), handoff.downgrade());
        let ticket = handoff.try_write(text("a")).unwrap();
        drop(handoff);
        assert!(task.run().is_none());
        drop(clone);
        let another = sender.clone();
        drop(sender);
        assert!(task.run().is_none());
        assert!(another.try_write_fire_and_forget(text("b")).is_ok());
        drop(another);
        // Neither a ticket nor a weak handle keeps it open.
        let writer = task.run().expect("the task ends").unwrap();
        assert_eq!(writer.log().written(), b"ab");
        drop((ticket, weak, abort));
    }

    async fn close_finishes_what_was_accepted<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(ungathered(4, 64));
        let tickets = ["a", "b", "c", "d"].map(|part| handoff.try_write(text(part)).unwrap());
        task.run();
        let mut close = Hand::waiting(closing(&handoff));
        assert!(handoff.is_closed());
        assert!(matches!(handoff.close_reason(), Some(CloseReason::Closed)));
        assert!(handoff.try_write(text("late")).unwrap_err().is_closed());
        assert_eq!(handoff.pending_bytes(), 4, "still to be written");
        gate.open();
        assert!(task.run().unwrap().is_ok());
        assert!(close.run().unwrap().is_ok());
        assert_eq!(log.written(), b"abcd");
        assert_eq!((log.flushed(), log.closes()), (4, 1));
        assert!(tickets.iter().all(|ticket| matches!(ticket.try_result(), Some(Ok(())))));
    }

    async fn close_begins_when_it_is_called<R: Runtime>() {
        let (handoff, mut task, log) = willing(defaults());
        handoff.close();
        assert!(handoff.is_closed());
        assert!(task.run().unwrap().is_ok());
        assert_eq!(log.calls(), [Call::Flush, Call::Close], "a writer without bytes is closed in the same way");
    }

    /// There is a way to wait for what was accepted without a ticket.
    async fn waiting_for_what_was_accepted_is_possible_after_close<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(defaults());
        handoff.try_write_fire_and_forget(text("a")).unwrap();
        handoff.close();
        let mut written = Hand::waiting(handoff.written());
        let mut sender_written = Hand::waiting(handoff.sender().written());
        let mut flush = Hand::waiting(handoff.flush());
        task.run();
        gate.open();
        assert!(task.run().unwrap().is_ok());
        assert!(written.run().unwrap().is_ok());
        assert!(sender_written.run().unwrap().is_ok());
        assert!(flush.run().unwrap().is_ok());
        assert_eq!(log.flushed(), 1);
        // And after the end.
        assert!(handoff.written().await.is_ok());
        assert!(handoff.flush().await.is_ok());
        assert!(handoff.closed().await.is_ok());
    }

    async fn close_gives_waiting_producers_their_bytes_back<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(8, 4));
        put(&handoff, "full");
        let mut write = Hand::waiting(handoff.write(text("a")));
        let mut forget = Hand::waiting(handoff.write_fire_and_forget(text("b")));
        let mut parts = [text("c"), text("d")];
        let mut all = Hand::waiting(handoff.write_chunks(&mut parts));
        let mut reserve = Hand::waiting(handoff.reserve(1));
        handoff.close();
        let error = write.run().unwrap().unwrap_err();
        assert!(error.is_closed() && error.close_reason().unwrap().is_closed());
        assert_eq!(error.into_bytes(), "a");
        assert_eq!(forget.run().unwrap().unwrap_err().into_bytes(), "b");
        assert!(all.run().unwrap().unwrap_err().is_closed());
        drop(all);
        assert_eq!(parts, [text("c"), text("d")]);
        assert!(matches!(reserve.run().unwrap(), Err(RejectReason::Closed(CloseReason::Closed))));
        gate.open();
        assert!(task.run().unwrap().is_ok());
        assert_eq!(log.written(), b"full");
    }

    /// Room that was granted before the close is worth nothing after it.
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

    async fn close_waits_for_a_task_that_has_not_begun<R: Runtime>() {
        let (handoff, task) = WriteHandoff::new(ScriptWriter::willing(), defaults());
        let handoff = Settled(handoff);
        handoff.try_write_fire_and_forget(text("a")).unwrap();
        let mut close = Hand::waiting(closing(&handoff));
        let writer = R::task(task).await.unwrap();
        assert!(close.run().unwrap().is_ok());
        assert_eq!((writer.log().written(), writer.log().is_closed()), (b"a".to_vec(), true));
    }

    async fn a_writer_may_be_pending_at_flush_and_at_close<R: Runtime>() {
        let writer = ScriptWriter::seeded(4)
            .with_flush([EndStep::Pending, EndStep::Pending])
            .with_close([EndStep::Pending, EndStep::Pending, EndStep::Done]);
        let log = writer.log();
        let (handoff, task) = WriteHandoff::new(writer, unflushed());
        let task = R::task(task);
        handoff.write_fire_and_forget(text("abcdefgh")).await.unwrap();
        handoff.close();
        handoff.closed().await.unwrap();
        task.await.unwrap();
        assert_eq!((log.written(), log.flushed(), log.is_closed()), (b"abcdefgh".to_vec(), 8, true));
        assert_eq!((log.flushes(), log.closes()), (3, 3));
    }

    async fn a_writer_that_fails_to_close_fails_the_close<R: Runtime>() {
        let fails = || EndStep::Error(ErrorKind::TimedOut);
        for (flush, close) in [(fails(), EndStep::Done), (EndStep::Done, fails())] {
            // Whether the producer closes the writer or the task does.
            for inline in [Inline::Always, Inline::Never] {
            let writer = ScriptWriter::willing().with_flush([flush.clone()]).with_close([close.clone()]);
            let (handoff, mut task) = stream(writer, unflushed().with_inline(inline));
            let ticket = handoff.try_write(text("a")).unwrap();
            let mut closed = Hand::new(closing(&handoff));
            assert_eq!(closed.run().is_some(), inline == Inline::Always);
            let failure = task.run().unwrap().unwrap_err();
            assert!(matches!(failure.reason(), CloseReason::Io(error) if error.kind() == ErrorKind::TimedOut));
            assert!(matches!(closing(&handoff).await, Err(CloseReason::Io(_))), "and whenever it is asked");
            assert!(ticket.await.is_ok());
            assert!(failure.unwritten().is_empty());
            }
        }
    }

    /// Where the producer may poll the writer, it closes it without a hop through the task.
    async fn close_is_done_by_who_asks_for_it<R: Runtime>() {
        let (handoff, mut task, log) = willing(direct());
        handoff.try_write_fire_and_forget(text("a")).unwrap();
        assert!(closing(&handoff).now_or_never().unwrap().is_ok());
        assert_eq!((log.written(), log.flushed(), log.closes()), (b"a".to_vec(), 1, 1));
        assert!(task.run().unwrap().is_ok());
    }

    /// While a producer polls the writer, more is accepted and the stream is closed.
    async fn close_leaves_to_the_task_what_came_meanwhile<R: Runtime>() {
        let more = Arc::new(Mutex::new(None::<WriteHandoff>));
        let written = Arc::new(Mutex::new(Vec::new()));
        let writer = {
            let (more, written) = (more.clone(), written.clone());
            FnWriter(move |op: Op<'_>, _: &mut Context<'_>| {
                if let Some(sender) = more.lock().unwrap().take() {
                    sender.try_write_fire_and_forget(text("more")).unwrap();
                    sender.close();
                }
                if let Op::Write(slices) = op {
                    slices.iter().for_each(|slice| written.lock().unwrap().extend_from_slice(slice));
                } else {
                    assert!(*written.lock().unwrap() == b"first, more", "flushed or closed too early");
                }
                op.all()
            })
        };
        let (handoff, mut task) = stream(writer, direct().with_send_at(0));
        *more.lock().unwrap() = Some(handoff.sender());
        put(&handoff, "first, ");
        assert_eq!((handoff.stats().inline_write_calls, handoff.is_closed()), (1, true));
        assert!(task.run().unwrap().is_ok());
        assert_eq!(*written.lock().unwrap(), b"first, more");
    }

    /// Accepting and closing race on several threads; what was accepted is written.
    async fn what_was_accepted_before_close_is_written<R: Runtime>() {
        for seed in 0..20 {
            let writer = ScriptWriter::seeded(seed);
            let log = writer.log();
            let (handoff, task) = WriteHandoff::new(writer, defaults());
            let task = R::task(task);
            let producers: Vec<_> = (0..4)
                .map(|_| {
                    let handoff = handoff.clone();
                    R::task(async move {
                        let mut accepted = 0;
                        while handoff.write_fire_and_forget(filled(0, 10)).await.is_ok() {
                            accepted += 10;
                            yield_now().await;
                        }
                        accepted
                    })
                })
                .collect();
            yield_now().await;
            handoff.close();
            handoff.closed().await.unwrap();
            let accepted: usize = futures_util::future::join_all(producers).await.into_iter().sum();
            assert_eq!(log.len(), accepted);
            task.await.unwrap();
        }
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
