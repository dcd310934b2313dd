//! Tables for people.

use comfy_table::{Cell, CellAlignment, Table, presets::ASCII_MARKDOWN};

use super::{
    goals, growth,
    overview::{BASELINE, Row, SCENARIOS},
};
use crate::stream::{
    ImplementationName, Record, Spread,
    output::groups,
    record::Setup,
    tuning::{Choice, Point},
};

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

/// One line for each combination but the implementations, which are the columns: medians of MiB in a second.
pub(super) fn matrix(records: &[Record]) -> Table {
    let mut implementations = Vec::new();
    let mut rows: Vec<(Setup, Vec<(ImplementationName, f64)>)> = Vec::new();
    for group in groups(records) {
        let setup = &group[0].setup;
        let mut spread = Spread::default();
        group.iter().for_each(|record| spread.add(record.figures.mib_per_sec));
        if !implementations.contains(&setup.implementation) {
            implementations.push(setup.implementation);
        }
        let alike = |row: &Setup| Setup { implementation: setup.implementation, ..row.clone() } == *setup;
        let value = (setup.implementation, spread.median());
        match rows.iter_mut().find(|(row, _)| alike(row)) {
            Some((_, values)) => values.push(value),
            None => rows.push((setup.clone(), vec![value])),
        }
    }
    let mut table = Table::new();
    let axes = ["connections", "frame size", "arrivals", "runtime"].map(str::to_owned);
    let columns = implementations.iter().map(|name| format!("{name} MiB/s"));
    table.load_preset(ASCII_MARKDOWN).set_header(axes.into_iter().chain(columns));
    for (setup, values) in rows {
        let number = |name| {
            let value = values.iter().find(|(of, _)| *of == name);
            let text = value.map_or_else(String::new, |(_, value)| format!("{value:.0}"));
            Cell::new(text).set_alignment(CellAlignment::Right)
        };
        let axes = [
            setup.connections.to_string(),
            setup.frame_len.to_string(),
            setup.scenario.to_string(),
            setup.runtime.to_string(),
        ];
        table.add_row(axes.into_iter().map(Cell::new).chain(implementations.iter().copied().map(number)));
    }
    table
}

/// One line for each point, with what became of it.
pub(super) fn sweep(points: &[Point], choice: &Choice) -> Table {
    let mut table = Table::new();
    let header = ["gather", "read", "MiB/s", "stream p99 us", "frame p99 us", ""];
    table.load_preset(ASCII_MARKDOWN).set_header(header);
    for (index, point) in points.iter().enumerate() {
        let role = if index == choice.point {
            if choice.keeps { "chosen" } else { "nearest" }
        } else if choice.plateau.contains(&index) {
            "as fast"
        } else {
            ""
        };
        let numbers = [
            point.gather_bytes.to_string(),
            point.read_reserve.to_string(),
            format!("{:.0}", point.mib_per_second),
            format!("{:.0}", point.p99_micros),
            point.frame_p99_micros.map_or_else(String::new, |micros| format!("{micros:.0}")),
        ];
        let numbers = numbers.into_iter().map(|number| Cell::new(number).set_alignment(CellAlignment::Right));
        table.add_row(numbers.chain([Cell::new(role)]));
    }
    table
}

/// One line for each aim.
pub(super) fn goals(rows: &[goals::Row]) -> Table {
    let mut table = Table::new();
    let header = ["row", "work", "against", "aim", "measured (low to high)", "met?"];
    table.load_preset(ASCII_MARKDOWN).set_header(header);
    for (place, row) in rows.iter().enumerate() {
        let number = (place + 1).to_string();
        let measured = row.measured().map_or_else(String::new, |ratios| {
            format!("{:.3} ({:.3} to {:.3})", ratios.median(), ratios.min(), ratios.max())
        });
        let verdict = row.verdict().to_owned();
        table.add_row([&[number], &row.labels()[..], &[measured, verdict]].concat());
    }
    table
}

/// One line for each place of each row of points.
pub(super) fn growth(rows: &[Vec<growth::Point<'_>>]) -> Table {
    let mut table = Table::new();
    let header =
        ["connections", "frame size", "arrivals", "runtime", "implementation", "CPU ns/line", "CPU ns/B"];
    table.load_preset(ASCII_MARKDOWN).set_header(header);
    for growth::Point { setup, costs, .. } in rows.iter().flatten() {
        let labels = [
            setup.connections.to_string(),
            setup.frame_len.to_string(),
            setup.scenario.to_string(),
            setup.runtime.to_string(),
            setup.implementation.to_string(),
        ];
        let numbers = costs.map(|cost| {
            let text = cost.map_or_else(String::new, |cost| format!("{cost:.3}"));
            Cell::new(text).set_alignment(CellAlignment::Right)
        });
        table.add_row(labels.into_iter().map(Cell::new).chain(numbers));
    }
    table
}
