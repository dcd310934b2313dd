//! Round trips: what their figures are over burst and frame length, and what they are one by one.

use clap::ValueEnum;
use maud::{Markup, html};

use super::{
    lines::{Chart, Line, legend},
    number::{MISSING, Unit, bytes, count, ratio},
    ratio::{Verdict, range},
    study::distinct,
    table::{self, Table},
};
use crate::{
    exchange::{Cell, Exchange, Measure, Policy, Transport, Trips, cells},
    stream::{RuntimeName, Spread},
};

pub(super) const HEADING: &str = "Round trips";

pub(super) const ABOUT: &str = "A producer writes a burst of frames and waits until the peer has sent all of it back, and so on. What \
     comes back is compared with what was sent, byte for byte. Writer calls are those that took bytes. CPU time is that of the process; over tcp without that of \
     the peer, which is a thread of its own. Ratios are those of runs of one turn.";

pub(super) const ABOUT_CHARTS: &str = "Medians, with a thin upright line from the least run to the greatest, beyond the chart if it \
     reaches the top. The axis across is logarithmic. Of each figure less is better.";

/// What is drawn. The rest of the round trips is too unsteady for a chart.
const DRAWN: [Measure; 3] = [Measure::Writes, Measure::Cpu, Measure::P50];

fn unit(measure: Measure) -> Unit {
    match measure {
        Measure::Writes => Unit::Times,
        Measure::Cpu | Measure::P50 | Measure::P99 => Unit::Micros,
    }
}

/// The policies that occur, as the command line explains them.
pub(super) fn policies(trips: &[Trips]) -> Table {
    let occurs = |policy: &&Policy| trips.iter().any(|trips| trips.exchange.policy == **policy);
    let rows = Policy::value_variants().iter().filter(occurs).filter_map(Policy::to_possible_value);
    let help = |value: &clap::builder::PossibleValue| value.get_help().map(ToString::to_string);
    let rows =
        rows.map(|value| [value.get_name().to_owned(), help(&value).unwrap_or_default().replace('`', "")]);
    Table::labels(["policy", "meaning"], rows.map(|row| row.map(table::Cell::from).into()))
}

/// What is shown together: it differs in the runtime, the policy, the burst and the frames.
struct Panel<'a> {
    transport: Transport,
    worker_threads: usize,
    cells: Vec<Cell<'a>>,
}

impl<'a> Panel<'a> {
    fn of(trips: &'a [Trips]) -> Vec<Self> {
        let mut panels: Vec<Self> = Vec::new();
        for cell in cells(trips) {
            let &Exchange { transport, worker_threads, .. } = cell.exchange;
            let alike =
                |panel: &&mut Self| (panel.transport, panel.worker_threads) == (transport, worker_threads);
            match panels.iter_mut().find(alike) {
                Some(panel) => panel.cells.push(cell),
                None => panels.push(Self { transport, worker_threads, cells: vec![cell] }),
            }
        }
        panels
    }

    fn title(&self, all: &[Self]) -> String {
        let several = all.iter().any(|panel| panel.worker_threads != self.worker_threads);
        let threads = self.worker_threads;
        if several {
            format!("{}, worker threads {threads}", self.transport)
        } else {
            self.transport.to_string()
        }
    }

    fn values(&self, axis: Axis) -> Vec<usize> {
        distinct(self.cells.iter().map(|cell| axis.of(cell.exchange)))
    }

    fn runtimes(&self) -> Vec<RuntimeName> {
        let mut runtimes: Vec<_> = self.cells.iter().map(|cell| cell.exchange.runtime).collect();
        runtimes.dedup();
        runtimes
    }
}

/// What figures are shown over.
#[derive(Clone, Copy)]
enum Axis {
    Burst,
    FrameLen,
}

impl Axis {
    fn of(self, exchange: &Exchange) -> usize {
        match self {
            Self::Burst => exchange.burst,
            Self::FrameLen => exchange.frame_len,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Burst => Self::FrameLen,
            Self::FrameLen => Self::Burst,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Burst => "frames in a burst",
            Self::FrameLen => "frame length",
        }
    }

    fn label(self) -> fn(u64) -> String {
        match self {
            Self::Burst => count,
            Self::FrameLen => bytes,
        }
    }

    /// What the charts over it have in common.
    fn fixed(self, value: usize) -> String {
        match self {
            Self::Burst if value == 1 => "one frame at a time".to_owned(),
            Self::Burst => format!("bursts of {} frames", count(value as u64)),
            Self::FrameLen => format!("frames of {}", bytes(value as u64)),
        }
    }
}

