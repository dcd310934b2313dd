//! Without a command: all runtimes and implementations side by side, in about a minute.

use clap::{Parser, ValueEnum};
use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};

use super::{
    Case, Failure, ImplementationName, Measurer, Record, RuntimeName, Samples, Scenario, Settings,
    console::{log, print_line},
    results::groups,
    runner,
};

const ROUNDS: usize = 3;

/// The baseline of the comparison.
const BASELINE: ImplementationName = ImplementationName::ManualVec;

const IMPLEMENTATIONS: [ImplementationName; 4] =
    [ImplementationName::Handoff, BASELINE, ImplementationName::ManualBuffered, ImplementationName::RawCopy];

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

/// Figures, how they are shown, and with which factor and digits.
const FIGURES: [(&str, &str, f64, usize); 4] = [
    ("mib_per_sec", "MiB/s", 1.0, 0),
    ("cpu_ns_per_byte", "CPU ns/B", 1.0, 3),
    ("latency_p50_micros", "p50 ms", 1e-3, 2),
    ("latency_p99_micros", "p99 ms", 1e-3, 2),
];

/// The figures whose ratios to the baseline are shown.
const RATIOS: [(&str, &str); 3] =
    [("mib_per_sec", "MiB/s"), ("cpu_ns_per_byte", "CPU"), ("latency_p99_micros", "p99")];

/// Measures every implementation on every enabled runtime, and prints a table.
pub(super) fn run() -> Result<(), Failure> {
    let Line { settings } = Line::parse_from(SETTINGS.split_whitespace());
    let mut records = Vec::new();
    let mut measurer = Measurer::default();
    for round in 1..=ROUNDS {
        log!("round {round} of {ROUNDS}");
        for &scenario in Scenario::value_variants() {
            for &runtime in RuntimeName::value_variants() {
                for implementation in IMPLEMENTATIONS {
                    let settings = Settings { scenario, ..settings };
                    let case = Case { runtime, implementation, settings, split: None };
                    if runner(runtime, implementation).is_ok() {
                        records.push(Record::new(&case, round, &measurer.measure(&case)?));
                    }
                }
            }
        }
    }
    let groups = groups(&records, &[]);
    let samples = |group: &[&Record], figure| Samples::of(group.iter().copied(), figure);
    let key = |group: &[&Record]| ["runtime", "scenario"].map(|name| group[0].text(name));
    let rows = groups.iter().map(|group| {
        let baseline = groups.iter().find(|other| {
            key(other) == key(group) && other[0].text("implementation") == BASELINE.to_string()
        });
        let labels = ["runtime", "implementation", "scenario"].map(|name| group[0].text(name)).into_iter();
        let figures = FIGURES.iter().map(|&(figure, _, factor, digits)| {
            format!("{:.digits$}", factor * samples(group, figure).median())
        });
        let ratios = RATIOS.iter().map(|(figure, _)| {
            let ratio = |baseline: &Vec<&Record>| samples(group, figure).ratios(&samples(baseline, figure));
            baseline.map_or_else(String::new, |baseline| format!("{:.2}", ratio(baseline).median()))
        });
        labels.chain(figures).chain(ratios).collect()
    });
    let header = ["runtime", "implementation", "arrivals"].map(str::to_owned).into_iter();
    let header = header.chain(FIGURES.map(|(_, title, ..)| title.to_owned()));
    let header = header.chain(RATIOS.map(|(_, title)| format!("{title} : {BASELINE}"))).collect();
    print_line!("{}\n\n{NOTE}", table(3, header, rows))
}

/// A table of numbers, with some label columns first.
pub(super) fn table(
    labels: usize,
    header: Vec<String>,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header(header).add_rows(rows);
    table.column_iter_mut().skip(labels).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}
