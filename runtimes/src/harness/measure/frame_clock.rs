//! How long single lines take from their source to the comparison.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use super::{Settings, measurement::nanos};

/// At most this many lines are timed in a round, unless there are more than this over [`LEAST`]
/// streams.
const MOST: usize = 1 << 20;

/// This many lines of each stream are timed, however many streams there are.
const LEAST: usize = 16;

/// And no more than this of any.
const ENOUGH: usize = 4096;

/// When the lines of one stream left their source, for those that are timed.
#[derive(Debug)]
pub(in crate::harness) struct FrameClock {
    begun: Instant,
    len: usize,
    count: usize,
    stride: usize,
    sent: Box<[AtomicU64]>,
}

impl FrameClock {
    /// The clock of one stream, if its lines are to be timed.
    pub(in crate::harness) fn new(settings: &Settings) -> Option<Arc<Self>> {
        if !settings.frame_latency() || settings.route_frames == 0 {
            return None;
        }
        let count = settings.route_frames;
        let limit = (MOST / settings.connections).clamp(LEAST, ENOUGH);
        let stride = count.div_ceil(limit);
        let sent = (0..count.div_ceil(stride)).map(|_| AtomicU64::new(0)).collect();
        Some(Arc::new(Self { begun: Instant::now(), len: settings.frame_len + 1, count, stride, sent }))
    }

    /// The bytes up to `to` leave, those up to `from` have left before.
    pub(in crate::harness) fn sent(&self, from: usize, to: usize) {
        let lines = self.ends_between(from, to);
        if lines.is_empty() {
            return;
        }
        let now = nanos(self.begun.elapsed());
        self.sent[lines].iter().for_each(|sent| sent.store(now, Ordering::Relaxed));
    }

    /// The bytes up to `to` have arrived, those up to `from` before: adds the nanoseconds that each
    /// line has taken.
    pub(in crate::harness) fn received(&self, from: usize, to: usize, latencies: &mut Vec<u64>) {
        let lines = self.ends_between(from, to);
        if lines.is_empty() {
            return;
        }
        let now = nanos(self.begun.elapsed());
        let taken = |sent: &AtomicU64| now.saturating_sub(sent.load(Ordering::Relaxed));
        latencies.extend(self.sent[lines].iter().map(taken));
    }

    /// The timed lines that end in these bytes, by their place in `sent`.
    fn ends_between(&self, from: usize, to: usize) -> std::ops::Range<usize> {
        let line = |at: usize| (at / self.len).min(self.count).div_ceil(self.stride);
        line(from)..line(to)
    }
}
