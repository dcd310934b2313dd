//! By hand, and started and ended by one command.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
};

use clap::ValueEnum;
use futures_handoff_runtimes::stream::{ImplementationName, RuntimeName, runner};
use nix::{
    sched::{CpuSet, sched_getaffinity},
    sys::signal::Signal,
    unistd::Pid,
};

use super::processes::{
    Harness, SMALL, children, fresh_name, is_gone, printed, results, said, service, signal, stderr, until,
};

/// A port that nobody listens at.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn two_processes_carry_on_every_runtime() {
    for &runtime in RuntimeName::value_variants() {
        if runner(runtime, ImplementationName::Handoff).is_err() {
            continue;
        }
        let run = Harness::start(&format!(
            "run --split --runtime {runtime} --driver-runtime {runtime} --implementation handoff,raw_copy {SMALL}"
        ));
        let text = run.succeed();
        for line in [
            "mode=split",
            &format!("runtime={runtime}"),
            &format!("driver_runtime={runtime}"),
            "implementation=handoff",
            "implementation=raw_copy",
            // Three lines of 64, the mark of 7 and the tunnel, twice.
            "total_bytes=2398",
            "total_streams=2",
            "cpu_usage_measured=true",
        ] {
            printed(&text, line);
        }
        let figure = |name: &str| {
            let prefix = format!("{name}=");
            let values = text.lines().filter_map(|line| line.strip_prefix(&prefix)?.parse::<f64>().ok());
            values.fold(0.0, f64::max)
        };
        // The calls are made in one process and reported by the other's parent.
        for name in ["driver_max_rss_bytes", "max_rss_bytes", "read_calls_per_mib", "allocations_per_mib"] {
            assert!(figure(name) > 0.0, "{name} on {runtime}");
        }
        assert!(figure("frame_latency_max_micros") >= figure("frame_latency_p50_micros"));
        assert!(figure("frame_latency_p50_micros") > 0.0);
    }
}

/// What the threads of a process are pinned to.
fn pinned(process: u32) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let status = threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    let cores =
        |status: String| Some(status.split_once("Cpus_allowed_list:\t")?.1.lines().next()?.to_owned());
    status.filter_map(cores).collect()
}

#[test]
fn cores_are_pinned_and_recorded() {
    let usable = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let usable: Vec<_> = (0..CpuSet::count()).filter(|&core| usable.is_set(core).unwrap()).collect();
    let cores = [usable[0], *usable.last().unwrap()];
    let workload = SMALL.replace(" --worker-threads 2", "");
    let [service, driver] = cores;
    let line =
        format!("run --service-cores {service} --driver-cores {driver} --implementation raw_copy {workload}");
    let text = Harness::start(&line).succeed();
    let lines =
        [format!("service_cores={service}"), format!("driver_cores={driver}"), "worker_threads=1".into()];
    for line in lines {
        printed(&text, &line);
    }

    let parent = Harness::start(&format!("{line} --seconds 600"));
    for (child, core) in children(parent.id()).into_iter().zip(cores) {
        until("every thread is pinned", || {
            let pinned = pinned(child);
            // One watches the parent.
            pinned.len() > 1 && pinned.iter().all(|cores| *cores == core.to_string())
        });
    }
}

#[test]
fn a_comparison_takes_two_processes_for_each_measurement() {
    let line = format!("compare --split --of raw_copy --with manual_vec --pairs 2 --seconds 0 {SMALL}");
    let text = Harness::start(&line).succeed();
    assert_eq!(text.lines().count(), 1, "{text}");
    said(&text, "of=raw_copy with=manual_vec ");
    said(&text, " mode=split ");
}

#[test]
fn a_driver_records_what_its_service_is() {
    let (service, address) = service(
        "--runtime local --implementation manual_vec --read-reserve 4321 --worker-threads 3 --idle-timeout-millis 3000",
    );
    let text = Harness::start(&format!(
        "run --role tcp-driver --service-addr {address} --sink-addr 127.0.0.1:0 --runs 20 \
         --implementation handoff --frame-len 5000 {SMALL}"
    ))
    .succeed();
    for line in
        ["runtime=local", "implementation=manual_vec", "read_reserve=4321", "worker_threads=3", "run=20"]
    {
        printed(&text, line);
    }
    service.succeed();
}

