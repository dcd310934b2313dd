//! A run as names and values: what is printed, written to files and drawn.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Case, Completion, Cores, ImplementationName, InputModel, Processes, Profiler, Report, RuntimeName,
    Scenario, Settings, TransportName, output::Kept,
};

/// One run: its settings and its figures. The names of the fields are those of the columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What was measured.
    #[serde(flatten)]
    pub setup: Setup,
    /// Which of several equal runs, from 1.
    pub run: usize,
    /// What it came to.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What was measured. Lengths are in bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields have the names and the meaning of the settings")]
pub struct Setup {
    /// `integrated`, or `split` if the proxies had a process of their own.
    pub mode: String,
    /// What the process with the proxies was pinned to.
    #[serde(default)]
    pub service_cores: Option<Cores>,
    /// What the process around it was pinned to.
    #[serde(default)]
    pub driver_cores: Option<Cores>,
    /// What the process around it ran on.
    #[serde(default)]
    pub driver_runtime: Option<RuntimeName>,
    /// What watched the process with the proxies, and slowed it down.
    #[serde(default)]
    pub profiler: Option<Profiler>,
    pub runtime: RuntimeName,
    pub transport: TransportName,
    pub implementation: ImplementationName,
    pub scenario: Scenario,
    pub completion: Completion,
    pub window: usize,
    pub worker_threads: usize,
    pub connections: usize,
    pub route_frames: usize,
    pub frame_len: usize,
    pub tunnel_bytes: usize,
    pub input_fragment: usize,
    pub input_model: InputModel,
    pub tcp_mss_bytes: usize,
    pub read_reserve: usize,
    pub handoff_flush_bytes: usize,
    pub write_pending_bytes: usize,
    pub duplex_capacity: usize,
    pub burst: usize,
    pub configured_iterations: usize,
    pub duration_seconds_target: f64,
}

impl Setup {
    /// The setup of a case.
    #[must_use]
    pub fn new(case: &Case) -> Self {
        let Case { runtime, implementation, settings, processes } = case;
        let split = match processes {
            Processes::One => None,
            Processes::Two(split) => Some(split),
        };
        Self {
            mode: processes.to_string(),
            service_cores: split.and_then(|split| split.service_cores.clone()),
            driver_cores: split.and_then(|split| split.driver_cores.clone()),
            driver_runtime: split.map(|split| split.driver_runtime),
            profiler: split.and_then(|split| split.profile.as_ref()).map(|profile| profile.profiler),
            runtime: *runtime,
            transport: settings.transport,
            implementation: *implementation,
            scenario: settings.scenario,
            completion: settings.completion,
            window: settings.window,
            worker_threads: settings.worker_threads,
            connections: settings.connections,
            route_frames: settings.route_frames,
            frame_len: settings.frame_len,
            tunnel_bytes: settings.tunnel_bytes,
            input_fragment: settings.arrival(),
            input_model: settings.input_model,
            tcp_mss_bytes: settings.tcp_mss_bytes,
            read_reserve: settings.read_reserve,
            handoff_flush_bytes: settings.gather_bytes,
            write_pending_bytes: settings.write_pending_bytes(),
            duplex_capacity: settings.duplex_capacity,
            burst: settings.burst,
            configured_iterations: settings.iterations,
            duration_seconds_target: settings.duration().as_secs_f64(),
        }
    }
}

/// What a run came to. A figure that could not be had is none.
///
/// CPU time, switches, memory, allocations and calls are those of the process with the proxies; those of another one
/// around it begin with `driver`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names say it; units are in them")]
pub struct Figures {
    pub actual_iterations: u64,
    pub bytes_per_connection: u64,
    pub total_streams: u64,
    pub total_bytes: u64,
    pub total_seconds: f64,
    pub bytes_per_sec: f64,
    pub mib_per_sec: f64,
    pub gib_per_sec: f64,
    pub streams_per_sec: f64,
    pub cpu_usage_measured: bool,
    pub cpu_user_seconds: Option<f64>,
    pub cpu_system_seconds: Option<f64>,
    pub cpu_total_seconds: Option<f64>,
    pub cpu_avg_cores: Option<f64>,
    /// Of all threads that tasks run on.
    pub cpu_utilization_pct: Option<f64>,
    pub cpu_ns_per_byte: Option<f64>,
    /// Of routed lines, where nine tenths of the bytes are theirs.
    pub cpu_ns_per_frame: Option<f64>,
    pub voluntary_context_switches: Option<u64>,
    pub involuntary_context_switches: Option<u64>,
    pub max_rss_bytes: Option<u64>,
    /// Of whole streams, from the first byte in to the last byte out.
    pub latency_p50_micros: f64,
    pub latency_p95_micros: f64,
    pub latency_p99_micros: f64,
    pub latency_p999_micros: f64,
    pub latency_max_micros: f64,
    /// Of routed lines, from their source to the comparison.
    pub frame_latency_p50_micros: Option<f64>,
    pub frame_latency_p95_micros: Option<f64>,
    pub frame_latency_p99_micros: Option<f64>,
    pub frame_latency_p999_micros: Option<f64>,
    pub frame_latency_max_micros: Option<f64>,
    pub allocations_per_mib: Option<f64>,
    pub allocated_bytes_per_byte: Option<f64>,
    pub read_calls_per_mib: f64,
    pub write_calls_per_mib: f64,
    /// Of the writer calls of a handoff, the share that producers made.
    pub inline_share: Option<f64>,
    /// Of the process with the proxies, from its start to its end, for each MiB that it carried in that time.
    pub syscalls_per_mib: Option<f64>,
    pub send_calls_per_mib: Option<f64>,
    pub recv_calls_per_mib: Option<f64>,
    pub driver_cpu_total_seconds: Option<f64>,
    pub driver_cpu_ns_per_byte: Option<f64>,
    pub driver_max_rss_bytes: Option<u64>,
}

