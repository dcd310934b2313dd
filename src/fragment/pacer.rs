//! How fast packets leave.

use std::{
    num::NonZeroU64,
    time::{Duration, Instant},
};

const NANOS: u128 = 1_000_000_000;

/// Spreads packets over time: a token bucket, without a timer of its own.
///
/// What is counted is up to the caller, as long as it is one unit everywhere: whole packets as they
/// leave, headers included, if the rate is that of a network. The bucket is full at first. In any
/// time `t`, no more than `burst + rate * t` is let through, where no packet is longer than
/// `burst`. It keeps one point in time, as in the [generic cell rate
/// algorithm](https://www.itu.int/rec/T-REC-I.371-200403-I/en).
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use futures_handoff::fragment::Pacer;
///
/// // 10 packets of 1,200 bytes at once, and 1,000 of them a second.
/// let (mut pacer, mut now) = (Pacer::new(12_000, 1_200_000), Instant::now());
/// assert_eq!((0..10).filter(|_| pacer.try_reserve(1_200, now).is_ok()).count(), 10);
///
/// let wait = pacer.try_reserve(1_200, now).unwrap_err();
/// assert_eq!(wait, Duration::from_millis(1));
/// now += wait;
/// assert!(pacer.try_reserve(1_200, now).is_ok());
/// ```
#[derive(Debug, Clone)]
pub struct Pacer {
    burst: u64,
    rate: NonZeroU64,
    /// When the bucket is full again.
    full_at: Option<Instant>,
    /// What is left over of a nanosecond, in parts of which `rate` are one.
    rest: u128,
}

impl Pacer {
    /// Lets `burst` through at once, and `rate` a second.
    ///
    /// # Panics
    ///
    /// If `rate` is 0.
    #[must_use]
    #[track_caller]
    pub fn new(burst: u64, rate: u64) -> Self {
        Self { burst, rate: checked(rate), full_at: None, rest: 0 }
    }

    /// Takes `n` from the bucket, if it holds that much. What is larger than the bucket is let
    /// through when that is full, and owed.
    ///
    /// # Errors
    ///
    /// How long to wait until there is enough. Nothing was taken.
    pub fn try_reserve(&mut self, n: u64, now: Instant) -> Result<(), Duration> {
        let until_full =
            self.full_at.map_or(Duration::ZERO, |full_at| full_at.saturating_duration_since(now));
        let spared = self.duration(self.burst - n.min(self.burst));
        if until_full > spared {
            return Err(until_full - spared);
        }
        if until_full.is_zero() {
            // It has been full for a while: nothing is left over.
            self.rest = 0;
        }
        let parts = u128::from(n) * NANOS + self.rest;
        let rate = u128::from(self.rate.get());
        self.rest = parts % rate;
        // Where time ends, nothing is owed any more.
        self.full_at = (now + until_full).checked_add(nanos(parts / rate));
        Ok(())
    }

    /// Changes the rate, for what is taken from now on.
    ///
    /// # Panics
    ///
    /// If `rate` is 0.
    #[track_caller]
    pub fn set_rate(&mut self, rate: u64) {
        self.rate = checked(rate);
        self.rest = 0;
    }

    /// How long it takes until `n` more may be let through.
    fn duration(&self, n: u64) -> Duration {
        nanos(u128::from(n) * NANOS / u128::from(self.rate.get()))
    }
}

#[track_caller]
fn checked(rate: u64) -> NonZeroU64 {
    NonZeroU64::new(rate).expect("the rate of a pacer must be at least 1 a second")
}

/// A time in nanoseconds; more than 584 years count as that.
fn nanos(n: u128) -> Duration {
    Duration::from_nanos(u64::try_from(n).unwrap_or(u64::MAX))
}
