//! Whether a writer has made no progress for a period. A test ends each period by hand.

use super::support::*;
use std::{
    cell::{Cell, RefCell},
    future::{Future, ready},
    rc::Rc,
};

/// A timer that ends when the test says so.
#[derive(Clone, Default)]
pub(super) struct Clock(Rc<RefCell<Gate>>);

impl Clock {
    pub(super) fn timer(&self) -> impl FnMut() -> Period + use<> {
        let clock = self.clone();
        move || {
            let gate = Gate::new();
            *clock.0.borrow_mut() = gate.clone();
            Box::pin(async move { gate.pass().await })
        }
    }

    /// Ends a period, and returns the verdict of `watchdog`.
    pub(super) fn end_period<F: Future<Output = bool>>(&self, watchdog: &mut Hand<F>) -> Option<bool> {
        let gate = self.0.borrow().clone();
        gate.open();
        watchdog.run()
    }
}

pub(super) type Period = std::pin::Pin<Box<dyn Future<Output = ()>>>;

#[test]
fn a_writer_that_takes_nothing_for_a_whole_period_stalls() {
    let (handoff, mut task, _log, gate) = gated_after(2, ungathered(16, 100));
    let clock = Clock::default();
    let mut watchdog = Hand::waiting(handoff.stalled(clock.timer()));
    // Nothing to do, for two periods.
    assert_eq!((clock.end_period(&mut watchdog), clock.end_period(&mut watchdog)), (None, None));
    // There is something to do only since within this period.
    put(&handoff, "four");
    assert_eq!(clock.end_period(&mut watchdog), None);
    // Some of it is taken in this one.
    assert!(task.run().is_none());
    assert_eq!((handoff.stats().written, clock.end_period(&mut watchdog)), (2, None));
    assert_eq!(clock.end_period(&mut watchdog), Some(true));
    // It can be asked again, and goes on where the writer does.
    let mut watchdog = Hand::waiting(handoff.stalled(clock.timer()));
    gate.open();
    assert!(task.run().is_none());
    assert_eq!((clock.end_period(&mut watchdog), clock.end_period(&mut watchdog)), (None, None));
}

#[test]
fn a_task_that_is_not_run_stalls_once_it_has_something_to_do() {
    let (handoff, _task) = WriteHandoff::new(ScriptWriter::willing(), defaults());
    let clock = Clock::default();
    let mut watchdog = Hand::waiting(handoff.stalled(clock.timer()));
    assert_eq!((clock.end_period(&mut watchdog), clock.end_period(&mut watchdog)), (None, None));
    put(&handoff, "queued");
    assert_eq!((clock.end_period(&mut watchdog), clock.end_period(&mut watchdog)), (None, Some(true)));

    let (handoff, _task) = WriteHandoff::new(ScriptWriter::willing(), defaults());
    let _flushing = Hand::waiting(handoff.flush());
    let mut watchdog = Hand::waiting(handoff.stalled(clock.timer()));
    assert_eq!(clock.end_period(&mut watchdog), Some(true));

    let (handoff, _task) = WriteHandoff::new(ScriptWriter::willing(), defaults());
    handoff.close();
    let mut watchdog = Hand::waiting(handoff.stalled(clock.timer()));
    assert_eq!(clock.end_period(&mut watchdog), Some(true));
}

#[test]
fn a_flush_that_is_not_confirmed_stalls() {
    let (handoff, mut task, _log, gate) = flush_gated(defaults());
    put(&handoff, "taken");
    assert!(task.run().is_none());
    assert_eq!((handoff.stats().written, handoff.stats().flushed), (5, 0));
    let clock = Clock::default();
    let mut watchdog = Hand::waiting(handoff.stalled(clock.timer()));
    gate.open();
    assert!(task.run().is_none());
    assert_eq!((clock.end_period(&mut watchdog), clock.end_period(&mut watchdog)), (None, None));

    let (handoff, mut task, _log, _gate) = flush_gated(defaults());
    put(&handoff, "taken");
    assert!(task.run().is_none());
    let mut watchdog = Hand::waiting(handoff.stalled(clock.timer()));
    assert_eq!(clock.end_period(&mut watchdog), Some(true));
}

/// The flush is confirmed in the first period, and the close is pending then.
#[test]
fn a_confirmed_flush_is_progress() {
    let [gate, closing] = [Gate::new(), Gate::new()];
    let writer = ScriptWriter::willing()
        .with_flush([EndStep::Wait(gate.clone())])
        .with_close([EndStep::Wait(closing)]);
    let (handoff, mut task, _log) = over(writer, defaults());
    put(&handoff, "hello");
    handoff.close();
    assert!(task.run().is_none());
    let clock = Clock::default();
    let mut watchdog = Hand::waiting(handoff.stalled(clock.timer()));
    gate.open();
    assert!(task.run().is_none());
    assert_eq!((clock.end_period(&mut watchdog), clock.end_period(&mut watchdog)), (None, Some(true)));
}

