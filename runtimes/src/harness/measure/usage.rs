//! The resources that a process used in an interval.

use std::ops::AddAssign;

use alloc_tracker::{Operation, ProcessSpan, Session};
use serde::{Deserialize, Serialize};

use super::counters::calls;

/// Counts of one interval. Without a source of CPU time, as outside of Unix, those of the system
/// are 0.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time in user mode, in seconds.
    pub user: f64,
    /// CPU time in the kernel, in seconds.
    pub system: f64,
    /// Context switches because a thread had to wait.
    pub voluntary_switches: u64,
    /// Context switches because other threads were ready.
    pub involuntary_switches: u64,
    /// The most memory that was resident at a time, in bytes; 0 if unknown.
    pub max_rss: u64,
    /// Allocations and reallocations; 0 unless the binary counts them.
    pub allocations: u64,
    /// The bytes asked for.
    pub allocated: u64,
    /// Polls of readers for bytes by the proxies.
    pub read_calls: u64,
    /// Polls of writers with bytes by the proxies, vectored or not.
    pub write_calls: u64,
    /// The writer calls of handoffs.
    pub handoff_calls: u64,
    /// Those of them that a producer made, not the task.
    pub inline_calls: u64,
}

impl Usage {
    /// CPU time, in user mode and in the kernel.
    pub fn cpu(&self) -> f64 {
        self.user + self.system
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.user += other.user;
        self.system += other.system;
        self.voluntary_switches += other.voluntary_switches;
        self.involuntary_switches += other.involuntary_switches;
        self.max_rss = self.max_rss.max(other.max_rss);
        self.allocations += other.allocations;
        self.allocated += other.allocated;
        self.read_calls += other.read_calls;
        self.write_calls += other.write_calls;
        self.handoff_calls += other.handoff_calls;
        self.inline_calls += other.inline_calls;
    }
}

/// An interval of this process that has begun.
#[derive(Debug)]
pub struct Interval {
    start: Usage,
    calls: [u64; 4],
    session: Session,
    operation: Operation,
    span: ProcessSpan,
}

impl Interval {
    /// Begins.
    pub fn start() -> Self {
        let session = Session::new().no_stdout().no_file();
        let operation = session.operation("interval");
        system::forget_peak();
        let (start, calls) = (system::usage(), calls());
        let span = operation.measure_process().iterations(1);
        Self { start, calls, session, operation, span }
    }

    /// Ends it.
    pub fn end(self) -> Usage {
        let (start, end) = (self.start, system::usage());
        drop(self.span);
        drop(self.operation);
        let report = self.session.to_report();
        let now = calls();
        let [read_calls, write_calls, handoff_calls, inline_calls] =
            std::array::from_fn(|counter| now[counter] - self.calls[counter]);
        let counted = || report.operations().map(|(_, counted)| counted);
        Usage {
            user: end.user - start.user,
            system: end.system - start.system,
            voluntary_switches: end.voluntary_switches.saturating_sub(start.voluntary_switches),
            involuntary_switches: end.involuntary_switches.saturating_sub(start.involuntary_switches),
            max_rss: system::peak(),
            allocations: counted().map(|counted| counted.total_allocations_count()).sum(),
            allocated: counted().map(|counted| counted.total_bytes_allocated()).sum(),
            read_calls,
            write_calls,
            handoff_calls,
            inline_calls,
        }
    }
}

#[cfg(unix)]
mod system {
    use std::fs;

    use nix::sys::{
        resource::{UsageWho, getrusage},
        time::{TimeVal, TimeValLike},
    };

    use super::Usage;

    /// The CPU time, the switches and the greatest memory of this process so far.
    pub(super) fn usage() -> Usage {
        let seconds = |time: TimeVal| time.num_microseconds() as f64 / 1e6;
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        let usage = getrusage(UsageWho::RUSAGE_SELF).expect("a process may ask for its own usage");
        Usage {
            user: seconds(usage.user_time()),
            system: seconds(usage.system_time()),
            voluntary_switches: count(usage.voluntary_context_switches()),
            involuntary_switches: count(usage.involuntary_context_switches()),
            max_rss: 1024 * count(usage.max_rss()),
            ..Usage::default()
        }
    }

    /// Resets the peak to the current resident memory, if the kernel can.
    pub(super) fn forget_peak() {
        // Linux: see `clear_refs` in proc(5). Elsewhere the peak is that of the whole process.
        let _ = fs::write("/proc/self/clear_refs", "5");
    }

    pub(super) fn peak() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.map_or_else(|| usage().max_rss, |kib| 1024 * kib)
    }
}

#[cfg(not(unix))]
mod system {
    pub(super) fn usage() -> super::Usage {
        super::Usage::default()
    }

    pub(super) fn forget_peak() {}

    pub(super) fn peak() -> u64 {
        0
    }
}
