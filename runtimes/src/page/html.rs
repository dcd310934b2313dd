//! The page as HTML.

use std::fmt::Write;

/// A part of the page.
#[derive(Debug)]
pub enum Part {
    Heading(String),
    Text(String),
    Table(Table),
    /// A drawing as SVG.
    Chart(String),
}

/// A table of numbers, with some label columns first.
#[derive(Debug)]
pub struct Table {
    /// How many columns are labels.
    pub labels: usize,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

const STYLE: &str = "body{font:15px/1.4 sans-serif;margin:2em auto;max-width:75em;padding:0 1em}\
    div{overflow-x:auto}table{border-collapse:collapse}th,td{border-bottom:1px solid #ccc;padding:.2em .6em;\
    text-align:right;white-space:nowrap}.label{text-align:left}svg{max-width:60em;width:100%;display:block}";

/// The whole page.
pub fn html(title: &str, parts: &[Part]) -> String {
    let title = escaped(title);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><title>{title}</title>\
         <style>{STYLE}</style></head>\n<body><h1>{title}</h1>\n"
    );
    for part in parts {
        match part {
            Part::Heading(text) => page += &format!("<h2>{}</h2>\n", escaped(text)),
            Part::Text(text) => page += &format!("<p>{}</p>\n", escaped(text)),
            Part::Chart(svg) => page += svg,
            Part::Table(table) => {
                page += "<div><table>\n";
                for (tag, row) in
                    [("th", &table.head)].into_iter().chain(table.rows.iter().map(|row| ("td", row)))
                {
                    page += "<tr>";
                    for (column, cell) in row.iter().enumerate() {
                        let class = if column < table.labels { " class=\"label\"" } else { "" };
                        let _ = write!(page, "<{tag}{class}>{}</{tag}>", escaped(cell));
                    }
                    page += "</tr>\n";
                }
                page += "</table></div>\n";
            }
        }
    }
    page + "</body></html>\n"
}

/// Escapes text for HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
