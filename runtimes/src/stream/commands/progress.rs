//! How far a command is, and how long it will take.

use std::time::{Duration, Instant};

use fastrand::Rng;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::stream::{Bench, Case, Failure, interrupt, say::say};

/// So many runs are tried out before an estimate at the most: their mean is then well within a fifth of that of all.
const PROBES: usize = 24;

/// And no more than one of so many.
const SHARE: usize = 20;

/// How long `runs` will take, from a few of them. What the few come to is not kept.
///
/// # Errors
///
/// If one of them fails.
pub(super) fn estimate(bench: &mut Bench, runs: &[(usize, &Case)]) -> Result<Duration, Failure> {
    let probes = runs.len().div_ceil(SHARE).min(PROBES);
    // By chance, as any regular choice would favour some cases, and always the same.
    let chosen = Rng::with_seed(0).choose_multiple(runs.iter(), probes);
    let started = Instant::now();
    for (_, case) in chosen {
        if interrupt::is_set() {
            return Err(Failure::Interrupted);
        }
        bench.measure(case)?;
    }
    Ok(started.elapsed().mul_f64(runs.len() as f64 / probes.max(1) as f64))
}

/// A bar on a terminal, elsewhere a line now and then.
pub(super) struct Progress {
    what: &'static str,
    bar: ProgressBar,
    started: Instant,
    spoken: Instant,
    pause: Duration,
}

impl Progress {
    /// Begins so many of `what`, which will take about `expected`.
    pub(super) fn new(what: &'static str, all: usize, expected: Duration) -> Self {
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}, {msg}");
        let bar = ProgressBar::new(all as u64).with_style(style.expect("the template is valid"));
        bar.set_message(left(expected));
        let now = Instant::now();
        Self { what, bar, started: now, spoken: now, pause: (expected / 10).max(Duration::from_secs(15)) }
    }

    /// One is finished.
    pub(super) fn step(&mut self) {
        self.bar.inc(1);
        let (done, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
        let rest = self.started.elapsed().mul_f64(all.saturating_sub(done) as f64 / done as f64);
        self.bar.set_message(left(rest));
        if self.bar.is_hidden() && self.spoken.elapsed() >= self.pause {
            self.spoken = Instant::now();
            say!("{done} of {all} {}, {}", self.what, left(rest));
        }
    }

    /// All is done or nothing more will be: what it took.
    pub(super) fn finish(self) -> Duration {
        self.bar.finish_and_clear();
        self.started.elapsed()
    }
}

fn left(rest: Duration) -> String {
    format!("about {} left", HumanDuration(rest))
}
