//! `report`: results as one page, and the same as Markdown.
//!
//! Both are made of the same [`tables`](table) and sentences; the page has charts besides. Nothing in them depends on
//! where or when they were made.

mod bars;
mod curves;
mod exchange;
mod footprint;
mod html;
mod lines;
mod markdown;
mod metric;
mod number;
mod producers;
mod ratio;
mod section;
mod setting;
mod study;
mod table;

use self::{
    metric::WORK,
    number::count,
    ratio::{Comparison, OF},
    section::Section,
    setting::Settings,
    study::Panel,
    table::{Cell, Table},
};
use super::{Record, output::Results};
use crate::{exchange::Trips, footprint::Footprint, producers::Record as Produced};

/// Runs from one or more directories.
#[derive(Debug, Default)]
pub(super) struct Pool {
    names: Vec<String>,
    records: Vec<Record>,
    trips: Vec<Trips>,
    footprints: Vec<Footprint>,
    produced: Vec<Produced>,
}

impl Pool {
    /// Adds the results of a directory. The numbers of runs go on after those that are there, because only runs of one
    /// directory were measured in turns.
    pub(super) fn add(&mut self, name: String, results: Results) {
        let last = self.records.iter().map(|record| record.run).max().unwrap_or(0);
        self.records
            .extend(results.runs.into_iter().map(|record| Record { run: last + record.run, ..record }));
        let last = self.trips.iter().map(|trips| trips.run).max().unwrap_or(0);
        self.trips.extend(results.trips.into_iter().map(|trips| Trips { run: last + trips.run, ..trips }));
        self.footprints.extend(results.footprints);
        self.produced.extend(results.producers);
        self.names.push(name);
    }

    /// The page, and the same as Markdown.
    pub(super) fn render(&self) -> (String, String) {
        let page = Page::new(self);
        (html::page(&page), markdown::page(&page))
    }
}

const ABOUT_HEADLINE: &str = "For each baseline, the median ratios from the least to the greatest of all runtimes and settings \
     below, and how many of them are better.";

const ABOUT_RATIOS: &str = "One by one: the median over the runs, with the least and the greatest. Where numbers of \
     connections or lengths of lines differ, the runs of all such workloads are taken together, after each was divided by \
     its own baseline.";

const ABOUT_SIDES: &str = "Each of these settings was measured with one implementation on one runtime, so they are compared with \
     one another: medians over the runs, with the least and the greatest, the highest throughput first.";

const ABOUT_WORK: &str = "Medians, with the least and the greatest: how often memory was allocated for each MiB carried, \
     how much of it for each byte, how often readers and writers were called, and which share of a handoff's writer calls \
     producers made themselves. Less is better but for that share, which is neither.";

const ABOUT_FIGURES: &str = "Medians over the runs, with the least and the greatest. Latencies of streams are from the first \
     byte in to the last byte out; those of lines from their source to the comparison. n/a is what could not be measured.";

/// What is said, in parts.
struct Page<'a> {
    pool: &'a Pool,
    panels: Vec<Panel<'a>>,
    /// One for each panel.
    titles: Vec<String>,
    comparisons: Vec<Comparison>,
}

impl<'a> Page<'a> {
    fn new(pool: &'a Pool) -> Self {
        let panels = Panel::of(&pool.records);
        let titles = setting::titles(&panels);
        let comparisons = ratio::comparisons(&panels);
        Self { pool, panels, titles, comparisons }
    }

    fn title(&self) -> String {
        let of = match (self.has_streams(), self.has_trips()) {
            (true, true) => "Routed streams and round trips",
            (true, false) => "Routed streams",
            (false, true) => "Round trips",
            (false, false) => "Results",
        };
        format!("{of}: {}", self.pool.names.join(", "))
    }

    /// Whether there is any run of streams.
    fn has_streams(&self) -> bool {
        !self.pool.records.is_empty()
    }

    /// Whether there is any run of round trips.
    fn has_trips(&self) -> bool {
        !self.pool.trips.is_empty()
    }

