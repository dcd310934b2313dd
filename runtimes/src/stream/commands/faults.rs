//! `faults`: schedules of both halves, checked against a model.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    faults::{Found, Run, Side, Soak, Soaked, Source, Trial, keep_panics_quiet},
    stream::{
        Failure, interrupt,
        names::names,
        settings::{between, seconds},
    },
};

/// How long a side is soaked where nothing is said.
const TIME: Duration = Duration::from_secs(10);

/// Between two lines of progress where there is no terminal.
const PAUSE: Duration = Duration::from_secs(15);

/// How long one schedule may take that is replayed.
const LIMIT: Duration = Duration::from_secs(20);

names! {
    /// Which schedules.
    Sides {
        Write,
        Read,
        All,
    }
}

impl Sides {
    fn all(self) -> &'static [Side] {
        match self {
            Self::Write => &[Side::Write],
            Self::Read => &[Side::Read],
            Self::All => &[Side::Write, Side::Read],
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which half of the library
    #[arg(long, value_enum, default_value_t = Sides::All)]
    side: Sides,

    /// Replay the schedule of this seed and print it step by step
    #[arg(long, value_name = "SEED", conflicts_with_all = ["start", "seconds", "count", "jobs", "choices"])]
    seed: Option<u64>,

    /// Replay the schedule of these choices and print it step by step
    #[arg(long, value_name = "LIST", value_delimiter = ',', conflicts_with_all = ["start", "seconds", "count", "jobs"])]
    choices: Option<Vec<u32>>,

    /// The first seed
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    start: u64,

    /// How many schedules of each side at the most
    #[arg(long, value_name = "SCHEDULES", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// How long each side at the most [default: 10, without --count]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<Duration>,

    /// Threads
    #[arg(long, value_name = "THREADS", default_value_t = 1, value_parser = between(1, 1024))]
    jobs: usize,
}

impl Args {
    /// Fails at the first schedule in which something goes wrong.
    pub(super) fn run(self) -> Result<(), Failure> {
        keep_panics_quiet();
        let source = self.choices.map(Source::Choices).or(self.seed.map(Source::Seed));
        for &side in self.side.all() {
            if let Some(source) = &source {
                print_steps(side, source)?;
                continue;
            }
            let time = self.seconds.or(self.count.is_none().then_some(TIME));
            let soak = Soak { side, start: self.start, count: self.count, time, jobs: self.jobs };
            let mut progress = Progress::new(&soak);
            let soaked = soak.run(|so_far| {
                progress.show(so_far);
                !interrupt::is_set()
            });
            progress.bar.finish_and_clear();
            print_sum(&soak, &soaked);
            if let Some(found) = &soaked.found {
                return Err(failed(side, found));
            }
            if interrupt::is_set() {
                return Err(Failure::Interrupted);
            }
        }
        Ok(())
    }
}

/// Replays a schedule and prints it, as far as it gets.
fn print_steps(side: Side, source: &Source) -> Result<(), Failure> {
    let Run { result, steps, choices, lines, .. } = Trial::of(side).traced().run_within(source, LIMIT);
    lines.iter().for_each(|line| println!("{line}"));
    match result {
        Ok(summary) => {
            let end = summary.end.map_or_else(String::new, |end| format!(", end: {end:?}"));
            println!("{side}: {steps} steps, {} choices, {} bytes{end}", choices.len(), summary.bytes);
            Ok(())
        }
        Err(failure) => Err(Failure::Other(format!("{side}: {failure}"))),
    }
}

fn print_sum(soak: &Soak, soaked: &Soaked) {
    let Soaked { schedules, steps, events, took, .. } = soaked;
    let seconds = took.as_secs_f64();
    println!(
        "{}: {schedules} schedules, {steps} steps, seeds {}..{}, {seconds:.1} s, {:.0} schedules/s",
        soak.side,
        soak.start,
        soak.start.saturating_add(*schedules),
        *schedules as f64 / seconds.max(1e-9)
    );
    for event in soak.side.events() {
        println!("  {:>14}  {}", events.of(*event), event.name());
    }
    let never = soak.side.events().iter().filter(|event| events.of(**event) == 0);
    let never = never.map(|event| event.name()).collect::<Vec<_>>();
    if !never.is_empty() && soaked.found.is_none() {
        eprintln!("harness: warning: in {schedules} schedules there were never: {}", never.join("; "));
    }
}

fn failed(side: Side, found: &Found) -> Failure {
    let Found { seed, finding, shortest } = found;
    println!("replay with: cargo harness faults --side {side} --seed {seed}");
    if let Some(run) = shortest {
        let choices = run.choices.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let shorter = run.result.as_ref().err().map_or_else(String::new, ToString::to_string);
        println!("shortened to {} choices: {shorter}", run.choices.len());
        let choices = if choices.is_empty() { "0" } else { &choices };
        println!("replay with: cargo harness faults --side {side} --choices {choices}");
    }
    Failure::Other(format!("{side}, seed {seed}, {finding}"))
}

/// A bar on a terminal, elsewhere a line now and then.
struct Progress {
    bar: ProgressBar,
    by_count: bool,
    side: Side,
    spoken: Instant,
}

impl Progress {
    fn new(soak: &Soak) -> Self {
        let by_count = soak.time.is_none();
        let len = if by_count { soak.count } else { soak.time.map(|time| time.as_secs()) };
        let bar = ProgressBar::new(len.unwrap_or_default());
        let style = ProgressStyle::with_template("{wide_bar} {msg}").expect("the template is valid");
        let bar = bar.with_style(style);
        if bar.is_hidden() {
            eprintln!("harness: {}: seeds from {} on", soak.side, soak.start);
        }
        Self { bar, by_count, side: soak.side, spoken: Instant::now() }
    }

    fn show(&mut self, so_far: &Soaked) {
        let Soaked { schedules, took, .. } = so_far;
        self.bar.set_position(if self.by_count { *schedules } else { took.as_secs() });
        let message = format!("{}: {schedules} schedules in {} s", self.side, took.as_secs());
        if self.bar.is_hidden() && self.spoken.elapsed() >= PAUSE {
            self.spoken = Instant::now();
            eprintln!("harness: {message}");
        }
        self.bar.set_message(message);
    }
}
