//! The settings of a run.

use std::{fs, time::Duration};

use clap::{Args, builder::RangedU64ValueParser};
use serde::{Deserialize, Serialize};

use super::{Completion, InputModel, Measurement, Scenario, TransportName, workload::TUNNEL};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// A number of things, bytes or times, between the two bounds.
pub(in crate::harness) fn between(min: u64, max: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(min..=max)
}

/// A time in seconds, fractions allowed.
pub(in crate::harness) fn seconds(given: &str) -> Result<Duration, String> {
    let seconds: f64 = given.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err("not between 0 and 86400 seconds".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A time in seconds that is not 0.
pub(in crate::harness) fn positive(given: &str) -> Result<Duration, String> {
    match seconds(given)? {
        Duration::ZERO => Err("must be more than 0 seconds".to_owned()),
        time => Ok(time),
    }
}

/// The settings of a run, apart from the runtime, the implementation and the scenario.
#[derive(Debug, Clone, Copy, PartialEq, Args, Serialize, Deserialize)]
pub struct Settings {
    /// How the bytes come to the proxy and leave it
    #[arg(long, value_enum, default_value_t = TransportName::Cached)]
    pub transport: TransportName,

    /// The lengths of the arriving pieces
    #[arg(skip = Scenario::Fragmented)]
    pub scenario: Scenario,

    /// The length of a piece in bytes, instead of the scenario's
    #[arg(long, alias = "arrival", value_name = "BYTES", value_parser = between(1, 64 * MIB))]
    pub input_fragment: Option<usize>,

    /// What sets the lengths of the pieces: the scenario (fixed), or the segments of TCP (tcp)
    #[arg(long, value_enum, default_value_t = InputModel::Fixed)]
    pub input_model: InputModel,

    /// The payload of a segment, for the input model tcp
    #[arg(long, alias = "mss", value_name = "BYTES", default_value_t = 1460, value_parser = between(1, 64 * KIB))]
    pub tcp_mss_bytes: usize,

    /// What follows a write
    #[arg(long, value_enum, default_value_t = Completion::FireAndForget)]
    pub completion: Completion,

    /// How many tickets may be outstanding
    #[arg(long, value_name = "TICKETS", default_value_t = 64, value_parser = between(1, 1 << 20))]
    pub window: usize,

    /// Threads of a multi-threaded runtime [default: one for each CPU]
    #[arg(long, alias = "workers", value_name = "THREADS", default_value_t = cpus(), hide_default_value = true, value_parser = between(1, 1024))]
    pub worker_threads: usize,

    /// Streams at a time
    #[arg(long, value_name = "STREAMS", default_value_t = 64, value_parser = between(1, 10_000))]
    pub connections: usize,

    /// Lines that each stream starts with
    #[arg(long, value_name = "LINES", default_value_t = 64, value_parser = between(0, 10_000_000))]
    pub route_frames: usize,

    /// The length of a line without its end
    #[arg(long, value_name = "BYTES", default_value_t = 63, value_parser = between(16, MIB))]
    pub frame_len: usize,

    /// The length of the tunnel after the lines
    #[arg(long, value_name = "BYTES", default_value_t = 64 * KIB as usize, value_parser = between(0, 4096 * MIB))]
    pub tunnel_bytes: usize,

    /// The most that one read takes
    #[arg(long, value_name = "BYTES", default_value_t = 16 * KIB as usize, value_parser = between(1, 64 * MIB))]
    pub read_reserve: usize,

    /// The byte budget of a write handoff; eight reads, or a long line, unless given
    #[arg(long, value_name = "BYTES", value_parser = between(1, 4096 * MIB))]
    pub write_pending_bytes: Option<usize>,

    /// How many bytes are gathered before they are sent; 16 KiB in implementations that gather
    #[arg(long, alias = "handoff-flush-bytes", value_name = "BYTES", default_value_t = 16 * KIB as usize, value_parser = between(0, 64 * MIB))]
    pub gather_bytes: usize,

    /// What each in-memory pipe holds
    #[arg(long, value_name = "BYTES", default_value_t = 256 * KIB as usize, value_parser = between(1, 64 * MIB))]
    pub duplex_capacity: usize,

    /// How much a cached source returns before it is pending once, so that streams take turns; 0 is
    /// never
    #[arg(long, value_name = "BYTES", default_value_t = 64 * KIB as usize, value_parser = between(0, 4096 * MIB))]
    pub burst: usize,

    /// Measure how long each line takes from its source to the comparison; reads the clock for each
    /// piece, so the cached transport does not by default
    #[arg(long, value_name = "BOOL")]
    pub frame_latency: Option<bool>,

    /// The least number of rounds of streams to measure
    #[arg(long, value_name = "ROUNDS", default_value_t = 1, value_parser = between(1, 1_000_000))]
    pub iterations: usize,

    /// The least time to measure [default: 0 for run, 0.25 elsewhere]
    #[arg(long, alias = "seconds", value_name = "SECONDS", value_parser = seconds)]
    pub duration_seconds: Option<Duration>,

    /// How long a round may take before it counts as a hang
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = positive)]
    pub stall_seconds: Duration,
}

