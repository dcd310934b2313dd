//! Any future can be dropped at any time: nothing is lost, doubled, reordered or left taken.

use super::support::*;
use futures_util::future::join;
use std::{
    future::poll_fn,
    sync::{Arc, Mutex},
    task::Poll,
};

runtimes::tests! {
    async fn a_write_that_is_dropped_while_it_waits_has_submitted_nothing<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(8, 4));
        put(&handoff, "keep");
        let (bytes, freed) = Block::bytes(b"gone".to_vec());
        let write = Hand::waiting(handoff.write(bytes));
        let (bytes, forget_freed) = Block::bytes(b"gone".to_vec());
        let forget = Hand::waiting(handoff.write_fire_and_forget(bytes));
        let (bytes, all_freed) = Block::bytes(b"gone".to_vec());
        let mut parts = [bytes];
        let all = Hand::waiting(handoff.write_chunks(&mut parts));
        let reserve = Hand::waiting(handoff.reserve(4));
        assert_eq!(handoff.pending_bytes(), 4);
        drop((write, forget, all, reserve));
        assert!(freed.get() && forget_freed.get(), "the chunk goes with the future");
        assert!(parts == ["gone"] && !all_freed.get(), "chunks stay with the caller");
        assert_eq!((handoff.pending_bytes(), handoff.stats().pending_items), (4, 1));
        gate.open();
        task.run();
        assert_eq!(log.written(), b"keep");
        assert_eq!(handoff.available(), 4);
        put(&handoff, "next");
        task.run();
    }

    async fn a_future_that_was_never_polled_does_nothing<R: Runtime>() {
        let (handoff, mut task, log) = willing(defaults());
        drop(handoff.write(text("a")));
        drop(handoff.write_fire_and_forget(text("b")));
        drop(handoff.write_chunks(&mut [text("c")]));
        drop(handoff.reserve(4));
        drop(handoff.flush());
        drop(handoff.closed());
        task.run();
        assert_eq!(log.calls(), []);
        assert_eq!(handoff.stats().chunks, 0);
        assert!(!handoff.is_closed());
    }

    /// Two writes are accepted, a flush of them is given up, the writer opens: they arrive, once and in order.
    async fn a_cancelled_flush_loses_nothing<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(unflushed());
        handoff.write_fire_and_forget(text("hello ")).await.unwrap();
        handoff.write_fire_and_forget(text("world")).await.unwrap();
        drop(Hand::waiting(handoff.flush()));
        handoff.write_fire_and_forget(text("!")).await.unwrap();
        gate.open();
        task.run();
        assert_eq!(log.written(), b"hello world!");
        assert_eq!(log.flushes(), 0, "nobody waits for it any more");
    }

    async fn a_cancelled_flush_that_the_writer_stalls_holds_up_nobody<R: Runtime>() {
        let never = Gate::new();
        let writer = ScriptWriter::willing().with_flush([EndStep::Wait(never.clone())]);
        let log = writer.log();
        let (handoff, mut task) = stream(writer, limits(8, 4).with_flush_when_idle(false));
        put(&handoff, "a");
        let flush = Hand::waiting(handoff.flush());
        task.run();
        assert!(never.is_reached());
        for part in ["bcde", "fghi"] {
            handoff.try_write_fire_and_forget(text(part)).unwrap();
            task.run();
        }
        assert_eq!(log.written(), b"abcde", "more than the budget is not written past a flush that is due");
        drop(flush);
        task.run();
        assert_eq!(log.written(), b"abcdefghi");
    }

    /// With two waiting, the one that is left still gets its flush.
    async fn a_cancelled_flush_leaves_the_flushes_of_others<R: Runtime>() {
        let gate = Gate::new();
        let writer = ScriptWriter::willing().with_flush([EndStep::Wait(gate.clone())]);
        let (handoff, mut task) = stream(writer, defaults());
        put(&handoff, "a");
        let first = Hand::waiting(handoff.flush());
        let mut second = Hand::waiting(handoff.flush());
        task.run();
        drop(first);
        task.run();
        gate.open();
        task.run();
        assert!(second.run().unwrap().is_ok());
    }

    /// The last one who waits for the flush goes away while the writer is being asked for it.
    async fn a_flush_may_be_cancelled_while_the_writer_is_polled_for_it<R: Runtime>() {
        type Slot = Arc<Mutex<Option<Hand<futures_util::future::BoxFuture<'static, ()>>>>>;
        let slot = Slot::default();
        let in_writer = Arc::clone(&slot);
        let written = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&written);
        let writer = FnWriter(move |op: Op<'_>, _: &mut std::task::Context<'_>| match op {
            Op::Write(slices) => {
                slices.iter().for_each(|slice| taken.lock().unwrap().extend_from_slice(slice));
                op.all()
            }
            Op::Flush => {
                drop(in_writer.lock().unwrap().take());
                Poll::Pending
            }
            Op::Close => op.all(),
        });
        let (handoff, mut task) = stream(writer, defaults().with_inline(Inline::Never));
        put(&handoff, "a");
        task.run();
        let flushing = handoff.sender();
        let flush = Hand::waiting(async move { drop(flushing.flush().await) }.boxed());
        put(&handoff, "b");
        *slot.lock().unwrap() = Some(flush);
        task.run();
        assert_eq!(*written.lock().unwrap(), b"ab", "the task sleeps on a flush that nobody wants");
    }

    async fn a_cancelled_close_goes_on<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(defaults());
        handoff.try_write_fire_and_forget(text("a")).unwrap();
        drop(Hand::waiting(closing(&handoff)));
        assert!(handoff.is_closed());
        let mut again = Hand::waiting(closing(&handoff));
        gate.open();
        assert!(task.run().unwrap().is_ok());
        assert!(again.run().unwrap().is_ok());
        assert!(closing(&handoff).await.is_ok(), "and once more");
        assert_eq!((log.written(), log.closes(), log.is_closed()), (b"a".to_vec(), 1, true));
    }

    async fn cancelled_into_parts_leaves_the_writer_to_others<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(defaults());
        handoff.try_write_fire_and_forget(text("a")).unwrap();
        drop(Hand::waiting(handoff.clone().into_parts()));
        assert!(handoff.is_closed());
        gate.open();
        let writer = task.run().unwrap().unwrap();
        assert_eq!((log.written(), log.flushed(), log.closes()), (b"a".to_vec(), 1, 0));
        drop(writer);
    }

    async fn waiting_for_the_end_can_be_given_up<R: Runtime>() {
        let (handoff, mut task, _log) = willing(defaults().with_inline(Inline::Never));
        drop(Hand::waiting(handoff.closed()));
        let mut closed = Hand::waiting(handoff.closed());
        drop(Hand::waiting(closing(&handoff)));
        let mut close = Hand::waiting(closing(&handoff));
        assert!(task.run().unwrap().is_ok());
        assert!(closed.run().unwrap().is_ok());
        assert!(close.run().unwrap().is_ok());
    }

    /// Every write is raced against a timeout of a few polls; what was reported as accepted arrives, nothing else does.
    async fn cancelled_at_every_point_the_stream_holds_what_was_accepted<R: Runtime>() {
        for patience in 1..12 {
            let writer = ScriptWriter::seeded(patience);
            let log = writer.log();
            let (handoff, task) = WriteHandoff::new(writer, limits(4, 24).with_send_at(8));
            let handoff = Settled(handoff);
            let task = R::task(task);
            let producer = |name: u8| {
                let handoff = handoff.clone();
                async move {
                    let mut accepted = Vec::new();
                    for round in 0..60u8 {
                        let chunk = filled(name + round % 20, usize::from(round % 23) + 1);
                        let mut left = u64::from(round) % patience;
                        let mut write = handoff.write(chunk.clone());
                        let outcome = poll_fn(|cx| match (write.poll_unpin(cx), left) {
                            (Poll::Ready(result), _) => Poll::Ready(Some(result)),
                            (Poll::Pending, 0) => Poll::Ready(None),
                            (Poll::Pending, _) => {
                                left -= 1;
                                cx.waker().wake_by_ref();
                                Poll::Pending
                            }
                        });
                        if let Some(result) = outcome.await {
                            result.unwrap();
                            accepted.extend(chunk);
                        }
                        drop(write);
                        if round % 7 == 0 {
                            let mut flush = Box::pin(handoff.flush());
                            let _ = (&mut flush).now_or_never();
                        }
                    }
                    accepted
                }
            };
            let (low, high) = join(producer(0), producer(100)).await;
            handoff.flush().await.unwrap();
            let (mut got_low, mut got_high) = (log.written(), log.written());
            got_low.retain(|byte| *byte < 100);
            got_high.retain(|byte| *byte >= 100);
            assert!(got_low == low && got_high == high, "patience {patience}");
            drop(handoff);
            task.await.unwrap();
        }
    }
}
