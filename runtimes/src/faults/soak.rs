//! Many schedules, one after the other, on some threads.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    event::Tally,
    minimise::minimise,
    panics,
    run::{Failure, Run, Side, Source, run},
    trial::Trial,
};

/// A schedule that takes longer than this hangs. Usual ones take well under a millisecond.
const LIMIT: Duration = Duration::from_secs(20);

/// A schedule that is only tried, to find out whether it goes wrong still, hangs if it takes longer than this.
const TRY: Duration = Duration::from_secs(1);

/// Of those that hang no more are tried: each leaves a thread behind.
const HANGS_MAX: usize = 40;

/// How long a shorter schedule is looked for.
const SEARCH: Duration = Duration::from_secs(60);

/// How often the schedules of a thread are added to those of all.
const EVERY: u64 = 64;

/// What there is to do.
#[derive(Debug, Clone, Copy)]
pub struct Soak {
    pub side: Side,
    /// The first seed.
    pub start: u64,
    /// How many seeds at the most.
    pub count: Option<u64>,
    /// How long at the most.
    pub time: Option<Duration>,
    /// Threads.
    pub jobs: usize,
}

/// What was done.
#[derive(Debug, Clone, Default)]
pub struct Soaked {
    pub schedules: u64,
    pub steps: u64,
    pub events: Tally,
    pub took: Duration,
    /// What went wrong first.
    pub found: Option<Found>,
}

/// A seed that something went wrong with.
#[derive(Debug, Clone)]
pub struct Found {
    pub seed: u64,
    pub finding: String,
    /// The fewest choices with which something goes wrong still, as far as they were looked for.
    pub shortest: Option<Run>,
}

struct Shared {
    soak: Soak,
    next: AtomicU64,
    stop: AtomicBool,
    sum: Mutex<Soaked>,
    found: Mutex<Option<(u64, String, Vec<u32>)>>,
    /// The seed that each thread is at.
    at: Vec<AtomicU64>,
}

const DONE: u64 = u64::MAX;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Soak {
    /// Runs schedules until all are done, the time is up, one fails, or `go_on` says no. It is asked several times a second
    /// and told what was done so far.
    ///
    /// Seeds are run in order. A thread whose schedule hangs is left behind.
    #[must_use]
    pub fn run(self, mut go_on: impl FnMut(&Soaked) -> bool) -> Soaked {
        let began = Instant::now();
        let jobs = self.jobs.max(1);
        let shared = Arc::new(Shared {
            soak: self,
            next: AtomicU64::new(self.start),
            stop: AtomicBool::new(false),
            sum: Mutex::default(),
            found: Mutex::default(),
            at: (0..jobs).map(|_| AtomicU64::new(self.start)).collect(),
        });
        let workers = (0..jobs).map(|job| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.work(job))
        });
        let workers: Vec<_> = workers.collect();
        let mut seen = vec![(self.start, began); jobs];
        let hangs = loop {
            let all_done = workers.iter().all(thread::JoinHandle::is_finished);
            let mut so_far = lock(&shared.sum).clone();
            so_far.took = began.elapsed();
            let up = self.time.is_some_and(|time| so_far.took >= time);
            if !go_on(&so_far) || up {
                shared.stop.store(true, Ordering::Relaxed);
            }
            if all_done {
                break None;
            }
            for (seen, at) in seen.iter_mut().zip(&shared.at) {
                let at = at.load(Ordering::Relaxed);
                if seen.0 != at {
                    *seen = (at, Instant::now());
                }
            }
            if let Some((seed, _)) = seen.iter().find(|(at, since)| *at != DONE && since.elapsed() > LIMIT) {
                break Some(*seed);
            }
            thread::sleep(Duration::from_millis(if so_far.took < Duration::from_secs(1) { 5 } else { 100 }));
        };
        let found = match hangs {
            Some(seed) => {
                // How far it gets is what it is made of.
                let again = Trial::of(self.side).run_within(&Source::Seed(seed), LIMIT);
                let finding = again
                    .result
                    .err()
                    .map_or_else(|| "it hangs, but only once".to_owned(), |failure| failure.to_string());
                Some((seed, finding, again.choices))
            }
            None => lock(&shared.found).take(),
        };
        let shorten = |(seed, finding, choices)| Found {
            seed,
            finding,
            shortest: shortest(Trial::of(self.side), choices, TRY),
        };
        let found = found.map(shorten);
        let sum = lock(&shared.sum).clone();
        Soaked { took: began.elapsed(), found, ..sum }
    }
}

impl Shared {
    fn work(&self, job: usize) {
        let end = self.soak.count.map_or(DONE, |count| self.soak.start.saturating_add(count));
        let mut own = Soaked::default();
        while !self.stop.load(Ordering::Relaxed) {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                break;
            }
            self.at[job].store(seed, Ordering::Relaxed);
            let ran = catch_unwind(AssertUnwindSafe(|| run(self.soak.side, &Source::Seed(seed))));
            let failed = match ran {
                Ok(run) => {
                    own.schedules += 1;
                    own.steps += run.steps as u64;
                    own.events += &run.events;
                    run.result.err().map(|failure| (seed, failure.to_string(), run.choices))
                }
                Err(panic) => Some((seed, panics::describe(&*panic), Vec::new())),
            };
            if let Some(failed) = failed {
                self.stop.store(true, Ordering::Relaxed);
                lock(&self.found).get_or_insert(failed);
            }
            if own.schedules == EVERY {
                self.add(&mut own);
            }
        }
        self.add(&mut own);
        self.at[job].store(DONE, Ordering::Relaxed);
    }

    fn add(&self, own: &mut Soaked) {
        let mut sum = lock(&self.sum);
        sum.schedules += own.schedules;
        sum.steps += own.steps;
        sum.events += &own.events;
        *own = Soaked::default();
    }
}

/// The shortest schedule that fails which can be found. One that is not done after `limit` fails, too.
#[must_use]
pub fn shortest(trial: Trial, choices: Vec<u32>, limit: Duration) -> Option<Run> {
    let began = Instant::now();
    let (mut best, mut hangs) = (None, 0);
    let go = |source: &Source| {
        if hangs == HANGS_MAX || began.elapsed() > SEARCH {
            return None;
        }
        let run = trial.run_within(source, limit);
        hangs += usize::from(run.result.as_ref().is_err_and(Failure::hangs));
        Some(run)
    };
    minimise(choices, go, |run| best = Some(run.clone()));
    best
}
