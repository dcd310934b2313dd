//! `harness matrix`: what it measures, how it goes on, and how it says no.

mod harness_binary;

use std::fs;

use futures_handoff_runtimes::stream::Growth;
use harness_binary::{harness, refused, results, stderr, stdout};

/// Two implementations in two scenarios with two numbers of streams and two lengths of lines, twice.
const SMALL: &str = "matrix --runtime local --transport cached --implementation raw_copy,manual_vec --connections 1,3 \
     --frame-sizes 16,100 --bytes-per-round 2000 --runs 2 --seconds 0";

fn runs(name: &str) -> Vec<serde_json::Value> {
    let contents = fs::read_to_string(results(name).join("runs.jsonl")).unwrap();
    contents.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The columns that tell one run from another.
fn keys(name: &str) -> Vec<String> {
    let key = |run: &serde_json::Value| {
        let columns = ["run", "connections", "frame_len", "scenario", "implementation"];
        columns.map(|column| run[column].to_string()).join(" ")
    };
    runs(name).iter().map(key).collect()
}

#[test]
fn every_combination_is_measured_in_passes() {
    let output = harness(&format!("{SMALL} --name whole"));
    assert!(output.status.success(), "{}", stderr(&output));
    let keys = keys("whole");
    assert_eq!(keys.len(), 32);
    let (first, second) = keys.split_at(16);
    assert!(first.iter().all(|key| key.starts_with('1')) && second.iter().all(|key| key.starts_with('2')));
    // What is compared is next to each other, and the second pass goes backwards.
    assert_eq!(first[0], r#"1 1 16 "fragmented" "raw_copy""#);
    assert_eq!(first[1], r#"1 1 16 "fragmented" "manual_vec""#);
    assert_eq!(second[15], r#"2 1 16 "fragmented" "raw_copy""#);
    let mut different = keys.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 32);

    let estimates = stderr(&output);
    assert!(estimates.contains("harness: 32 runs to measure, which will take about "), "{estimates}");
    assert!(estimates.contains("harness: estimated "), "{estimates}");
    // A line for each combination but the implementations, which are columns.
    let table = stdout(&output);
    assert_eq!(table.lines().count(), 2 + 8, "{table}");
    assert!(table.starts_with("| connections | frame size | arrivals"), "{table}");
    for column in ["raw_copy MiB/s", "manual_vec MiB/s"] {
        assert!(table.contains(column), "{table}");
    }
}

#[test]
fn all_streams_of_a_round_carry_what_was_asked_for() {
    let output = harness(&format!("{} --name budget", SMALL.replace("--runs 2", "--runs 1")));
    assert!(output.status.success(), "{}", stderr(&output));
    for run in runs("budget") {
        let (streams, lines) = (run["connections"].as_u64().unwrap(), run["route_frames"].as_u64().unwrap());
        let line = run["frame_len"].as_u64().unwrap() + 1;
        let stream = lines * line + run["tunnel_bytes"].as_u64().unwrap();
        assert_eq!(stream, 2000 / streams);
        // Half of it are lines, but for a part of one.
        assert!(2 * lines * line <= stream && 2 * (lines + 1) * line > stream, "{run}");
    }
}

#[test]
fn as_much_of_each_stream_are_lines_as_was_asked_for() {
    let line = SMALL.replace("--runs 2", "--runs 1 --lines 100 --scenario coalesced");
    let output = harness(&format!("{line} --name lines"));
    assert!(output.status.success(), "{}", stderr(&output));
    for run in runs("lines") {
        // What remains is less than a line.
        assert!(run["tunnel_bytes"].as_u64().unwrap() <= run["frame_len"].as_u64().unwrap(), "{run}");
    }
}

/// What the growth of a matrix is, from its runs: the cost at the last place for each at the first.
fn growth(name: &str, axis: &str, implementation: &str, cost: &str) -> f64 {
    let at = |place: fn(Vec<u64>) -> Option<u64>| {
        let runs = runs(name).into_iter().filter(|run| run["implementation"] == implementation);
        let runs: Vec<_> = runs.collect();
        let value = place(runs.iter().map(|run| run[axis].as_u64().unwrap()).collect()).unwrap();
        runs.iter().find(|run| run[axis] == value).unwrap()[cost].as_f64().unwrap()
    };
    at(|values| values.into_iter().max()) / at(|values| values.into_iter().min())
}

#[cfg(unix)]
#[test]
fn growth_is_printed_along_an_axis() {
    let line =
        SMALL.replace("--runs 2", "--runs 1 --lines 100 --scenario coalesced").replace("2000", "400000");
    for (axis, key, change, ends) in [
        ("frame-sizes", "frame_len", ("--connections 1,3", "--connections 2"), (16, 100)),
        ("connections", "connections", ("--frame-sizes 16,100", "--frame-sizes 64"), (1, 3)),
    ] {
        let line = line.replace(change.0, change.1);
        // A cost must be measurable: the clock of CPU time may have steps.
        let output = harness(
            &format!("{line} --growth {axis} --name growth-{axis} --seconds 0.1").replace("--seconds 0 ", ""),
        );
        assert!(output.status.success(), "{}", stderr(&output));
        let printed = stdout(&output);
        for implementation in ["raw_copy", "manual_vec"] {
            for (name, cost) in [("line", "cpu_ns_per_frame"), ("byte", "cpu_ns_per_byte")] {
                let factor = growth(&format!("growth-{axis}"), key, implementation, cost);
                let (first, last) = ends;
                let sentence =
                    format!("CPU per {name} at {last} is {factor:.3} times that at {first}, flat within ");
                let here = |line: &&str| {
                    line.starts_with(&format!("{implementation} on local, ")) && line.contains(&sentence)
                };
                assert!(printed.lines().any(|line| here(&line)), "{sentence} is missing in\n{printed}");
            }
        }
        assert!(printed.contains("| CPU ns/line | CPU ns/B |"), "{printed}");
    }
}

#[test]
fn growth_is_from_the_first_to_the_last_and_flat_between_extremes() {
    let growth = Growth::through(vec![(64, 3.0), (1, 2.0), (8, 5.0)]).unwrap();
    assert_eq!(growth.points(), [(1, 2.0), (8, 5.0), (64, 3.0)]);
    assert_eq!((growth.factor(), growth.flat_within()), (1.5, 150.0));
    assert_eq!(Growth::through(vec![(1, 2.0), (2, 2.0)]).unwrap().flat_within(), 0.0);
    assert_eq!(Growth::through(vec![(1, 2.0)]), None);
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(Growth::through(vec![(1, 2.0), (2, wrong)]), None);
    }
}

#[test]
fn a_matrix_that_was_cut_off_goes_on() {
    let line = format!("{SMALL} --name cut");
    assert!(harness(&line).status.success());
    let path = results("cut").join("runs.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let kept: Vec<_> = whole.lines().take(20).collect();
    let half = &whole.lines().nth(20).unwrap()[..100];
    fs::write(&path, format!("{}\n{half}", kept.join("\n"))).unwrap();

    let output = harness(&line);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("harness: 20 of 32 runs are finished already and skipped"), "{said}");
    assert!(said.contains("harness: 12 runs to measure"), "{said}");
    assert_eq!(stdout(&output).lines().count(), 2 + 8);
    let again = fs::read_to_string(&path).unwrap();
    assert!(again.starts_with(&kept.join("\n")));
    let mut keys = keys("cut");
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 32);

    let nothing = harness(&line);
    assert!(nothing.status.success());
    assert!(stderr(&nothing).contains("harness: 32 of 32 runs are finished already and skipped"));
    assert_eq!(fs::read_to_string(&path).unwrap(), again);
}

#[test]
fn another_matrix_is_refused() {
    assert!(harness(&format!("{SMALL} --name taken")).status.success());
    let path = results("taken").join("runs.jsonl");
    let before = fs::read_to_string(&path).unwrap();
    for (change, sentence) in [
        ("--read-reserve 1000", "(input_fragment was [64,16384] there and is [64,1000] here)"),
        ("--write-pending-bytes 99999", "(write_pending_bytes was [131072] there and is [99999] here)"),
        ("--frame-latency true", "(frame_latency was [false] there and is [true] here)"),
    ] {
        let output = harness(&format!("{SMALL} --name taken {change}"));
        assert_eq!(output.status.code(), Some(1), "{change}");
        let said = stderr(&output);
        assert!(said.contains("holds a matrix of other settings "), "{said}");
        assert!(said.contains(sentence) && said.ends_with(": choose another --name\n"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let more = harness(&format!("{} --name taken", SMALL.replace("--runs 2", "--runs 3")));
    assert!(stderr(&more).contains("(runs was 2 there and is 3 here)"));
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
}

#[test]
fn results_of_something_else_are_refused() {
    let run = "run --implementation raw_copy --runtime local --connections 1 --tunnel-bytes 10 --seconds 0 --name plain";
    assert!(harness(run).status.success());
    let output = harness(&format!("{SMALL} --name plain"));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("has results that are not of a matrix: choose another --name"));
}

#[test]
fn wrong_values_are_refused_in_a_sentence() {
    refused(
        "matrix --connections 1,0",
        "invalid value '0' for '--connections <STREAMS>': 0 is not in 1..=10000",
    );
    refused(
        "matrix --frame-sizes 64,3",
        "invalid value '3' for '--frame-sizes <BYTES>': 3 is not in 16..=1048576",
    );
    refused("matrix --runs 0", "invalid value '0' for '--runs <RUNS>': 0 is not in 1..=10000");
    refused(
        "matrix --tunnel-bytes 5",
        "--tunnel-bytes cannot be given: each stream gets its part of --bytes-per-round, and --lines says how much of that are lines",
    );
    refused("matrix --lines 0", "invalid value '0' for '--lines <PERCENT>': 0 is not in 1..=100");
    refused(
        "matrix --growth connections --connections 5,5",
        "--growth needs two values of the connections at the least, not only 5",
    );
    refused(
        "matrix --bytes-per-round 1000 --connections 4 --frame-sizes 64,125",
        "--bytes-per-round 1000 over 4 streams leaves 125 bytes of each for lines, and a line of 125 bytes does not fit",
    );
}

/// Ctrl-C keeps what is finished, and the same command goes on.
#[cfg(unix)]
#[test]
fn an_interrupted_matrix_keeps_what_is_finished() {
    futures_handoff_runtimes::watched("an_interrupted_matrix_keeps_what_is_finished", || {
        // Longer than any test: it ends because it is told to.
        let line = format!("{} --name interrupted", SMALL.replace("--seconds 0", "--seconds 3600"));
        let child = harness_binary::started(&line);
        let output = harness_binary::interrupted(child, &results("interrupted").join("plan.json"));
        assert_eq!(output.status.code(), Some(130));
        let said = stderr(&output);
        assert!(
            said.contains("0 of 32 runs are finished; the same command with --name interrupted goes on"),
            "{said}"
        );
        assert!(results("interrupted").join("runs.csv").exists());
    });
}
