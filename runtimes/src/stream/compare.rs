//! Ratios from runs side by side.

use std::fmt;

use clap::ValueEnum;

use super::{
    Failure, ImplementationName, Payloads, Report, RuntimeName, Settings,
    run::{Runner, Unavailable, runner},
};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Metric {
    /// Bytes in a second: a ratio above 1 is better.
    Throughput,
    /// CPU time of the process for a byte: a ratio below 1 is better.
    Cpu,
    /// The latency that 99 of 100 streams keep within: a ratio below 1 is better.
    P99,
}

impl Metric {
    /// The value of a report.
    #[must_use]
    pub fn of(self, report: &Report) -> f64 {
        match self {
            Self::Throughput => report.mib_per_second(),
            Self::Cpu => report.cpu_nanos_per_byte(),
            Self::P99 => report.latency(0.99).as_secs_f64(),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Throughput => "throughput",
            Self::Cpu => "cpu",
            Self::P99 => "p99",
        })
    }
}

/// Values of one kind, in the order they were measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spread {
    values: Vec<f64>,
}

impl Spread {
    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        self.values.push(value);
    }

    /// The values.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The value in the middle, or the mean of the two there.
    ///
    /// # Panics
    ///
    /// If there is no value.
    #[must_use]
    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
    }

    /// The least value.
    ///
    /// # Panics
    ///
    /// If there is no value.
    #[must_use]
    pub fn min(&self) -> f64 {
        self.sorted()[0]
    }

    /// The greatest value.
    ///
    /// # Panics
    ///
    /// If there is no value.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.sorted()[self.values.len() - 1]
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

/// What a median has to keep within.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bound {
    /// It must not be less.
    pub at_least: Option<f64>,
    /// It must not be more.
    pub at_most: Option<f64>,
}

impl Bound {
    /// Whether `median` keeps within.
    #[must_use]
    pub fn holds(&self, median: f64) -> bool {
        self.at_least.is_none_or(|bound| median >= bound) && self.at_most.is_none_or(|bound| median <= bound)
    }
}

/// One implementation beside another, in one process.
pub struct Comparison {
    metric: Metric,
    of: Runner,
    with: Runner,
}

impl Comparison {
    /// Compares `of` with `with` on one runtime.
    ///
    /// # Errors
    ///
    /// If one of them cannot run there.
    pub fn new(
        metric: Metric,
        runtime: RuntimeName,
        of: ImplementationName,
        with: ImplementationName,
    ) -> Result<Self, Unavailable> {
        Ok(Self { metric, of: runner(runtime, of)?, with: runner(runtime, with)? })
    }

    /// Measures one pair, back to back, and gives the ratio. The one that goes first changes with `pair`, so that
    /// what drifts favours neither.
    ///
    /// # Errors
    ///
    /// If a run fails.
    pub fn pair(&self, pair: usize, settings: &Settings, payloads: &Payloads) -> Result<f64, Failure> {
        let value = |runner: Runner| runner(settings, payloads).map(|report| self.metric.of(&report));
        let (of, with) = if pair.is_multiple_of(2) {
            let of = value(self.of)?;
            (of, value(self.with)?)
        } else {
            let with = value(self.with)?;
            (value(self.of)?, with)
        };
        Ok(of / with)
    }
}

impl fmt::Debug for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Comparison").field("metric", &self.metric).finish_non_exhaustive()
    }
}
