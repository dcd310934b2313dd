//! Wall time, CPU time and latencies of one interval.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// A day in nanoseconds; what takes longer counts as that.
const LONGEST: u64 = 86_400_000_000_000;

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Report {
    /// Bytes that came out, all checked.
    pub bytes: u64,
    /// Streams that were carried.
    pub streams: u64,
    /// Rounds of streams.
    pub iterations: u64,
    /// The measured time.
    pub wall: Duration,
    /// The CPU time of the process in user mode in that time.
    pub user: Duration,
    /// The CPU time of the process in the kernel in that time.
    pub system: Duration,
    latencies: Histogram<u64>,
}

impl Report {
    /// A report of nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            bytes: 0,
            streams: 0,
            iterations: 0,
            wall: Duration::ZERO,
            user: Duration::ZERO,
            system: Duration::ZERO,
            latencies: Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are in order"),
        }
    }

    /// Adds the time since `start`, which one round took.
    pub(super) fn add_round(&mut self, start: &Start) {
        let now = Start::now();
        self.wall += now.wall - start.wall;
        self.user += now.user.saturating_sub(start.user);
        self.system += now.system.saturating_sub(start.system);
        self.iterations += 1;
    }

    /// Adds a stream of `bytes` that took `latency` from its first byte in to its last byte out.
    pub(super) fn add_stream(&mut self, bytes: u64, latency: Duration) {
        self.bytes += bytes;
        self.streams += 1;
        self.latencies.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    /// User and kernel time.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        self.user + self.system
    }

    /// Bytes through the proxies in a second, in MiB.
    #[must_use]
    pub fn mib_per_second(&self) -> f64 {
        self.bytes as f64 / (1 << 20) as f64 / self.wall.as_secs_f64()
    }

    /// CPU time of the whole process for a byte.
    #[must_use]
    pub fn cpu_nanos_per_byte(&self) -> f64 {
        self.cpu().as_nanos() as f64 / self.bytes as f64
    }

    /// The latency that a share `quantile` of the streams kept within.
    #[must_use]
    pub fn latency(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.latencies.value_at_quantile(quantile))
    }
}

/// The start of an interval.
pub(super) struct Start {
    wall: Instant,
    user: Duration,
    system: Duration,
}

impl Start {
    pub(super) fn now() -> Self {
        let (user, system) = cpu();
        Self { wall: Instant::now(), user, system }
    }
}

#[cfg(unix)]
fn cpu() -> (Duration, Duration) {
    use nix::sys::{
        resource::{UsageWho, getrusage},
        time::TimeVal,
    };

    fn duration(time: TimeVal) -> Duration {
        let micros = time.tv_sec() as i128 * 1_000_000 + i128::from(time.tv_usec());
        Duration::from_micros(u64::try_from(micros).unwrap_or_default())
    }

    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("a process may ask for its own usage");
    (duration(usage.user_time()), duration(usage.system_time()))
}

/// Without a source of CPU time every CPU figure is 0.
#[cfg(not(unix))]
fn cpu() -> (Duration, Duration) {
    (Duration::ZERO, Duration::ZERO)
}
