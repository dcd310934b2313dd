//! Room is given in the order of asking, with one wake-up each.

use super::support::*;
use futures_util::future::join_all;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Runs a task beside waiting writes until nothing moves; returns which of them were admitted, in order.
fn admitted<F: Future<Output = Result<T, E>>, T, E: std::fmt::Debug>(
    task: &mut Hand<WriteTask<ScriptWriter>>,
    waits: &mut [Hand<F>],
) -> Vec<usize> {
    let mut order = Vec::new();
    while task.is_due() {
        task.run();
        for (number, wait) in waits.iter_mut().enumerate() {
            if wait.is_due() {
                wait.run().expect("a wake-up means that it is admitted").unwrap();
                order.push(number);
            }
        }
    }
    order
}

runtimes::tests! {
    async fn waiters_are_admitted_in_the_order_of_asking<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(64, 16));
        handoff.try_write_fire_and_forget(filled(0, 16)).unwrap();
        let mut waits: Vec<_> =
            (0..200).map(|i| Hand::waiting(handoff.write(filled(i, 1 + usize::from(i) % 16)))).collect();
        gate.open();
        assert_eq!(admitted(&mut task, &mut waits), (0..200).collect::<Vec<_>>());
        let mut expected = vec![0; 16];
        expected.extend((0..200).flat_map(|i| vec![i; 1 + usize::from(i) % 16]));
        assert!(log.written() == expected);
    }

    async fn an_admission_takes_one_wake_up<R: Runtime>() {
        for waiters in [10, 100, 1000] {
            let (handoff, mut task, _log, gate) = gated(limits(64, 8));
            handoff.try_write_fire_and_forget(filled(0, 8)).unwrap();
            let mut waits: Vec<_> =
                (0..waiters).map(|_| Hand::waiting(handoff.write(filled(1, 8)))).collect();
            gate.open();
            assert_eq!(admitted(&mut task, &mut waits).len(), waiters);
            let polls: usize = waits.iter().map(Hand::polls).sum();
            assert!(polls <= 2 * waiters, "{polls} polls for {waiters} admissions");
        }
    }

    /// The same with an executor and its wakers.
    async fn waiting_in_the_background_takes_at_most_two_polls<R: Runtime>() {
        for waiters in [100, 1000] {
            let gate = Gate::new();
            let (handoff, task) =
                WriteHandoff::new(ScriptWriter::new([WriteStep::Wait(gate.clone())]), limits(64, 8));
            let handoff = Settled(handoff);
            let task = R::task(task);
            handoff.try_write_fire_and_forget(filled(0, 8)).unwrap();
            gate.reached().await;
            let polls = Arc::new(AtomicUsize::new(0));
            let waits: Vec<_> = (0..waiters)
                .map(|_| {
                    let (handoff, polls) = (handoff.clone(), Arc::clone(&polls));
                    R::task(async move {
                        let mut write = handoff.write(filled(1, 8));
                        let counted = futures_util::future::poll_fn(|cx| {
                            polls.fetch_add(1, Ordering::Relaxed);
                            write.poll_unpin(cx)
                        });
                        counted.await.unwrap();
                    })
                })
                .collect();
            gate.open();
            join_all(waits).await;
            let polls = polls.load(Ordering::Relaxed);
            assert!(polls <= 2 * waiters, "{polls} polls for {waiters} admissions");
            handoff.written().await.unwrap();
            drop(handoff);
            task.await.unwrap();
        }
    }

    async fn nobody_barges_past_a_waiter<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(64, 16));
        handoff.try_write_fire_and_forget(filled(b'a', 8)).unwrap();
        let mut large = Hand::waiting(handoff.write(filled(b'b', 12)));
        // There would be room for this one, but not for those who came first.
        assert!(handoff.try_write(text("c")).unwrap_err().is_full());
        assert!(handoff.try_write_chunks(&mut [text("c")]).unwrap_err().is_full());
        assert!(matches!(handoff.try_reserve(1).unwrap_err(), RejectReason::Full { .. }));
        assert_eq!(handoff.available(), 0);
        let mut small = Hand::waiting(handoff.write(text("c")));
        gate.open();
        task.run();
        assert!(small.is_due() && large.is_due(), "both fit now");
        // What was granted is theirs, whoever comes next.
        assert!(handoff.try_write(text("dddd")).unwrap_err().is_full());
        assert!(large.run().unwrap().is_ok());
        assert!(small.run().unwrap().is_ok());
        task.run();
        assert_eq!(log.written(), b"aaaaaaaabbbbbbbbbbbbc");
    }

    async fn a_waiter_that_goes_away_keeps_the_order_of_the_others<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(64, 4));
        handoff.try_write_fire_and_forget(filled(b'.', 4)).unwrap();
        let mut waits: Vec<_> = (b'a'..=b'f').map(|byte| Hand::waiting(handoff.write(filled(byte, 3)))).collect();
        drop(waits.remove(3));
        drop(waits.remove(0));
        gate.open();
        assert_eq!(admitted(&mut task, &mut waits).len(), 4);
        assert_eq!(log.written(), b"....bbbccceeefff");
    }

    /// The first in the line wants more than there is; those behind it would fit.
    async fn a_waiter_that_goes_away_lets_those_behind_it_in<R: Runtime>() {
        let (handoff, mut task, _log, _gate) = gated(limits(64, 16));
        handoff.try_write_fire_and_forget(filled(0, 8)).unwrap();
        let first = Hand::waiting(handoff.write(filled(1, 16)));
        let mut second = Hand::waiting(handoff.write(filled(2, 4)));
        let mut third = Hand::waiting(handoff.reserve(4));
        drop(first);
        assert!(second.run().unwrap().is_ok());
        assert!(third.run().unwrap().is_ok_and(|permit| format!("{permit:?}").contains("Some(4)")));
        assert_eq!(handoff.pending_bytes(), 12);
        handoff.downgrade().abort();
        assert!(task.run().is_some());
    }

    /// It was granted its room, and is dropped before it could use it.
    async fn a_grant_that_is_not_used_goes_to_the_next<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(64, 8));
        handoff.try_write_fire_and_forget(filled(b'a', 8)).unwrap();
        let granted = Hand::waiting(handoff.write(filled(b'b', 8)));
        let mut next = Hand::waiting(handoff.write(filled(b'c', 8)));
        gate.open();
        task.run();
        assert!(granted.is_due() && !next.is_due());
        assert_eq!((handoff.pending_bytes(), handoff.available()), (0, 0));
        drop(granted);
        assert!(next.run().unwrap().is_ok());
        task.run();
        assert_eq!(log.written(), b"aaaaaaaacccccccc");
    }

    /// A small write was granted an entry, and then finds a block that is open: it needs none.
    async fn an_entry_that_is_not_needed_goes_to_the_next<R: Runtime>() {
        let config = limits(3, 100).with_copy_max(8).with_inline(Inline::Never);
        let (handoff, mut task, log, gate) = gated_after(10, config);
        let permit = handoff.try_reserve(4).unwrap();
        handoff.try_write_fire_and_forget(filled(b'a', 10)).unwrap();
        handoff.try_write_fire_and_forget(filled(b'b', 10)).unwrap();
        let mut granted = Hand::waiting(handoff.write(text("two ")));
        let mut next = Hand::waiting(handoff.write(text("three")));
        task.run();
        assert!(granted.is_due() && !next.is_due());
        permit.send(text("one ")).unwrap();
        assert!(granted.run().unwrap().is_ok());
        assert!(next.is_due(), "the writer stalls, so nothing else would wake it");
        assert!(next.run().unwrap().is_ok());
        gate.open();
        task.run();
        assert_eq!(log.written(), b"aaaaaaaaaabbbbbbbbbbone two three");
    }

    async fn items_are_given_in_order_too<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(ungathered(2, 1000));
        handoff.try_write_fire_and_forget(text("a")).unwrap();
        handoff.try_write_fire_and_forget(text("b")).unwrap();
        let (mut two, mut one) = ([text("c"), text("d")], [text("e")]);
        let mut pair = Hand::waiting(handoff.write_chunks(&mut two));
        let mut single = Hand::waiting(handoff.write_chunks(&mut one));
        assert!(handoff.try_write(text("x")).unwrap_err().is_full());
        gate.open();
        task.run();
        assert!(pair.is_due() && !single.is_due());
        assert!(pair.run().unwrap().is_ok());
        task.run();
        assert!(single.run().unwrap().is_ok());
        task.run();
        assert_eq!(log.written(), b"abcde");
    }

    /// Producers, permits and cancelled waits at random, in the background: nobody is forgotten.
    async fn nobody_waits_for_ever<R: Runtime>() {
        let (handoff, task, _) = background::<R>(ScriptWriter::seeded(9), limits(16, 64));
        let producers: Vec<_> = (0..16usize)
            .map(|producer| {
                let handoff = handoff.clone();
                R::task(async move {
                    let mut accepted = 0;
                    for round in 0..100usize {
                        let len = (producer * 37 + round * 11) % 64 + 1;
                        match (producer + round) % 4 {
                            0 => drop(handoff.reserve(len).await.unwrap()),
                            1 => {
                                let mut write = handoff.write(filled(1, len));
                                if (&mut write).now_or_never().is_some() {
                                    accepted += len;
                                }
                                drop(write);
                                yield_now().await;
                            }
                            2 => {
                                handoff.reserve(64).await.unwrap().send(filled(1, len)).unwrap();
                                accepted += len;
                            }
                            _ => {
                                handoff.write(filled(1, len)).await.unwrap();
                                accepted += len;
                            }
                        }
                    }
                    accepted as u64
                })
            })
            .collect();
        let accepted: u64 = join_all(producers).await.into_iter().sum();
        handoff.written().await.unwrap();
        assert_eq!(handoff.stats().written, accepted);
        drop(handoff);
        task.await.unwrap();
    }
}
