//! What a process used up in an interval.

use std::ops::{Add, AddAssign};

use alloc_tracker::{Operation, ProcessSpan, Session};
use serde::{Deserialize, Serialize};

use super::tally::Tally;

/// Counts of one interval; times in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time in user mode.
    pub user: f64,
    /// CPU time in the kernel.
    pub system: f64,
    /// Context switches because a thread had to wait.
    pub voluntary_switches: u64,
    /// Context switches because others wanted to run.
    pub involuntary_switches: u64,
    /// The most memory that was resident at a time, in bytes; 0 if unknown.
    pub max_rss: u64,
    /// Allocations and reallocations, and their bytes; none unless the binary counts them.
    pub allocations: u64,
    /// The bytes asked for.
    pub allocated: u64,
    /// What the streams counted.
    pub tally: Tally,
}

impl Usage {
    /// CPU time, in user mode and in the kernel.
    #[must_use]
    pub fn cpu(&self) -> f64 {
        self.user + self.system
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            user: self.user + other.user,
            system: self.system + other.system,
            voluntary_switches: self.voluntary_switches + other.voluntary_switches,
            involuntary_switches: self.involuntary_switches + other.involuntary_switches,
            max_rss: self.max_rss.max(other.max_rss),
            allocations: self.allocations + other.allocations,
            allocated: self.allocated + other.allocated,
            tally: self.tally + other.tally,
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// An interval of this process that has begun.
#[derive(Debug)]
pub struct Interval {
    start: Times,
    tally: Tally,
    session: Session,
    operation: Operation,
    span: ProcessSpan,
}

impl Interval {
    /// Begins.
    #[must_use]
    pub fn start() -> Self {
        let session = Session::new().no_stdout().no_file();
        let operation = session.operation("interval");
        system::forget_peak();
        let (tally, start) = (Tally::now(), system::times());
        let span = operation.measure_process().iterations(1);
        Self { start, tally, session, operation, span }
    }

    /// Ends it.
    #[must_use]
    pub fn end(self) -> Usage {
        let end = system::times();
        drop(self.span);
        drop(self.operation);
        let report = self.session.to_report();
        let counted = report.operations().map(|(_, counted)| counted);
        let (allocations, allocated) = counted.fold((0, 0), |(count, bytes), counted| {
            (count + counted.total_allocations_count(), bytes + counted.total_bytes_allocated())
        });
        Usage {
            user: end.user - self.start.user,
            system: end.system - self.start.system,
            voluntary_switches: end.voluntary.saturating_sub(self.start.voluntary),
            involuntary_switches: end.involuntary.saturating_sub(self.start.involuntary),
            max_rss: system::peak(),
            allocations,
            allocated,
            tally: Tally::now() - self.tally,
        }
    }
}

/// The CPU time of this process so far, in seconds, if the system tells.
pub(crate) fn process_cpu() -> Option<f64> {
    let times = system::times();
    Some(times.user + times.system).filter(|&cpu| cpu > 0.0)
}

/// The CPU time of this thread so far, in seconds, if the system tells.
pub(crate) fn thread_cpu() -> Option<f64> {
    system::thread_cpu()
}

#[derive(Debug, Clone, Copy, Default)]
struct Times {
    user: f64,
    system: f64,
    voluntary: u64,
    involuntary: u64,
}

#[cfg(unix)]
mod system {
    use std::fs;

    use nix::sys::{
        resource::{Usage, UsageWho, getrusage},
        time::{TimeVal, TimeValLike},
    };

    use super::Times;

    fn usage() -> Usage {
        getrusage(UsageWho::RUSAGE_SELF).expect("a process may ask for its own usage")
    }

    fn seconds(time: TimeVal) -> f64 {
        time.num_microseconds() as f64 / 1e6
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "openbsd"))]
    pub(super) fn thread_cpu() -> Option<f64> {
        let usage = getrusage(UsageWho::RUSAGE_THREAD).ok()?;
        Some(seconds(usage.user_time()) + seconds(usage.system_time()))
    }

    /// Elsewhere the system counts for whole processes.
    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "openbsd"
    )))]
    pub(super) fn thread_cpu() -> Option<f64> {
        None
    }

    pub(super) fn times() -> Times {
        let count = |switches: i64| u64::try_from(switches).unwrap_or_default();
        let usage = usage();
        Times {
            user: seconds(usage.user_time()),
            system: seconds(usage.system_time()),
            voluntary: count(usage.voluntary_context_switches()),
            involuntary: count(usage.involuntary_context_switches()),
        }
    }

    /// Lets the peak start over at what is resident now, where the kernel can.
    pub(super) fn forget_peak() {
        // Linux: see `clear_refs` in proc(5). Elsewhere the peak is that of the whole process.
        let _ = fs::write("/proc/self/clear_refs", "5");
    }

    pub(super) fn peak() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib =
            line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|kib| kib.parse::<u64>().ok());
        let whole = u64::try_from(usage().max_rss()).unwrap_or_default();
        1024 * kib.unwrap_or(whole)
    }
}

/// Without a source of CPU time every such figure is 0.
#[cfg(not(unix))]
mod system {
    use super::Times;

    pub(super) fn times() -> Times {
        Times::default()
    }

    pub(super) fn thread_cpu() -> Option<f64> {
        None
    }

    pub(super) fn forget_peak() {}

    pub(super) fn peak() -> u64 {
        0
    }
}