/// Charts of figures over each axis along which there is more than one value, or at least over one.
pub(super) fn charts(trips: &[Trips]) -> Markup {
    let panels = Panel::of(trips);
    let all: Vec<_> = panels
        .iter()
        .flat_map(|panel| {
            let varied = |axis: &Axis| panel.values(*axis).len() > 1;
            let mut axes: Vec<_> = [Axis::Burst, Axis::FrameLen].into_iter().filter(varied).collect();
            if axes.is_empty() {
                axes.push(Axis::FrameLen);
            }
            let title = panel.title(&panels);
            let along = move |axis: Axis| {
                let fixed = panel.values(axis.other());
                fixed.into_iter().map(move |fixed| (axis, fixed))
            };
            let drawn = axes.into_iter().flat_map(along);
            drawn.map(move |(axis, fixed)| figures(panel, &title, axis, fixed))
        })
        .collect();
    html! { @for charts in all { (charts) } }
}

/// The charts over one axis where the other one is `fixed`, one for each figure and runtime.
fn figures(panel: &Panel<'_>, title: &str, axis: Axis, fixed: usize) -> Markup {
    let mut drawn = Vec::new();
    let mut rows = Vec::new();
    for measure in DRAWN {
        let mut charts = Vec::new();
        for runtime in panel.runtimes() {
            let lines = lines(panel, runtime, axis, fixed, measure);
            if !lines.is_empty() {
                let title = format!("{runtime}: {}", measure.name());
                let (over, label, unit) = (axis.name(), axis.label(), unit(measure));
                charts.push(Chart { title: &title, over, label, unit, lines: &lines }.draw());
                drawn.extend(lines);
            }
        }
        if !charts.is_empty() {
            rows.push(charts);
        }
    }
    html! {
        h3 { (title) ": over " (axis.name()) }
        p { "With " (axis.other().fixed(fixed)) "." }
        (legend(&drawn))
        @for row in rows { div.grid { @for chart in row { (chart) } } }
    }
}

/// A line for each policy. Where exchanges differ in the number of round trips only, the first stands for all.
fn lines(panel: &Panel<'_>, runtime: RuntimeName, axis: Axis, fixed: usize, measure: Measure) -> Vec<Line> {
    let mut all: Vec<Line> = Vec::new();
    let along =
        |cell: &&Cell<'_>| cell.exchange.runtime == runtime && axis.other().of(cell.exchange) == fixed;
    for cell in panel.cells.iter().filter(along) {
        let Some(spread) = cell.spread(measure) else { continue };
        let (style, name) = (cell.exchange.policy as usize, cell.exchange.policy.to_string());
        let point = (axis.of(cell.exchange), spread);
        match all.iter_mut().find(|line| line.style == style) {
            None => all.push(Line { style, name, points: vec![point] }),
            Some(line) if line.points.iter().all(|(at, _)| *at != point.0) => line.points.push(point),
            Some(_) => {}
        }
    }
    all.sort_by_key(|line| line.style);
    all
}

/// Ratios and figures, a table of each for each transport.
pub(super) fn tables(trips: &[Trips]) -> Vec<(String, Table)> {
    let panels = Panel::of(trips);
    let of = |panel: &Panel<'_>| {
        let title = panel.title(&panels);
        let ratios =
            rows(panel, "below 1 is better", |cell| cell.exchange.policy != Policy::BASELINE, ratio_cell);
        let figures = rows(
            panel,
            "",
            |_| true,
            |cell, measure| cell.spread(measure).map(|spread| table::shown(&spread, unit(measure))),
        );
        [(format!("{title}: against {}", Policy::BASELINE), ratios), (format!("{title}: figures"), figures)]
    };
    panels.iter().flat_map(of).filter(|(_, table)| !table.rows.is_empty()).collect()
}

fn rows(
    panel: &Panel<'_>,
    note: &str,
    wanted: fn(&Cell<'_>) -> bool,
    of: fn(&Cell<'_>, Measure) -> Option<table::Cell>,
) -> Table {
    let labels = ["runtime", "burst", "frame length", "policy"];
    let mut head: Vec<_> = labels.map(table::Cell::from).into();
    head.extend(["round trips", "runs"].map(table::Cell::from));
    let note = (!note.is_empty()).then(|| note.to_owned());
    head.extend(Measure::ALL.map(|measure| table::Cell { note: note.clone(), ..measure.name().into() }));
    let row = |cell: &Cell<'_>| {
        let Exchange { runtime, burst, frame_len, policy, rounds, .. } = cell.exchange;
        let mut row = vec![runtime.into(), count(*burst as u64).into(), bytes(*frame_len as u64).into()];
        row.extend([policy.into(), count(*rounds as u64).into(), count(cell.runs.len() as u64).into()]);
        row.extend(Measure::ALL.map(|measure| of(cell, measure).unwrap_or_else(|| MISSING.into())));
        row
    };
    let rows = panel.cells.iter().filter(|cell| wanted(cell)).map(row).collect();
    Table { labels: labels.len(), head, rows }
}

fn ratio_cell(cell: &Cell<'_>, measure: Measure) -> Option<table::Cell> {
    let ratios: Spread = cell.ratios(measure)?;
    Some(table::Cell {
        text: ratio(ratios.median()),
        note: range(&ratios),
        verdict: Some(Verdict::of(&ratios, false)),
    })
}
