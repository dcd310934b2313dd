//! `goals`: what is aimed at, what is measured, and whether it is met.

mod line;
mod rows;

use std::time::{Duration, Instant};

use self::{
    line::{Shared, comparison},
    rows::{GOALS, Goal, Group},
};
use super::{
    compare, metric::Metric, pair::Pair, progress::Progress, selection::usual_runtime, sentence, table,
};
use crate::stream::{
    Bench, Failure, ImplementationName, Names, RuntimeName, Spread, runner,
    say::{say, show},
    settings::between,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which rows: cached, tcp, split, bulk and calls, separated by commas, or all
    #[arg(long, value_name = "GROUPS", default_value = "all", value_parser = Names::<Group>::parse)]
    group: Names<Group>,

    /// The runtime of the proxies [default: tokio if it is compiled in, else local]
    #[arg(long, value_enum, value_name = "RUNTIME")]
    runtime: Option<RuntimeName>,

    /// How often each pair is measured
    #[arg(long, value_name = "PAIRS", default_value_t = 7, value_parser = between(1, 1000))]
    pairs: usize,

    /// Only print the command of each row
    #[arg(long, conflicts_with = "floor")]
    list: bool,

    /// Fail if a median is worse than so much of its aim: with 0.5, less than a half of what it is to be at least, or more than
    /// twice of what it is to be at most
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    floor: Option<f64>,

    /// Flags of compare that replace those of every row
    #[arg(last = true, value_name = "FLAGS")]
    settings: Vec<String>,
}

fn factor(given: &str) -> Result<f64, String> {
    let factor: f64 = given.parse().map_err(|_| "not a number".to_owned())?;
    if factor.is_finite() && factor > 0.0 {
        Ok(factor)
    } else {
        Err(format!("{factor} is not a finite number above 0"))
    }
}

/// A row of the table.
pub(super) struct Row {
    goal: &'static Goal,
    words: Vec<String>,
    /// What was measured, or why it cannot be here.
    ratios: Result<Spread, String>,
}

impl Row {
    /// The command that repeats it.
    fn command(&self) -> String {
        format!("cargo harness {}", self.words.join(" "))
    }

    /// The pair that is to be measured for it.
    fn pair(&self) -> Result<Pair, String> {
        let mut pairs = comparison(&self.words).and_then(|compared: compare::Args| compared.pairs())?;
        match pairs.pop() {
            Some(pair) if pairs.is_empty() => Ok(pair),
            _ => Err(format!("a row is about one workload, and these are {}", pairs.len() + 1)),
        }
    }

    /// The work, what it is measured against, and the aim.
    pub(super) fn labels(&self) -> [String; 3] {
        let Goal { group, work, with, metric, aim, .. } = self.goal;
        [format!("{}, {work}", group.title()), with.to_string(), format!("{metric} {aim}")]
    }

    /// What was measured, if there is anything.
    pub(super) fn measured(&self) -> Option<&Spread> {
        self.ratios.as_ref().ok().filter(|ratios| !ratios.values().is_empty())
    }

    /// Whether the aim is met.
    pub(super) fn verdict(&self) -> &'static str {
        match (self.measured(), &self.ratios) {
            (Some(ratios), _) if self.goal.aim.holds(ratios.median()) => "yes",
            (Some(_), _) => "no",
            (None, Ok(_)) => "not measured",
            (None, Err(_)) => "not here",
        }
    }
}

/// A pair, and the rows that differ in the figure only and are measured together.
struct Measurement {
    pair: Pair,
    rows: Vec<usize>,
}

impl Measurement {
    /// The measurements for some rows; the others get the reason why there is none.
    fn all(rows: &mut [Row]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for (place, row) in rows.iter_mut().enumerate() {
            match row.pair() {
                Ok(pair) => match all.iter_mut().find(|measurement| measurement.pair == pair) {
                    Some(measurement) => measurement.rows.push(place),
                    None => all.push(Self { pair, rows: vec![place] }),
                },
                Err(why) => row.ratios = Err(why),
            }
        }
        all
    }

    /// Measures the pair once and adds the ratios to its rows.
    fn measure(&self, turn: usize, rows: &mut [Row], bench: &mut Bench) -> Result<(), Failure> {
        let Pair { of, with } = &self.pair;
        let [of_report, with_report] = self.pair.measure(turn, bench)?;
        let ratio = |metric: Metric| metric.ratio((of, &of_report), (with, &with_report));
        for &place in &self.rows {
            let row = &mut rows[place];
            match ratio(row.goal.metric) {
                Ok(ratio) => row.ratios.iter_mut().for_each(|ratios| ratios.add(ratio)),
                Err(why) => row.ratios = Err(why),
            }
        }
        Ok(())
    }
}

