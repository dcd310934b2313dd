//! The binary where things are not as they should be: each end is a sentence and a status, and what is finished stays.

mod harness_binary;

use std::{fs, process::Stdio};

use futures_handoff_runtimes::watched;
use harness_binary::{command, harness, results, stderr};

const SMALL: &str =
    "--implementation raw_copy --runtime local --connections 2 --route-frames 3 --tunnel-bytes 100";

/// All that is said are sentences of this program.
fn sentences(said: &str) {
    assert!(!said.is_empty() && said.lines().all(|line| line.starts_with("harness: ")), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_printed_are_kept() {
    watched("results_that_cannot_be_printed_are_kept", || {
        let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut run = command(&format!("run {SMALL} --runs 2 --name unprinted"));
        let output = run.stdout(full()).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        sentences(&stderr(&output));
        assert!(stderr(&output).contains("the results cannot be printed: "), "{}", stderr(&output));
        assert_eq!(fs::read_to_string(results("unprinted").join("runs.jsonl")).unwrap().lines().count(), 1);

        let mut report = command("report unprinted");
        assert_eq!(report.stdout(full()).output().unwrap().status.code(), Some(1));
        assert!(results("unprinted").join("report.html").exists());
        assert!(results("unprinted").join("report.md").exists());

        // That nobody hears the sentences is no failure.
        let mut unheard = command(&format!("run {SMALL} --name unheard"));
        assert!(unheard.stderr(full()).stdout(Stdio::null()).status().unwrap().success());
    });
}

#[test]
fn a_failure_is_one_sentence() {
    watched("a_failure_is_one_sentence", || {
        let line = "run --implementation handoff --runtime local --write-pending-bytes 1 --tunnel-bytes 100";
        let output = harness(line);
        assert_eq!(output.status.code(), Some(1));
        sentences(&stderr(&output));
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    });
}

/// Too few for the runtime, for the sockets, for the files: whichever is first, nothing panics aloud.
#[cfg(all(target_os = "linux", feature = "smol"))]
#[test]
fn a_lack_of_descriptors_is_said_in_sentences() {
    use std::process::Command;

    watched("a_lack_of_descriptors_is_said_in_sentences", || {
        for limit in 6..=10 {
            let line = command("");
            let run =
                "run --runtime smol --transport tcp --connections 50 --tunnel-bytes 10 --name descriptors";
            let script = format!("ulimit -n {limit}; exec \"$0\" {run}{limit}");
            let environment = line.get_envs().filter_map(|(name, value)| Some((name, value?)));
            let mut shell = Command::new("sh");
            shell.args(["-c", &script]).arg(line.get_program()).envs(environment).stdin(Stdio::null());
            let output = shell.output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{limit}: {}", stderr(&output));
            sentences(&stderr(&output));
        }
    });
}

#[test]
fn streams_that_do_not_fit_into_memory_are_refused() {
    for line in [
        "run --connections 10000 --tunnel-bytes 4294967296",
        "run --role tcp-driver --connections 10000 --tunnel-bytes 4294967296",
        "run --transport duplex --connections 10000 --duplex-capacity 67108864",
        "compare --of handoff --with raw_copy --frame-len 1048576 --route-frames 10000000",
    ] {
        let output = harness(line);
        if cfg!(target_os = "linux") {
            assert_eq!(output.status.code(), Some(2), "{line}: {}", stderr(&output));
            sentences(&stderr(&output));
            assert!(stderr(&output).contains(" bytes of memory, and "), "{line}: {}", stderr(&output));
        }
    }
}

#[test]
fn names_may_be_spelled_with_hyphens() {
    for flags in [
        "--implementation manual-vec,raw-copy,bytesmut",
        "--implementation handoff-owned --completion fire-and-forget",
    ] {
        let output = harness(&format!("run {flags} --runtime local --connections 1 --tunnel-bytes 10"));
        assert!(output.status.success(), "{flags}: {}", stderr(&output));
    }
}

#[test]
fn a_small_read_has_a_budget_for_a_line() {
    for flags in ["--read-reserve 1", "--frame-len 1048576"] {
        let line =
            "run --implementation handoff,handoff_owned --runtime local --connections 1 --route-frames 2";
        let output = harness(&format!("{line} --tunnel-bytes 10 {flags}"));
        assert!(output.status.success(), "{flags}: {}", stderr(&output));
    }
}

#[cfg(unix)]
#[test]
fn a_directory_has_one_harness_at_a_time() {
    watched("a_directory_has_one_harness_at_a_time", || {
        let first = harness_binary::started(&format!("run {SMALL} --duration-seconds 60 --name shared"));
        while !results("shared").join("runs.jsonl").exists() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let second = harness(&format!("run {SMALL} --name shared"));
        assert_eq!(second.status.code(), Some(1));
        assert!(stderr(&second).contains("is being written by another harness"), "{}", stderr(&second));
        let first = harness_binary::interrupted(first, &results("shared"));
        assert_eq!(first.status.code(), Some(130));
    });
}

#[cfg(unix)]
#[test]
fn runs_that_are_no_file_are_refused() {
    watched("runs_that_are_no_file_are_refused", || {
        harness(&format!("run {SMALL} --name irregular"));
        let runs = results("irregular").join("runs.jsonl");
        fs::remove_file(&runs).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&runs).status().unwrap().success());
        for line in [format!("run {SMALL} --name irregular"), "report irregular".to_owned()] {
            let output = harness(&line);
            assert_eq!(output.status.code(), Some(1), "{line}");
            assert!(stderr(&output).contains("it is not a file"), "{line}: {}", stderr(&output));
        }
    });
}
