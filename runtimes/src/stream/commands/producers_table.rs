//! Tables of what many producers cost.

use comfy_table::{Cell, CellAlignment, Table, presets::ASCII_MARKDOWN};

use crate::{
    producers::{Compared, Waited, Written},
    stream::Spread,
};

fn table<const N: usize>(labels: [&str; N], numbers: &[usize], after: &[&str]) -> Table {
    let mut table = Table::new();
    let labels = labels.into_iter().map(str::to_owned);
    let numbers = numbers.iter().map(ToString::to_string);
    let after = after.iter().map(|&head| head.to_owned());
    table.load_preset(ASCII_MARKDOWN);
    table.set_header(labels.chain(numbers).chain(after));
    table
}

fn add<const N: usize>(table: &mut Table, labels: [String; N], figures: Vec<String>) {
    let figures = figures.into_iter().map(|text| Cell::new(text).set_alignment(CellAlignment::Right));
    table.add_row(labels.into_iter().map(Cell::new).chain(figures));
}

fn distinct(of: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut values: Vec<_> = of.collect();
    values.sort_unstable();
    values.dedup();
    values
}

/// One line for each runtime, completion and implementation, one column for each number of producers: medians.
pub(super) fn costs(written: &[Written]) -> Table {
    let numbers = distinct(written.iter().map(|written| written.producers));
    let mut table = table(["runtime", "completion", "implementation"], &numbers, &["last : first"]);
    let key = |of: &Written| (of.runtime, of.completion, of.implementation);
    let mut rows = Vec::new();
    for each in written {
        if !rows.contains(&key(each)) {
            rows.push(key(each));
        }
    }
    // What was measured in turns was recorded in turns.
    rows.sort_by_key(|row| (row.0 as usize, row.1 as usize, row.2 as usize));
    for row in rows {
        let medians = numbers.iter().map(|&number| {
            let mut spread = Spread::default();
            let mine = written.iter().filter(|each| key(each) == row && each.producers == number);
            mine.for_each(|each| spread.add(each.ns_per_write));
            spread.median()
        });
        let medians: Vec<_> = medians.collect();
        let mut figures: Vec<_> = medians.iter().map(|median| format!("{median:.0}")).collect();
        figures.push(format!("{:.2}", medians[medians.len() - 1] / medians[0]));
        add(&mut table, [row.0.to_string(), row.1.to_string(), row.2.to_string()], figures);
    }
    table
}

/// One line for each comparison.
pub(super) fn ratios(compared: &[Compared]) -> Table {
    let after =
        ["handoff ns", "other ns", "throughput", "CPU per write", "handoff allocations per write", "other's"];
    let mut table = table(["runtime", "completion", "with", "producers"], &[], &after);
    for each in compared {
        let labels = [
            each.runtime.to_string(),
            each.completion.to_string(),
            each.with.to_string(),
            each.producers.to_string(),
        ];
        let figures = vec![
            format!("{:.0}", each.of_ns.median()),
            format!("{:.0}", each.with_ns.median()),
            ratio(&each.throughput),
            ratio(&each.cpu),
            format!("{:.3}", each.of_allocations.median()),
            format!("{:.3}", each.with_allocations.median()),
        ];
        add(&mut table, labels, figures);
    }
    table
}

fn ratio(spread: &Spread) -> String {
    if spread.values().is_empty() {
        return "n/a".to_owned();
    }
    format!("{:.2} ({:.2} to {:.2})", spread.median(), spread.min(), spread.max())
}

/// One line for each runtime and implementation, one column for each number of producers.
pub(super) fn polls(waited: &[Waited]) -> Table {
    let numbers = distinct(waited.iter().map(|waited| waited.producers));
    let mut table = table(["runtime", "implementation"], &numbers, &[]);
    let key = |of: &Waited| (of.runtime, of.implementation);
    for row in waited.chunk_by(|a, b| key(a) == key(b)) {
        let figures = row.iter().map(|each| format!("{:.3}, {}", each.polls_per_write, each.most_polls));
        add(&mut table, [row[0].runtime.to_string(), row[0].implementation.to_string()], figures.collect());
    }
    table
}
