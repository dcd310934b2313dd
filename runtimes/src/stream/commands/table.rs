//! Tables for people.

use comfy_table::{Cell, CellAlignment, Table, presets::ASCII_MARKDOWN};

use super::overview::{BASELINE, Row, SCENARIOS};
use crate::stream::Spread;

/// One line for each runtime, implementation and scenario; ratios are medians over the rounds, each against the
/// baseline on the same runtime in the same round.
pub(super) fn overview(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header([
        "runtime".to_owned(),
        "implementation".to_owned(),
        "arrivals".to_owned(),
        "MiB/s".to_owned(),
        "CPU ns/B".to_owned(),
        "p50 ms".to_owned(),
        "p99 ms".to_owned(),
        format!("MiB/s : {BASELINE}"),
        format!("CPU : {BASELINE}"),
        format!("p99 : {BASELINE}"),
    ]);
    for (index, scenario) in SCENARIOS.into_iter().enumerate() {
        for row in rows {
            let values = &row.scenarios[index];
            let baseline =
                rows.iter().find(|other| other.runtime == row.runtime && other.implementation == BASELINE);
            let against = |of: &Spread, pick: fn(&Row, usize) -> &Spread| {
                baseline.map_or_else(String::new, |base| ratio(of, pick(base, index)))
            };
            let labels = [row.runtime.to_string(), row.implementation.to_string(), scenario.to_string()];
            let numbers = [
                format!("{:.0}", values.throughput.median()),
                format!("{:.3}", values.cpu.median()),
                format!("{:.2}", 1e3 * values.p50.median()),
                format!("{:.2}", 1e3 * values.p99.median()),
                against(&values.throughput, |row, index| &row.scenarios[index].throughput),
                against(&values.cpu, |row, index| &row.scenarios[index].cpu),
                against(&values.p99, |row, index| &row.scenarios[index].p99),
            ];
            let labels = labels.into_iter().map(Cell::new);
            let numbers =
                numbers.into_iter().map(|number| Cell::new(number).set_alignment(CellAlignment::Right));
            table.add_row(labels.chain(numbers));
        }
    }
    table
}

fn ratio(of: &Spread, with: &Spread) -> String {
    let mut ratios = Spread::default();
    of.values().iter().zip(with.values()).for_each(|(of, with)| ratios.add(of / with));
    format!("{:.2}", ratios.median())
}
