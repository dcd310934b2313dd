//! What a run came to.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{Carried, Usage, usage::Interval};

/// A day in nanoseconds; what takes longer counts as that.
const LONGEST: u64 = 86_400_000_000_000;

/// What a run came to: bytes, times and counts of the same interval.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Bytes that came out, all checked.
    pub bytes: u64,
    /// Streams that were carried.
    pub streams: u64,
    /// Rounds of streams.
    pub iterations: u64,
    /// The measured time.
    pub wall: Duration,
    /// What the process with the proxies used up in that time.
    pub usage: Usage,
    /// What the process with the two ends used up, if that is another one.
    pub driver: Option<Usage>,
    /// What the process with the proxies asked of the kernel, if that was traced.
    pub syscalls: Option<Syscalls>,
    #[serde(with = "counts")]
    stream_latencies: Histogram<u64>,
    #[serde(with = "counts")]
    line_latencies: Histogram<u64>,
}

/// System calls for each MiB carried.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Syscalls {
    /// All of them.
    pub all: f64,
    /// Those that send or write.
    pub send: f64,
    /// Those that receive or read.
    pub recv: f64,
}

/// A histogram of nanoseconds.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are in order")
}

/// A histogram as pairs of a value and how often it was recorded. What is read back has the same quantiles.
mod counts {
    use hdrhistogram::Histogram;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(of: &Histogram<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_seq(of.iter_recorded().map(|value| (value.value_iterated_to(), value.count_at_value())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Histogram<u64>, D::Error> {
        let mut histogram = super::histogram();
        for (value, count) in Vec::<(u64, u64)>::deserialize(from)? {
            histogram.saturating_record_n(value, count);
        }
        Ok(histogram)
    }
}

impl Report {
    /// A report of nothing.
    #[must_use]
    pub fn empty() -> Self {
        let histogram = histogram();
        Self {
            bytes: 0,
            streams: 0,
            iterations: 0,
            wall: Duration::ZERO,
            usage: Usage::default(),
            driver: None,
            syscalls: None,
            stream_latencies: histogram.clone(),
            line_latencies: histogram,
        }
    }

    /// Adds what one round took and what it used up.
    pub(super) fn add_round(&mut self, wall: Duration, usage: Usage) {
        self.wall += wall;
        self.usage += usage;
        self.iterations += 1;
    }

    /// Adds what one round took, and what it used up in the process with the proxies and in the one around it.
    pub(super) fn add_split_round(&mut self, wall: Duration, service: Usage, driver: Usage) {
        self.add_round(wall, service);
        *self.driver.get_or_insert_default() += driver;
    }

    /// Adds a stream of `bytes`.
    pub(super) fn add_stream(&mut self, bytes: u64, carried: &Carried) {
        self.bytes += bytes;
        self.streams += 1;
        self.stream_latencies.saturating_record(nanos(carried.latency));
        for &latency in &carried.lines {
            self.line_latencies.saturating_record(latency);
        }
    }

    /// Bytes through the proxies in a second, in MiB.
    #[must_use]
    pub fn mib_per_second(&self) -> f64 {
        self.mib() / self.wall.as_secs_f64()
    }

    /// Bytes through the proxies, in MiB.
    #[must_use]
    pub fn mib(&self) -> f64 {
        self.bytes as f64 / f64::from(1 << 20)
    }

    /// CPU time of the process with the proxies for a byte.
    #[must_use]
    pub fn cpu_nanos_per_byte(&self) -> f64 {
        self.usage.cpu() * 1e9 / self.bytes as f64
    }

    /// How long a share `quantile` of the streams took at the most, from the first byte in to the last byte out.
    #[must_use]
    pub fn stream_latency(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.stream_latencies.value_at_quantile(quantile))
    }

    /// How long a share `quantile` of the lines took at the most, from their source to the comparison. Lines are
    /// sampled evenly where there are very many.
    #[must_use]
    pub fn line_latency(&self, quantile: f64) -> Option<Duration> {
        let nanos = || self.line_latencies.value_at_quantile(quantile);
        (!self.line_latencies.is_empty()).then(|| Duration::from_nanos(nanos()))
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A clock for wall time and what this process uses up, which cover the same interval.
pub(super) struct Stopwatch {
    interval: Interval,
    wall: Instant,
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self { interval: Interval::start(), wall: Instant::now() }
    }

    pub(super) fn stop(self) -> (Duration, Usage) {
        (self.wall.elapsed(), self.interval.end())
    }
}