    /// What was measured apart from streams.
    fn sections(&self) -> Vec<Section> {
        let pool = self.pool;
        let producers = [producers::writes(&pool.produced), producers::waits(&pool.produced)];
        producers.into_iter().chain([footprint::section(&pool.footprints)]).flatten().collect()
    }

    fn lead(&self) -> String {
        let groups: usize = self.panels.iter().map(|panel| panel.groups.len()).sum();
        let runs = self.pool.records.len();
        let ends = if self.pool.records.iter().any(|record| record.setup.mode == "integrated") {
            " Where the processes are integrated, CPU time, memory and allocations include the two ends around the proxy."
        } else {
            ""
        };
        format!(
            "Streams of lines that a proxy routes one by one, then a tunnel whose bytes pass as they are. What comes out is \
             compared with what went in, byte for byte. {} of {}; each figure covers the time from when all connections \
             stand to the last byte's comparison.{ends}",
            counted(runs, "run"),
            counted(groups, "configuration"),
        )
    }

    /// What was measured: captions, tables, and by how many labels their rows belong together.
    fn measured(&self) -> Vec<(&'static str, Table, usize)> {
        let Settings { equal, varied } = Settings::of(&self.pool.records);
        let pair = |(name, value): (String, String)| vec![Cell::from(name), value.into()];
        let settings = |of: Vec<_>| Table::labels(["setting", "value"], of.into_iter().map(pair));
        let names = setting::glossary(&self.pool.records).into_iter().map(|row| row.map(Cell::from).into());
        let tables = [
            ("What varies", settings(varied), 0),
            ("Equal in all runs", settings(equal), 0),
            ("What the names mean", Table::labels(["of", "name", "meaning"], names), 1),
        ];
        tables.into_iter().filter(|(_, table, _)| !table.rows.is_empty()).collect()
    }

    fn about_ratios(&self) -> String {
        let has = |of: bool| self.pool.records.iter().any(|record| (record.setup.implementation == OF) == of);
        match (has(true), has(false)) {
            (false, _) => format!("There is no run of {OF}, which the ratios would be of."),
            (_, false) => format!("There is nothing but {OF} to compare."),
            _ if self.comparisons.is_empty() => {
                format!(
                    "There is no run of {OF} and of another implementation with otherwise equal settings."
                )
            }
            _ => format!(
                "Figures of {OF} divided by those of another implementation with otherwise equal settings, run by run in the \
                 order they were measured. More throughput is better, so {OF} is ahead above 1; less CPU time and less \
                 latency is better, so there it is ahead below 1. A ratio is unclear if some runs say better and some say \
                 worse, or if it is 1.00."
            ),
        }
    }

    fn headline(&self) -> Table {
        table::headline(&self.comparisons)
    }

    fn ratios(&self) -> Table {
        table::ratios(&self.comparisons, &self.titles)
    }

    /// The title of a panel, and which workload is shown of it if there are several.
    fn shown_title(&self, place: usize) -> String {
        let panel = &self.panels[place];
        match panel.shown().phrase(&panel.workloads()) {
            phrase if phrase.is_empty() => self.titles[place].clone(),
            phrase => format!("{} ({phrase})", self.titles[place]),
        }
    }

    /// All settings in one table, if there is a single bar for each, as in a sweep: charts would compare nothing.
    fn sides(&self) -> Option<Table> {
        let alone = |panel: &Panel<'_>| panel.groups.len() == 1;
        (self.panels.len() > 1 && self.panels.iter().all(alone))
            .then(|| table::sides(&self.panels, &self.titles))
    }

    fn work(&self, place: usize) -> Table {
        let panel = &self.panels[place];
        let shown: Vec<_> = panel.with(panel.shown()).collect();
        table::figures(&shown, &[], &WORK)
    }

    fn full(&self, place: usize) -> Table {
        let panel = &self.panels[place];
        let all: Vec<_> = panel.groups.iter().collect();
        table::figures(&all, &panel.workloads(), &metric::all())
    }
}

fn counted(number: usize, of: &str) -> String {
    format!("{} {of}{}", count(number as u64), if number == 1 { "" } else { "s" })
}
