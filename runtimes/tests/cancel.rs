//! The driver that cancels futures detects those that are not cancel safe.

use std::{
    cell::Cell,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll, Waker},
};

use futures_handoff_runtimes::{
    cancel::{Cut, Manner, at_every_poll},
    watched_tests,
};

fn message(run: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("it is noticed");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap()
}

/// Pending this many times, each time woken by the next step.
fn steps(cut: &mut Cut, pending: usize, mut at_each: impl FnMut(usize)) -> Option<()> {
    let waker = Cell::new(None::<Waker>);
    let mut polls = 0;
    let future = poll_fn(|cx: &mut Context<'_>| {
        polls += 1;
        at_each(polls);
        if polls > pending {
            return Poll::Ready(());
        }
        waker.set(Some(cx.waker().clone()));
        Poll::Pending
    });
    cut.run(future, || waker.take().map(Waker::wake).is_some())
}

watched_tests! {
    fn each_number_of_polls_is_tried_in_each_manner() {
        let mut seen = Vec::new();
        let most = at_every_poll(|cut| {
            let mut polls = 0;
            let done = steps(cut, 3, |poll| polls = poll);
            assert_eq!(done.is_some(), polls == 4);
            seen.push(polls);
        });
        assert_eq!(most, 4);
        assert_eq!(seen, [4, 0, 1, 2, 3].repeat(Manner::ALL.len()));
    }

    /// It takes a byte at its second poll and gives it at its fourth.
    fn a_future_that_loses_a_byte_is_noticed() {
        let lost = message(|| {
            at_every_poll(|cut| {
                let (left, got) = (Cell::new(1), Cell::new(0));
                let done = steps(cut, 3, |poll| match poll {
                    2 => left.set(0),
                    4 => got.set(1),
                    _ => {}
                });
                assert_eq!(left.get() + got.get(), 1, "{done:?}: the byte is lost");
            });
        });
        assert!(lost.contains("None: the byte is lost"), "{lost}");
    }

    fn a_wake_up_that_is_lost_is_noticed() {
        let lost = message(|| {
            at_every_poll(|cut| assert_eq!(cut.run(poll_fn(|_| Poll::<()>::Pending), || false), None));
        });
        assert!(lost.contains("after 1 polls it waits for nothing"), "{lost}");
    }

    /// It goes on waking the waker that it was polled with first.
    fn a_waker_that_is_kept_from_another_poll_is_noticed() {
        let lost = message(|| {
            at_every_poll(|cut| {
                let (first, mut polls) = (Cell::new(None::<Waker>), 0);
                let future = poll_fn(|cx: &mut Context<'_>| {
                    let known = first.take().unwrap_or_else(|| cx.waker().clone());
                    first.set(Some(known));
                    polls += 1;
                    if polls > 2 { Poll::Ready(()) } else { Poll::Pending }
                });
                let mut wakes = 2;
                cut.run(future, || {
                    let waker = first.take();
                    waker.iter().for_each(Waker::wake_by_ref);
                    first.set(waker);
                    wakes -= 1;
                    wakes > 0
                });
            });
        });
        assert!(lost.contains("waits for nothing"), "{lost}");
    }

    fn a_scenario_without_a_future_is_refused() {
        let refused = message(|| assert_eq!(at_every_poll(|_| {}), 0));
        assert!(refused.contains("the scenario runs its future"), "{refused}");
    }
}
