//! The figures of a run: counted where they can be, none where they cannot, and the same in every file.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use futures_handoff_runtimes::stream::Record;
use tempfile::TempDir;

/// What a run of the binary printed and left behind.
struct Ran {
    printed: Vec<HashMap<String, String>>,
    results: PathBuf,
    _target: TempDir,
}

impl Ran {
    fn number(&self, name: &str) -> f64 {
        self.printed[0][name].parse().unwrap_or_else(|_| panic!("{name}={}", self.printed[0][name]))
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.results.join(file)).unwrap()
    }
}

/// Two streams of three lines of 64 bytes, the mark of 7 and a tunnel of 1000.
fn run(line: &str) -> Ran {
    run_with(line, 1000)
}

/// The same with another tunnel.
fn run_with(line: &str, tunnel: usize) -> Ran {
    let target = TempDir::new_in(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
    let lines = if line.contains("--route-frames") { "" } else { " --route-frames 3" };
    let runtime = if line.contains("--runtime") { "" } else { " --runtime local" };
    let common = format!("run --name figures --connections 2 --tunnel-bytes {tunnel}{lines}{runtime}");
    let output = Command::new(env!("CARGO_BIN_EXE_harness"))
        .args(common.split(' ').chain(line.split_whitespace()))
        .env("CARGO_TARGET_DIR", target.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut printed: Vec<HashMap<_, _>> = Vec::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let (name, value) = line.split_once('=').unwrap();
        if name == "mode" {
            printed.push(HashMap::new());
        }
        printed.last_mut().unwrap().insert(name.to_owned(), value.to_owned());
    }
    Ran { printed, results: target.path().join("harness/figures"), _target: target }
}

const STREAM: f64 = 3.0 * 64.0 + 7.0 + 1000.0;
const MIB: f64 = 1024.0 * 1024.0;

fn close(value: f64, expected: f64) {
    assert!((value / expected - 1.0).abs() < 1e-5, "{value} is not {expected}");
}

#[test]
fn calls_are_counted_one_by_one() {
    let ran = run("--implementation raw_copy --transport cached --input-fragment 1000");
    // Each stream takes a read of 1000, one of 199 and one that finds the end, and two writes.
    close(ran.number("read_calls_per_mib"), 3.0 / STREAM * MIB);
    close(ran.number("write_calls_per_mib"), 2.0 / STREAM * MIB);
    close(ran.number("total_bytes"), 2.0 * STREAM);
    assert_eq!(ran.printed[0]["inline_share"], "n/a", "nothing was handed off");
    assert_eq!(ran.printed[0]["syscalls_per_mib"], "n/a");
}

#[test]
fn the_input_model_of_tcp_arrives_in_segments() {
    let ran = run("--implementation raw_copy --transport cached --input-model tcp --tcp-mss-bytes 400");
    assert_eq!(ran.printed[0]["input_fragment"], "400");
    close(ran.number("read_calls_per_mib"), 4.0 / STREAM * MIB);
}

#[test]
fn a_handoff_says_who_wrote() {
    let ran = run("--implementation handoff --transport cached");
    assert!((0.0..=1.0).contains(&ran.number("inline_share")));
    assert!(ran.number("write_calls_per_mib") > 0.0);
}

#[test]
fn cores_are_those_that_tasks_can_use() {
    for (runtime, threads) in [("local", 4.0), ("tokio_current", 1.0)] {
        if runtime != "local" && !cfg!(feature = "tokio") {
            continue;
        }
        let line = "--implementation raw_copy --transport cached --workers 4 --seconds 0.1";
        let ran = run(&format!("{line} --runtime {runtime}"));
        close(ran.number("cpu_utilization_pct"), 100.0 * ran.number("cpu_avg_cores") / threads);
    }
}

#[cfg(unix)]
#[test]
fn a_line_has_a_cost_where_streams_are_lines() {
    let mixed = run("--implementation raw_copy --transport cached --seconds 0.1");
    assert_eq!(mixed.printed[0]["cpu_ns_per_frame"], "n/a", "the tunnel is longer than the lines");
    // 99 lines of 64 bytes are nine tenths of 7040: with the mark of 7, the tunnel may have 697.
    for (lines, tunnel, known) in [(99, 697, true), (99, 698, false)] {
        let line =
            format!("--implementation raw_copy --transport cached --seconds 0.1 --route-frames {lines}");
        let ran = run_with(&line, tunnel);
        assert_eq!(ran.printed[0]["cpu_ns_per_frame"] != "n/a", known, "{lines}, {tunnel}");
        if known {
            let lines = ran.number("total_streams") * f64::from(lines);
            close(ran.number("cpu_ns_per_frame"), 1e9 * ran.number("cpu_total_seconds") / lines);
        }
    }
}

#[test]
fn allocations_are_counted() {
    for buffer in [16 * 1024, 64 * 1024] {
        // What else the process allocates meanwhile is spread over 200 streams.
        let line = format!("--implementation raw_copy --transport cached --read-reserve {buffer}");
        let ran = run(&format!("{line} --iterations 100"));
        // The buffer of each stream, and little more.
        let bytes = ran.number("allocated_bytes_per_byte") * STREAM;
        assert!((f64::from(buffer)..f64::from(buffer) + 8192.0).contains(&bytes), "{bytes}");
        assert!(ran.number("allocations_per_mib") >= 1.0 / STREAM * MIB);
    }
}

#[test]
fn lines_are_timed_where_it_costs_little_or_is_asked_for() {
    for (line, timed) in [
        ("--transport cached", false),
        ("--transport cached --frame-latency true", true),
        ("--transport duplex", true),
        ("--transport duplex --frame-latency false", false),
        ("--transport tcp --route-frames 0", false),
    ] {
        let ran = run(&format!("--implementation manual_vec {line}"));
        let (p50, max) =
            (&ran.printed[0]["frame_latency_p50_micros"], &ran.printed[0]["frame_latency_max_micros"]);
        if timed {
            assert!(p50.parse::<f64>().unwrap() <= max.parse::<f64>().unwrap(), "{line}");
        } else {
            assert_eq!((p50.as_str(), max.as_str()), ("n/a", "n/a"), "{line}");
        }
    }
}

#[test]
fn every_file_says_the_same() {
    let ran = run("--implementation manual_vec,raw_copy --scenario all --transport cached --runs 2");
    assert_eq!(ran.printed.len(), 8);
    let records: Vec<Record> =
        ran.read("runs.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 8);

    let runs = ran.read("runs.csv");
    let mut table = csv::Reader::from_reader(runs.as_bytes());
    let header = table.headers().unwrap().clone();
    let rows: Vec<_> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 8);
    for ((record, row), printed) in records.iter().zip(&rows).zip(&ran.printed) {
        for ((name, cell), (field, _)) in header.iter().zip(row).zip(record.fields()) {
            assert_eq!(name, field);
            let expected = if printed[name] == "n/a" { "" } else { &printed[name] };
            assert_eq!(cell, expected, "{name}");
        }
    }

    let summary = ran.read("summary.csv");
    let mut table = csv::Reader::from_reader(summary.as_bytes());
    let header = table.headers().unwrap().clone();
    let column = |name| header.iter().position(|column| column == name).unwrap();
    let throughput: Vec<_> =
        table.records().map(Result::unwrap).filter(|row| &row[column("metric")] == "mib_per_sec").collect();
    assert_eq!(throughput.len(), 4, "two implementations in two scenarios");
    for row in throughput {
        let alike = records.iter().filter(|record| {
            record.setup.implementation.to_string() == row[column("implementation")]
                && record.setup.scenario.to_string() == row[column("scenario")]
        });
        let values: Vec<f64> = alike.map(|record| record.figures.mib_per_sec).collect();
        assert_eq!(values.len(), 2);
        close(row[column("median")].parse().unwrap(), (values[0] + values[1]) / 2.0);
        close(row[column("mean")].parse().unwrap(), (values[0] + values[1]) / 2.0);
        close(row[column("min")].parse().unwrap(), values[0].min(values[1]));
        close(row[column("max")].parse().unwrap(), values[0].max(values[1]));
    }
}

#[test]
fn results_are_not_overwritten() {
    let target = TempDir::new_in(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
    let run = || {
        let line =
            "run --name twice --runtime local --implementation raw_copy --connections 1 --tunnel-bytes 9";
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        command.args(line.split(' ')).env("CARGO_TARGET_DIR", target.path()).output().unwrap()
    };
    assert!(run().status.success());
    let runs = fs::read(target.path().join("harness/twice/runs.jsonl")).unwrap();
    let again = run();
    assert_eq!(again.status.code(), Some(1));
    let stderr = String::from_utf8(again.stderr).unwrap();
    assert!(stderr.contains("has results of 1 runs already: choose another --name"), "{stderr}");
    assert_eq!(fs::read(target.path().join("harness/twice/runs.jsonl")).unwrap(), runs);
}
