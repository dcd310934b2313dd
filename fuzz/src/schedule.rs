//! The bytes of the fuzzer as a schedule of calls and faults, compared with a model after each step.

use futures_handoff_runtimes::faults::{Side, Source, keep_panics_quiet, run};

/// Lets a panic inside of a schedule become a finding of it, with its choices, instead of the end of the process.
pub fn init() {
    keep_panics_quiet();
}

/// Runs the schedule that `bytes` stand for.
///
/// # Panics
///
/// If anything in it is not as it should be. What is printed before replays it without the fuzzer.
pub fn check(side: Side, bytes: &[u8]) {
    let run = run(side, &Source::Bytes(bytes.to_vec()));
    if let Err(failure) = run.result {
        let choices: Vec<_> = run.choices.iter().map(ToString::to_string).collect();
        eprintln!("{side}, {failure}");
        eprintln!("replay with: cargo harness faults --side {side} --choices {}", choices.join(","));
        panic!("{side}, {failure}");
    }
}
