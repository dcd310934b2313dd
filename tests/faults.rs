//! Both halves under generated schedules: submissions, cancellations and writer faults; input in any pieces and any calls.
//!
//! `FAULT_SEEDS=n` sets how many schedules are run, `FAULT_SEED=n` runs a single one.

use std::{
    collections::BTreeMap,
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use futures_handoff_runtimes::{
    faults::{End, Failure, Run, Sabotage, Side, Source, Tally, Trial, minimise, run, shortest},
    watched_for,
};

/// Enough to see every end of a stream hundreds of times.
const SEEDS: u64 = 8000;

fn number(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} must be a number, but is {value}")))
}

/// A schedule that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(10);

/// Runs schedules, each of which fails if it hangs, and names the seed that it fails or hangs on.
fn watched_seeds(schedules: impl FnOnce(&dyn Fn(u64)) + Send + 'static) {
    let current = Arc::new(AtomicU64::new(0));
    let (sender, done) = mpsc::channel();
    let running = Arc::clone(&current);
    thread::spawn(move || {
        let running = |seed| running.store(seed, Ordering::Relaxed);
        // Nobody listens any more where it took too long.
        let _ = sender.send(catch_unwind(AssertUnwindSafe(|| schedules(&running))));
    });
    let mut before = u64::MAX;
    let result = loop {
        let result = done.recv_timeout(LIMIT);
        let seed = current.load(Ordering::Relaxed);
        match result {
            Ok(result) => break result,
            Err(_) if seed != before => before = seed,
            Err(_) => panic!("seed {seed}, it hangs: it is not done after {LIMIT:?}"),
        }
    };
    let seed = current.load(Ordering::Relaxed);
    assert!(
        result.is_ok(),
        "replay with: FAULT_SEED={seed} cargo test --test faults every_, or cargo harness faults --seed {seed}"
    );
}

#[test]
fn every_schedule_keeps_every_promise() {
    watched_seeds(|running| {
        let seeds = match number("FAULT_SEED") {
            Some(seed) => seed..seed + 1,
            None => 0..number("FAULT_SEEDS").unwrap_or(SEEDS),
        };
        let all = seeds.end - seeds.start >= SEEDS;
        let mut ends = BTreeMap::<_, u64>::new();
        let mut events = Tally::default();
        let (mut steps, mut bytes) = (0, 0);
        for seed in seeds {
            running(seed);
            let run = run(Side::Write, &Source::Seed(seed));
            let summary = run.result.unwrap_or_else(|failure| panic!("seed {seed}, {failure}"));
            steps += run.steps;
            events += &run.events;
            bytes += summary.bytes;
            *ends.entry(summary.end).or_default() += 1;
        }
        println!("{steps} steps, {bytes} bytes accepted, ends: {ends:?}");
        use End::*;
        for end in [Closed, Aborted, TaskDropped, Io, WriteZero, InvalidWriter, Panicked] {
            assert!(!all || ends.contains_key(&Some(end)), "no stream ended with {end:?}");
        }
        for event in Side::Write.events() {
            assert!(!all || events.of(*event) > 0, "never: {}", event.name());
        }
    });
}

#[test]
fn every_read_schedule_keeps_every_promise() {
    watched_seeds(|running| {
        let seeds = match number("FAULT_SEED") {
            Some(seed) => seed..seed + 1,
            None => 0..number("FAULT_SEEDS").unwrap_or(SEEDS),
        };
        let all = seeds.end - seeds.start >= SEEDS;
        let mut events = Tally::default();
        for seed in seeds {
            running(seed);
            let run = run(Side::Read, &Source::Seed(seed));
            if let Err(failure) = run.result {
                panic!("seed {seed}, {failure}");
            }
            events += &run.events;
        }
        for event in Side::Read.events() {
            assert!(!all || events.of(*event) > 0, "never: {}", event.name());
        }
    });
}

/// Runs schedules on a broken device until it has done its work in so many of them; how many of those were noticed.
fn noticed(sabotage: Sabotage, enough: usize) -> (usize, usize) {
    let (mut happened, mut noticed) = (0, 0);
    for seed in 0.. {
        // As it is, the same schedule has no finding: what is found is the sabotage.
        match Trial::of(Side::Write).sabotaged(seed % 30, sabotage).run(&Source::Seed(seed)).result {
            Ok(summary) => happened += usize::from(summary.sabotaged),
            Err(_) => {
                happened += 1;
                noticed += 1;
            }
        }
        if happened == enough {
            break;
        }
    }
    (noticed, happened)
}

#[test]
fn a_byte_lost_repeated_moved_or_changed_is_always_noticed() {
    watched_for(Duration::from_secs(120), "a broken device", || {
        for sabotage in [Sabotage::Drop, Sabotage::Duplicate, Sabotage::Reorder, Sabotage::Corrupt] {
            assert_eq!(noticed(sabotage, 200), (200, 200), "{sabotage:?}");
        }
    });
}

