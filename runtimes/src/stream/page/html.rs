//! The page: one file that needs nothing else.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    ABOUT_FIGURES, ABOUT_HEADLINE, ABOUT_RATIOS, ABOUT_SIDES, ABOUT_WORK, Page, bars,
    curves::{self, Axis},
    exchange,
    metric::{CPU, LINE_CPU, LINE_P50, LINE_P99, Metric, P50, P99, THROUGHPUT},
    section::Section,
    table::{Cell, Table},
};
use crate::exchange::Trips;

const STYLE: &str = include_str!("style.css");

/// Charts of one kind: what they show, in a sentence.
struct Bars {
    name: &'static str,
    about: &'static str,
    metrics: &'static [Metric],
}

const BARS: [Bars; 4] = [
    Bars {
        name: "Throughput",
        about: "How much the proxy carried in a second, all streams together: longer bars are better.",
        metrics: &[THROUGHPUT],
    },
    Bars {
        name: "CPU time per byte",
        about: "The CPU time of the proxy's process for each byte carried: shorter bars are better.",
        metrics: &[CPU],
    },
    Bars {
        name: "Latency of streams",
        about: "From the first byte in to the last byte out, as p50 / p99: half of the streams take no longer than the solid \
            bar, 99 of 100 no longer than the outlined one. Shorter bars are better.",
        metrics: &[P50, P99],
    },
    Bars {
        name: "Latency of lines",
        about: "From a routed line's source to the comparison, as p50 / p99: half of the lines take no longer than the solid \
            bar, 99 of 100 no longer than the outlined one. Shorter bars are better.",
        metrics: &[LINE_P50, LINE_P99],
    },
];

/// The whole page.
pub(super) fn page(page: &Page<'_>) -> String {
    let title = page.title();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    @if page.has_streams() { p { (page.lead()) } }
                }
                main {
                    @if page.has_streams() { (streams(page)) }
                    @if page.has_trips() { (round_trips(&page.pool.trips)) }
                    @for part in page.sections() { (section(&part)) }
                }
            }
        }
    }
    .into_string()
}

/// All that is about streams.
fn streams(page: &Page<'_>) -> Markup {
    html! {
        (measured(page))
        (ratios(page))
        @match page.sides() {
            Some(of) => (sides(&of)),
            None => @for bars in &BARS { (charts(page, bars)) },
        }
        (costs(page))
        (work(page))
        (all(page))
    }
}

fn section(of: &Section) -> Markup {
    html! {
        section {
            h2 { (of.title) }
            p { (of.about) }
            (of.legend)
            div.grid { @for chart in &of.charts { (chart) } }
            @for (name, of, grouped) in &of.tables { (table(name, of, *grouped, Layout::Plain)) }
        }
    }
}

fn round_trips(trips: &[Trips]) -> Markup {
    html! {
        section {
            h2 { (exchange::HEADING) }
            p { (exchange::ABOUT) }
            (table("Policies", &exchange::policies(trips), 0, Layout::Plain))
            p { (exchange::ABOUT_CHARTS) }
            (exchange::charts(trips))
            @for (name, of) in exchange::tables(trips) { (table(&name, &of, 1, Layout::Plain)) }
        }
    }
}

fn measured(page: &Page<'_>) -> Markup {
    html! {
        section {
            h2 { "What was measured" }
            div.settings {
                @for (name, of, grouped) in page.measured() { (table(name, &of, grouped, Layout::Plain)) }
            }
        }
    }
}

fn ratios(page: &Page<'_>) -> Markup {
    html! {
        section {
            h2 { "Ratios" }
            p { (page.about_ratios()) }
            @if !page.comparisons.is_empty() {
                p { (ABOUT_HEADLINE) }
                (table("Ratios by baseline", &page.headline(), 0, Layout::Cards))
                p { (ABOUT_RATIOS) }
                (table("Ratios by settings, runtime and baseline", &page.ratios(), 2, Layout::Lines))
            }
        }
    }
}

fn sides(of: &Table) -> Markup {
    html! {
        section {
            h2 { "Settings side by side" }
            p { (ABOUT_SIDES) }
            (table("Settings side by side", of, 0, Layout::Cards))
        }
    }
}

