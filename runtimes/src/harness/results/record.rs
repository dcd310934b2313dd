//! A run as names and values, to be printed, stored and drawn.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Samples;
use crate::harness::{Case, Measurement, RuntimeName};

/// One run: what was measured, then `run`, which of several equal runs it is, then the figures. The
/// names are those of the columns.
///
/// CPU time, switches, memory, allocations and calls are those of the process with the proxies;
/// those of the process around it begin with `driver`. A figure that is not available is null.
/// Lengths are in bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Record {
    /// Names and values, in order.
    pub fields: Map<String, Value>,
}

/// A map of names and values, in order.
macro_rules! fields {
    ($($name:ident: $value:expr),* $(,)?) => {{
        let mut fields = Map::new();
        $( fields.insert(stringify!($name).to_owned(), json!($value)); )*
        fields
    }};
}

/// What is measured in a case.
pub fn setup(case: &Case) -> Map<String, Value> {
    let settings = &case.settings;
    let split = case.split.as_ref();
    fields! {
        mode: if split.is_some() { "split" } else { "integrated" },
        service_cores: split.map(|split| &split.service_cores),
        driver_cores: split.map(|split| &split.driver_cores),
        driver_runtime: split.map(|split| split.driver_runtime),
        profiler: split.and_then(|split| split.profile.as_ref()).map(|profile| profile.profiler),
        runtime: case.runtime,
        transport: settings.transport,
        implementation: case.implementation,
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

/// The result of a case.
fn figures(case: &Case, measured: &Measurement) -> Map<String, Value> {
    let (settings, usage) = (&case.settings, &measured.usage);
    let (seconds, bytes, mib) = (measured.wall.as_secs_f64(), measured.bytes as f64, measured.mib());
    let threads = if case.runtime == RuntimeName::TokioCurrent { 1 } else { settings.worker_threads };
    let has_cpu = usage.cpu() > 0.0;
    let cpu = |value: f64| has_cpu.then(|| rounded(value));
    // The cost of a line is computed if nine tenths of a stream are lines.
    let mostly_lines =
        10 * settings.route_frames * (settings.frame_len + 1) >= 9 * settings.bytes_per_connection();
    let lines = settings.route_frames as f64 * measured.streams as f64;
    let stream = |quantile| micros(measured.stream_latency(quantile));
    let line = |quantile| measured.line_latency(quantile).map(micros);
    let allocated = |value: f64| (usage.allocations > 0).then(|| rounded(value));
    let driver = measured.driver.as_ref();
    let syscalls = measured.syscalls.as_ref();
    fields! {
        actual_iterations: measured.iterations,
        bytes_per_connection: settings.bytes_per_connection(),
        total_streams: measured.streams,
        total_bytes: measured.bytes,
        total_seconds: rounded(seconds),
        bytes_per_sec: rounded(bytes / seconds),
        mib_per_sec: rounded(mib / seconds),
        gib_per_sec: rounded(mib / 1024.0 / seconds),
        streams_per_sec: rounded(measured.streams as f64 / seconds),
        cpu_usage_measured: has_cpu,
        cpu_user_seconds: cpu(usage.user),
        cpu_system_seconds: cpu(usage.system),
        cpu_total_seconds: cpu(usage.cpu()),
        cpu_avg_cores: cpu(usage.cpu() / seconds),
        cpu_utilization_pct: cpu(100.0 * usage.cpu() / seconds / threads as f64),
        cpu_ns_per_byte: cpu(usage.cpu() * 1e9 / bytes),
        cpu_ns_per_frame: mostly_lines.then(|| cpu(usage.cpu() * 1e9 / lines)).flatten(),
        voluntary_context_switches: has_cpu.then_some(usage.voluntary_switches),
        involuntary_context_switches: has_cpu.then_some(usage.involuntary_switches),
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
        allocations_per_mib: allocated(usage.allocations as f64 / mib),
        allocated_bytes_per_byte: allocated(usage.allocated as f64 / bytes),
        read_calls_per_mib: rounded(usage.read_calls as f64 / mib),
        write_calls_per_mib: rounded(usage.write_calls as f64 / mib),
        inline_share: (usage.handoff_calls > 0).then(|| rounded(usage.inline_calls as f64 / usage.handoff_calls as f64)),
        syscalls_per_mib: syscalls.map(|calls| rounded(calls.all)),
        send_calls_per_mib: syscalls.map(|calls| rounded(calls.send)),
        recv_calls_per_mib: syscalls.map(|calls| rounded(calls.recv)),
        driver_cpu_total_seconds: driver.map(|driver| rounded(driver.cpu())),
        driver_cpu_ns_per_byte: driver.map(|driver| rounded(driver.cpu() * 1e9 / bytes)),
        driver_max_rss_bytes: driver.map(|driver| driver.max_rss),
    }
}

impl Record {
    /// The record of one run.
    pub fn new(case: &Case, run: usize, measured: &Measurement) -> Self {
        let mut fields = setup(case);
        fields.insert("run".to_owned(), run.into());
        fields.extend(figures(case, measured));
        Self { fields }
    }

    /// Which of several equal runs it is, from 1.
    pub fn run(&self) -> u64 {
        self.fields.get("run").and_then(Value::as_u64).unwrap_or_default()
    }

    /// A setting or a figure as a number, if it is one.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.fields.get(name).and_then(Value::as_f64)
    }

    /// A setting or a figure as text.
    pub fn text(&self, name: &str) -> String {
        text(self.fields.get(name).unwrap_or(&Value::Null))
    }

    /// What was measured: the fields before `run`.
    pub fn setup(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.fields.iter().take_while(|(name, _)| *name != "run")
    }

    /// The figures: the names of the fields after `run`.
    pub fn figures(&self) -> impl Iterator<Item = &String> {
        self.fields.keys().skip_while(|name| *name != "run").skip(1)
    }
}

/// A value as text; `n/a` if it is not available.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => "n/a".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Runs grouped by equal settings, with some settings ignored, in the order of the first of each
/// group.
pub fn groups<'a>(records: &'a [Record], but_for: &[&str]) -> Vec<Vec<&'a Record>> {
    let mut groups: Vec<Vec<&Record>> = Vec::new();
    for record in records {
        let differs = |(name, _): &(&String, &Value)| !but_for.contains(&name.as_str());
        let alike = |of: &Record| of.setup().filter(differs).eq(record.setup().filter(differs));
        match groups.iter_mut().find(|group| alike(group[0])) {
            Some(group) => group.push(record),
            None => groups.push(vec![record]),
        }
    }
    groups
}

impl Samples {
    /// The values of one figure, from the runs that have it.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>, name: &str) -> Self {
        records.into_iter().filter_map(|record| record.number(name)).collect()
    }
}

fn micros(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1e6)
}

/// To seven digits, which is more than can be measured.
fn rounded(value: f64) -> f64 {
    format!("{value:.6e}").parse().unwrap_or(value)
}
