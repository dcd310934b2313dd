//! `harness criterion`: what it asks of Cargo, what it keeps, and how it ends. A script takes Cargo's place.
#![cfg(unix)]

mod harness_binary;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use harness_binary::{command, refused, results, stderr, stdout};

/// A script that stands for Cargo.
fn cargo(name: &str, body: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cargo-{name}"));
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn harness(line: &str, cargo: &Path) -> Output {
    command(line).env("CARGO", cargo).env_remove("CARGO_MANIFEST_DIR").output().unwrap()
}

#[test]
fn benchmarks_are_built_then_run_and_what_they_print_is_kept() {
    let cargo = cargo("echo", "echo \"asked: $*\"; echo aside >&2");
    let line = "criterion --filter split/.* --sample-size 10 --measurement-time 0.5 --warm-up-time 0.25 --features tokio \
                --name kept";
    let output = harness(line, &cargo);
    assert!(output.status.success(), "{}", stderr(&output));
    let ask =
        |bench: &str| format!("asked: bench --package futures-handoff --bench {bench} --features tokio");
    let run = |bench: &str| {
        let flags = "-- --sample-size 10 --measurement-time 0.5 --warm-up-time 0.25 split/.*";
        format!("{} {flags}\naside\n", ask(bench))
    };
    let built = ["read", "write"].map(|bench| format!("{} --no-run\naside\n", ask(bench)));
    assert_eq!(stdout(&output), format!("{}{}{}", built.concat(), run("read"), run("write")));
    for bench in ["read", "write"] {
        let kept = fs::read_to_string(results("kept").join(format!("criterion-{bench}.txt"))).unwrap();
        assert_eq!(kept, run(bench));
    }

    let again = harness(line, &cargo);
    assert_eq!(again.status.code(), Some(1));
    assert!(
        stderr(&again)
            .ends_with("criterion-read.txt is there already: choose another --name, or remove it\n")
    );
    assert_eq!(stdout(&again), "");
}

#[test]
fn the_defaults_are_long() {
    let output = harness("criterion --bench write --name defaults", &cargo("defaults", "echo \"$*\""));
    let last = stdout(&output).lines().last().unwrap().to_owned();
    assert_eq!(
        last,
        "bench --package futures-handoff --bench write -- --sample-size 100 --measurement-time 5 --warm-up-time 3"
    );
}

#[test]
fn the_status_is_passed_on() {
    let output = harness("criterion --bench read --name failed", &cargo("failed", "echo no; exit 7"));
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(stdout(&output), "no\n");
    assert!(stderr(&output).ends_with("cargo-failed failed with status 7\n"), "{}", stderr(&output));
}

#[test]
fn tools_that_are_missing_are_named_before_anything_runs() {
    let cargo = cargo("unused", "echo ran");
    for (flag, tool) in [("--cores 0", "taskset"), ("--perf-stat", "perf")] {
        let output = command(&format!("criterion {flag} --name missing"))
            .env("CARGO", &cargo)
            .env("PATH", "/nonexistent")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(stdout(&output), "");
        let said = stderr(&output);
        let flag = flag.split(' ').next().unwrap();
        assert!(said.starts_with(&format!("harness: {flag} needs {tool}, which cannot be used: ")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(!results("missing").exists());
    }
}

#[test]
fn benchmarks_run_within_the_tools() {
    // Stands for both tools: says what it wraps, and runs it.
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tools");
    fs::create_dir_all(&directory).unwrap();
    let body = "#!/bin/sh\nname=${0##*/}\necho \"$name $1 $2\"\nif [ $name = perf ]; then shift 4; else shift 2; fi\nexec \"$@\"\n";
    for tool in ["perf", "taskset"] {
        let path = directory.join(tool);
        fs::write(&path, body).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    let output = command("criterion --bench read --cores 0,2-3 --perf-stat --name wrapped")
        .env("CARGO", cargo("wrapped", "echo cargo $*"))
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let kept = fs::read_to_string(results("wrapped").join("criterion-read.txt")).unwrap();
    let lines: Vec<_> =
        kept.lines().map(|line| line.split(' ').take(3).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines, ["perf stat -o", "taskset --cpu-list 0,2-3", "cargo bench --package"]);
}

#[test]
fn ctrl_c_ends_what_runs() {
    futures_handoff_runtimes::watched("ctrl_c_ends_what_runs", || {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let sign = directory.join("criterion-sign");
        // There is none the first time.
        let _ = fs::remove_file(&sign);
        // What Cargo starts does not end with Cargo by itself, and while it holds its output the harness does not end.
        let body = format!(
            "case \"$*\" in *--no-run) exit;; esac; sleep 3600 & echo $! > {0}.new; mv {0}.new {0}; wait",
            sign.display()
        );
        let mut command = command("criterion --bench read --name stopped");
        command.env("CARGO", cargo("stopped", &body));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = harness_binary::interrupted(command.spawn().unwrap(), &sign);
        assert_eq!(output.status.code(), Some(130));
    });
}

#[test]
fn wrong_values_are_refused_in_a_sentence() {
    refused(
        "criterion --sample-size 9",
        "invalid value '9' for '--sample-size <SAMPLES>': 9 is not in 10..=100000",
    );
    refused(
        "criterion --warm-up-time 0",
        "invalid value '0' for '--warm-up-time <SECONDS>': must be more than 0 seconds",
    );
    refused(
        "criterion --bench sideways",
        "invalid value 'sideways' for '--bench <BENCH>' [possible values: read, write, all]",
    );
}
