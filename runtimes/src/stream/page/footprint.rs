//! What idle connections keep, as it stands on the page.

use clap::ValueEnum;

use super::{
    lines::{Chart, Line, legend},
    number::{MISSING, Unit, bytes, count, digits},
    section::Section,
    study::distinct,
    table::{Cell, Table},
};
use crate::{
    footprint::{Footprint, Implementation, State},
    stream::Spread,
};

const ABOUT: &str = "Memory that a read buffer, a write handle and its task keep allocated, for each connection, over how many \
     there are: a flat line is one that adds nothing beyond its own. What the runtime allocates for the task is part of it, \
     sockets are not. fresh: made, and the task polled once. waiting: it waits for its first byte. frames: frames of 64 bytes \
     went through one by one. idle: a burst of 16 KiB went through after them. large: a frame of 1 MiB went through. after_large: \
     after that a read found nothing. inline is what the owner of buffer and handle holds himself. Less is better.";

/// The part about them, if there are any.
pub(super) fn section(footprints: &[Footprint]) -> Option<Section> {
    let charts: Vec<_> = State::value_variants()
        .iter()
        .map(|&state| (state, lines(footprints, state)))
        .filter(|(_, lines)| !lines.is_empty())
        .collect();
    if charts.is_empty() {
        return None;
    }
    let chart = |(state, lines): &(State, Vec<Line>)| {
        let title = format!("{state}: live memory of a connection");
        Chart { title: &title, over: "connections", label: count, unit: Unit::Heap, lines }.draw()
    };
    Some(Section {
        title: "Memory of idle connections",
        about: ABOUT,
        legend: legend(charts.iter().flat_map(|(_, lines)| lines)),
        charts: charts.iter().map(chart).collect(),
        tables: vec![("Bytes and allocations of a connection".to_owned(), table(footprints), 1)],
    })
}

fn lines(footprints: &[Footprint], state: State) -> Vec<Line> {
    let line = |&implementation: &Implementation| {
        let of =
            |footprint: &&Footprint| footprint.implementation == implementation && footprint.state == state;
        let mine: Vec<_> = footprints.iter().filter(of).collect();
        let points = distinct(mine.iter().map(|footprint| footprint.connections)).into_iter().map(|number| {
            let mut spread = Spread::default();
            mine.iter()
                .filter(|footprint| footprint.connections == number)
                .for_each(|footprint| spread.add(footprint.bytes_per_connection));
            (number, spread)
        });
        Line {
            name: implementation.to_string(),
            style: implementation.proxy() as usize,
            points: points.collect(),
        }
    };
    Implementation::value_variants().iter().map(line).filter(|line| !line.points.is_empty()).collect()
}

/// A line for each implementation and state; a column for each number of connections.
fn table(footprints: &[Footprint]) -> Table {
    let numbers = distinct(footprints.iter().map(|footprint| footprint.connections));
    let mut head: Vec<Cell> = ["implementation", "state"].map(Cell::from).into();
    head.push("inline".into());
    head.extend(numbers.iter().map(|&number| match number {
        1 => Cell::from("1 connection"),
        _ => Cell::from(format!("{} connections", count(number as u64))),
    }));
    let mut rows = Vec::new();
    for &implementation in Implementation::value_variants() {
        for &state in State::value_variants() {
            let of = |number: Option<usize>| {
                footprints.iter().rfind(|footprint| {
                    footprint.implementation == implementation
                        && footprint.state == state
                        && number.is_none_or(|number| footprint.connections == number)
                })
            };
            let Some(any) = of(None) else { continue };
            let mut row = vec![implementation.into(), state.into(), bytes(any.inline_bytes as u64).into()];
            row.extend(numbers.iter().map(|&number| of(Some(number)).map_or_else(|| MISSING.into(), figure)));
            rows.push(row);
        }
    }
    Table { labels: 2, head, rows }
}

fn figure(footprint: &Footprint) -> Cell {
    let whole = footprint.bytes_per_connection.round().max(0.0);
    Cell {
        text: format!("{} B", count(whole as u64)),
        note: Some(format!("in {}", digits(footprint.allocations_per_connection))),
        verdict: None,
    }
}
