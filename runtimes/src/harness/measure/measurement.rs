//! The result of a case.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::{Interval, Usage};
use crate::harness::transport::Carried;

/// A day in nanoseconds; what takes longer counts as that.
const LONGEST: u64 = 86_400_000_000_000;

/// The result of a case: bytes, times and counts of the same interval.
#[derive(Debug, Clone)]
pub struct Measurement {
    /// Bytes that came out, all compared.
    pub bytes: u64,
    /// Streams that were carried.
    pub streams: u64,
    /// Rounds of streams.
    pub iterations: u64,
    /// The measured time.
    pub wall: Duration,
    /// The resources that the process with the proxies used in that time.
    pub usage: Usage,
    /// The resources that the process with the two ends used, if that is another one.
    pub driver: Option<Usage>,
    /// The system calls of the process with the proxies, if they were traced.
    pub syscalls: Option<Syscalls>,
    stream_latencies: Histogram<u64>,
    line_latencies: Histogram<u64>,
}

/// System calls for each MiB carried.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Syscalls {
    /// All of them.
    pub all: f64,
    /// Those that send or write.
    pub send: f64,
    /// Those that receive or read.
    pub recv: f64,
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are in order")
}

impl Measurement {
    /// Of nothing.
    pub fn empty() -> Self {
        Self {
            bytes: 0,
            streams: 0,
            iterations: 0,
            wall: Duration::ZERO,
            usage: Usage::default(),
            driver: None,
            syscalls: None,
            stream_latencies: histogram(),
            line_latencies: histogram(),
        }
    }

    /// Adds a round, and the streams that it carried, with their lengths.
    pub(in crate::harness) fn add_round<'a>(
        &mut self,
        wall: Duration,
        usage: Usage,
        streams: impl Iterator<Item = (usize, &'a Carried)>,
    ) {
        self.wall += wall;
        self.usage += usage;
        self.iterations += 1;
        for (len, carried) in streams {
            self.bytes += len as u64;
            self.streams += 1;
            self.stream_latencies.saturating_record(nanos(carried.latency));
            for &latency in &carried.lines {
                self.line_latencies.saturating_record(latency);
            }
        }
    }

    /// Bytes through the proxies, in MiB.
    pub fn mib(&self) -> f64 {
        self.bytes as f64 / f64::from(1 << 20)
    }

    /// How long a share `quantile` of the streams took at the most, from the first byte in to the
    /// last byte out.
    pub fn stream_latency(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.stream_latencies.value_at_quantile(quantile))
    }

    /// How long a share `quantile` of the lines took at the most, from their source to the
    /// comparison. Lines are sampled evenly where there are very many.
    pub fn line_latency(&self, quantile: f64) -> Option<Duration> {
        let nanos = || self.line_latencies.value_at_quantile(quantile);
        (!self.line_latencies.is_empty()).then(|| Duration::from_nanos(nanos()))
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A clock for wall time and for the resources of this process, over the same interval.
pub(in crate::harness) struct Stopwatch {
    interval: Interval,
    wall: Instant,
}

impl Stopwatch {
    pub(in crate::harness) fn start() -> Self {
        Self { interval: Interval::start(), wall: Instant::now() }
    }

    pub(in crate::harness) fn stop(self) -> (Duration, Usage) {
        (self.wall.elapsed(), self.interval.end())
    }
}
