//! A script takes Cargo's place.

use std::{fs, path::Path, process::Command};

use super::binary::*;

/// The command with a script that stands for Cargo.
fn with_cargo(line: &str, name: &str, script: &str) -> Command {
    tool(name, "cargo", script);
    let cargo = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tools").join(name).join("cargo");
    let mut command = command(line);
    command.env("CARGO", cargo).env_remove("CARGO_MANIFEST_DIR");
    command
}

#[test]
fn benchmarks_are_built_then_run_and_what_they_print_is_kept() {
    let line =
        "criterion --filter split/.* --sample-size 10 --measurement-time 0.5 --features tokio --name kept";
    let output = Harness::of(&mut with_cargo(line, "echo", "echo \"asked: $*\"")).end();
    assert!(output.status.success(), "{}", stderr(&output));
    let ask = |bench| format!("asked: bench --package futures-handoff --bench {bench} --features tokio");
    let flags = "-- --sample-size 10 --measurement-time 0.5 --warm-up-time 3 split/.*";
    let run = |bench| format!("{} {flags}\n", ask(bench));
    let built = ["read", "write"].map(|bench| format!("{} --no-run\n", ask(bench))).concat();
    assert_eq!(stdout(&output), format!("{built}{}{}", run("read"), run("write")));
    for bench in ["read", "write"] {
        let kept = fs::read_to_string(results("kept").join(format!("criterion-{bench}.txt"))).unwrap();
        assert_eq!(kept, run(bench));
    }
    let said = failed_as(&mut with_cargo(line, "echo", "echo again"), 1);
    contains(&said, "criterion-read.txt: ");
    contains(&said, "choose another --name");
}

#[test]
fn the_status_of_a_benchmark_is_passed_on() {
    let line = "criterion --bench read --name failed";
    let said = failed_as(&mut with_cargo(line, "fail", "case \"$*\" in *--no-run) exit;; esac; exit 7"), 7);
    contains(&said, "cargo failed with status 7");
    refused("criterion --sample-size 9", "9 is not in 10..=100000");
}

#[test]
fn ctrl_c_ends_what_runs() {
    let sign = results("sign");
    // A child of Cargo does not end with Cargo by itself, and the harness does not end while the
    // child holds its output.
    let script =
        format!("case \"$*\" in *--no-run) exit;; esac; sleep 3600 & echo > {}; wait", sign.display());
    let harness = Harness::of(&mut with_cargo("criterion --bench read --name ended", "sleep", &script));
    harness.interrupt_at(|| sign.exists());
    assert_eq!(harness.end().status.code(), Some(130));
}
