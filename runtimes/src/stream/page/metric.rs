//! The figures that are shown, in the order in which they are.

use super::number::Unit;
use crate::stream::record::Figures;

/// One kind of figure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    /// Whether more of it is better.
    pub(super) more: bool,
    of: fn(&Figures) -> Option<f64>,
}

impl Metric {
    const fn less(name: &'static str, unit: Unit, of: fn(&Figures) -> Option<f64>) -> Self {
        Self { name, unit, more: false, of }
    }

    const fn more(name: &'static str, unit: Unit, of: fn(&Figures) -> Option<f64>) -> Self {
        Self { name, unit, more: true, of }
    }

    /// The figure of a run, if it could be had.
    pub(super) fn of(&self, figures: &Figures) -> Option<f64> {
        (self.of)(figures).filter(|value| value.is_finite())
    }

    /// The name, and the unit if it is always the same.
    pub(super) fn title(&self) -> String {
        match self.unit.fixed() {
            // The name says it.
            None | Some("per MiB" | "cores" | "B/B") => self.name.to_owned(),
            Some(unit) => format!("{}, {unit}", self.name),
        }
    }
}

pub(super) const THROUGHPUT: Metric =
    Metric::more("throughput", Unit::MibPerSecond, |figures| Some(figures.mib_per_sec));
pub(super) const CPU: Metric =
    Metric::less("CPU time per byte", Unit::NanosPerByte, |figures| figures.cpu_ns_per_byte);
pub(super) const LINE_CPU: Metric =
    Metric::less("CPU time per line", Unit::Nanos, |figures| figures.cpu_ns_per_frame);
pub(super) const P50: Metric =
    Metric::less("stream p50", Unit::Micros, |figures| Some(figures.latency_p50_micros));
pub(super) const P99: Metric =
    Metric::less("stream p99", Unit::Micros, |figures| Some(figures.latency_p99_micros));
pub(super) const LINE_P50: Metric =
    Metric::less("line p50", Unit::Micros, |figures| figures.frame_latency_p50_micros);
pub(super) const LINE_P99: Metric =
    Metric::less("line p99", Unit::Micros, |figures| figures.frame_latency_p99_micros);
pub(super) const INLINE: Metric =
    Metric::more("inline writer calls", Unit::Share, |figures| figures.inline_share);

/// What the ratios are made of.
pub(super) const COMPARED: [Metric; 4] = [THROUGHPUT, CPU, P99, LINE_P99];

/// What a MiB costs, apart from time.
pub(super) const WORK: [Metric; 6] = [
    Metric::less("allocations per MiB", Unit::PerMib, |figures| figures.allocations_per_mib),
    Metric::less("allocated bytes per byte", Unit::PerByte, |figures| figures.allocated_bytes_per_byte),
    Metric::less("reader calls per MiB", Unit::PerMib, |figures| Some(figures.read_calls_per_mib)),
    Metric::less("writer calls per MiB", Unit::PerMib, |figures| Some(figures.write_calls_per_mib)),
    INLINE,
    Metric::less("system calls per MiB", Unit::PerMib, |figures| figures.syscalls_per_mib),
];

/// What else there is.
const REST: [Metric; 4] = [
    Metric::less("cores in use", Unit::Cores, |figures| figures.cpu_avg_cores),
    Metric::less("peak memory", Unit::Bytes, |figures| figures.max_rss_bytes.map(|bytes| bytes as f64)),
    Metric::less("driver CPU time per byte", Unit::NanosPerByte, |figures| figures.driver_cpu_ns_per_byte),
    Metric::less("driver peak memory", Unit::Bytes, |figures| {
        figures.driver_max_rss_bytes.map(|bytes| bytes as f64)
    }),
];

/// All of them.
pub(super) fn all() -> Vec<Metric> {
    [&[THROUGHPUT, CPU, LINE_CPU, P50, P99, LINE_P50, LINE_P99][..], &WORK, &REST].concat()
}