impl Args {
    fn shared(&self) -> Result<Shared<'_>, String> {
        let runtime = self.runtime.unwrap_or_else(usual_runtime);
        Shared::new(runtime, self.pairs, &self.settings).map_err(|error| sentence(&error))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let runtime = self.runtime.unwrap_or_else(usual_runtime);
        // That implementation runs on each one there is.
        runner(runtime, ImplementationName::RawCopy).map_err(|unavailable| unavailable.to_string())?;
        self.shared().map(drop)
    }

    fn rows(&self) -> Result<Vec<Row>, String> {
        let shared = self.shared()?;
        let chosen = GOALS.iter().filter(|goal| self.group.names.contains(&goal.group));
        let row = |goal| Row { goal, words: shared.words(goal), ratios: Ok(Spread::default()) };
        Ok(chosen.map(row).collect())
    }

    /// Whether every median is within what `--floor` allows.
    pub(super) fn run(&self) -> Result<bool, Failure> {
        let mut rows = self.rows().map_err(Failure::Other)?;
        if self.list {
            return rows.iter().try_for_each(|row| show!("{}", row.command())).map(|()| true);
        }
        let measured = self.measure(&mut rows);
        if measured.is_ok() || rows.iter().any(|row| row.measured().is_some()) {
            print(&rows)?;
        }
        measured?;
        Ok(self.floor.is_none_or(|floor| keeps(&rows, floor)))
    }

    /// Measures all rows in turns; says before how long that will take, and after it how long it took.
    fn measure(&self, rows: &mut [Row]) -> Result<(), Failure> {
        let measurements = Measurement::all(rows);
        let mut bench = Bench::default();
        let expected = once(&measurements, &mut bench)?.mul_f64(self.pairs as f64);
        let all = measurements.len() * self.pairs;
        say!("{all} pairs to measure, which will take about {:.0} s", expected.as_secs_f64());
        let mut progress = Progress::new("pairs", all, expected);
        let measured = (0..self.pairs).try_for_each(|turn| {
            Pair::order(turn, measurements.len()).into_iter().try_for_each(|place| {
                measurements[place].measure(turn, rows, &mut bench)?;
                progress.step();
                Ok(())
            })
        });
        let taken = progress.finish();
        measured?;
        say!("estimated {:.1} s, took {:.1} s", expected.as_secs_f64(), taken.as_secs_f64());
        Ok(())
    }
}

/// How long one pair of each takes. What they come to is not kept.
fn once(measurements: &[Measurement], bench: &mut Bench) -> Result<Duration, Failure> {
    let started = Instant::now();
    measurements.iter().try_for_each(|measurement| measurement.pair.measure(0, bench).map(drop))?;
    Ok(started.elapsed())
}

/// Prints the table, what could not be measured, and the commands.
fn print(rows: &[Row]) -> Result<(), Failure> {
    show!("{}\n", table::goals(rows))?;
    for (place, row) in rows.iter().enumerate() {
        show!("{}: {}", place + 1, row.command())?;
    }
    for (place, row) in rows.iter().enumerate() {
        if let Err(why) = &row.ratios {
            say!("row {} cannot be measured here: {why}", place + 1);
        }
    }
    Ok(())
}

/// Whether there is a row, and each one that was measured is no worse than so much of its aim.
fn keeps(rows: &[Row], floor: f64) -> bool {
    let median = |row: &Row| row.measured().map(Spread::median);
    let measured: Vec<_> =
        rows.iter().enumerate().filter_map(|(place, row)| Some((place, row.goal, median(row)?))).collect();
    if measured.is_empty() {
        say!("no row can be measured here, so there is nothing that --floor {floor} could be held to");
    }
    let mut kept = !measured.is_empty();
    for (place, goal, median) in measured {
        let bound = goal.aim.loosened(floor);
        if !bound.holds(median) {
            say!(
                "row {}: the {} of {} is {median:.3} times that of {}, which is below the floor ({bound})",
                place + 1,
                goal.metric,
                goal.of,
                goal.with,
            );
            kept = false;
        }
    }
    kept
}
