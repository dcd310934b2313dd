//! `compare`: ratios from runs side by side.

use std::time::Duration;

use clap::ArgMatches;
use indicatif::ProgressBar;

use super::{metric::Metric, pair::Pair, selection::Selection};
use crate::stream::{
    Bench, Bound, Failure, ImplementationName, Names, Spread,
    say::{say, show},
    settings::between,
};

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
    pub(super) metric: Metric,

    /// How often each pair is measured; each name after --with makes one with that after --of
    #[arg(long, value_name = "PAIRS", default_value_t = 7, value_parser = between(1, 1000))]
    pub(super) pairs: usize,

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

impl Args {
    pub(super) fn settle(&mut self, matches: &ArgMatches) {
        self.selection.settle(matches, None);
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.pairs().map(drop)
    }

    /// What the median is to keep within.
    pub(super) fn bound(&self) -> Bound {
        Bound { at_least: self.at_least, at_most: self.at_most }
    }

    /// What differs in the implementation only, side by side.
    pub(super) fn pairs(&self) -> Result<Vec<Pair>, String> {
        let duration = Duration::from_millis(250);
        let mut with = self.with.clone();
        if with.all {
            with.names.retain(|&name| name != self.of);
        }
        let others = self.selection.cases(&with, duration)?;
        let mut pairs = Vec::new();
        for of in self.selection.cases(&Names::only(self.of), duration)? {
            let alike =
                others.iter().filter(|other| other.runtime == of.runtime && other.settings == of.settings);
            pairs.extend(alike.map(|with| Pair { of: of.clone(), with: with.clone() }));
        }
        Ok(pairs)
    }

    /// Whether every median keeps within the bound.
    pub(super) fn run(&self) -> Result<bool, Failure> {
        let pairs = self.pairs().map_err(Failure::Other)?;
        let mut ratios = vec![Spread::default(); pairs.len()];
        let mut bench = Bench::default();
        let progress = ProgressBar::new((pairs.len() * self.pairs) as u64);
        for turn in 0..self.pairs {
            for place in Pair::order(turn, pairs.len()) {
                let pair = &pairs[place];
                let [of, with] = pair.measure(turn, &mut bench)?;
                let ratio = self.metric.ratio((&pair.of, &of), (&pair.with, &with));
                ratios[place].add(ratio.map_err(Failure::Other)?);
                progress.inc(1);
            }
        }
        progress.finish_and_clear();
        let mut kept = true;
        for (pair, ratios) in pairs.iter().zip(&ratios) {
            kept &= self.conclude(pair, ratios)?;
        }
        Ok(kept)
    }

    /// Prints a result; whether it keeps within the bound.
    fn conclude(&self, Pair { of, with }: &Pair, spread: &Spread) -> Result<bool, Failure> {
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
        let bound = self.bound();
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
