use std::fs;

use futures_handoff_runtimes::harness::Samples;

use super::binary::*;

#[test]
fn a_median_is_held_to_its_bounds() {
    let line = format!("compare --of raw_copy --runtime local --pairs 2 --seconds 0 {SMALL}");
    let text = printed(&format!("{line} --with all --at-least 0"));
    assert_eq!(text.lines().count(), 8, "{text}");
    assert!(!text.contains("with=raw_copy"));
    let said = failed(&format!("{line} --with manual_vec --at-least 1000000"));
    contains(&said, "harness: on local, the throughput of raw_copy is ");
    contains(&said, " times that of manual_vec, out of bounds (at least 1000000)");
    // A bound includes its value: counts of the same have a ratio of 1.
    let counted = format!("{line} --with raw_copy --metric write_calls");
    printed(&format!("{counted} --at-least 1 --at-most 1"));
    contains(&failed(&format!("{counted} --at-least 0.9 --at-most 0.99")), "(at least 0.9, at most 0.99)");
    // Without a clock for lines there is no such figure.
    let said = failed(&format!("{line} --with manual_vec --metric frame_p99"));
    contains(&said, "there is no frame_p99 of raw_copy here");
    refused(&format!("{line} --with manual_vec --at-least=-1"), "not a finite number from 0 up");
}

#[test]
fn a_turn_measures_what_differs_in_the_implementation_only() {
    // A figure that is the same each time has the same ratio each time, whichever is measured
    // first.
    let line = "compare --of raw_copy --with manual-vec --metric write-calls --scenario all --pairs 4 --runtime local";
    let text = printed(&format!("{line} --seconds 0 {SMALL}"));
    let [fragmented, coalesced] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    contains(fragmented, "scenario=fragmented input_fragment=64 ");
    // One write against three lines and the rest.
    contains(coalesced, "median=0.250 min=0.250 max=0.250 ratios=0.250,0.250,0.250,0.250");
}

#[test]
fn samples_know_their_middle_and_ends() {
    let mut samples = Samples(vec![3.0, 1.0, 2.0]);
    assert_eq!((samples.min(), samples.median(), samples.max()), (1.0, 2.0, 3.0));
    samples.0.push(10.0);
    assert_eq!(samples.median(), 2.5);
}

/// Two implementations in two scenarios with two numbers of streams and two lengths of lines,
/// twice.
const MATRIX: &str = "matrix --runtime local --transport cached --implementation raw_copy,manual_vec --connections 1,3 \
     --frame-sizes 16,100 --bytes-per-round 2000 --runs 2 --seconds 0";

/// The columns that tell one run from another.
fn keys(name: &str) -> Vec<String> {
    let columns = ["run", "connections", "frame_len", "scenario", "implementation"];
    runs(name).iter().map(|run| columns.map(|name| run[name].to_string()).join(" ")).collect()
}

fn different(name: &str) -> usize {
    let mut keys = keys(name);
    keys.sort();
    keys.dedup();
    keys.len()
}

#[test]
fn every_combination_is_measured_in_passes_and_carries_its_share() {
    // A line for each combination but the implementations, which are columns.
    let table = printed(&format!("{MATRIX} --name whole"));
    assert_eq!(table.lines().count(), 2 + 8, "{table}");
    contains(&table, "| manual_vec MiB/s | raw_copy MiB/s |");
    let keys = keys("whole");
    assert_eq!((keys.len(), different("whole")), (32, 32));
    // What is compared is next to each other, and the second pass goes backwards.
    let first = ["raw_copy", "manual_vec"].map(|name| format!("1 1 16 \"fragmented\" \"{name}\""));
    assert_eq!(keys[..2], first);
    assert_eq!(keys[31], first[0].replacen('1', "2", 1));
    for run in runs("whole") {
        let [streams, lines, len, tunnel] = ["connections", "route_frames", "frame_len", "tunnel_bytes"]
            .map(|name| run[name].as_u64().unwrap());
        let stream = lines * (len + 1) + tunnel;
        assert_eq!(stream, 2000 / streams);
        // Half of it are lines, except for a part of one.
        assert!(2 * lines * (len + 1) <= stream && 2 * (lines + 1) * (len + 1) > stream, "{run}");
    }
}

#[test]
fn a_matrix_that_was_cut_off_goes_on() {
    let line = format!("{MATRIX} --name cut");
    printed(&line);
    let path = results("cut").join("runs.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let kept: String = whole.split_inclusive('\n').take(20).collect();
    fs::write(&path, format!("{kept}{}", &whole.lines().nth(20).unwrap()[..100])).unwrap();
    contains(&stderr(&harness(&line)), "harness: 20 of 32 runs are finished already and skipped");
    let again = fs::read_to_string(&path).unwrap();
    assert!(again.starts_with(&kept));
    assert_eq!((again.lines().count(), different("cut")), (32, 32));
    let said = failed(&format!("{line} --read-reserve 1000"));
    contains(&said, "has a run of another matrix, with read_reserve=16384: choose another --name");
    assert_eq!(fs::read_to_string(&path).unwrap(), again);
}

/// Ctrl-C keeps what is finished, and the same command goes on.
#[cfg(unix)]
#[test]
fn an_interrupted_matrix_keeps_what_is_finished() {
    // Longer than any test: only the signal ends it.
    let matrix =
        Harness::start(&format!("{} --name stopped", MATRIX.replace("--seconds 0", "--seconds 3600")));
    matrix.interrupt_at(|| results("stopped").join("runs.jsonl").exists());
    let output = matrix.end();
    assert_eq!(output.status.code(), Some(130));
    contains(&stderr(&output), "0 of 32 runs are finished; the same command with --name stopped goes on");
}

#[test]
fn a_matrix_that_cannot_be_is_refused_in_a_sentence() {
    for (line, sentence) in [
        ("--connections 1,0", "invalid value '0' for '--connections <STREAMS>': 0 is not in 1..=10000"),
        ("--frame-sizes 64,3", "invalid value '3' for '--frame-sizes <BYTES>': 3 is not in 16..=1048576"),
        (
            "--tunnel-bytes 5",
            "--tunnel-bytes cannot be given: each stream gets its part of --bytes-per-round",
        ),
        ("--bytes-per-round 1000 --connections 4 --frame-sizes 125", "a line of 125 bytes does not fit"),
    ] {
        refused(&format!("matrix {line}"), sentence);
    }
}
