//! Messages of a batch whose `AsRef` runs user code.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicUsize, Ordering},
};

use super::support::*;

/// A message that alternates between two contents at each call.
struct Fickle<'a> {
    forms: [&'a [u8]; 2],
    calls: AtomicUsize,
    /// What each call does first.
    before: &'a (dyn Fn(usize) + Sync),
}

impl AsRef<[u8]> for Fickle<'_> {
    fn as_ref(&self) -> &[u8] {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        (self.before)(call);
        self.forms[call % 2]
    }
}

fn fickle<'a>(forms: [&'a [u8]; 2], start: usize, before: &'a (dyn Fn(usize) + Sync)) -> Fickle<'a> {
    Fickle { forms, calls: AtomicUsize::new(start), before }
}

runtimes::watched_tests! {    fn messages_whose_bytes_change_are_sent_as_they_were_at_one_time() {
        let config = limits(100, 100);
        for forms in [[&b"long, or longer"[..], b"short"], [b"", b"a"]] {
            for start in 0..2 {
                for others in [0, 1, 200] {
                    let mut near = Near::willing(&config);
                    let messages: Vec<_> =
                        (0..=others).map(|at| fickle(forms, start + at % 2, &|_| ())).collect();
                    near.sender.try_send_batch(&messages).unwrap();
                    near.put("next");
                    near.close();
                    let (received, end) = opened(&config, &near.log.written());
                    end.unwrap();
                    assert_eq!(received.len(), others + 2);
                    assert!(received[..=others].iter().all(|message| forms.contains(&&message[..])));
                }
            }
        }
    }

    fn a_message_that_panics_leaves_the_two_sides_in_step() {
        let config = limits(6, 6);
        for at in 0..12 {
            let mut near = Near::willing(&config);
            let panics = |call| assert!(call < at, "as planned");
            let messages = [fickle([b"first!"; 2], 0, &|_| ()), fickle([b"second"; 2], 0, &panics)];
            let sends = AssertUnwindSafe(|| near.sender.try_send_batch(&messages).map(drop));
            let _ = catch_unwind(sends);
            near.put("next");
            near.close();
            let (received, end) = opened(&config, &near.log.written());
            end.unwrap();
            assert_eq!(received.last().unwrap(), "next");
        }
    }

    fn a_message_may_use_the_session_that_sends_it() {
        let config = limits(6, 6);
        let mut near = Near::willing(&config);
        let sender = near.sender.clone();
        let uses = |_| drop(sender.clone());
        let messages = [fickle([b"first!"; 2], 0, &uses), fickle([b"second"; 2], 0, &uses)];
        near.sender.try_send_batch(&messages).unwrap();
        near.close();
        assert_eq!(opened(&config, &near.log.written()).0, ["first!", "second"]);
    }
}
