//! Many schedules, one after the other. A schedule that fails or hangs is shortened and printed in
//! plain words.

use std::{
    cell::Cell,
    collections::BTreeSet,
    env,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use proptest::{
    bool::weighted,
    collection::vec,
    test_runner::{Config, TestCaseError, TestError, TestRunner},
};

use crate::{
    run::{Run, Side, Trial},
    script::{Event, Seen, Source},
    write::End,
};

/// Enough to see every end of a stream and every kind of event many times.
pub(crate) const USUAL: u64 = 6000;

/// A schedule that takes longer than this hangs. Usual ones take far less than a millisecond.
const HANG: Duration = Duration::from_secs(10);

/// The same of one that is shortened, how many of these are waited for, as each leaves a thread
/// behind, and how long a shorter schedule is looked for.
const HANG_AGAIN: Duration = Duration::from_millis(500);
const HANGS_MAX: u32 = 8;
const SEARCH: Duration = Duration::from_secs(30);

/// Which seeds are run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seeds {
    first: u64,
    count: u64,
    time: Duration,
}

/// What seeds came to.
#[derive(Default)]
struct Sum {
    schedules: u64,
    steps: u64,
    bytes: u64,
    seen: Seen,
    ends: BTreeSet<Option<End>>,
}

impl Seeds {
    /// The seeds from the environment, or `usual` ones from 0 on.
    pub(crate) fn wanted(usual: u64) -> Self {
        let number = |name: &str| -> Option<u64> {
            let value = env::var(name).ok()?;
            Some(value.parse().unwrap_or_else(|_| panic!("{name} must be a number, but is {value}")))
        };
        let time = number("SCHEDULE_SECONDS");
        let count = number("SCHEDULES").unwrap_or_else(|| if time.is_some() { u64::MAX } else { usual });
        assert!(count > 0, "SCHEDULES must be at least 1, but is 0");
        let first = number("SCHEDULE_FIRST").unwrap_or(0);
        Self { first, count, time: time.map_or(Duration::MAX, Duration::from_secs) }
    }

    /// Runs them, and fails with the report of the first that fails or hangs.
    fn run(self, trial: Trial) -> Result<Sum, String> {
        let at = Arc::new(AtomicU64::new(self.first));
        let (sender, done) = mpsc::channel();
        let current = Arc::clone(&at);
        thread::spawn(move || {
            let (began, mut sum) = (Instant::now(), Sum::default());
            let seeds = self.first..self.first.saturating_add(self.count);
            for seed in seeds.take_while(|_| began.elapsed() < self.time) {
                current.store(seed, Ordering::Relaxed);
                let source = Source::Seed(seed);
                // Measured schedules need a thread without cached memory.
                let run =
                    if trial.weigh.is_some() { trial.run_within(&source, HANG) } else { trial.run(&source) };
                sum.schedules += 1;
                sum.steps += run.steps as u64;
                sum.seen = sum.seen.or(run.seen);
                match run.result {
                    Ok(summary) => {
                        sum.bytes += summary.bytes;
                        sum.ends.insert(summary.end);
                    }
                    Err(finding) => {
                        let _ = sender.send(Err(finding));
                        return;
                    }
                }
            }
            // After a timeout the receiver is gone.
            let _ = sender.send(Ok(sum));
        });
        let mut before = u64::MAX;
        loop {
            let sum = done.recv_timeout(HANG);
            let seed = at.load(Ordering::Relaxed);
            match sum {
                Ok(sum) => return sum.map_err(|finding| report(trial, seed, Some(finding))),
                Err(RecvTimeoutError::Timeout) if seed != before => before = seed,
                Err(_) => return Err(report(trial, seed, None)),
            }
        }
    }

    /// Runs them as they are.
    ///
    /// # Panics
    ///
    /// With the report of the first that fails, or if something never happens in many of them.
    pub(crate) fn pass(self, trial: Trial) {
        if self.count == 1 {
            let shown = Trial { traced: true, ..trial }.run_within(&Source::Seed(self.first), HANG);
            shown.lines.iter().for_each(|line| println!("{line}"));
        }
        let began = Instant::now();
        let Sum { schedules, steps, bytes, seen, ends } =
            self.run(trial).unwrap_or_else(|report| panic!("{report}"));
        let took = began.elapsed();
        let rate = schedules as f64 / took.as_secs_f64();
        let side = trial.side;
        println!(
            "{side:?}: {schedules} schedules, {steps} steps, {bytes} bytes, {took:.1?}, {rate:.0} a second"
        );
        if trial.weigh.is_some() || schedules < USUAL {
            return;
        }
        let expected = if side == Side::Write { Event::WRITE } else { Event::READ };
        let never: Vec<_> = expected.iter().filter(|event| !seen.has(**event)).collect();
        assert!(never.is_empty(), "never: {never:?}");
        // All ends, and streams whose end no party learned.
        assert!(side == Side::Read || ends.len() == 8, "streams ended only with {ends:?}");
    }
}

/// The report of a seed that fails, or that hangs if there is no finding.
pub(crate) fn report(trial: Trial, seed: u64, finding: Option<String>) -> String {
    let limit = if trial.sabotage.is_some() { HANG_AGAIN } else { HANG };
    let failed = trial.run_within(&Source::Seed(seed), limit);
    let shortest = shorten(trial, seed, &failed);
    let alone = failed.result.err();
    let shortened = match (&alone, &shortest.result) {
        (Some(_), Err(finding)) => format!("the shortest schedule that fails, in {finding}"),
        _ => "in a thread of its own it does not fail: some seeds before it may be needed".into(),
    };
    let test = match (trial.side, trial.weigh.is_some()) {
        (Side::Write, false) => "writing_keeps_every_promise",
        (Side::Read, false) => "reading_keeps_every_promise",
        (Side::Write, true) => "writing_keeps_no_more_memory_than_it_may",
        (Side::Read, true) => "reading_keeps_no_more_memory_than_it_may",
    };
    let finding = finding.or(alone).unwrap_or_else(|| "it hangs".into());
    format!(
        "seed {seed}, {finding}\n\n{shortened}\n{}\n\n\
         to repeat it: SCHEDULES=1 SCHEDULE_FIRST={seed} cargo test --test schedules {test} -- --nocapture\n",
        shortest.lines.join("\n"),
    )
}

/// Removes what the failure of a seed does not need, first whole steps and then single choices, and
/// prints the rest.
fn shorten(trial: Trial, seed: u64, failed: &Run) -> Run {
    let all = |n| vec(weighted(1.0), n);
    let config = Config {
        cases: 1,
        failure_persistence: None,
        // The largest number stands for four times as many as there are cases.
        max_shrink_iters: u32::MAX - 1,
        max_shrink_time: u32::try_from(SEARCH.as_millis()).unwrap_or(u32::MAX),
        ..Config::default()
    };
    let hangs = Cell::new(0);
    let parts = (all(failed.steps), all(failed.choices));
    let shrunk = TestRunner::new(config).run(&parts, |(steps, choices)| {
        if hangs.get() == HANGS_MAX {
            return Ok(());
        }
        let tried = trial.run_within(&Source::Part { seed, steps, choices }, HANG_AGAIN);
        hangs.set(hangs.get() + u32::from(tried.hangs()));
        tried.result.map(drop).map_err(TestCaseError::fail)
    });
    let source = match shrunk {
        Err(TestError::Fail(_, (steps, choices))) => Source::Part { seed, steps, choices },
        _ => Source::Seed(seed),
    };
    Trial { traced: true, ..trial }.run_within(&source, HANG_AGAIN)
}