/// The first flush is confirmed in the period, and the next one is pending at its end. No byte
/// moves.
#[test]
fn a_confirmed_flush_of_no_bytes_is_progress() {
    let gates = [Gate::new(), Gate::new()];
    let steps = gates.clone().map(EndStep::Wait);
    let (handoff, mut task, _log) = over(ScriptWriter::willing().with_flush(steps), unflushed());
    let clock = Clock::default();
    let mut flushing = Hand::waiting(handoff.flush());
    assert!(task.run().is_none());
    let mut watchdog = Hand::waiting(handoff.stalled(clock.timer()));
    gates[0].open();
    assert!(task.run().is_none() && flushing.run().is_some());
    let mut flushing = Hand::waiting(handoff.flush());
    assert!(task.run().is_none());
    assert_eq!((clock.end_period(&mut watchdog), clock.end_period(&mut watchdog)), (None, Some(true)));
    gates[1].open();
    assert!(task.run().is_none() && flushing.run().is_some());
}

/// A flush is given up before the task runs, and so is the next one. In between nothing is to do.
#[test]
fn a_writer_that_had_nothing_to_do_within_the_period_does_not_stall() {
    let (handoff, mut task, _log) = willing(defaults().with_inline(Inline::Never));
    let clock = Clock::default();
    let flushing = Hand::waiting(handoff.flush());
    let mut watchdog = Hand::waiting(handoff.stalled(clock.timer()));
    drop(flushing);
    assert!(task.run().is_none());
    let _flushing = Hand::waiting(handoff.flush());
    assert_eq!((clock.end_period(&mut watchdog), clock.end_period(&mut watchdog)), (None, Some(true)));
}

/// All bytes are flushed, and no handle is left: only the close is pending.
#[test]
fn a_close_that_is_pending_stalls_after_the_last_handle_is_gone() {
    let writer = ScriptWriter::willing().with_close([EndStep::Wait(Gate::new())]);
    let (handoff, mut task, _log) = over(writer, defaults());
    put(&handoff, "hello");
    assert!(task.run().is_none());
    let weak = handoff.downgrade();
    drop(handoff);
    assert!(task.run().is_none());
    let clock = Clock::default();
    let mut watchdog = Hand::waiting(weak.stalled(clock.timer()));
    assert_eq!(clock.end_period(&mut watchdog), Some(true));
    weak.abort();
    assert!(matches!(task.run(), Some(Err(failure)) if failure.written() == 5));
}

#[test]
fn the_end_of_the_stream_ends_the_wait_at_once() {
    let (handoff, mut task, _log, _gate) = gated(defaults());
    let weak = handoff.downgrade();
    let clock = Clock::default();
    let mut watchdogs =
        [Hand::waiting(handoff.stalled(clock.timer())), Hand::waiting(handoff.stalled(clock.timer()))];
    let mut of_weak = Hand::waiting(weak.stalled(clock.timer()));
    handoff.abort();
    assert!(watchdogs.iter().all(Hand::is_due) && of_weak.is_due());
    assert!(watchdogs.each_mut().map(Hand::run) == [Some(false); 2] && of_weak.run() == Some(false));
    assert!(task.run().unwrap().is_err());
    assert_eq!(Hand::new(handoff.stalled(clock.timer())).run(), Some(false));
    drop(watchdogs);
    drop((of_weak, handoff, task));
    assert_eq!(Hand::new(weak.stalled(clock.timer())).run(), Some(false), "nothing is left of the stream");
}

/// A handle that is watched by a weak one still is the last handle.
#[test]
fn a_weak_handle_that_waits_keeps_no_stream_open() {
    let (handoff, mut task, log) = willing(defaults());
    let weak = handoff.downgrade();
    let clock = Clock::default();
    let mut watchdog = Hand::waiting(weak.stalled(clock.timer()));
    drop(handoff);
    assert!(task.run().unwrap().is_ok());
    assert_eq!((watchdog.run(), log.closes()), (Some(false), 1));
}

/// Each timer is ready at once, so no period has a length. The task sleeps between two of them.
#[test]
fn a_timer_without_a_length_does_not_keep_the_thread() {
    let (handoff, _task, _log) = willing(defaults());
    let timers = Cell::new(0);
    let timer = || {
        timers.set(timers.get() + 1);
        ready(())
    };
    let mut watchdog = Box::pin(handoff.stalled(timer));
    for polls in 1..=3 {
        assert!(watchdog.as_mut().now_or_never().is_none());
        assert_eq!(timers.get(), polls + 1);
    }
}
