//! What either half keeps in memory, at each step of schedules made from seeds.

use std::{env, time::Duration};

use allocation_counter::measure;
use futures_handoff_runtimes::{
    faults::{Side, Source, Trial},
    watched_for,
};

/// As `FAULT_SEEDS` says, or that many.
const SEEDS: u64 = 2000;

/// A schedule that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(10);

fn seeds() -> u64 {
    let said = env::var("FAULT_SEEDS").ok();
    said.map_or(SEEDS, |said| {
        said.parse().unwrap_or_else(|_| panic!("FAULT_SEEDS must be a number, but is {said}"))
    })
}

fn weigh(call: &mut dyn FnMut()) -> i64 {
    measure(call).bytes_current
}

fn weigh_all(side: Side) {
    watched_for(Duration::from_secs(120), "a schedule on a scale", move || {
        for seed in 0..seeds() {
            // In a thread of its own, which has no memory of others.
            let run = Trial::of(side).weighed(weigh).run_within(&Source::Seed(seed), LIMIT);
            if let Err(failure) = run.result {
                panic!("seed {seed}, {failure}");
            }
        }
    });
}

#[test]
fn at_each_step_a_buffer_and_its_frames_keep_no_more_than_they_may() {
    weigh_all(Side::Read);
}

#[test]
fn at_each_step_a_stream_keeps_no_more_than_it_may() {
    weigh_all(Side::Write);
}
