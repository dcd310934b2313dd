//! What either half keeps in memory, at each step of schedules made from seeds.

use std::{env, time::Duration};

use allocation_counter::measure;
use futures_handoff_runtimes::{
    faults::{Side, Source, Trial},
    watched_for,
};

/// A schedule that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(10);

/// As many as `FAULT_SEEDS` says, or 2000.
fn weigh_all(side: Side) {
    let seeds = env::var("FAULT_SEEDS").unwrap_or_else(|_| "2000".to_owned());
    let seeds: u64 = seeds.parse().unwrap_or_else(|_| panic!("FAULT_SEEDS must be a number, but is {seeds}"));
    watched_for(Duration::from_secs(120), "a schedule on a scale", move || {
        for seed in 0..seeds {
            // In a thread of its own, which has no memory of others.
            let weigh = |call: &mut dyn FnMut()| measure(call).bytes_current;
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