#[test]
fn who_waits_in_vain_says_so() {
    let service = Harness::start("run --role tcp-service --service-addr 127.0.0.1:0 --wait-seconds 0.1");
    let text = service.fail();
    said(&text, "harness: no driver has come to the service at 127.0.0.1:");
    said(&text, " within 100ms\n");

    let address = nobody();
    let line = format!("run --role tcp-driver --service-addr {address} --sink-addr 127.0.0.1:0");
    said(
        &Harness::start(&line).fail(),
        &format!("harness: the driver cannot reach the service at {address}: "),
    );
}

#[test]
fn a_service_can_be_interrupted() {
    for stop in [Signal::SIGINT, Signal::SIGTERM] {
        let (service, _) = service("--runtime local --implementation raw_copy --wait-seconds 600");
        signal(service.id(), stop);
        assert_eq!(service.end().status.code(), Some(130));
    }
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let service = Harness::start(&format!("run --role tcp-service --service-addr {address}"));
    said(&service.fail(), &format!("harness: the service cannot listen at {address}: "));
    let driver = Harness::start(&format!("run --role tcp-driver --sink-addr {address}"));
    said(&driver.fail(), &format!("harness: the sink cannot listen at {address}: "));
}

#[test]
fn what_does_not_go_together_is_refused() {
    for (line, sentence) in [
        ("run --split", "two processes need --transport tcp, not cached"),
        ("run --driver-runtime local", "--driver-runtime is for two processes: add --split"),
        ("run --strace", "two processes need --transport tcp, not cached"),
        ("run --cores 0", "--cores is for one process of two: see --service-cores and --driver-cores"),
        (
            "run --role tcp-service --split --transport tcp",
            "--split and what implies it start both processes: leave --role out",
        ),
        (
            "run --role tcp-service --implementation handoff,raw_copy",
            "a service has one implementation on one runtime",
        ),
        (
            "run --role tcp-driver --sink-addr 0.0.0.0:0",
            "the service cannot reach a sink at 0.0.0.0:0: give one address of it",
        ),
        (
            "run --service-cores 2-1 --transport tcp",
            "invalid value '2-1' for '--service-cores <CORES>': '2-1' is neither a core nor a range such as 0-1",
        ),
    ] {
        let output = Harness::start(line).end();
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert_eq!(stderr(&output), format!("harness: {sentence}\n"));
    }
    let output = Harness::start("run --driver-cores 1023 --transport tcp").end();
    assert_eq!(output.status.code(), Some(2));
    said(&stderr(&output), "there is no core 1023 here, only ");
}

/// A command that measures for as long as nobody ends it.
fn long() -> (Harness, [u32; 2]) {
    let parent = Harness::start(&format!("run --split --implementation raw_copy --seconds 600 {SMALL}"));
    let children = children(parent.id());
    (parent, children)
}

#[test]
fn a_killed_service_is_missed() {
    let (parent, [service, driver]) = long();
    signal(service, Signal::SIGKILL);
    said(&parent.fail(), "the service process ended with signal: 9");
    assert!(is_gone(service) && is_gone(driver));
}

#[test]
fn a_killed_driver_is_missed() {
    let (parent, [service, driver]) = long();
    signal(driver, Signal::SIGKILL);
    said(&parent.fail(), "the driver process ended with signal: 9");
    assert!(is_gone(service) && is_gone(driver));
}

#[test]
fn a_killed_command_leaves_no_process() {
    let (parent, children) = long();
    signal(parent.id(), Signal::SIGKILL);
    until("the processes are gone", || children.into_iter().all(is_gone));
}

#[test]
fn an_interrupted_command_keeps_what_is_finished_and_leaves_no_process() {
    let name = fresh_name("interrupted");
    let line = format!("run --split --implementation raw_copy --runs 10000 --name {name} {SMALL}");
    let parent = Harness::start(&line);
    let runs = results(&name).join("runs.jsonl");
    until("a run is finished", || fs::read_to_string(&runs).is_ok_and(|runs| runs.contains('\n')));
    let children = children(parent.id());
    signal(parent.id(), Signal::SIGINT);
    let output = parent.end();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(children.into_iter().all(is_gone));
    let runs = fs::read_to_string(runs).unwrap();
    assert!(runs.ends_with('\n'));
    for (index, line) in runs.lines().enumerate() {
        let run: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(run["run"], index + 1);
    }
}
