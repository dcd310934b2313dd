//! The page as Markdown, without its charts.

use std::fmt::Write;

use super::{
    ABOUT_FIGURES, ABOUT_HEADLINE, ABOUT_RATIOS, ABOUT_SIDES, ABOUT_WORK, Page, exchange,
    table::{Cell, Table},
};
use crate::exchange::Trips;

/// The whole page.
pub(super) fn page(page: &Page<'_>) -> String {
    let mut text = String::new();
    heading(&mut text, 1, &page.title());
    if page.has_streams() {
        streams(&mut text, page);
    }
    if page.has_trips() {
        round_trips(&mut text, &page.pool.trips);
    }
    for section in page.sections() {
        heading(&mut text, 2, section.title);
        paragraph(&mut text, section.about);
        for (name, table, _) in &section.tables {
            heading(&mut text, 3, name);
            put(&mut text, table);
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn round_trips(text: &mut String, trips: &[Trips]) {
    heading(text, 2, exchange::HEADING);
    paragraph(text, exchange::ABOUT);
    put(text, &exchange::policies(trips));
    for (name, table) in exchange::tables(trips) {
        heading(text, 3, &name);
        put(text, &table);
    }
}

/// All that is about streams.
fn streams(text: &mut String, page: &Page<'_>) {
    paragraph(text, &page.lead());
    for (name, table, _) in page.measured() {
        heading(text, 2, name);
        put(text, &table);
    }
    heading(text, 2, "Ratios");
    paragraph(text, &page.about_ratios());
    if !page.comparisons.is_empty() {
        for (about, table) in [(ABOUT_HEADLINE, page.headline()), (ABOUT_RATIOS, page.ratios())] {
            paragraph(text, about);
            put(text, &table);
        }
    }
    if let Some(sides) = page.sides() {
        heading(text, 2, "Settings side by side");
        paragraph(text, ABOUT_SIDES);
        put(text, &sides);
    }
    heading(text, 2, "Work per MiB");
    paragraph(text, ABOUT_WORK);
    for place in 0..page.panels.len() {
        heading(text, 3, &page.shown_title(place));
        put(text, &page.work(place));
    }
    heading(text, 2, "All figures");
    paragraph(text, ABOUT_FIGURES);
    for (place, title) in page.titles.iter().enumerate() {
        heading(text, 3, title);
        put(text, &page.full(place));
    }
}

fn heading(text: &mut String, level: usize, of: &str) {
    let _ = writeln!(text, "{} {}\n", "#".repeat(level), escaped(of));
}

fn paragraph(text: &mut String, of: &str) {
    let _ = writeln!(text, "{}\n", escaped(of));
}

fn put(text: &mut String, table: &Table) {
    let line = |text: &mut String, cells: Vec<String>| {
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    line(text, table.head.iter().map(cell).collect());
    let rule = |column| if column < table.labels { "---" } else { "---:" };
    line(text, (0..table.head.len()).map(|column| rule(column).to_owned()).collect());
    for row in &table.rows {
        line(text, row.iter().map(cell).collect());
    }
    text.push('\n');
}

fn cell(cell: &Cell) -> String {
    let mut text = escaped(&cell.text);
    if let Some(note) = &cell.note {
        let _ = write!(text, " ({})", escaped(note));
    }
    if let Some(verdict) = cell.verdict {
        let _ = write!(text, " {}", verdict.word());
    }
    text
}

/// Text that means itself. Names with underscores inside of words need no escape.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '\n' | '\r' => escaped.push(' '),
            '|' | '\\' | '`' | '*' | '<' | '&' | '[' | ']' => escaped.extend(['\\', character]),
            _ => escaped.push(character),
        }
    }
    escaped
}
