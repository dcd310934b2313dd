//! When incomplete messages expire: exactly then, once, and only those.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::support::*;

const IDLE: Duration = Duration::from_secs(10);
const LIFETIME: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_nanos(1);

fn end() -> End {
    End::new(Limits::default().with_min_stride(1).with_idle(IDLE).with_lifetime(LIFETIME))
}

#[test]
fn a_message_without_progress_expires_at_its_deadline_and_once() {
    let packets = packets(1, &pattern(350), STRIDE);
    let mut end = end();
    end.at(SECOND).take_in(&packets[..2]);
    assert_eq!(end.due(), Some(SECOND + IDLE));
    assert_eq!(end.at(SECOND + IDLE - TICK).expired(), []);
    assert_eq!(end.at(SECOND + IDLE).expired(), [(0, 1)]);
    assert_eq!(end.expired(), []);
    assert_eq!(end.inner.stats().expired, 1);
    end.holds_nothing();
    // The message may start again, from the beginning.
    assert_eq!(end.missing(0, 1), None);
    end.take_in(&packets[1..]);
    assert_eq!(end.completes(0, &packets[0]), pattern(350));
}

/// A packet in each half of the time that it has.
#[test]
fn a_message_expires_after_its_lifetime_whatever_arrives() {
    let packets = packets(1, &pattern(2_000), STRIDE);
    let mut end = end();
    for (index, packet) in packets[..12].iter().enumerate() {
        let now = IDLE / 2 * index as u32;
        assert_eq!(end.at(now).expired(), []);
        end.take_in([packet]);
    }
    assert_eq!(end.at(LIFETIME - TICK).expired(), []);
    assert_eq!(end.due(), Some(LIFETIME));
    assert_eq!(end.at(LIFETIME).expired(), [(0, 1)]);
}

#[test]
fn only_new_fragments_are_progress() {
    let packets = packets(1, &pattern(350), STRIDE);
    let other = raw(STRIDE, 1, 2, 351, &[1; 100]).wire();
    let mut end = end();
    end.take_in(&packets[..2]);
    for second in 1..10 {
        end.at(SECOND * second);
        for packet in &packets[..2] {
            assert_eq!(end.push(packet), Ok(Received::Duplicate { id: 1 }));
        }
        end.refuses(&other, PacketError::Mismatch);
        end.refuses(&packets[2][..50], PacketError::Length { len: 34, expected: 100 });
    }
    assert_eq!(end.due(), Some(IDLE));
    assert_eq!(end.at(IDLE).expired(), [(0, 1)]);
}

/// One begins in each second. Every third one has a second fragment 3 seconds later.
#[test]
fn messages_of_all_ages_expire_each_in_its_time() {
    let mut end = end();
    let packets = |message| packets(message, &pattern(350), STRIDE);
    let mut all = Vec::new();
    for second in 0..40 {
        let expected: Vec<_> = (0..20)
            .filter(|message| second == message + if message % 3 == 0 { 13 } else { 10 })
            .map(|message| (0, message))
            .collect();
        assert_eq!(end.at(SECOND * second).expired(), expected, "at {second} s");
        assert_eq!(end.expired(), []);
        all.extend(expected);
        if second < 20 {
            end.take_in(&packets(second)[..1]);
        }
        if second % 3 == 0 && (3..23).contains(&second) {
            end.take_in(&packets(second - 3)[1..2]);
        }
    }
    assert_eq!((all.len(), end.inner.stats().expired), (20, 20));
    end.holds_nothing();
}

/// It is never later than a deadline, and never in the past after `expire`.
#[test]
fn the_time_to_look_again_is_never_too_late() {
    let mut end = end();
    let all: Vec<_> = (0..8).map(|message| packets(message, &pattern(1_000), STRIDE)).collect();
    let mut random = fastrand::Rng::with_seed(3);
    let (mut last, mut expired) = ([None; 8], 0);
    let mut now = Duration::ZERO;
    for _ in 0..2_000 {
        now += Duration::from_millis(random.u64(0..3_000));
        let gone = end.at(now).expired();
        for (_, message) in &gone {
            let (began, progress): (Duration, Duration) = last[*message as usize].take().unwrap();
            assert!(now >= (progress + IDLE).min(began + LIFETIME), "too early");
        }
        expired += gone.len();
        let due = |&(began, progress): &(Duration, Duration)| (progress + IDLE).min(began + LIFETIME);
        let first = last.iter().flatten().map(due).min();
        assert!(first.is_none_or(|first| first > now), "one is left");
        assert_eq!(end.due().is_some(), first.is_some());
        assert!(end.due().is_none_or(|due| due > now && Some(due) <= first), "it is not looked at in time");
        let (message, index) = (random.usize(..8), random.usize(..10));
        match end.push(&all[message][index]).unwrap() {
            Received::Complete { .. } => {
                end.inner.forget(&0);
                last = [None; 8];
            }
            Received::Fragment { arrived: 1, .. } => last[message] = Some((now, now)),
            Received::Fragment { .. } => last[message].as_mut().unwrap().1 = now,
            Received::Duplicate { .. } => {}
        }
    }
    assert!(expired > 100, "{expired}");
}

