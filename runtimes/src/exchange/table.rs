//! The table for people.

use comfy_table::{Cell as Field, CellAlignment, Table, presets::ASCII_MARKDOWN};

use super::{Cell, Exchange, Measure, Policy, Trips, cells};
use crate::stream::Spread;

/// One line for each exchange: medians, and the ratios to the baseline from the least to the greatest.
#[must_use]
pub fn table(runs: &[Trips]) -> Table {
    let mut table = Table::new();
    let labels = ["runtime", "transport", "burst", "frame", "policy"].map(str::to_owned);
    let figures = ["writes/frame", "CPU ns/frame", "p50 us", "p99 us"].map(str::to_owned);
    let ratios = ["writes", "CPU", "p50", "p99"].map(|name| format!("{name} : {}", Policy::BASELINE));
    table.load_preset(ASCII_MARKDOWN).set_header(labels.into_iter().chain(figures).chain(ratios));
    for cell in cells(runs) {
        table.add_row(row(&cell));
    }
    table
}

fn row(cell: &Cell<'_>) -> Vec<Field> {
    let Exchange { runtime, transport, burst, frame_len, policy, .. } = cell.exchange;
    let labels = [runtime.to_string(), transport.to_string()];
    let numbers = [burst.to_string(), frame_len.to_string()];
    let figure = |measure| match (measure, cell.spread(measure).map(|spread| spread.median())) {
        (_, None) => "n/a".to_owned(),
        (Measure::Writes, Some(writes)) => format!("{writes:.3}"),
        (Measure::Cpu, Some(micros)) => format!("{:.0}", 1e3 * micros),
        (Measure::P50 | Measure::P99, Some(micros)) => format!("{micros:.2}"),
    };
    let right = |text: String| Field::new(text).set_alignment(CellAlignment::Right);
    let mut row: Vec<_> = labels.into_iter().map(Field::new).collect();
    row.extend(numbers.into_iter().map(right));
    row.push(Field::new(policy));
    row.extend(Measure::ALL.map(figure).map(right));
    row.extend(Measure::ALL.map(|measure| ratio(cell.ratios(measure).as_ref())).map(right));
    row
}

fn ratio(of: Option<&Spread>) -> String {
    let of = of.filter(|spread| !spread.values().is_empty());
    of.map_or_else(
        || "n/a".to_owned(),
        |spread| {
            let decimals = if spread.median() < 0.1 { 3 } else { 2 };
            let [median, min, max] = [spread.median(), spread.min(), spread.max()];
            format!("{median:.decimals$} ({min:.decimals$} to {max:.decimals$})")
        },
    )
}
