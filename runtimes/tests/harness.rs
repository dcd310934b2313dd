//! The binary: what it prints, and how it says no.

use std::process::{Command, Output};

use futures_handoff_runtimes::stream::{Bound, Spread};

fn harness(line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_harness"))
        .args(line.split_whitespace())
        // Away from the results of whoever runs the tests.
        .env("CARGO_TARGET_DIR", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .expect("the binary can be started")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A wrong command line is answered by one sentence and status 2.
fn refused(line: &str, sentence: &str) {
    let output = harness(line);
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert_eq!(stdout(&output), "", "{line}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("harness: {sentence}\n"), "{line}");
}

const SMALL: &str = "--runtime local --connections 2 --route-frames 3 --tunnel-bytes 1000 --seconds 0";

#[test]
fn run_prints_what_it_measured() {
    let output = harness(&format!("run --implementation raw_copy --transport cached --arrival 7 {SMALL}"));
    assert!(output.status.success());
    let printed = stdout(&output);
    // Three lines of 64, the mark of 7 and the tunnel, twice.
    for pair in [
        "runtime=local",
        "implementation=raw_copy",
        "input_fragment=7",
        "total_streams=2",
        "total_bytes=2398",
    ] {
        assert!(printed.lines().any(|line| line == pair), "{pair} is missing in\n{printed}");
    }
    assert!(printed.lines().all(|line| line.split_once('=').is_some_and(|(_, value)| !value.is_empty())));
}

#[test]
fn compare_keeps_and_misses_bounds() {
    let line = format!(
        "compare --of raw_copy --with manual_vec,manual_buffered --transport cached --pairs 2 {SMALL}"
    );
    let kept = harness(&format!("{line} --at-least 0"));
    assert!(kept.status.success());
    assert_eq!(stdout(&kept).lines().count(), 2);
    assert!(stdout(&kept).starts_with("of=raw_copy with=manual_vec runtime=local "));

    let missed = harness(&format!("{line} --at-least 1000000"));
    assert_eq!(missed.status.code(), Some(1));
    let stderr = String::from_utf8(missed.stderr).unwrap();
    assert!(stderr.contains("harness: on local, the throughput of raw_copy is "), "{stderr}");
    assert!(stderr.contains("that of manual_vec, out of bounds (at least 1000000)"), "{stderr}");
}

#[test]
fn wrong_values_are_refused_in_a_sentence() {
    refused(
        "run --implementation raw_copy --connections 0",
        "invalid value '0' for '--connections <STREAMS>': 0 is not in 1..=10000",
    );
    refused(
        "run --implementation raw_copy --frame-len 15",
        "invalid value '15' for '--frame-len <BYTES>': 15 is not in 16..=1048576",
    );
    refused("run --implementation raw_copy --seconds -1", "unexpected argument '-1' found");
    refused(
        "run --implementation raw_copy --seconds=nan",
        "invalid value 'nan' for '--duration-seconds <SECONDS>': not between 0 and 86400 seconds",
    );
    let transports = if cfg!(unix) { "cached, duplex, tcp, unix" } else { "cached, duplex, tcp" };
    refused(
        "run --implementation raw_copy --transport carrier_pigeon",
        &format!(
            "invalid value 'carrier_pigeon' for '--transport <TRANSPORT>' [possible values: {transports}]"
        ),
    );
    refused(
        "run --runtime local --implementation peer_1",
        "peer_1 cannot run on local: it needs tokio or tokio_current, and the feature `peers`",
    );
    refused("fly", "unrecognized subcommand 'fly'");
    if !cfg!(feature = "smol") {
        refused(
            "run --runtime smol --implementation raw_copy",
            "the runtime smol is not compiled in: enable the feature of its name",
        );
    }
}

#[test]
fn instructions_need_a_counter() {
    let output = harness("instructions --operation held --valgrind no_such_counter");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("harness: no_such_counter cannot count instructions here: "), "{stderr}");
}

#[test]
fn what_is_counted_can_be_done() {
    for operation in ["held", "dropped", "windowed", "awaited", "awaited_at_once", "large", "routed"] {
        let output = harness(&format!("counted handoff {operation} 300"));
        assert!(output.status.success(), "{operation}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let output = harness("counted peer_2 routed 1");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "harness: routed cannot be done by peer_2\n");
}

#[test]
fn a_spread_knows_its_middle_and_ends() {
    let mut spread = Spread::default();
    for value in [3.0, 1.0, 2.0] {
        spread.add(value);
    }
    assert_eq!((spread.min(), spread.median(), spread.max()), (1.0, 2.0, 3.0));
    spread.add(10.0);
    assert_eq!(spread.median(), 2.5);
    assert_eq!(spread.values(), [3.0, 1.0, 2.0, 10.0]);
}

#[test]
fn a_bound_includes_its_value() {
    let bound = Bound { at_least: Some(1.0), at_most: Some(2.0) };
    assert!(bound.holds(1.0) && bound.holds(2.0));
    assert!(!bound.holds(0.99) && !bound.holds(2.01));
    assert!(Bound::default().holds(f64::INFINITY));
}
