use std::fs;

use super::binary::*;

const STREAM: f64 = 3.0 * 64.0 + 7.0 + 1000.0;
const MIB: f64 = 1024.0 * 1024.0;

fn close(value: f64, expected: f64) {
    assert!((value / expected - 1.0).abs() < 1e-5, "{value} is not {expected}");
}

#[test]
fn every_field_is_printed_and_kept() {
    let text = printed(&format!("run --implementation raw_copy --runtime local --name fields {SMALL}"));
    let names: Vec<_> = text.lines().map(|line| line.split_once('=').unwrap().0).collect();
    let expected = "mode service_cores driver_cores driver_runtime profiler runtime transport implementation scenario \
        completion window worker_threads connections route_frames frame_len tunnel_bytes input_fragment input_model \
        tcp_mss_bytes read_reserve handoff_flush_bytes write_pending_bytes duplex_capacity burst configured_iterations \
        duration_seconds_target run actual_iterations bytes_per_connection total_streams total_bytes total_seconds \
        bytes_per_sec mib_per_sec gib_per_sec streams_per_sec cpu_usage_measured cpu_user_seconds cpu_system_seconds \
        cpu_total_seconds cpu_avg_cores cpu_utilization_pct cpu_ns_per_byte cpu_ns_per_frame voluntary_context_switches \
        involuntary_context_switches max_rss_bytes latency_p50_micros latency_p95_micros latency_p99_micros \
        latency_p999_micros latency_max_micros frame_latency_p50_micros frame_latency_p95_micros \
        frame_latency_p99_micros frame_latency_p999_micros frame_latency_max_micros allocations_per_mib \
        allocated_bytes_per_byte read_calls_per_mib write_calls_per_mib inline_share syscalls_per_mib \
        send_calls_per_mib recv_calls_per_mib driver_cpu_total_seconds driver_cpu_ns_per_byte driver_max_rss_bytes";
    assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
    let kept = &runs("fields")[0];
    for (name, value) in kept.as_object().unwrap() {
        let text = field(&text, name).trim_matches('"');
        assert_eq!(
            text,
            value.as_str().map_or_else(|| value.to_string().replace("null", "n/a"), str::to_owned)
        );
    }
    contains(
        &failed(&format!("run --name fields {SMALL}")),
        "has results of 1 runs already: choose another --name",
    );
}

#[test]
fn figures_are_counted_and_not_estimated() {
    let text =
        printed(&format!("run --implementation raw_copy --runtime local --input-fragment 1000 {SMALL}"));
    // Each stream takes a read of 1000, one of 199 and one that finds the end, and two writes.
    close(number(&text, "read_calls_per_mib"), 3.0 / STREAM * MIB);
    close(number(&text, "write_calls_per_mib"), 2.0 / STREAM * MIB);
    assert_eq!((number(&text, "total_streams"), number(&text, "total_bytes")), (2.0, 2.0 * STREAM));
    assert_eq!([field(&text, "inline_share"), field(&text, "syscalls_per_mib")], ["n/a", "n/a"]);

    let segments = "run --implementation handoff --runtime local --input-model tcp --tcp-mss-bytes 400";
    let text = printed(&format!("{segments} {SMALL}"));
    assert_eq!(field(&text, "input_fragment"), "400");
    assert!((0.0..=1.0).contains(&number(&text, "inline_share")));

    // Other allocations of the process are spread over 200 streams.
    let buffer = "run --implementation raw_copy --runtime local --read-reserve 65536 --iterations 100";
    let bytes = number(&printed(&format!("{buffer} {SMALL}")), "allocated_bytes_per_byte") * STREAM;
    assert!((65_536.0..65_536.0 + 8192.0).contains(&bytes), "{bytes}");
}

#[test]
fn lines_are_timed_and_priced_where_that_says_something() {
    for (line, timed) in [
        ("--transport cached", false),
        ("--transport cached --frame-latency true", true),
        ("--transport duplex", true),
    ] {
        let text = printed(&format!("run --implementation manual_vec --runtime local {line} {SMALL}"));
        assert_eq!(field(&text, "frame_latency_p50_micros") != "n/a", timed, "{line}");
    }
    // 99 lines of 64 bytes are nine tenths of 7040: with the mark of 7, the tunnel may have 697.
    for (tunnel, known) in [(697, cfg!(unix)), (698, false)] {
        let line =
            "run --implementation raw_copy --runtime local --seconds 0.1 --connections 2 --route-frames 99";
        let text = printed(&format!("{line} --tunnel-bytes {tunnel}"));
        assert_eq!(field(&text, "cpu_ns_per_frame") != "n/a", known, "{tunnel}");
    }
}

#[test]
fn wrong_values_are_refused_in_a_sentence() {
    for (line, sentence) in [
        ("run --connections 0", "invalid value '0' for '--connections <STREAMS>': 0 is not in 1..=10000"),
        ("run --seconds=nan", "not between 0 and 86400 seconds"),
        ("run --implementation x", "'x' is neither all nor one of handoff, handoff_adaptive, "),
        ("run --runtime local --implementation peer_1", "peer_1 cannot run on local: it needs tokio or "),
        ("fly", "unrecognized subcommand 'fly'"),
    ] {
        refused(line, sentence);
    }
    if cfg!(target_os = "linux") {
        for line in [
            "run --tunnel-bytes 4294967296",
            "run --transport duplex --duplex-capacity 67108864 --tunnel-bytes 9",
        ] {
            refused(&format!("{line} --connections 10000"), " bytes of memory, and ");
        }
    }
}

#[cfg(unix)]
#[test]
fn what_goes_wrong_is_a_sentence_and_what_is_finished_stays() {
    let small = format!("run --implementation raw_copy --runtime local {SMALL}");
    contains(&failed(&format!("run --runtime local --write-pending-bytes 1 {SMALL}")), "harness: ");

    let running = Harness::start(&format!("{small} --runs 10000 --name shared"));
    let kept = results("shared").join("runs.jsonl");
    until("a run is finished", || fs::read_to_string(&kept).is_ok_and(|runs| runs.contains('\n')));
    contains(&failed(&format!("{small} --name shared")), "is being written by another harness");
    running.interrupt_at(|| true);
    let output = running.end();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    for (index, run) in runs("shared").iter().enumerate() {
        assert_eq!(run["run"], index + 1);
    }

    if cfg!(target_os = "linux") {
        let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let said = failed_as(command(&format!("{small} --name unprinted")).stdout(full()), 1);
        contains(&said, "the results cannot be printed: ");
        assert_eq!(runs("unprinted").len(), 1);
    }
    fs::remove_file(&kept).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&kept).status().unwrap().success());
    for line in [format!("{small} --name shared"), "report shared".to_owned()] {
        contains(&failed(&line), "it is not a file");
    }
}

/// Too few for the runtime, the sockets or the files: whichever is first, no panic is printed.
#[cfg(all(target_os = "linux", feature = "smol"))]
#[test]
fn a_lack_of_descriptors_is_said_in_sentences() {
    for limit in 6..=10 {
        let line = format!(
            "run --runtime smol --transport tcp --connections 50 --tunnel-bytes 10 --name few{limit}"
        );
        let harness = command(&line);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\"")]).arg(harness.get_program());
        shell
            .args(harness.get_args())
            .envs(harness.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        failed_as(&mut shell, 1);
    }
}
