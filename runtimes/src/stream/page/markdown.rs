//! The page as Markdown, without its charts.

use std::fmt::Write;

use super::{
    ABOUT_FIGURES, ABOUT_HEADLINE, ABOUT_RATIOS, ABOUT_SIDES, ABOUT_WORK, Page,
    table::{Cell, Table},
};

/// The whole page.
pub(super) fn page(page: &Page<'_>) -> String {
    let mut text = String::new();
    heading(&mut text, 1, &page.title());
    paragraph(&mut text, &page.lead());
    for (name, table, _) in page.measured() {
        heading(&mut text, 2, name);
        put(&mut text, &table);
    }
    heading(&mut text, 2, "Ratios");
    paragraph(&mut text, &page.about_ratios());
    if !page.comparisons.is_empty() {
        for (about, table) in [(ABOUT_HEADLINE, page.headline()), (ABOUT_RATIOS, page.ratios())] {
            paragraph(&mut text, about);
            put(&mut text, &table);
        }
    }
    if let Some(sides) = page.sides() {
        heading(&mut text, 2, "Settings side by side");
        paragraph(&mut text, ABOUT_SIDES);
        put(&mut text, &sides);
    }
    heading(&mut text, 2, "Work per MiB");
    paragraph(&mut text, ABOUT_WORK);
    for place in 0..page.panels.len() {
        heading(&mut text, 3, &page.shown_title(place));
        put(&mut text, &page.work(place));
    }
    heading(&mut text, 2, "All figures");
    paragraph(&mut text, ABOUT_FIGURES);
    for (place, title) in page.titles.iter().enumerate() {
        heading(&mut text, 3, title);
        put(&mut text, &page.full(place));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
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
