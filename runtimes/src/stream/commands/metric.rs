//! The figures that are compared.

use std::fmt;

use clap::ValueEnum;

use crate::stream::{Case, Report};

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
    /// How the figure of one report relates to that of another.
    ///
    /// # Errors
    ///
    /// Which of them has no such figure.
    pub(super) fn ratio(self, of: (&Case, &Report), with: (&Case, &Report)) -> Result<f64, String> {
        let value = |(case, report): (&Case, &Report)| {
            self.value(report).ok_or_else(|| format!("there is no {self} of {} here", case.implementation))
        };
        Ok(value(of)? / value(with)?)
    }

    /// The value of a report, if it has one.
    fn value(self, report: &Report) -> Option<f64> {
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