/// Nothing may be left of the messages that were reported as expired.
#[test]
fn a_callback_that_panics_leaves_it_usable() {
    let mut end = end();
    for message in 0..5 {
        end.take_in(&packets(message, &pattern(350), STRIDE)[..2]);
    }
    end.at(IDLE);
    for left in (0..5).rev() {
        let now = end.now;
        let mut named = None;
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            end.inner.expire(now, |peer, message| {
                named = Some((peer, message));
                panic!("the callback");
            })
        }));
        assert!(panicked.is_err());
        let (peer, message) = named.unwrap();
        assert_eq!(end.missing(peer, message), None);
        let stats = end.inner.stats();
        assert_eq!((stats.in_flight, stats.bytes), (left, left * cost(350, 4)));
        assert_eq!(stats.expired as usize, 5 - left, "each that is gone is counted");
    }
    assert_eq!(end.expired(), []);
    end.holds_nothing();
    let again = packets(3, &pattern(350), STRIDE);
    end.take_in(&again[1..]);
    assert_eq!(end.completes(0, &again[0]), pattern(350));
}

#[test]
fn time_does_not_go_back() {
    let packets = packets(1, &pattern(350), STRIDE);
    let mut end = end();
    end.at(SECOND * 5).take_in(&packets[..1]);
    end.at(Duration::ZERO).take_in(&packets[1..2]);
    assert_eq!(end.expired(), []);
    assert_eq!(end.due(), Some(SECOND * 5 + IDLE));
    assert_eq!(end.at(SECOND * 5 + IDLE).expired(), [(0, 1)]);
    // The message that begins now uses the latest time that was seen.
    end.at(Duration::ZERO).take_in(&packets[..1]);
    assert_eq!(end.due(), Some(SECOND * 5 + IDLE * 2));
}

#[test]
fn what_has_no_deadline_stays() {
    let packets = packets(1, &pattern(350), STRIDE);
    let forever = Limits::default().with_idle(Duration::MAX).with_lifetime(Duration::MAX);
    let mut end = End::new(forever);
    end.take_in(&packets[..2]);
    assert_eq!(end.due(), None);
    assert_eq!(end.at(SECOND * u32::MAX).expired(), []);
    // Only one of them counts.
    for limits in [forever.with_idle(IDLE), forever.with_lifetime(IDLE)] {
        let mut end = End::new(limits);
        end.take_in(&packets[..2]);
        assert_eq!(end.due(), Some(IDLE));
        assert_eq!(end.at(IDLE).expired(), [(0, 1)]);
    }
    // With a deadline of zero they expire at once, but only when `expire` is called.
    let mut end = End::new(forever.with_idle(Duration::ZERO));
    end.take_in(&packets[..3]);
    assert_eq!(end.due(), Some(Duration::ZERO));
    assert_eq!(end.expired(), [(0, 1)]);
}

/// The last possible time.
fn end_of_time(start: Instant) -> Instant {
    let mut last = start;
    for step in (0..64).rev().map(|bit| Duration::from_secs(1 << bit)) {
        while let Some(later) = last.checked_add(step) {
            last = later;
        }
    }
    last
}

/// A deadline beyond the last possible time is no deadline.
#[test]
fn progress_near_the_end_of_time_lets_nothing_expire() {
    let packets = packets(1, &pattern(350), STRIDE);
    let mut end = End::new(Limits::default().with_idle(IDLE).with_lifetime(Duration::MAX));
    let last = end_of_time(end.now);
    end.now = last - IDLE - SECOND;
    end.take_in(&packets[..1]);
    end.now = last - SECOND * 2;
    end.take_in(&packets[1..2]);
    end.now = last - SECOND;
    assert_eq!(end.expired(), [], "it had a fragment a second ago");
    end.take_in(&packets[2..3]);
    assert_eq!(end.completes(0, &packets[3]), pattern(350));
}

/// Part of it was delivered: a second beginning would deliver that twice.
#[test]
fn of_a_message_that_was_taken_from_its_end_is_remembered() {
    let packets = packets(1, &pattern(350), STRIDE);
    let mut end = end();
    end.take_in(&packets[1..2]);
    assert_eq!(end.inner.take_prefix(&0, 1), None);
    assert_eq!(end.at(IDLE).expired(), [(0, 1)]);
    end.take_in(&packets[..1]);
    assert_eq!(end.inner.take_prefix(&0, 1), Some(pattern(350).slice(..100)));
    assert_eq!(end.at(IDLE * 2).expired(), [(0, 1)]);
    for packet in &packets {
        assert_eq!(end.push(packet), Ok(Received::Duplicate { id: 1 }));
    }
    end.holds_nothing();
}
