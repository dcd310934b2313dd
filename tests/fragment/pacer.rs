//! A pacer lets through exactly what its burst and its rate allow.

use proptest::{
    prelude::{Just, Strategy, any, prop},
    prop_assert, prop_assert_eq, prop_oneof, proptest,
};

use super::support::*;

const TICK: Duration = Duration::from_nanos(1);
const NANOS: u128 = 1_000_000_000;

/// When packets were let through, in nanoseconds, and how much.
type Passed = Vec<(u64, u64)>;

/// In no window more is let through than `burst` plus `rate` times its length.
fn within(passed: &Passed, burst: u64, rate: u64) -> bool {
    (0..passed.len()).all(|first| {
        let mut sum = 0;
        passed[first..].iter().all(|(at, n)| {
            sum += u128::from(*n);
            let elapsed = u128::from(at - passed[first].0);
            sum * NANOS <= u128::from(burst) * NANOS + elapsed * u128::from(rate)
        })
    })
}

fn rates() -> impl Strategy<Value = u64> {
    prop_oneof![1..10_u64, 1..10_000_000_u64, 1..=u64::MAX, Just(3_000_000_007), Just(1_000_000_000_000)]
}

/// Nanoseconds from one packet to the next.
fn waits() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..3_u64, 0..2_000_000_000_u64]
}

proptest! {
    /// Times, sizes and rates of all magnitudes.
    #[test]
    fn in_no_window_is_there_more_than_allowed(
        burst in prop_oneof![1..5_u64, 1..100_000_u64, 1..=u64::MAX],
        rate in rates(),
        steps in prop::collection::vec((waits(), any::<u64>()), 1..60),
    ) {
        let start = Instant::now();
        let (mut pacer, mut at, mut passed) = (Pacer::new(burst, rate), 0_u64, Passed::new());
        for (wait, size) in steps {
            at += wait;
            let n = 1 + size % burst.min(1 + size % 7 * 1_000);
            match pacer.try_reserve(n, start + Duration::from_nanos(at)) {
                Ok(()) => passed.push((at, n)),
                Err(wait) => {
                    // A nanosecond earlier is too early, and this wait is enough.
                    prop_assert!(wait > Duration::ZERO);
                    let then = start + Duration::from_nanos(at) + wait;
                    prop_assert!(pacer.clone().try_reserve(n, then - TICK).is_err());
                    prop_assert!(pacer.clone().try_reserve(n, then).is_ok());
                }
            }
            prop_assert!(within(&passed, burst, rate), "{passed:?}");
        }
    }

    /// A caller that waits for the returned time gets the rate, to the nanosecond.
    #[test]
    fn it_lets_through_as_much_as_the_rate(
        burst in 2..5_000_u64,
        rate in 1..5_000_000_u64,
        n in 1..3_000_u64,
    ) {
        let start = Instant::now();
        // A full bucket would lose what comes in until the end of a nanosecond.
        let n = n.min(burst - 1);
        let (mut pacer, mut at) = (Pacer::new(burst, rate), Duration::ZERO);
        for _ in 0..200 {
            while let Err(wait) = pacer.try_reserve(n, start + at) {
                at += wait;
            }
        }
        let owed = 200 * u128::from(n) - u128::from(burst).min(200 * u128::from(n));
        let least = (owed * NANOS).div_ceil(u128::from(rate));
        prop_assert_eq!(at.as_nanos(), least);
    }

    /// The rate goes up and down in between.
    #[test]
    fn a_change_of_the_rate_gives_no_second_burst(
        burst in 1..10_000_u64,
        steps in prop::collection::vec((0..50_000_000_u64, 1..10_000_u64, prop::option::of(rates())), 1..60),
    ) {
        let start = Instant::now();
        let (mut pacer, mut at, mut rate) = (Pacer::new(burst, 1_000), 0_u64, 1_000_u64);
        // The credit until now, at the rate of each moment.
        let mut income = 0_u128;
        let mut passed: Vec<(u128, u64)> = Vec::new();
        for (wait, n, change) in steps {
            at += wait;
            income += u128::from(wait) * u128::from(rate);
            let now = start + Duration::from_nanos(at);
            let n = n.min(burst);
            if pacer.try_reserve(n, now).is_ok() {
                passed.push((income, n));
            }
            for first in 0..passed.len() {
                let sum: u128 = passed[first..].iter().map(|(_, n)| u128::from(*n) * NANOS).sum();
                prop_assert!(sum <= u128::from(burst) * NANOS + income - passed[first].0);
            }
            if let Some(change) = change {
                rate = change;
                pacer.set_rate(rate, now);
            }
        }
    }
}

