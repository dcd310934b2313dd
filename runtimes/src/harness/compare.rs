//! `compare`: ratios from runs side by side.

use std::time::Duration;

use clap::ArgMatches;

use super::{
    Case, Failure, ImplementationName, Measurer, Names, Record, Samples,
    console::{log, print_line},
    measure::{names::names, settings::between},
    selection::Selection,
};

names! {
    /// What is compared.
    Metric {
        /// Bytes per second: a ratio above 1 is better
        Throughput,
        /// CPU time of the process with the proxies per byte: a ratio below 1 is better
        Cpu,
        /// The 99th percentile of the latency of streams: a ratio below 1 is better
        P99,
        /// The 99th percentile of the latency of routed lines: a ratio below 1 is better
        #[value(alias = "frame-p99")]
        FrameP99,
        /// Calls of readers per byte: a ratio below 1 is better
        #[value(alias = "read-calls")]
        ReadCalls,
        /// Calls of writers per byte: a ratio below 1 is better
        #[value(alias = "write-calls")]
        WriteCalls,
    }
}

impl Metric {
    /// The name of the figure in a record.
    fn figure(self) -> &'static str {
        match self {
            Self::Throughput => "mib_per_sec",
            Self::Cpu => "cpu_ns_per_byte",
            Self::P99 => "latency_p99_micros",
            Self::FrameP99 => "frame_latency_p99_micros",
            Self::ReadCalls => "read_calls_per_mib",
            Self::WriteCalls => "write_calls_per_mib",
        }
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

    /// How often each pair is measured; each name after --with makes a pair with the one after --of
    #[arg(long, value_name = "PAIRS", default_value_t = 7, value_parser = between(1, 1000))]
    pairs: usize,

    /// Fail if a median ratio is less
    #[arg(long, value_name = "RATIO", value_parser = ratio)]
    at_least: Option<f64>,

    /// Fail if a median ratio is more
    #[arg(long, value_name = "RATIO", value_parser = ratio)]
    at_most: Option<f64>,

    #[command(flatten)]
    pub(super) selection: Selection,
}

fn ratio(given: &str) -> Result<f64, String> {
    match given.parse::<f64>() {
        Ok(ratio) if ratio.is_finite() && ratio >= 0.0 => Ok(ratio),
        _ => Err("not a finite number from 0 up".to_owned()),
    }
}

/// Two cases that differ in the implementation only, and their ratios so far.
struct Pair {
    of: Case,
    with: Case,
    ratios: Samples,
}

impl Args {
    pub(super) fn settle(&mut self, matches: &ArgMatches) -> Result<(), String> {
        self.selection.settle(matches, None, Duration::from_millis(250));
        if self.with.all {
            self.with.names.retain(|&name| name != self.of);
        }
        self.pairs().map(drop)
    }

    fn pairs(&self) -> Result<Vec<Pair>, String> {
        let others = self.selection.cases(&self.with)?;
        let mut pairs = Vec::new();
        for of in self.selection.cases(&Names::only(self.of))? {
            let alike =
                others.iter().filter(|other| other.runtime == of.runtime && other.settings == of.settings);
            pairs.extend(alike.map(|with| Pair {
                of: of.clone(),
                with: with.clone(),
                ratios: Samples::default(),
            }));
        }
        Ok(pairs)
    }

    /// Whether every median is within the bound.
    pub(super) fn run(&self) -> Result<bool, Failure> {
        let mut pairs = self.pairs()?;
        let mut measurer = Measurer::default();
        // Every other turn runs in reverse, as does each pair in it, so that drift favours no side.
        for turn in 0..self.pairs {
            let backwards = turn % 2 == 1;
            for place in 0..pairs.len() {
                let place = if backwards { pairs.len() - 1 - place } else { place };
                let Pair { of, with, ratios } = &mut pairs[place];
                let mut figure = |case: &Case| {
                    let record = Record::new(case, turn, &measurer.measure(case)?);
                    let figure = record.number(self.metric.figure()).filter(|&figure| figure > 0.0);
                    figure.ok_or_else(|| {
                        Failure::Other(format!("there is no {} of {} here", self.metric, case.implementation))
                    })
                };
                let first = figure(if backwards { with } else { of })?;
                let second = figure(if backwards { of } else { with })?;
                ratios.0.push(if backwards { second / first } else { first / second });
            }
        }
        let kept = pairs.iter().map(|pair| self.conclude(pair)).collect::<Result<Vec<_>, _>>()?;
        Ok(kept.iter().all(|&kept| kept))
    }

    /// Prints a result; returns whether it is within the bound.
    fn conclude(&self, Pair { of, with, ratios }: &Pair) -> Result<bool, Failure> {
        let settings = &of.settings;
        let mode = if of.split.is_some() { "split" } else { "integrated" };
        let all = ratios.0.iter().map(|ratio| format!("{ratio:.3}")).collect::<Vec<_>>();
        print_line!(
            "of={} with={} runtime={} transport={} scenario={} input_fragment={} completion={} mode={mode} \
             metric={} pairs={} median={:.3} min={:.3} max={:.3} ratios={}",
            of.implementation,
            with.implementation,
            of.runtime,
            settings.transport,
            settings.scenario,
            settings.arrival(),
            settings.completion,
            self.metric,
            self.pairs,
            ratios.median(),
            ratios.min(),
            ratios.max(),
            all.join(","),
        )?;
        let median = ratios.median();
        let kept = self.at_least.is_none_or(|bound| median >= bound)
            && self.at_most.is_none_or(|bound| median <= bound);
        if !kept {
            let bounds = [("at least", self.at_least), ("at most", self.at_most)];
            let bounds = bounds.iter().filter_map(|(what, bound)| Some(format!("{what} {}", (*bound)?)));
            log!(
                "on {}, the {} of {} is {median:.3} times that of {}, out of bounds ({})",
                of.runtime,
                self.metric,
                of.implementation,
                with.implementation,
                bounds.collect::<Vec<_>>().join(", "),
            );
        }
        Ok(kept)
    }
}
