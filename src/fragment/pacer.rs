//! The rate at which packets leave.

use std::{
    num::NonZeroU64,
    time::{Duration, Instant},
};

const NANOS: u128 = 1_000_000_000;

/// Spreads packets over time: a token bucket without a timer.
///
/// The unit is up to the caller, but must be the same everywhere. For the rate of a network, count
/// whole packets with their headers. The bucket starts full. If no packet is longer than `burst`,
/// at most `burst + rate * t` pass in any time `t`. Nothing is rounded, so packets that cost less
/// than a nanosecond are not free.
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
    /// How far the bucket was below full, in units of 1 / [`NANOS`]: in a nanosecond, `rate` of
    /// these flow in.
    lacking: u128,
    /// The time of `lacking`. `None` if the bucket has always been full.
    at: Option<Instant>,
}

impl Pacer {
    /// Allows `burst` at once, and `rate` a second.
    ///
    /// # Panics
    ///
    /// If `rate` is 0.
    #[must_use]
    #[track_caller]
    pub fn new(burst: u64, rate: u64) -> Self {
        Self { burst, rate: checked(rate), lacking: 0, at: None }
    }

    /// Takes `n` from the bucket if it holds that much. An `n` larger than the bucket passes when
    /// the bucket is full, and the rest is owed. A `now` earlier than in a previous call adds
    /// nothing.
    ///
    /// # Errors
    ///
    /// The time to wait until there is enough. Nothing was taken.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// use futures_handoff::fragment::Pacer;
    ///
    /// let (mut pacer, now) = (Pacer::new(1_000, 1_000), Instant::now());
    /// // A packet larger than the bucket passes once, and 500 are owed.
    /// assert_eq!(pacer.try_reserve(1_500, now), Ok(()));
    /// assert_eq!(pacer.try_reserve(100, now), Err(Duration::from_millis(600)));
    /// assert_eq!(pacer.try_reserve(100, now + Duration::from_millis(600)), Ok(()));
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// use futures_handoff::fragment::Pacer;
    ///
    /// let (mut pacer, now) = (Pacer::new(1_200, 1_200_000), Instant::now());
    /// assert!(pacer.try_reserve(1_200, now).is_ok());
    /// // The receiver reports losses: halve the rate.
    /// pacer.set_rate(600_000, now);
    /// assert_eq!(pacer.try_reserve(1_200, now), Err(Duration::from_millis(2)));
    /// ```
    #[track_caller]
    pub fn set_rate(&mut self, rate: u64, now: Instant) {
        let rate = checked(rate);
        self.lacking = self.lacking(now);
        self.at = self.at.max(Some(now));
        self.rate = rate;
    }

    /// How far the bucket is below full.
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

/// A duration in nanoseconds, limited to 584 years.
fn nanos(n: u128) -> Duration {
    Duration::from_nanos(u64::try_from(n).unwrap_or(u64::MAX))
}
