//! Parts of the page that are not about streams.

use maud::Markup;

use super::table::Table;

/// A part of the page, with its charts and tables.
pub(super) struct Section {
    pub(super) title: &'static str,
    /// What it shows, in sentences.
    pub(super) about: &'static str,
    /// What the lines of the charts are of.
    pub(super) legend: Markup,
    pub(super) charts: Vec<Markup>,
    /// Each with its caption, and by how many labels its rows belong together.
    pub(super) tables: Vec<(String, Table, usize)>,
}