fn charts(page: &Page<'_>, Bars { name, about, metrics }: &Bars) -> Markup {
    let titles = (0..page.panels.len()).map(|place| page.shown_title(place));
    let chart = |(panel, title): (_, String)| bars::chart(panel, &title, metrics);
    let charts: Vec<_> = page.panels.iter().zip(titles).filter_map(chart).collect();
    html! {
        @if !charts.is_empty() {
            section {
                h2 { (name) }
                p { (about)
                    " The thin line goes from the least run to the greatest, beyond the chart if it has a head. Each chart has \
                     its own scale." }
                div.grid { @for chart in charts { (chart) } }
            }
        }
    }
}

fn costs(page: &Page<'_>) -> Markup {
    let both = |(panel, title): (_, &String)| {
        [Axis::Connections, Axis::FrameLen]
            .into_iter()
            .filter_map(|axis| curves::charts(panel, title, axis, &[CPU, LINE_CPU, THROUGHPUT]))
            .collect::<Vec<_>>()
    };
    let charts: Vec<_> = page.panels.iter().zip(&page.titles).flat_map(both).collect();
    html! {
        @if !charts.is_empty() {
            section {
                h2 { "Cost over connections and line length" }
                p {
                    "Medians, with a thin upright line from the least run to the greatest, \
                     beyond the chart if it reaches the top. The axis across is logarithmic: \
                     equal distances multiply by equal factors. Of CPU time less is better, of throughput more."
                }
                @for chart in charts { (chart) }
            }
        }
    }
}

fn work(page: &Page<'_>) -> Markup {
    html! {
        section {
            h2 { "Work per MiB" }
            p { (ABOUT_WORK) }
            @for place in 0..page.panels.len() { (table(&page.shown_title(place), &page.work(place), 1, Layout::Plain)) }
        }
    }
}

fn all(page: &Page<'_>) -> Markup {
    html! {
        section {
            h2 { "All figures" }
            p { (ABOUT_FIGURES) }
            @for (place, title) in page.titles.iter().enumerate() { (table(title, &page.full(place), 1, Layout::Plain)) }
        }
    }
}

/// How a table is laid out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// As it is, to be scrolled where it is too wide.
    Plain,
    /// Each row as a card where the page is narrow.
    Cards,
    /// The same, and each row in one line where the page is wide.
    Lines,
}

/// A table whose first `grouped` labels become headings of the rows that share them.
///
/// Roles are said although they are those of the elements, because a row that is laid out as a card loses them.
fn table(name: &str, table: &Table, grouped: usize, layout: Layout) -> Markup {
    let key = |row: &Vec<Cell>| {
        row[..grouped].iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" · ")
    };
    let columns = table.head.len() - grouped;
    let named = |column: usize| (layout != Layout::Plain).then_some(&table.head[column].text);
    html! {
        div.scroll.cards[layout != Layout::Plain].lines[layout == Layout::Lines]
            role="region" aria-label=(name) tabindex="0" {
            table role="table" {
                caption { (name) }
                thead role="rowgroup" {
                    tr role="row" {
                        @for (column, head) in table.head.iter().enumerate().skip(grouped) {
                            th.label[column < table.labels] scope="col" role="columnheader" { (content(head)) }
                        }
                    }
                }
                @for rows in table.rows.chunk_by(|a, b| key(a) == key(b)) {
                    tbody role="rowgroup" {
                        @if grouped > 0 {
                            tr role="row" {
                                th.group colspan=(columns) scope="rowgroup" role="rowheader" {
                                    span { (key(&rows[0])) }
                                }
                            }
                        }
                        @for row in rows {
                            tr role="row" {
                                @for (column, cell) in row.iter().enumerate().skip(grouped) {
                                    @if column == grouped {
                                        th scope="row" role="rowheader" { (content(cell)) }
                                    } @else {
                                        td.label[column < table.labels] role="cell" data-name=[named(column)] {
                                            (content(cell))
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn content(cell: &Cell) -> Markup {
    html! {
        (cell.text)
        @if let Some(note) = &cell.note { " " small { (note) } }
        @if let Some(verdict) = cell.verdict { " " em class=(verdict.word()) { (verdict.word()) } }
    }
}
