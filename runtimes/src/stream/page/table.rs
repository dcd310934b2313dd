//! Tables, as they stand on the page and in Markdown.

use super::{
    metric::{COMPARED, Metric, THROUGHPUT},
    number::{MISSING, Unit, count, ratio},
    ratio::{Comparison, OF, Summary, Verdict, summaries},
    setting::name,
    study::{Group, Panel, Workload},
};
use crate::stream::Spread;

/// A table whose first columns are labels and whose other ones are numbers.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) labels: usize,
    pub(super) head: Vec<Cell>,
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without numbers.
    pub(super) fn labels<const N: usize>(head: [&str; N], rows: impl Iterator<Item = Vec<Cell>>) -> Self {
        Self { labels: N, head: head.map(Cell::from).into(), rows: rows.collect() }
    }
}

/// What stands in one place of a table.
#[derive(Debug, Default)]
pub(super) struct Cell {
    pub(super) text: String,
    /// What stands below or behind it: from the least to the greatest.
    pub(super) note: Option<String>,
    pub(super) verdict: Option<Verdict>,
}

impl<T: ToString> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.to_string(), ..Self::default() }
    }
}

/// What the ratios come to, a line for each baseline.
pub(super) fn headline(comparisons: &[Comparison]) -> Table {
    let places = compared(comparisons);
    let mut head = vec![Cell::from(format!("{OF} against"))];
    head.extend(places.iter().map(|&place| direction(COMPARED[place])));
    let row = |summary: Summary| {
        let mut row = vec![Cell::from(summary.with)];
        row.extend(places.iter().map(|&place| match &summary.parts[place] {
            None => MISSING.into(),
            Some(part) => Cell { text: part.range(), note: Some(part.verdict()), verdict: None },
        }));
        row
    };
    Table { labels: 1, head, rows: summaries(comparisons).into_iter().map(row).collect() }
}

/// The places of the metrics that could be compared.
fn compared(comparisons: &[Comparison]) -> Vec<usize> {
    let known = |&place: &usize| comparisons.iter().any(|comparison| comparison.ratios[place].is_some());
    (0..COMPARED.len()).filter(known).collect()
}

fn direction(Metric { name, more, .. }: Metric) -> Cell {
    let better = if more { "above 1 is better" } else { "below 1 is better" };
    Cell { text: name.to_owned(), note: Some(better.to_owned()), verdict: None }
}

/// The ratios, a line for each comparison.
pub(super) fn ratios(comparisons: &[Comparison], titles: &[String]) -> Table {
    let places = compared(comparisons);
    let mut head: Vec<Cell> = ["measured over", "runtime", "against"].map(Cell::from).into();
    head.extend(places.iter().map(|&place| direction(COMPARED[place])));
    let several = comparisons.iter().any(|comparison| comparison.workloads > 1);
    if several {
        head.push("workloads".into());
    }
    let row = |comparison: &Comparison| {
        let mut row =
            vec![Cell::from(&titles[comparison.panel]), comparison.runtime.into(), comparison.with.into()];
        row.extend(places.iter().map(|&place| match &comparison.ratios[place] {
            None => MISSING.into(),
            Some(ratios) => Cell {
                text: ratio(ratios.spread.median()),
                note: ratios.range(),
                verdict: Some(ratios.verdict()),
            },
        }));
        if several {
            row.push(comparison.workloads.into());
        }
        row
    };
    Table { labels: 3, head, rows: comparisons.iter().map(row).collect() }
}

/// A line for each panel of a single group, the highest throughput first.
pub(super) fn sides(panels: &[Panel<'_>], titles: &[String]) -> Table {
    let mut sides: Vec<_> =
        panels.iter().zip(titles).map(|(panel, title)| (&panel.groups[0], title)).collect();
    let throughput = |group: &Group<'_>| group.spread(THROUGHPUT).map_or(0.0, |spread| spread.median());
    sides.sort_by(|(one, _), (other, _)| throughput(other).total_cmp(&throughput(one)));
    let known = |metric: &Metric| sides.iter().any(|(group, _)| group.spread(*metric).is_some());
    let metrics: Vec<_> = COMPARED.into_iter().filter(known).collect();
    let mut head: Vec<Cell> = ["settings", "runtime", "implementation"].map(Cell::from).into();
    head.extend(metrics.iter().map(|metric| Cell::from(metric.title())));
    let row = |(group, title): (&Group<'_>, &String)| {
        let setup = group.setup;
        let mut row = vec![Cell::from(title), setup.runtime.into(), setup.implementation.into()];
        row.extend(metrics.iter().map(|&metric| figure(group, metric)));
        row
    };
    Table { labels: 3, head, rows: sides.into_iter().map(row).collect() }
}

/// Figures of groups, of the kinds that any of them has, and the settings in which `workloads` differ.
pub(super) fn figures(groups: &[&Group<'_>], workloads: &[Workload], metrics: &[Metric]) -> Table {
    let known = |metric: &&Metric| groups.iter().any(|group| group.spread(**metric).is_some());
    let metrics: Vec<_> = metrics.iter().filter(known).collect();
    let varied = workloads.first().map_or_else(Vec::new, |workload| workload.parts(workloads));
    let mut head: Vec<Cell> = ["runtime", "implementation"].map(Cell::from).into();
    head.extend(varied.iter().map(|(key, _)| Cell::from(name(key))));
    let labels = head.len();
    head.push("runs".into());
    head.extend(metrics.iter().map(|metric| Cell::from(metric.title())));
    let row = |group: &&Group<'_>| {
        let mut row = vec![group.setup.runtime.into(), group.setup.implementation.into()];
        row.extend(group.workload().parts(workloads).into_iter().map(|(_, value)| Cell::from(value)));
        row.push(count(group.records.len() as u64).into());
        row.extend(metrics.iter().map(|&&metric| figure(group, metric)));
        row
    };
    Table { labels, head, rows: groups.iter().map(row).collect() }
}

/// The median, with its range if there are several runs.
pub(super) fn figure(group: &Group<'_>, metric: Metric) -> Cell {
    group.spread(metric).map_or_else(|| MISSING.into(), |spread| shown(&spread, metric.unit))
}

/// The same of any values.
pub(super) fn shown(spread: &Spread, unit: Unit) -> Cell {
    let scale = unit.scale(spread.median());
    let note = (spread.values().len() > 1)
        .then(|| format!("{}–{}", scale.number(spread.min()), scale.number(spread.max())));
    let median = spread.median();
    let text = if unit.fixed().is_some() { scale.number(median) } else { scale.text(median) };
    Cell { text, note, verdict: None }
}
