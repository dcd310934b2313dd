//! Any future can be dropped at any time: nothing is lost, doubled, reordered or left taken.

use super::support::*;
use std::{
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
        let all = Hand::waiting(handoff.write_all([bytes]));
        let reserve = Hand::waiting(handoff.reserve(4));
        assert_eq!(handoff.pending_bytes(), 4);
        drop((write, forget, all, reserve));
        assert!(freed.get() && forget_freed.get() && all_freed.get(), "the chunk goes with the future");
        assert_eq!((handoff.pending_bytes(), handoff.pending_items()), (4, 1));
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
        drop(handoff.write_all([text("c")]));
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
}