impl Figures {
    /// The figures of a report.
    #[must_use]
    pub fn new(case: &Case, report: &Report) -> Self {
        let seconds = report.wall.as_secs_f64();
        let usage = &report.usage;
        let measured = usage.cpu() > 0.0;
        let cpu = |value: f64| measured.then(|| rounded(value));
        let stream = |quantile| micros(report.stream_latency(quantile));
        let line = |quantile| report.line_latency(quantile).map(micros);
        let counted = usage.allocations > 0;
        let tally = &usage.tally;
        Self {
            actual_iterations: report.iterations,
            bytes_per_connection: case.settings.bytes_per_connection() as u64,
            total_streams: report.streams,
            total_bytes: report.bytes,
            total_seconds: rounded(seconds),
            bytes_per_sec: rounded(report.bytes as f64 / seconds),
            mib_per_sec: rounded(report.mib_per_second()),
            gib_per_sec: rounded(report.mib_per_second() / 1024.0),
            streams_per_sec: rounded(report.streams as f64 / seconds),
            cpu_usage_measured: measured,
            cpu_user_seconds: cpu(usage.user),
            cpu_system_seconds: cpu(usage.system),
            cpu_total_seconds: cpu(usage.cpu()),
            cpu_avg_cores: cpu(usage.cpu() / seconds),
            cpu_utilization_pct: cpu(100.0 * usage.cpu() / seconds / threads(case) as f64),
            cpu_ns_per_byte: cpu(report.cpu_nanos_per_byte()),
            cpu_ns_per_frame: mostly_lines(&case.settings)
                .then(|| usage.cpu() * 1e9 / lines(case, report))
                .and_then(cpu),
            voluntary_context_switches: measured.then_some(usage.voluntary_switches),
            involuntary_context_switches: measured.then_some(usage.involuntary_switches),
            max_rss_bytes: (usage.max_rss > 0).then_some(usage.max_rss),
            latency_p50_micros: stream(0.5),
            latency_p95_micros: stream(0.95),
            latency_p99_micros: stream(0.99),
            latency_p999_micros: stream(0.999),
            latency_max_micros: stream(1.0),
            frame_latency_p50_micros: line(0.5),
            frame_latency_p95_micros: line(0.95),
            frame_latency_p99_micros: line(0.99),
            frame_latency_p999_micros: line(0.999),
            frame_latency_max_micros: line(1.0),
            allocations_per_mib: counted.then(|| rounded(usage.allocations as f64 / report.mib())),
            allocated_bytes_per_byte: counted.then(|| rounded(usage.allocated as f64 / report.bytes as f64)),
            read_calls_per_mib: rounded(tally.read_calls as f64 / report.mib()),
            write_calls_per_mib: rounded(tally.write_calls as f64 / report.mib()),
            inline_share: (tally.handoff_calls > 0)
                .then(|| rounded(tally.inline_calls as f64 / tally.handoff_calls as f64)),
            syscalls_per_mib: report.syscalls.map(|calls| rounded(calls.all)),
            send_calls_per_mib: report.syscalls.map(|calls| rounded(calls.send)),
            recv_calls_per_mib: report.syscalls.map(|calls| rounded(calls.recv)),
            driver_cpu_total_seconds: report.driver.map(|driver| rounded(driver.cpu())),
            driver_cpu_ns_per_byte: report
                .driver
                .map(|driver| rounded(driver.cpu() * 1e9 / report.bytes as f64)),
            driver_max_rss_bytes: report.driver.map(|driver| driver.max_rss),
        }
    }
}

impl Record {
    /// The record of one run.
    #[must_use]
    pub fn new(case: &Case, run: usize, report: &Report) -> Self {
        Self { setup: Setup::new(case), run, figures: Figures::new(case, report) }
    }

    /// Names and values, in order.
    ///
    /// # Panics
    ///
    /// Never: a record is a map of plain values.
    #[must_use]
    pub fn fields(&self) -> Map<String, Value> {
        fields(self)
    }
}

impl Kept for Record {
    const RUNS: &'static str = "runs";
    const SUMMARY: &'static str = "summary.csv";

    type Setup = Setup;
    type Figures = Figures;

    fn setup(&self) -> &Setup {
        &self.setup
    }

    fn figures(&self) -> &Figures {
        &self.figures
    }
}

/// The names and values of a flat structure.
pub(super) fn fields(of: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(of) {
        Ok(Value::Object(fields)) => fields,
        other => panic!("records are maps, not {other:?}"),
    }
}

/// A value as text: what could not be had is `n/a`.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "n/a".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// How many lines came out.
fn lines(case: &Case, report: &Report) -> f64 {
    case.settings.route_frames as f64 * report.streams as f64
}

/// Whether nine tenths of a stream are lines.
fn mostly_lines(settings: &Settings) -> bool {
    let lines = settings.route_frames * (settings.frame_len + 1);
    10 * lines >= 9 * settings.bytes_per_connection()
}

/// How many threads tasks run on.
fn threads(case: &Case) -> usize {
    match case.runtime {
        RuntimeName::TokioCurrent => 1,
        _ => case.settings.worker_threads,
    }
}

fn micros(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1e6)
}

/// To seven digits, which is more than can be measured.
pub(crate) fn rounded(value: f64) -> f64 {
    format!("{value:.6e}").parse().unwrap_or(value)
}
