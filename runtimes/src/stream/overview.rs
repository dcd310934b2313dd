//! All runtimes and implementations side by side, in about a minute.

use std::time::Duration;

use clap::ValueEnum;
use indicatif::ProgressBar;

use super::{
    Completion, Failure, ImplementationName, Payloads, Report, RuntimeName, Scenario, Settings, Spread,
    TransportName,
    run::{Runner, runner},
    table,
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

const SETTINGS: Settings = Settings {
    transport: TransportName::Tcp,
    scenario: Scenario::Fragmented,
    arrival: None,
    completion: Completion::FireAndForget,
    window: 64,
    workers: 2,
    connections: 16,
    route_frames: 64,
    frame_len: 63,
    tunnel_bytes: 256 * 1024,
    read_reserve: 16 * 1024,
    write_pending_bytes: None,
    duplex_capacity: 256 * 1024,
    burst: 64 * 1024,
    iterations: 1,
    seconds: Duration::from_millis(250),
    stall_seconds: Duration::from_secs(60),
};

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
        self.p50.add(report.latency(0.5).as_secs_f64());
        self.p99.add(report.latency(0.99).as_secs_f64());
    }
}

/// One line of the table: an implementation on a runtime, in each scenario.
pub(super) struct Row {
    pub(super) runtime: RuntimeName,
    pub(super) implementation: ImplementationName,
    pub(super) scenarios: [Values; SCENARIOS.len()],
    runner: Runner,
}

/// Measures every implementation on every runtime there is, and prints a table.
pub(super) fn run() -> Result<(), Failure> {
    let mut rows = Vec::new();
    for &runtime in RuntimeName::value_variants() {
        for implementation in IMPLEMENTATIONS {
            if let Ok(runner) = runner(runtime, implementation) {
                rows.push(Row { runtime, implementation, scenarios: Default::default(), runner });
            }
        }
    }
    crate::set_workers(SETTINGS.workers);
    let payloads = Payloads::new(&SETTINGS);
    let progress = ProgressBar::new((ROUNDS * rows.len() * SCENARIOS.len()) as u64);
    for _ in 0..ROUNDS {
        for row in &mut rows {
            for (scenario, values) in SCENARIOS.into_iter().zip(&mut row.scenarios) {
                let settings = Settings { scenario, ..SETTINGS };
                values.add(&(row.runner)(&settings, &payloads)?);
                progress.inc(1);
            }
        }
    }
    progress.finish_and_clear();
    println!("{}", table::overview(&rows));
    Ok(())
}
