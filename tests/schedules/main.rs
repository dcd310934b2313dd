//! Both halves under generated schedules: submissions, cancellations and writer faults; input in
//! any pieces and random calls.
//!
//! A seed is a schedule: all choices follow from it, everything runs on one thread and no clock is
//! read, so a seed always does the same. For writing, the choices are the limits, what producers do
//! and when they give up, which task is polled next and which is dropped, whether the writer task
//! runs by itself or with producers, and how the writer behaves. After each step positions, room,
//! the line of waiters and the written bytes are compared with an oracle. At the end so is the fate
//! of every byte. For reading, the choices are the limits, how the input arrives, which calls are
//! made and where they are dropped. After each call the buffer must equal a plain vector, and every
//! frame must be unchanged since it was handed out.
//!
//! ```text
//! cargo test --test schedules                               some thousands of each side
//! SCHEDULES=10000000 cargo test --release --test schedules keeps_every
//! SCHEDULE_SECONDS=60 SCHEDULE_FIRST=50000000 cargo test --release --test schedules writing
//! SCHEDULES=1 SCHEDULE_FIRST=7 cargo test --test schedules writing_keeps_every -- --nocapture
//! ```
//!
//! `SCHEDULES` is the number of seeds, `SCHEDULE_FIRST` the first seed, `SCHEDULE_SECONDS` the
//! longest time. A single schedule is printed step by step, with the expected state after each. A
//! schedule that fails or hangs is shortened, and printed with the command that repeats it.
//!
//! `write/submit`, `produce` and `together`, and `read/calls` and `frames`, call the library. The
//! steps and limits of a schedule are in the `mod` of its half.

#[macro_use]
mod script;
mod read;
mod run;
mod seeds;
mod write;

use std::{fs, time::Duration};

use allocation_counter::measure;
use futures_handoff_runtimes::watched_for;

use crate::{
    run::{Side, Trial},
    script::Source,
    seeds::{Seeds, USUAL, report},
    write::Sabotage,
};

/// Schedules with measured memory have a thread each, and are slower.
const WEIGHED: u64 = 1500;

#[test]
fn writing_keeps_every_promise() {
    Seeds::wanted(USUAL).pass(Trial::of(Side::Write));
}

#[test]
fn reading_keeps_every_promise() {
    Seeds::wanted(USUAL).pass(Trial::of(Side::Read));
}

fn weighed(side: Side) -> Trial {
    Trial { weigh: Some(|call| measure(call).bytes_current), ..Trial::of(side) }
}

#[test]
fn writing_keeps_no_more_memory_than_it_may() {
    Seeds::wanted(WEIGHED).pass(weighed(Side::Write));
}

#[test]
fn reading_keeps_no_more_memory_than_it_may() {
    Seeds::wanted(WEIGHED).pass(weighed(Side::Read));
}

#[test]
fn what_the_fuzzer_kept_is_a_schedule_without_a_finding() {
    watched_for(Duration::from_secs(120), "a schedule of bytes", || {
        for (side, target) in [(Side::Write, "write_script"), (Side::Read, "read_buffer")] {
            let kept = fs::read_dir(format!("fuzz/corpus/{target}")).expect("there are inputs");
            let mut steps = 0;
            for input in kept {
                let path = input.expect("there is a file").path();
                let run = Trial::of(side).run(&Source::Bytes(fs::read(&path).expect("a file")));
                assert!(run.result.is_ok(), "{path:?}: {:?}", run.result);
                steps += run.steps;
            }
            assert!(steps > 100, "the bytes are not looked at");
        }
    });
}

#[test]
fn a_seed_always_does_the_same() {
    for side in [Side::Write, Side::Read] {
        for seed in 0..50 {
            let trial = Trial { traced: true, ..Trial::of(side) };
            let first = trial.run(&Source::Seed(seed));
            assert!(first.result.is_ok() && first.steps > 0, "seed {seed}: {:?}", first.result);
            assert_eq!(first, trial.run(&Source::Seed(seed)), "seed {seed}");
            let all = |n| vec![true; n];
            let part = Source::Part { seed, steps: all(first.steps), choices: all(first.choices) };
            assert_eq!(first, trial.run(&part), "seed {seed}");
        }
    }
}

#[test]
fn parts_of_a_schedule_come_to_an_end() {
    watched_for(Duration::from_secs(120), "a part of a schedule", || {
        for side in [Side::Write, Side::Read] {
            for seed in 0..300 {
                let some = |n: u64| (0..200).map(|at| (at * at + seed) % n > 0).collect();
                let part = Source::Part { seed, steps: some(3), choices: some(5) };
                let result = Trial::of(side).run(&part).result;
                assert!(result.is_ok(), "{result:?} with {part:?}");
            }
        }
    });
}

fn sabotaged(position: u64, sabotage: Sabotage) -> Trial {
    Trial { sabotage: Some((position, sabotage)), ..Trial::of(Side::Write) }
}

/// Runs schedules on a broken device until the fault has happened in 200 of them; returns how many
/// of those were noticed.
fn noticed(sabotage: Sabotage) -> usize {
    let (mut happened, mut noticed) = (0, 0);
    for seed in 0.. {
        // Without the fault, the same schedule has no finding: the finding is the fault.
        let result = sabotaged(seed % 30, sabotage).run(&Source::Seed(seed)).result;
        noticed += usize::from(result.is_err());
        happened += usize::from(result.is_ok_and(|summary| summary.sabotaged));
        if happened + noticed == 200 {
            break;
        }
    }
    noticed
}

#[test]
fn a_byte_lost_repeated_moved_or_changed_is_always_noticed() {
    watched_for(Duration::from_secs(120), "a broken device", || {
        for sabotage in [Sabotage::Lose, Sabotage::StoreTwice, Sabotage::Reorder, Sabotage::Change] {
            assert_eq!(noticed(sabotage), 200, "{sabotage:?}");
        }
    });
}

#[test]
fn a_wake_up_that_never_comes_is_noticed() {
    watched_for(Duration::from_secs(120), "a broken device", || {
        let noticed = noticed(Sabotage::Sleep);
        // Not where something else polls the task in time.
        assert!(noticed > 50, "{noticed} of 200");
    });
}

#[test]
fn a_schedule_that_fails_or_hangs_is_shortened_and_told_in_plain_words() {
    watched_for(Duration::from_secs(180), "the search for a shorter schedule", || {
        for sabotage in [Sabotage::Lose, Sabotage::Sleep, Sabotage::Hang] {
            let broken = sabotaged(2, sabotage);
            let limit = Duration::from_millis(300);
            let long = |seed: &u64| {
                let run = broken.run_within(&Source::Seed(*seed), limit);
                run.result.is_err() && run.hangs() == (sabotage == Sabotage::Hang) && run.steps > 15
            };
            let seed = (0..).find(long).expect("one in a few is enough");
            let right = Trial { traced: true, ..Trial::of(Side::Write) }.run(&Source::Seed(seed));
            assert!(right.result.is_ok(), "without the sabotage nothing is wrong: {:?}", right.result);
            let told = report(broken, seed, None);
            let (before, after) = (right.lines.len(), told.lines().count());
            assert!(after > 8 && after < before / 2, "{before} lines became {after}");
            for part in [
                &format!("seed {seed}, "),
                "WriteHandoffConfig {",
                "step 1: poll task",
                "    Write ",
                "--test schedules",
            ] {
                assert!(told.contains(part), "{part} is missing in\n{told}");
            }
        }
    });
}
