//! `compare`: ratios from runs side by side.

use std::{fmt, time::Duration};

use clap::{ArgMatches, ValueEnum};
use indicatif::ProgressBar;

use super::selection::Selection;
use crate::stream::{
    Bench, Bound, Case, Failure, ImplementationName, Names, Report, Spread, interrupt,
    say::{say, show},
    settings::between,
};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Metric {
    /// Bytes in a second: a ratio above 1 is better
    Throughput,
    /// CPU time of the process with the proxies for a byte: a ratio below 1 is better
    Cpu,
    /// The latency that 99 of 100 streams keep within: a ratio below 1 is better
    P99,
    /// The latency that 99 of 100 routed lines keep within: a ratio below 1 is better
    #[value(alias = "frame-p99")]
    FrameP99,
    /// Calls of readers for a byte: a ratio below 1 is better
    #[value(alias = "read-calls")]
    ReadCalls,
    /// Calls of writers for a byte: a ratio below 1 is better
    #[value(alias = "write-calls")]
    WriteCalls,
}

impl Metric {
    /// The value of a report, if it has one.
    fn of(self, report: &Report) -> Option<f64> {
        let value = match self {
            Self::Throughput => report.mib_per_second(),
            Self::Cpu => report.cpu_nanos_per_byte(),
            Self::P99 => report.stream_latency(0.99).as_secs_f64(),
            Self::FrameP99 => report.line_latency(0.99)?.as_secs_f64(),
            Self::ReadCalls => report.usage.tally.read_calls as f64 / report.mib(),
            Self::WriteCalls => report.usage.tally.write_calls as f64 / report.mib(),
        };
        (value > 0.0).then_some(value)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.to_possible_value().expect("no value is hidden").get_name())
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What is compared
    #[arg(long, value_enum)]
    of: ImplementationName,

    /// What it is compared with: names, separated by commas, or all
    #[arg(long, value_name = "IMPLEMENTATIONS", value_parser = Names::<ImplementationName>::parse)]
    with: Names<ImplementationName>,

    /// By which figure
    #[arg(long, value_enum, default_value_t = Metric::Throughput)]
    metric: Metric,

    /// How often each pair is measured
    #[arg(long, value_name = "PAIRS", default_value_t = 7, value_parser = between(1, 1000))]
    pairs: usize,

    /// Fail if a median ratio is less
    #[arg(long, value_name = "RATIO", value_parser = ratio)]
    at_least: Option<f64>,

    /// Fail if a median ratio is more
    #[arg(long, value_name = "RATIO", value_parser = ratio)]
    at_most: Option<f64>,

    #[command(flatten)]
    selection: Selection,
}

fn ratio(given: &str) -> Result<f64, String> {
    let ratio: f64 = given.parse().map_err(|_| "not a number".to_owned())?;
    if ratio.is_finite() && ratio >= 0.0 {
        Ok(ratio)
    } else {
        Err("not a finite number from 0 up".to_owned())
    }
}

/// One case beside others that differ in the implementation only.
struct Comparison {
    of: Case,
    with: Vec<(Case, Spread)>,
}

impl Args {
    pub(super) fn settle(&mut self, matches: &ArgMatches) {
        self.selection.settle(matches, None);
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.comparisons().map(drop)
    }

    /// What differs in the implementation only, side by side.
    fn comparisons(&self) -> Result<Vec<Comparison>, String> {
        let duration = Duration::from_millis(250);
        let mut with = self.with.clone();
        if with.all {
            with.names.retain(|&name| name != self.of);
        }
        let others = self.selection.cases(&with, duration)?;
        let comparisons = self.selection.cases(&Names::only(self.of), duration)?.into_iter().map(|of| {
            let alike =
                others.iter().filter(|other| other.runtime == of.runtime && other.settings == of.settings);
            let with = alike.map(|case| (case.clone(), Spread::default())).collect();
            Comparison { of, with }
        });
        Ok(comparisons.collect())
    }

    /// Whether every median keeps within the bound.
    pub(super) fn run(&self) -> Result<bool, Failure> {
        let mut comparisons = self.comparisons().map_err(Failure::Other)?;
        let mut bench = Bench::default();
        let rounds = comparisons.len() * self.pairs;
        let progress = ProgressBar::new(rounds as u64);
        for pair in 0..self.pairs {
            for comparison in &mut comparisons {
                self.round(pair, comparison, &mut bench)?;
                progress.inc(1);
            }
        }
        progress.finish_and_clear();
        let mut kept = true;
        for Comparison { of, with } in &comparisons {
            for (with, spread) in with {
                kept &= self.conclude(of, with, spread)?;
            }
        }
        Ok(kept)
    }

    /// Measures each once. What goes first changes with the round, so that what drifts favours nobody.
    fn round(&self, pair: usize, comparison: &mut Comparison, bench: &mut Bench) -> Result<(), Failure> {
        let Comparison { of, with } = comparison;
        let mut order: Vec<_> =
            std::iter::once(&*of).chain(with.iter().map(|(case, _)| case)).enumerate().collect();
        if !pair.is_multiple_of(2) {
            order.reverse();
        }
        let mut values = vec![0.0; order.len()];
        for (place, case) in order {
            if interrupt::is_set() {
                return Err(Failure::Interrupted);
            }
            values[place] = self.metric.of(&bench.measure(case)?).ok_or_else(|| {
                Failure::Other(format!("there is no {} of {} here", self.metric, case.implementation))
            })?;
        }
        for ((_, spread), value) in with.iter_mut().zip(&values[1..]) {
            spread.add(values[0] / value);
        }
        Ok(())
    }

    /// Prints a result; whether it keeps within the bound.
    fn conclude(&self, of: &Case, with: &Case, spread: &Spread) -> Result<bool, Failure> {
        let ratios = spread.values().iter().map(|ratio| format!("{ratio:.3}")).collect::<Vec<_>>();
        let settings = &of.settings;
        show!(
            "of={} with={} runtime={} transport={} scenario={} input_fragment={} completion={} mode={} metric={} pairs={} median={:.3} \
             min={:.3} max={:.3} ratios={}",
            of.implementation,
            with.implementation,
            of.runtime,
            settings.transport,
            settings.scenario,
            settings.arrival(),
            settings.completion,
            of.processes,
            self.metric,
            self.pairs,
            spread.median(),
            spread.min(),
            spread.max(),
            ratios.join(","),
        )?;
        let bound = Bound { at_least: self.at_least, at_most: self.at_most };
        let kept = bound.holds(spread.median());
        if !kept {
            say!(
                "on {}, the {} of {} is {:.3} times that of {}, out of bounds ({bound})",
                of.runtime,
                self.metric,
                of.implementation,
                spread.median(),
                with.implementation,
            );
        }
        Ok(kept)
    }
}
