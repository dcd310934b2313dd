//! The page: one file that needs nothing else.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    Page, bars,
    curves::{self, Axis},
    metric::{CPU, LINE_P50, LINE_P99, Metric, P50, P99, THROUGHPUT},
    table::{Cell, Table},
};

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
            bar, 99 of 100 no longer than the striped one. Shorter bars are better.",
        metrics: &[P50, P99],
    },
    Bars {
        name: "Latency of lines",
        about: "From a routed line's source to the comparison, as p50 / p99: half of the lines take no longer than the solid \
            bar, 99 of 100 no longer than the striped one. Shorter bars are better.",
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
                    p { (page.lead()) }
                }
                main {
                    (measured(page))
                    (ratios(page))
                    @for bars in &BARS { (charts(page, bars)) }
                    (costs(page))
                    (work(page))
                    (all(page))
                }
            }
        }
    }
    .into_string()
}

fn measured(page: &Page<'_>) -> Markup {
    html! {
        section {
            h2 { "What was measured" }
            div.settings {
                @for (name, of) in [("What varies", page.varied()), ("Equal in all runs", page.equal())] {
                    @if !of.rows.is_empty() { (table(name, &of, 0)) }
                }
            }
        }
    }
}

fn ratios(page: &Page<'_>) -> Markup {
    html! {
        section {
            h2 { "Ratios" }
            @if page.comparisons.is_empty() {
                p { (page.about_ratios()) }
            } @else {
                ul.headline { @for line in page.headline() { li { (line) } } }
                p { (page.about_ratios()) }
                (table("Ratios by what they are measured over, runtime and baseline", &page.ratios(), 2))
            }
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
                p { (about) " The thin line goes from the least run to the greatest; each chart has its own scale." }
                div.grid { @for chart in charts { (chart) } }
            }
        }
    }
}

fn costs(page: &Page<'_>) -> Markup {
    let both = |(panel, title): (_, &String)| {
        [Axis::Connections, Axis::FrameLen]
            .into_iter()
            .filter_map(|axis| curves::charts(panel, title, axis, &[CPU, THROUGHPUT]))
            .collect::<Vec<_>>()
    };
    let charts: Vec<_> = page.panels.iter().zip(&page.titles).flat_map(both).collect();
    html! {
        @if !charts.is_empty() {
            section {
                h2 { "Cost over connections and line length" }
                p {
                    "Medians, with a thin upright line from the least run to the greatest. Each step to the right by the same \
                     distance multiplies by the same factor. Of CPU time less is better, of throughput more."
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
            p { (super::ABOUT_WORK) }
            @for place in 0..page.panels.len() { (table(&page.shown_title(place), &page.work(place), 1)) }
        }
    }
}

fn all(page: &Page<'_>) -> Markup {
    html! {
        section {
            h2 { "All figures" }
            p { (super::ABOUT_FIGURES) }
            @for (place, title) in page.titles.iter().enumerate() { (table(title, &page.full(place), 1)) }
        }
    }
}

/// A table whose first `grouped` labels become headings of the rows that share them.
fn table(name: &str, table: &Table, grouped: usize) -> Markup {
    let key = |row: &Vec<Cell>| {
        row[..grouped].iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" · ")
    };
    let columns = table.head.len() - grouped;
    html! {
        div.scroll role="region" aria-label=(name) tabindex="0" {
            table {
                caption { (name) }
                thead {
                    tr { @for head in &table.head[grouped..] { th scope="col" { (content(head)) } } }
                }
                @for rows in table.rows.chunk_by(|a, b| key(a) == key(b)) {
                    tbody {
                        @if grouped > 0 {
                            tr { th.group colspan=(columns) scope="rowgroup" { span { (key(&rows[0])) } } }
                        }
                        @for row in rows {
                            tr {
                                @for (column, cell) in row.iter().enumerate().skip(grouped) {
                                    @if column == grouped {
                                        th scope="row" { (content(cell)) }
                                    } @else {
                                        td.label[column < table.labels] { (content(cell)) }
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
