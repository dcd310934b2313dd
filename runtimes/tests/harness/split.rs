//! The proxies in a process of their own: started and ended by one command, pinned, and watched by
//! a tool.

use std::{fs, net::TcpListener, process::Command};

use clap::ValueEnum;
use futures_handoff_runtimes::harness::{ImplementationName, RuntimeName, runner};

use super::binary::*;

const SPLIT: &str =
    "run --split --transport tcp --worker-threads 2 --connections 2 --route-frames 3 --tunnel-bytes 1000";

#[test]
fn two_processes_carry_on_every_runtime() {
    for &runtime in RuntimeName::value_variants() {
        if runner(runtime, ImplementationName::Handoff).is_err() {
            continue;
        }
        let text = printed(&format!("{SPLIT} --runtime {runtime} --driver-runtime {runtime}"));
        for (name, value) in
            [("mode", "split"), ("total_bytes", "2398"), ("driver_runtime", &runtime.to_string())]
        {
            assert_eq!(field(&text, name), value, "{runtime}");
        }
        // The calls are made in one process and printed by the parent.
        for name in [
            "driver_max_rss_bytes",
            "max_rss_bytes",
            "read_calls_per_mib",
            "allocations_per_mib",
            "frame_latency_p50_micros",
        ] {
            assert!(number(&text, name) > 0.0, "{name} on {runtime}");
        }
    }
    let text =
        printed(&SPLIT.replace("run", "compare --of raw_copy --with manual_vec --pairs 2 --seconds 0"));
    contains(&text, " mode=split ");
}

/// The state of a process and its parent.
fn state(process: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before them may have anything in it.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

fn is_gone(process: u32) -> bool {
    state(process).is_none_or(|(state, _)| state == "Z" || state == "X")
}

/// The service that a command has started, once it runs.
fn service(parent: u32) -> u32 {
    let mut service = None;
    until("a command starts its service", || {
        let all =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let mut children = all.filter(|&process: &u32| state(process).is_some_and(|(_, of)| of == parent));
        service = children.next().filter(|&child| threads(child).len() > 1);
        service.is_some()
    });
    service.unwrap()
}

/// The status of each thread of a process.
fn threads(process: u32) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok()).collect()
}

fn signal(process: u32, name: &str) {
    assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
}

#[test]
fn cores_are_pinned_and_recorded() {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let usable = status.split_once("Cpus_allowed_list:\t").unwrap().1.lines().next().unwrap();
    let core = usable.split([',', '-']).next().unwrap();
    let line = SPLIT.replace("--split", &format!("--service-cores {core}")).replace("--worker-threads 2", "");
    let text = printed(&line);
    assert_eq!(
        ["service_cores", "driver_cores", "worker_threads"].map(|name| field(&text, name)),
        [core, "n/a", "1"]
    );

    let running = Harness::start(&format!("{line} --seconds 600"));
    let service = service(running.id());
    let pinned = format!("Cpus_allowed_list:\t{core}\n");
    until("every thread is pinned", || threads(service).iter().all(|status| status.contains(&pinned)));
}

#[test]
fn neither_process_outlives_the_other() {
    for name in ["service", "-KILL", "-INT"] {
        let parent = Harness::start(&format!("{SPLIT} --seconds 600"));
        let service = service(parent.id());
        if name == "service" {
            signal(service, "-KILL");
            contains(&stderr(&parent.end()), "the service process ended with signal: 9");
        } else {
            signal(parent.id(), name);
            assert_eq!(parent.end().status.code(), (name == "-INT").then_some(130));
        }
        until("the service is gone", || is_gone(service));
    }
}

#[test]
fn a_tool_watches_the_service() {
    // Twice the streams of 1199 bytes, of which half were measured.
    let strace =
        "[ \"$1 $2 $3\" = \"-c -f -o\" ] || exit 9\nfile=$4; shift 4; \"$@\" || exit\ncat > \"$file\" <<END
% time     seconds  usecs/call     calls    errors syscall
 60.00    0.016354         237        40         4 futex
 20.00    0.001162          20        20           sendto
 10.00    0.000486          37        10           writev
 10.00    0.001985          20        30         7 recvfrom
100.00    0.019987         200       100        11 total
END";
    let path = tool("strace", "strace", strace);
    let line = SPLIT.replace("--split", "--strace --name straced");
    let output = Harness::of(command(&line).env("PATH", path)).end();
    let text = stdout(&output);
    assert_eq!(field(&text, "profiler"), "strace", "{}", stderr(&output));
    let mib = 2.0 * 2.0 * 1199.0 / f64::from(1 << 20);
    for (name, calls) in
        [("syscalls_per_mib", 100.0), ("send_calls_per_mib", 30.0), ("recv_calls_per_mib", 30.0)]
    {
        assert!((number(&text, name) * mib / calls - 1.0).abs() < 1e-5, "{name}");
    }
    assert!(results("straced").join("service.strace.summary").exists());

    let perf = "case $1 in\nrecord) file=$5; shift 6; \"$@\" || exit; echo samples > \"$file\";;\nreport) echo \"$*\"; cat \"$6\";;\nesac";
    let line = SPLIT.replace("--split", "--perf --name sampled");
    let output = Harness::of(command(&line).env("PATH", tool("perf-record", "perf", perf))).end();
    assert!(output.status.success(), "{}", stderr(&output));
    for (name, how) in
        [("report_children.txt", " --children "), ("report_no_children.txt", " --no-children ")]
    {
        let report = fs::read_to_string(results("sampled").join(name)).unwrap();
        contains(&report, how);
        assert!(report.ends_with("samples\n"), "{report}");
    }

    let path = tool("forbidden", "perf", "echo 'this is not for you' >&2; exit 1");
    let line = line.replace("sampled", "forbidden");
    let said = failed_as(command(&line).env("PATH", path), 1);
    assert_eq!(said, "harness: perf cannot be used here: this is not for you\n");
    assert!(!results("forbidden").exists());
}

#[test]
fn what_does_not_go_together_is_refused() {
    for (line, sentence) in [
        ("run --split", "two processes need --transport tcp, not cached"),
        ("run --driver-runtime local", "--driver-runtime is for two processes: add --split"),
        ("run --cores 0", "--cores is for one process of two: see --service-cores and --driver-cores"),
        (
            "run --role tcp-service --split",
            "--split, also when it is implied, starts both processes: remove --role",
        ),
        (
            "run --role tcp-service --implementation handoff,raw_copy",
            "a service has one implementation on one runtime",
        ),
        ("run --role tcp-driver --sink-addr 0.0.0.0:0", "the service cannot reach a sink at 0.0.0.0:0"),
        ("run --service-cores 2-1 --transport tcp", "'2-1' is neither a core nor a range such as 0-1"),
        ("run --driver-cores 1023 --transport tcp", "there is no core 1023 here, only "),
    ] {
        refused(line, sentence);
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let service = failed(&format!("run --role tcp-service --service-addr {address}"));
    contains(&service, &format!("harness: the service cannot listen at {address}: "));
    let driver = failed(&format!("run --role tcp-driver --sink-addr {address}"));
    contains(&driver, &format!("harness: the sink cannot listen at {address}: "));
    let waiting = failed("run --role tcp-service --service-addr 127.0.0.1:0 --wait-seconds 0.1");
    contains(&waiting, "harness: no driver has come to the service at 127.0.0.1:");
}