#[test]
fn a_wake_up_that_never_comes_is_noticed() {
    watched_for(Duration::from_secs(120), "a broken device", || {
        let (noticed, happened) = noticed(Sabotage::Sleep, 200);
        // Not where something else polls the task in time.
        assert!(noticed > happened / 4, "{noticed} of {happened}");
    });
}

#[test]
fn a_seed_is_one_schedule_and_so_are_its_choices() {
    for side in [Side::Write, Side::Read] {
        for seed in 0..50 {
            let first = run(side, &Source::Seed(seed));
            first.result.as_ref().expect("no finding");
            assert_eq!(first, run(side, &Source::Seed(seed)), "seed {seed}");
            assert_eq!(first, run(side, &Source::Choices(first.choices.clone())), "seed {seed}");
        }
    }
}

#[test]
fn any_bytes_are_a_schedule_and_so_are_the_choices_in_them() {
    watched_for(Duration::from_secs(120), "a schedule of bytes", || {
        for side in [Side::Write, Side::Read] {
            for step in 1..200 {
                let bytes = (0..700_u32).map(|at| (at * at * step / 7) as u8).collect();
                let first = run(side, &Source::Bytes(bytes));
                first.result.as_ref().expect("no finding");
                assert!(first.choices.iter().any(|choice| *choice > 0), "the bytes are not looked at");
                assert_eq!(first, run(side, &Source::Choices(first.choices.clone())), "step {step}");
            }
        }
    });
}

#[test]
fn a_schedule_that_fails_is_shortened_and_fails_still() {
    watched_for(Duration::from_secs(120), "the search for a shorter schedule", || {
        for sabotage in [Sabotage::Drop, Sabotage::Sleep] {
            let sabotaged = |source: &Source| Trial::of(Side::Write).sabotaged(2, sabotage).run(source);
            let failed = (0..).map(|seed| sabotaged(&Source::Seed(seed))).find(|run| run.result.is_err());
            let failed = failed.expect("one in a few is enough");
            let mut shortest = failed.choices.clone();
            minimise(
                failed.choices.clone(),
                |source| Some(sabotaged(source)),
                |run| shortest.clone_from(&run.choices),
            );
            let (before, after) = (failed.choices.len(), shortest.len());
            assert!(after < before && after < 60, "{before} choices became {shortest:?}");
            sabotaged(&Source::Choices(shortest)).result.expect_err("it is not the same failure, but one");
            let right = run(Side::Write, &Source::Choices(failed.choices)).result;
            assert!(right.is_ok(), "without the sabotage nothing is wrong: {right:?}");
        }
    });
}

#[test]
fn a_schedule_that_hangs_is_found_and_shortened_like_one_that_fails() {
    watched_for(Duration::from_secs(120), "the search for a shorter schedule", || {
        let stuck = Trial::of(Side::Write).sabotaged(2, Sabotage::Hang).traced();
        let limit = Duration::from_millis(250);
        let hangs = |run: &Run| run.result.as_ref().is_err_and(Failure::hangs);
        // One of which there is something to leave out.
        let long = |run: &Run| hangs(run) && run.steps > 20;
        let found = (0..).map(|seed| stuck.run_within(&Source::Seed(seed), limit)).find(long);
        let found = found.expect("one in a few is enough");
        assert!(!found.lines.is_empty() && found.steps > 0, "how far it got is told");
        let shortest = shortest(stuck, found.choices.clone(), limit).expect("it hangs again");
        assert!(hangs(&shortest) && shortest.lines.len() < found.lines.len(), "{:?}", shortest.result);
        let (before, after) = (found.choices.len(), shortest.choices.len());
        assert!(after < before && after < 60, "{before} choices became {:?}", shortest.choices);
        let right = run(Side::Write, &Source::Choices(shortest.choices)).result;
        assert!(right.is_ok(), "without the sabotage nothing is wrong: {right:?}");
    });
}

#[test]
fn what_does_not_fail_is_not_shortened() {
    let right = run(Side::Write, &Source::Seed(0)).choices;
    minimise(right, |source| Some(run(Side::Write, source)), |run| panic!("found {run:?}"));
}

#[test]
fn schedules_of_any_choices_come_to_an_end() {
    watched_for(Duration::from_secs(120), "a schedule of other choices", || {
        for side in [Side::Write, Side::Read] {
            for seed in 0..300 {
                let mut choices = run(side, &Source::Seed(seed)).choices;
                choices.truncate(choices.len() / 2);
                choices.drain(..choices.len() / 3);
                let result = run(side, &Source::Choices(choices.clone())).result;
                assert!(result.is_ok(), "{result:?} with {choices:?}");
            }
        }
    });
}
