//! Tools around the service: played by scripts, so that it does not matter which are installed.

use std::{ffi::OsString, fs, os::unix::fs::PermissionsExt, path::PathBuf};

use nix::sys::signal::Signal;

use super::processes::{
    Harness, SMALL, children, fresh_name, is_gone, printed, results, said, signal, state, until,
};

/// A directory with a program of this name, and a path that finds it first.
fn tool(name: &str, script: &str) -> (tempfile::TempDir, OsString) {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join(name);
    fs::write(&program, format!("#!/bin/sh\n{script}")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut path = directory.path().as_os_str().to_owned();
    path.push(":/usr/bin:/bin");
    (directory, path)
}

fn profiled(option: &str, path: OsString) -> (Harness, PathBuf) {
    let name = fresh_name(option);
    let line = format!("run --{option} --implementation raw_copy --name {name} {SMALL}");
    (Harness::start_with(&line, &[("PATH", &path)]), results(&name))
}

#[test]
fn system_calls_are_counted_by_a_tool_around_the_service() {
    // Twice the streams of 1199 bytes, of which half were measured: 1 MiB is 218.6 rounds.
    let (_tool, path) = tool(
        "strace",
        r#"[ "$1 $2 $3" = "-c -f -o" ] || exit 9
        file=$4; shift 4; "$@" || exit
        cat > "$file" <<END
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ------------------
 60.00    0.016354         237        40         4 futex
 20.00    0.001162          20        20           sendto
 10.00    0.000486          37        10           writev
 10.00    0.001985          20        30         7 recvfrom
------ ----------- ----------- --------- --------- ------------------
100.00    0.019987         200       100        11 total
END
"#,
    );
    let (run, results) = profiled("strace", path);
    let text = run.succeed();
    printed(&text, "profiler=strace");
    let figure = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap().parse::<f64>().unwrap()
    };
    let mib = 2.0 * 2.0 * 1199.0 / f64::from(1 << 20);
    for (name, calls) in
        [("syscalls_per_mib", 100.0), ("send_calls_per_mib", 30.0), ("recv_calls_per_mib", 30.0)]
    {
        let ratio = figure(name) * mib / calls;
        assert!((ratio - 1.0).abs() < 1e-5, "{name} is {ratio} times what it should be");
    }
    assert!(results.join("service.strace.summary").exists());
}

#[test]
fn samples_are_taken_by_a_tool_around_the_service() {
    let (_tool, path) = tool(
        "perf",
        r#"case $1 in
        record) [ "$2 $3 $4 $6" = "-q -g -o --" ] || exit 9
            file=$5; shift 6; "$@" || exit
            echo samples > "$file";;
        report) echo "$*"; cat "${6:-nothing}";;
        esac
"#,
    );
    let (run, results) = profiled("perf", path);
    printed(&run.succeed(), "profiler=perf");
    for (name, how) in
        [("report_children.txt", " --children "), ("report_no_children.txt", " --no-children ")]
    {
        let report = fs::read_to_string(results.join(name)).unwrap();
        said(&report, how);
        assert!(report.ends_with("samples\n"), "{report}");
    }
}

#[test]
fn a_tool_that_is_not_there_or_not_permitted_stops_everything_before_it_starts() {
    for option in ["perf", "strace"] {
        let (run, results) = profiled(option, OsString::from("/nowhere"));
        said(&run.fail(), &format!("harness: {option} cannot be used here: "));
        assert!(!results.exists());

        let (_tool, path) = tool(option, "echo 'this is not for you' >&2; exit 1");
        let (run, results) = profiled(option, path);
        said(&run.fail(), &format!("harness: {option} cannot be used here: this is not for you\n"));
        assert!(!results.exists());
    }
}

#[test]
fn an_interrupted_command_ends_the_service_under_its_tool() {
    // As a tool would that does not pass signals on.
    let (tool, path) =
        tool("strace", r#"shift 4; exec 3<&0; trap '' INT TERM; "$@" <&3 & echo $! > "$0.pid"; wait"#);
    let name = fresh_name("tool");
    let line = format!("run --strace --implementation raw_copy --seconds 600 --name {name} {SMALL}");
    let run = Harness::start_with(&line, &[("PATH", &path)]);
    let file = tool.path().join("strace.pid");
    let mut service = 0;
    // The first one is that of the trial, which is gone when there are two processes.
    let children = children(run.id());
    until("the service has started", || {
        service = fs::read_to_string(&file).unwrap_or_default().trim().parse().unwrap_or(0);
        state(service).is_some_and(|(_, of)| children.contains(&of))
    });
    signal(run.id(), Signal::SIGINT);
    assert_eq!(run.end().status.code(), Some(130));
    assert!(is_gone(service) && children.into_iter().all(is_gone));
}
