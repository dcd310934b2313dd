//! All runtimes and implementations side by side, in about a minute.

use clap::{Parser, ValueEnum};
use indicatif::ProgressBar;

use super::table;
use crate::stream::{
    Bench, Case, Failure, ImplementationName, Processes, Report, RuntimeName, Scenario, Settings, Spread,
    runner, say::show,
};

const ROUNDS: usize = 3;

/// What the others are compared with.
pub(super) const BASELINE: ImplementationName = ImplementationName::ManualVec;

const IMPLEMENTATIONS: [ImplementationName; 4] = [
    ImplementationName::Handoff,
    ImplementationName::ManualVec,
    ImplementationName::ManualBuffered,
    ImplementationName::RawCopy,
];

pub(super) const SCENARIOS: [Scenario; 2] = [Scenario::Fragmented, Scenario::Coalesced];

/// What is measured: enough streams to keep two cores busy, over sockets.
const SETTINGS: &str = "harness --transport tcp --worker-threads 2 --connections 16 --tunnel-bytes 262144 \
     --frame-latency true --duration-seconds 0.25 --stall-seconds 60";

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
}

const NOTE: &str = "\
Throughput: more is better; CPU and latency of whole streams: less is. The columns with a colon are ratios to the
implementation named there, each within a round, which is why they need not be those of the medians beside them.
CPU is that of both ends and the proxy, and 64-byte arrivals cost the sender most: `compare --split --metric cpu`
tells more about those.";

/// The values of one implementation on one runtime in one scenario, round by round.
#[derive(Default)]
pub(super) struct Values {
    pub(super) throughput: Spread,
    pub(super) cpu: Spread,
    pub(super) p50: Spread,
    pub(super) p99: Spread,
}

impl Values {
    fn add(&mut self, report: &Report) {
        self.throughput.add(report.mib_per_second());
        self.cpu.add(report.cpu_nanos_per_byte());
        self.p50.add(report.stream_latency(0.5).as_secs_f64());
        self.p99.add(report.stream_latency(0.99).as_secs_f64());
    }
}

/// One line of the table: an implementation on a runtime, in each scenario.
pub(super) struct Row {
    pub(super) runtime: RuntimeName,
    pub(super) implementation: ImplementationName,
    pub(super) scenarios: [Values; SCENARIOS.len()],
}

/// Measures every implementation on every runtime there is, and prints a table.
pub(super) fn run() -> Result<(), Failure> {
    let Line { settings } = Line::parse_from(SETTINGS.split_whitespace());
    let mut rows = Vec::new();
    for &runtime in RuntimeName::value_variants() {
        for implementation in IMPLEMENTATIONS {
            if runner(runtime, implementation).is_ok() {
                rows.push(Row { runtime, implementation, scenarios: Default::default() });
            }
        }
    }
    let mut bench = Bench::default();
    let progress = ProgressBar::new((ROUNDS * rows.len() * SCENARIOS.len()) as u64);
    for _ in 0..ROUNDS {
        for row in &mut rows {
            for (scenario, values) in SCENARIOS.into_iter().zip(&mut row.scenarios) {
                let settings = Settings { scenario, ..settings };
                let Row { runtime, implementation, .. } = *row;
                let case = Case { runtime, implementation, settings, processes: Processes::One };
                values.add(&bench.measure(&case)?);
                progress.inc(1);
            }
        }
    }
    progress.finish_and_clear();
    show!("{}\n", table::overview(&rows))?;
    show!("{NOTE}")
}