#[test]
fn what_costs_less_than_a_nanosecond_is_not_free() {
    for (burst, rate) in [(100, 1_000_000_000_000), (100, 3_000_000_000), (1, u64::MAX), (100, 1)] {
        let now = Instant::now();
        let mut pacer = Pacer::new(burst, rate);
        let passed = (0..1_000).filter(|_| pacer.try_reserve(1, now).is_ok()).count();
        assert_eq!(passed as u64, burst, "at {rate} a second");
        assert!(pacer.try_reserve(0, now).is_ok(), "nothing costs nothing");
    }
}

/// 3 a second: a third of a second does not fit into nanoseconds.
#[test]
fn nothing_is_lost_to_rounding() {
    let start = Instant::now();
    let mut pacer = Pacer::new(2, 3);
    let passed = (0..=3_000).filter(|ms| pacer.try_reserve(1, start + Duration::from_millis(*ms)).is_ok());
    let expected = [0, 1, 334, 667, 1_000, 1_334, 1_667, 2_000, 2_334, 2_667, 3_000];
    assert_eq!(passed.collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_larger_than_the_burst_waits_until_it_is_full_and_is_owed() {
    let start = Instant::now();
    let mut pacer = Pacer::new(10, 10);
    assert_eq!(pacer.try_reserve(1, start), Ok(()));
    assert_eq!(pacer.try_reserve(35, start), Err(SECOND / 10));
    let full = start + SECOND / 10;
    assert_eq!(pacer.try_reserve(35, full), Ok(()));
    assert_eq!(pacer.try_reserve(1, full), Err(SECOND * 26 / 10));
    assert_eq!(pacer.try_reserve(10, full + SECOND * 3), Err(SECOND / 2));
    assert_eq!(pacer.try_reserve(10, full + SECOND * 35 / 10), Ok(()));
}

#[test]
fn the_bucket_holds_no_more_than_its_burst() {
    let start = Instant::now();
    let mut pacer = Pacer::new(10, 10);
    for after in [SECOND, SECOND * 1_000, SECOND * u32::MAX] {
        assert_eq!(pacer.try_reserve(10, start + after), Ok(()));
        assert_eq!(pacer.try_reserve(1, start + after), Err(SECOND / 10));
    }
}

#[test]
fn a_time_that_goes_back_brings_nothing() {
    let start = Instant::now();
    let mut pacer = Pacer::new(10, 10);
    assert_eq!(pacer.try_reserve(10, start + SECOND), Ok(()));
    for back in [start, start + SECOND / 2, start + SECOND] {
        let wait = pacer.try_reserve(5, back).unwrap_err();
        assert_eq!(back + wait, start + SECOND * 3 / 2);
    }
    assert_eq!(pacer.try_reserve(5, start + SECOND * 3 / 2), Ok(()));
    pacer.set_rate(1, start);
    assert_eq!(pacer.try_reserve(5, start), Err(SECOND * 3 / 2 + SECOND * 5));
}

#[test]
fn a_change_of_the_rate_counts_from_when_it_is_made() {
    let start = Instant::now();
    let mut pacer = Pacer::new(100, 10);
    assert_eq!(pacer.try_reserve(100, start), Ok(()));
    pacer.set_rate(50, start + SECOND);
    // 10 came in before, and 40 have to come now.
    assert_eq!(pacer.try_reserve(50, start + SECOND), Err(SECOND * 4 / 5));
    pacer.set_rate(1, start + SECOND);
    assert_eq!(pacer.try_reserve(11, start + SECOND), Err(SECOND));
    assert_eq!(pacer.try_reserve(10, start + SECOND), Ok(()));
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let start = Instant::now();
    let mut pacer = Pacer::new(u64::MAX, 1);
    assert_eq!(pacer.try_reserve(u64::MAX, start), Ok(()));
    assert!(pacer.try_reserve(u64::MAX, start).is_err());
    let mut pacer = Pacer::new(1, 1);
    assert_eq!(pacer.try_reserve(u64::MAX, start), Ok(()));
    assert!(pacer.try_reserve(u64::MAX, start).is_err());
    let mut pacer = Pacer::new(u64::MAX, u64::MAX);
    for after in 0..3 {
        let now = start + SECOND * after;
        assert_eq!(pacer.try_reserve(u64::MAX, now), Ok(()));
        assert_eq!(pacer.try_reserve(1, now), Err(TICK));
    }
    let mut pacer = Pacer::new(0, 1);
    assert_eq!(pacer.try_reserve(1, start), Ok(()), "an empty bucket is full");
    assert_eq!(pacer.try_reserve(1, start), Err(SECOND));
}

#[test]
#[should_panic = "the rate of a pacer must be at least 1 a second"]
fn a_rate_of_nothing_is_not_possible() {
    let _ = Pacer::new(1, 0);
}

#[test]
#[should_panic = "the rate of a pacer must be at least 1 a second"]
fn a_rate_does_not_become_nothing() {
    Pacer::new(1, 1).set_rate(0, Instant::now());
}