impl Settings {
    /// The length of a piece.
    pub fn arrival(&self) -> usize {
        match (self.input_model, self.scenario) {
            (InputModel::Tcp, _) => self.tcp_mss_bytes,
            (InputModel::Fixed, Scenario::Fragmented) => self.input_fragment.unwrap_or(64),
            (InputModel::Fixed, Scenario::Coalesced) => self.input_fragment.unwrap_or(self.read_reserve),
        }
    }

    /// The byte budget of a write handoff: by default eight reads, and room for the longest single
    /// write, a line and the bytes read with it.
    pub fn write_pending_bytes(&self) -> usize {
        let longest = self.frame_len + 1 + 2 * self.read_reserve;
        self.write_pending_bytes.unwrap_or((8 * self.read_reserve).max(longest))
    }

    /// Whether the latency of lines is measured.
    pub fn frame_latency(&self) -> bool {
        self.frame_latency.unwrap_or(self.transport != TransportName::Cached)
    }

    /// The time to measure at the least.
    pub fn duration(&self) -> Duration {
        self.duration_seconds.unwrap_or_default()
    }

    /// Whether the requested rounds or time are not reached yet.
    pub(in crate::harness) fn wants_more_than(&self, measured: &Measurement) -> bool {
        measured.iterations < self.iterations as u64 || measured.wall < self.duration()
    }

    /// Checks that there is memory for the payloads of the streams, and for the pipes.
    pub(in crate::harness) fn fit(&self) -> Result<(), String> {
        let stream = self.bytes_per_connection();
        let pipes = match self.transport {
            TransportName::Duplex => 2 * self.duplex_capacity,
            _ => 0,
        };
        let needed = self.connections as u64 * (stream + pipes) as u64;
        match available_memory() {
            Some(available) if needed > available => Err(format!(
                "{} streams of {stream} bytes need {needed} bytes of memory, and {available} are available",
                self.connections
            )),
            _ => Ok(()),
        }
    }

    /// The length of one stream.
    pub fn bytes_per_connection(&self) -> usize {
        self.route_frames * (self.frame_len + 1) + TUNNEL.len() + self.tunnel_bytes
    }
}

/// How many bytes this process may use; `None` if unknown.
fn available_memory() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok();
    let free = meminfo.as_deref().and_then(|meminfo| {
        let kib = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?.trim();
        kib.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    });
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let group = group.and_then(|bytes| bytes.trim().parse().ok());
    #[cfg(unix)]
    let limit = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_AS).ok();
    #[cfg(not(unix))]
    let limit = None::<(u64, u64)>;
    [free, group, limit.map(|(limit, _)| limit)].into_iter().flatten().min()
}
