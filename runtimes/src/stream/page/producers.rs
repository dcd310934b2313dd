//! What many producers cost, as it stands on the page.

use clap::ValueEnum;

use super::{
    lines::{Chart, Line, legend},
    number::{MISSING, Unit, count, digits, ratio},
    section::Section,
    study::distinct,
    table::{Cell, Table},
};
use crate::{
    producers::{Implementation, Record, Waited, Written, compared},
    stream::Spread,
};

const ABOUT_WRITES: &str = "What a write of one chunk takes when some tasks write into one handle, whose writer counts and \
     forgets what it takes: wall time of all writes divided by their number, as medians with the least and the greatest. A \
     flat line is one where more producers make a write no dearer. Less is better. The ratios are of the handoff divided by \
     the other, pair by pair: of writes in a second, where more is better, and of CPU time, where less is. A channel has no \
     tickets, so there is nothing to drop, and it is not awaited.";

const ABOUT_WAITS: &str = "How often the future of a write is polled until it is admitted, where many producers wait for \
     room for a few chunks: once to find out that there is none, and once when there is some, is what it takes. What is \
     more was woken in vain. A channel has a place beside its room for each sender.";

/// The part about what writes cost, if any were measured.
pub(super) fn writes(records: &[Record]) -> Option<Section> {
    let of = |record: &Record| match record {
        Record::Written(written) => Some(written.clone()),
        Record::Waited(_) => None,
    };
    let written: Vec<_> = records.iter().filter_map(of).collect();
    let settings = distinct(written.iter().map(|each| (each.runtime as usize, each.completion as usize)));
    let charts: Vec<_> = settings
        .into_iter()
        .map(|setting| {
            let of = |each: &&Written| (each.runtime as usize, each.completion as usize) == setting;
            let mine: Vec<_> = written.iter().filter(of).collect();
            let title = format!("{}, {}: a write", mine[0].runtime, mine[0].completion);
            let points = mine.iter().map(|each| (each.implementation, each.producers, each.ns_per_write));
            (title, lines(&points.collect::<Vec<_>>()))
        })
        .collect();
    let tables = vec![("Many producers: ratios".to_owned(), ratios(&written), 2)];
    section("Many producers", ABOUT_WRITES, Unit::NanosPerWrite, &charts, tables)
}

/// The part about waiting for room, if that was counted.
pub(super) fn waits(records: &[Record]) -> Option<Section> {
    let of = |record: &Record| match record {
        Record::Written(_) => None,
        Record::Waited(waited) => Some(waited.clone()),
    };
    let waited: Vec<_> = records.iter().filter_map(of).collect();
    let runtimes = distinct(waited.iter().map(|each| each.runtime as usize));
    let charts: Vec<_> = runtimes
        .into_iter()
        .map(|runtime| {
            let mine: Vec<_> = waited.iter().filter(|each| each.runtime as usize == runtime).collect();
            let points = mine.iter().map(|each| (each.implementation, each.producers, each.polls_per_write));
            (format!("{}: polls of a write", mine[0].runtime), lines(&points.collect::<Vec<_>>()))
        })
        .collect();
    let tables = vec![("Waiting for room".to_owned(), polls(&waited), 1)];
    section("Waiting for room", ABOUT_WAITS, Unit::PollsPerWrite, &charts, tables)
}

fn section(
    title: &'static str,
    about: &'static str,
    unit: Unit,
    charts: &[(String, Vec<Line>)],
    tables: Vec<(String, Table, usize)>,
) -> Option<Section> {
    let chart = |(title, lines): &(String, Vec<Line>)| {
        Chart { title, over: "producers", label: count, unit, lines }.draw()
    };
    (!charts.is_empty()).then(|| Section {
        title,
        about,
        legend: legend(charts.iter().flat_map(|(_, lines)| lines)),
        charts: charts.iter().map(chart).collect(),
        tables,
    })
}

/// A line for each implementation, with a point for each number of producers.
fn lines(values: &[(Implementation, usize, f64)]) -> Vec<Line> {
    let line = |&implementation: &Implementation| {
        let mine: Vec<_> = values.iter().filter(|value| value.0 == implementation).collect();
        let points = distinct(mine.iter().map(|value| value.1)).into_iter().map(|producers| {
            let mut spread = Spread::default();
            mine.iter().filter(|value| value.1 == producers).for_each(|value| spread.add(value.2));
            (producers, spread)
        });
        Line {
            name: implementation.to_string(),
            style: implementation.proxy() as usize,
            points: points.collect(),
        }
    };
    Implementation::value_variants().iter().map(line).filter(|line| !line.points.is_empty()).collect()
}

fn ratios(written: &[Written]) -> Table {
    let labels = ["runtime", "completion", "against", "producers"];
    let figures = [
        "handoff, ns",
        "other, ns",
        "writes in a second",
        "CPU time",
        "handoff, allocations per write",
        "other, allocations per write",
    ];
    let rows = compared(written).into_iter().map(|each| {
        vec![
            each.runtime.into(),
            each.completion.into(),
            each.with.into(),
            count(each.producers as u64).into(),
            cell(&each.of_ns, digits),
            cell(&each.with_ns, digits),
            cell(&each.throughput, ratio),
            cell(&each.cpu, ratio),
            cell(&each.of_allocations, digits),
            cell(&each.with_allocations, digits),
        ]
    });
    let head = labels.into_iter().chain(figures).map(Cell::from).collect();
    Table { labels: labels.len(), head, rows: rows.collect() }
}

fn polls(waited: &[Waited]) -> Table {
    let labels = ["runtime", "implementation", "producers"];
    let figures = ["room, chunks", "writes", "polls", "polls of a write", "most of one"];
    let rows = waited.iter().map(|each| {
        vec![
            each.runtime.into(),
            each.implementation.into(),
            count(each.producers as u64).into(),
            count(each.room as u64).into(),
            count(each.writes).into(),
            count(each.polls).into(),
            digits(each.polls_per_write).into(),
            count(each.most_polls).into(),
        ]
    });
    let head = labels.into_iter().chain(figures).map(Cell::from).collect();
    Table { labels: labels.len(), head, rows: rows.collect() }
}

/// The median, with its range if there are several values.
fn cell(spread: &Spread, text: fn(f64) -> String) -> Cell {
    if spread.values().is_empty() {
        return MISSING.into();
    }
    let several = spread.values().len() > 1;
    Cell {
        text: text(spread.median()),
        note: several.then(|| format!("{}–{}", text(spread.min()), text(spread.max()))),
        verdict: None,
    }
}
