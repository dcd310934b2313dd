//! Ends other than closing: abort, taking the writer back, and a task that is gone or never begins.

use super::support::*;
use futures_handoff::WeakWriteHandoff;
use futures_util::{AsyncWrite, AsyncWriteExt};
use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

struct Unheard;

impl Wake for Unheard {
    fn wake(self: Arc<Self>) {}
}

runtimes::tests! {
    async fn abort_gives_back_the_writer_and_the_unwritten_bytes<R: Runtime>() {
        let (handoff, mut task, log, _gate) = gated_after(3, ungathered(8, 64));
        let tickets = ["ab", "cd", "ef"].map(|part| handoff.try_write(text(part)).unwrap());
        task.run();
        handoff.try_write_fire_and_forget(text("gh")).unwrap();
        let abort = handoff.downgrade();
        abort.abort();
        abort.abort();
        assert!(matches!(tickets[0].try_result(), Some(Ok(()))));
        let error = tickets[1].try_result().unwrap().unwrap_err();
        assert_eq!((error.written(), error.in_doubt()), (1, 0));
        assert_eq!(error.to_string(), "the write handoff was aborted; 1 of 2 bytes were written");
        assert!(matches!(error.reason(), CloseReason::Aborted));
        assert_eq!(tickets[2].try_result().unwrap().unwrap_err().written(), 0);
        let failure = task.run().unwrap().unwrap_err();
        assert_eq!((failure.written(), failure.flushed(), failure.in_doubt()), (3, 0, 3..3));
        let (writer, unwritten) = failure.into_parts();
        assert_eq!(unwritten.concat(), b"defgh");
        assert!(writer.is_some());
        assert_eq!((log.flushes(), log.closes()), (0, 0), "it is given back as it is");
    }

    /// The bytes that the writer takes in the poll in which the stream is aborted are taken; no more are offered.
    async fn abort_stops_after_the_poll_in_progress<R: Runtime>() {
        for config in [ungathered(100, 1000), ungathered(100, 1000).with_inline(Inline::Always)] {
            let abort: Arc<Mutex<Option<WeakWriteHandoff>>> = Arc::default();
            let in_writer = Arc::clone(&abort);
            let mut calls = 0;
            let writer = FnWriter(move |op: Op<'_>, _: &mut Context<'_>| {
                calls += 1;
                assert_eq!(calls, 1, "polled after the abort");
                in_writer.lock().unwrap().take().unwrap().abort();
                assert!(matches!(op, Op::Write(_)));
                Poll::Ready(Ok(2))
            });
            let (handoff, mut task) = stream(writer, config);
            *abort.lock().unwrap() = Some(handoff.sender().downgrade());
            let ticket = handoff.try_write(text("abcd")).unwrap();
            handoff.dispatch();
            let failure = task.run().unwrap().unwrap_err();
            assert!(matches!(failure.reason(), CloseReason::Aborted));
            assert_eq!((failure.written(), failure.unwritten().concat()), (2, b"cd".to_vec()));
            assert_eq!(ticket.await.unwrap_err().written(), 2);
        }
    }

    /// All handles are gone, the peer takes nothing: the writer, its socket and its task can still be got rid of.
    async fn abort_ends_a_stalled_stream_without_handles<R: Runtime>() {
        let never = Gate::new();
        let writer = ScriptWriter::new([WriteStep::Wait(never.clone())]);
        let log = writer.log();
        let (handoff, task) = WriteHandoff::new(writer, defaults());
        R::spawn(task.detach());
        let ticket = handoff.write(text("stuck")).await.unwrap();
        let abort = handoff.downgrade();
        drop(handoff);
        never.reached().await;
        assert!(ticket.try_result().is_none());
        abort.abort();
        assert!(matches!(ticket.await.unwrap_err().reason(), CloseReason::Aborted));
        log.wait_until(WriteLog::is_dropped).await;
        abort.abort();
    }

    async fn abort_before_the_task_begins<R: Runtime>() {
        let (handoff, task) = WriteHandoff::new(ScriptWriter::willing(), defaults());
        let handoff = Settled(handoff);
        handoff.try_write_fire_and_forget(text("a")).unwrap();
        handoff.downgrade().abort();
        let failure = R::task(task).await.unwrap_err();
        assert_eq!((failure.unwritten().concat(), failure.written()), (b"a".to_vec(), 0));
    }

    async fn abort_after_the_end_does_nothing<R: Runtime>() {
        let (handoff, mut task, _log) = willing(defaults());
        let close = closing(&handoff);
        assert!(task.run().unwrap().is_ok());
        assert!(close.await.is_ok());
        let abort = handoff.downgrade();
        abort.abort();
        assert!(handoff.closed().await.is_ok());
        drop(handoff);
        abort.abort();
    }

    async fn everybody_who_waits_is_told_of_an_abort<R: Runtime>() {
        let (handoff, mut task, _log, _gate) = gated(limits(8, 4));
        let ticket = Hand::waiting(handoff.try_write(text("full")).unwrap());
        let mut waits = (
            ticket,
            Hand::waiting(handoff.write(text("a"))),
            Hand::waiting(handoff.reserve(1)),
            Hand::waiting(handoff.flush()),
            Hand::waiting(handoff.closed()),
        );
        task.run();
        handoff.downgrade().abort();
        assert!(waits.0.run().unwrap().is_err());
        let error = waits.1.run().unwrap().unwrap_err();
        assert!(matches!(error.close_reason(), Some(CloseReason::Aborted)));
        assert!(matches!(waits.2.run(), Some(Err(RejectReason::Closed(CloseReason::Aborted)))));
        assert!(matches!(waits.3.run(), Some(Err(CloseReason::Aborted))));
        assert!(matches!(waits.4.run(), Some(Err(CloseReason::Aborted))));
        assert!(task.run().is_some());
    }

    async fn the_writer_comes_back_open<R: Runtime>() {
        let writer = ScriptWriter::seeded(8);
        let log = writer.log();
        let (handoff, task) = WriteHandoff::new(writer, defaults());
        R::spawn(task.detach());
        let other = handoff.clone();
        handoff.write_fire_and_forget(text("old protocol, ")).await.unwrap();
        let mut parts = Box::pin(handoff.into_parts());
        let early = (&mut parts).now_or_never();
        assert!(other.try_write(text("late")).unwrap_err().is_closed(), "from its first poll on");
        let mut writer = match early {
            Some(parts) => parts.unwrap(),
            None => parts.await.unwrap(),
        };
        assert_eq!((log.written(), log.flushed(), log.closes()), (b"old protocol, ".to_vec(), 14, 0));
        writer.write_all(b"new protocol").await.unwrap();
        assert_eq!(log.written(), b"old protocol, new protocol");
        // It is had once.
        let failure = other.into_parts().await.unwrap_err();
        assert!(failure.reason().is_closed() && failure.unwritten().is_empty());
        assert!(failure.into_parts().0.is_none());
        drop(writer);
    }

    async fn the_first_to_ask_gets_the_writer_and_not_the_task<R: Runtime>() {
        let (handoff, mut task, _log) = willing(defaults());
        let mut parts = Hand::waiting((*handoff).clone().into_parts());
        let failure = task.run().unwrap().unwrap_err();
        assert!(failure.reason().is_closed());
        assert!(failure.into_parts().0.is_none());
        assert!(parts.run().unwrap().is_ok());
    }

    /// A detached task drops a writer that has failed, whose descriptor is of no use to anybody, but for an `into_parts` that waits.
    async fn into_parts_after_a_failure_gives_what_is_left<R: Runtime>() {
        for asked_before in [false, true] {
            let steps = [WriteStep::Accept(2), WriteStep::Error(io::ErrorKind::BrokenPipe)];
            let writer = ScriptWriter::new(steps);
            let log = writer.log();
            let (handoff, task) = WriteHandoff::new(writer, ungathered(8, 64));
            let mut task = Hand::waiting(task.detach());
            handoff.try_write_fire_and_forget(text("abc")).unwrap();
            handoff.try_write_fire_and_forget(text("de")).unwrap();
            let mut before = Hand::new(handoff.clone().into_parts());
            if asked_before {
                assert!(before.run().is_none());
            }
            assert!(task.run().is_some());
            assert_eq!(log.is_dropped(), !asked_before, "the task and the handle are still there");
            drop(task);
            drop(handoff);
            let failure = before.run().unwrap().unwrap_err();
            assert!(matches!(failure.reason(), CloseReason::Io(_)));
            assert_eq!(failure.written(), 2);
            let (writer, unwritten) = failure.into_parts();
            assert_eq!(unwritten.concat(), b"cde");
            assert_eq!(writer.is_some(), asked_before);
        }
    }

    async fn into_parts_of_a_closed_stream_gives_the_closed_writer<R: Runtime>() {
        let (handoff, task) = WriteHandoff::new(ScriptWriter::willing(), defaults());
        R::spawn(task.detach());
        handoff.close();
        handoff.closed().await.unwrap();
        let writer = handoff.into_parts().await.unwrap();
        assert!(writer.log().is_closed());
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

    async fn into_parts_tells_waiting_producers<R: Runtime>() {
        let (handoff, mut task, _log, gate) = gated(limits(8, 4));
        put(&handoff, "full");
        let mut write = Hand::waiting(handoff.write(text("late")));
        let mut parts = Hand::waiting((*handoff).clone().into_parts());
        assert_eq!(write.run().unwrap().unwrap_err().into_bytes(), "late");
        gate.open();
        task.run();
        assert_eq!(parts.run().unwrap().unwrap().log().written(), b"full");
    }

    async fn a_dropped_task_ends_everything_and_leaves_the_bytes<R: Runtime>() {
        for begun in [false, true] {
            let gate = Gate::new();
            let writer = ScriptWriter::new([WriteStep::Accept(2), WriteStep::Wait(gate.clone())]);
            let log = writer.log();
            let (handoff, task) = WriteHandoff::new(writer, ungathered(8, 5));
            let (handoff, mut task) = (Settled(handoff), Hand::new(task));
            let mut ticket = Hand::waiting(handoff.try_write(text("abc")).unwrap());
            put(&handoff, "de");
            if begun {
                task.run();
            }
            let mut write = Hand::waiting(handoff.write(text("fghij")));
            let mut flush = Hand::waiting(handoff.flush());
            let mut closed = Hand::waiting(handoff.closed());
            drop(task);
            assert!(log.is_dropped());
            let error = ticket.run().unwrap().unwrap_err();
            assert!(matches!(error.reason(), CloseReason::TaskDropped));
            assert_eq!(error.written(), if begun { 2 } else { 0 });
            let error = write.run().unwrap().unwrap_err();
            assert!(matches!(error.close_reason(), Some(CloseReason::TaskDropped)));
            assert_eq!(error.into_bytes(), "fghij");
            assert!(matches!(flush.run(), Some(Err(CloseReason::TaskDropped))));
            assert!(matches!(closed.run(), Some(Err(CloseReason::TaskDropped))));
            let error = handoff.try_write(text("k")).unwrap_err();
            assert!(matches!(error.close_reason(), Some(CloseReason::TaskDropped)));
            let failure = (*handoff).clone().into_parts().await.unwrap_err();
            let unwritten = failure.unwritten().concat();
            assert_eq!(unwritten, if begun { &b"cde"[..] } else { b"abcde" });
            assert!(failure.into_parts().0.is_none());
        }
    }

    async fn a_write_that_was_taken_stays_written_when_the_task_is_gone<R: Runtime>() {
        let (handoff, mut task, _log) = willing(unflushed());
        let mut ticket = handoff.try_write(text("abc")).unwrap();
        task.run();
        drop(task);
        assert!(matches!(ticket.try_result(), Some(Ok(()))));
        assert!((&mut ticket).await.is_ok());
        assert!(ticket.flushed().await.is_err(), "but it was not flushed");
    }

    /// A producer is polling the writer when the task goes.
    async fn a_task_that_is_dropped_while_a_producer_writes<R: Runtime>() {
        type Slot = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;
        let slot = Slot::default();
        let in_writer = Arc::clone(&slot);
        let (guard, dropped) = Block::bytes(Vec::new());
        let writer = FnWriter(move |op: Op<'_>, _: &mut Context<'_>| {
            let _owned = &guard;
            if let Some(drop_task) = in_writer.lock().unwrap().take() {
                drop_task();
            }
            op.all()
        });
        let (handoff, task) = WriteHandoff::new(writer, defaults().with_inline(Inline::Always));
        let handoff = Settled(handoff);
        let mut task = Box::pin(task);
        assert!((&mut task).now_or_never().is_none());
        *slot.lock().unwrap() = Some(Box::new(move || drop(task)));
        let first = handoff.try_write(filled(0, 20_000)).unwrap();
        assert!(matches!(first.try_result(), Some(Ok(()))), "the poll in progress counts");
        assert!(dropped.get(), "the writer goes with the task");
        assert!(matches!(handoff.close_reason(), Some(CloseReason::TaskDropped)));
        assert!(handoff.try_write(text("late")).unwrap_err().is_closed());
    }

    /// A spawn that was forgotten shows at once: nothing moves, whatever the producer does.
    async fn without_the_task_nothing_moves<R: Runtime>() {
        let (handoff, task) = WriteHandoff::new(ScriptWriter::willing(), defaults().with_inline(Inline::Always));
        let log = handoff.with_writer(|writer| writer.log()).unwrap();
        let mut ticket = Hand::waiting(handoff.try_write(filled(0, 20_000)).unwrap());
        handoff.dispatch();
        drop(Hand::waiting(handoff.batching(handoff.flush())));
        let mut closed = Hand::waiting(handoff.closed());
        assert_eq!((log.calls(), handoff.pending_bytes()), (vec![], 20_000));
        drop(task);
        assert!(ticket.run().unwrap().is_err());
        assert!(closed.run().is_some());
        drop(closed);
        let failure = handoff.into_parts().await.unwrap_err();
        assert_eq!(failure.unwritten().iter().map(Bytes::len).sum::<usize>(), 20_000);
    }

    async fn a_detached_task_may_be_polled_after_its_end<R: Runtime>() {
        let (handoff, task) = WriteHandoff::new(ScriptWriter::willing(), defaults());
        let mut task = task.detach();
        drop(handoff);
        (&mut task).await;
        (&mut task).await;
    }

    /// With an executor whose waker keeps the task, stream and task would otherwise keep each other for ever.
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

    /// The call in which the task is dropped fails. Nothing else would drop the writer before the last handle goes.
    async fn a_writer_that_fails_while_its_task_is_dropped_is_dropped<R: Runtime>() {
        type Slot = Arc<Mutex<Option<Hand<WriteTask<Dropped<FnWriter<WriteFn>>>>>>>;
        type WriteFn = Box<dyn FnMut(Op<'_>, &mut Context<'_>) -> Poll<io::Result<usize>> + Send>;
        for aborts in [false, true] {
            let task = Slot::default();
            let (dropped, taken) = (Arc::new(AtomicBool::new(false)), Arc::clone(&task));
            let weak = Arc::new(Mutex::new(None::<WeakWriteHandoff<_>>));
            let visited = Arc::clone(&weak);
            let write: WriteFn = Box::new(move |op, _| match op {
                Op::Write(_) => {
                    if let Some(stream) = visited.lock().unwrap().take() {
                        stream.abort();
                    }
                    drop(taken.lock().unwrap().take());
                    Poll::Ready(Err(io::Error::other("no more")))
                }
                _ => Poll::Ready(Ok(0)),
            });
            let writer = Dropped(FnWriter(write), Arc::clone(&dropped));
            let (handoff, begun) = WriteHandoff::new(writer, direct().with_send_at(0));
            *task.lock().unwrap() = Some(Hand::waiting(begun));
            *weak.lock().unwrap() = aborts.then(|| handoff.downgrade());
            handoff.try_write_fire_and_forget(text("hello")).unwrap();
            assert!(handoff.is_closed() && dropped.load(Ordering::SeqCst), "{aborts}");
        }
    }
}

/// A writer that tells when it is dropped.
struct Dropped<W>(W, Arc<AtomicBool>);

impl<W> Drop for Dropped<W> {
    fn drop(&mut self) {
        self.1.store(true, Ordering::SeqCst);
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Dropped<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}
