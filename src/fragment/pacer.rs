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
/// `burst`. Nothing is rounded: what costs less than a nanosecond is not free.
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
    /// What the bucket lacked, in parts of which [`NANOS`] are one: so many come in, times the
    /// rate, in a nanosecond.
    lacking: u128,
    /// When it lacked that. `None`: it has always been full.
    at: Option<Instant>,
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
        Self { burst, rate: checked(rate), lacking: 0, at: None }
    }

    /// Takes `n` from the bucket, if it holds that much. What is larger than the bucket is let
    /// through when that is full, and owed. A time that goes back brings nothing in.
    ///
    /// # Errors
    ///
    /// How long to wait until there is enough. Nothing was taken.
    pub fn try_reserve(&mut self, n: u64, now: Instant) -> Result<(), Duration> {
        let lacking = self.lacking(now);
        let spared = u128::from(self.burst - n.min(self.burst)) * NANOS;
        if lacking > spared {
            let early = self.at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
            return Err(early.saturating_add(nanos((lacking - spared).div_ceil(self.rate()))));
        }
        self.lacking = lacking + u128::from(n) * NANOS;
        self.at = self.at.max(Some(now));
        Ok(())
    }

    /// Changes the rate from `now` on.
    ///
    /// # Panics
    ///
    /// If `rate` is 0.
    #[track_caller]
    pub fn set_rate(&mut self, rate: u64, now: Instant) {
        let rate = checked(rate);
        self.lacking = self.lacking(now);
        self.at = self.at.max(Some(now));
        self.rate = rate;
    }

    /// What the bucket lacks.
    fn lacking(&self, now: Instant) -> u128 {
        let elapsed = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.lacking.saturating_sub(elapsed.as_nanos().saturating_mul(self.rate()))
    }

    fn rate(&self) -> u128 {
        self.rate.get().into()
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
