//! Figures of the handoff divided by those of what it is compared with.

use super::{
    metric::{COMPARED, Metric},
    number::ratio,
    study::{Group, Panel},
};
use crate::stream::{ImplementationName, RuntimeName, Spread};

/// What is compared with all the others.
pub(super) const OF: ImplementationName = ImplementationName::Handoff;

/// What a ratio comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Better every time.
    Better,
    /// Worse every time.
    Worse,
    /// Neither.
    Unclear,
}

impl Verdict {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Unclear => "unclear",
        }
    }

    /// What ratios come to of which those above 1 are better, or those below.
    pub(super) fn of(ratios: &Spread, more: bool) -> Self {
        // As they are shown, so that a row never says that 1.00 is better.
        let shown = |value: f64| ratio(value).parse().unwrap_or(value);
        let (min, max): (f64, f64) = (shown(ratios.min()), shown(ratios.max()));
        match (min > 1.0, max < 1.0) {
            (true, _) if more => Self::Better,
            (true, _) => Self::Worse,
            (_, true) if more => Self::Worse,
            (_, true) => Self::Better,
            _ => Self::Unclear,
        }
    }
}

/// The least and the greatest of ratios, if there are several.
pub(super) fn range(ratios: &Spread) -> Option<String> {
    (ratios.values().len() > 1).then(|| format!("{}–{}", ratio(ratios.min()), ratio(ratios.max())))
}

/// The ratios of one kind of figure.
#[derive(Debug, Clone)]
pub(super) struct Ratios {
    pub(super) metric: Metric,
    pub(super) spread: Spread,
}

impl Ratios {
    pub(super) fn verdict(&self) -> Verdict {
        Verdict::of(&self.spread, self.metric.more)
    }

    /// The least and the greatest, if there are several.
    pub(super) fn range(&self) -> Option<String> {
        range(&self.spread)
    }
}

/// The handoff against one other, on a runtime.
#[derive(Debug)]
pub(super) struct Comparison {
    /// The place of the panel among all.
    pub(super) panel: usize,
    pub(super) runtime: RuntimeName,
    pub(super) with: ImplementationName,
    /// How many workloads went in.
    pub(super) workloads: usize,
    /// As many as there are in [`COMPARED`].
    pub(super) ratios: [Option<Ratios>; COMPARED.len()],
}

/// All that can be compared, by panel, runtime and baseline.
pub(super) fn comparisons(panels: &[Panel<'_>]) -> Vec<Comparison> {
    let mut comparisons: Vec<Comparison> = Vec::new();
    for (index, panel) in panels.iter().enumerate() {
        for with in panel.groups.iter().filter(|group| group.setup.implementation != OF) {
            let (runtime, implementation) = (with.setup.runtime, with.setup.implementation);
            let Some(of) = panel.group(runtime, OF, with.workload()) else { continue };
            let known = comparisons.iter().position(|known| {
                (known.panel, known.runtime, known.with) == (index, runtime, implementation)
            });
            let place = known.unwrap_or_else(|| {
                let ratios = [const { None }; COMPARED.len()];
                comparisons.push(Comparison {
                    panel: index,
                    runtime,
                    with: implementation,
                    workloads: 0,
                    ratios,
                });
                comparisons.len() - 1
            });
            let comparison = &mut comparisons[place];
            comparison.workloads += 1;
            for (metric, ratios) in COMPARED.into_iter().zip(&mut comparison.ratios) {
                for value in divided(of, with, metric) {
                    ratios.get_or_insert(Ratios { metric, spread: Spread::default() }).spread.add(value);
                }
            }
        }
    }
    comparisons
}

/// A ratio for each pair of runs of one number, which were measured close together; that of the medians if there is no
/// such pair.
fn divided(of: &Group<'_>, with: &Group<'_>, metric: Metric) -> Vec<f64> {
    let positive = |value: Option<f64>| value.filter(|&value| value > 0.0);
    let pairs = of.records.iter().filter_map(|a| Some((a, with.records.iter().find(|b| a.run == b.run)?)));
    let pairs: Vec<_> = pairs.collect();
    if pairs.is_empty() {
        let median = |group: &Group<'_>| positive(group.spread(metric).map(|spread| spread.median()));
        return median(of).zip(median(with)).map(|(a, b)| a / b).into_iter().collect();
    }
    let ratio = |(a, b): (&&_, &&_)| {
        let figure = |record: &crate::stream::Record| positive(metric.of(&record.figures));
        Some(figure(a)? / figure(b)?)
    };
    pairs.into_iter().filter_map(ratio).collect()
}

/// What all comparisons with one baseline come to, figure by figure.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) with: ImplementationName,
    /// As many as there are in [`COMPARED`].
    pub(super) parts: Vec<Option<Part>>,
}

/// The same of one kind of figure.
#[derive(Debug)]
pub(super) struct Part {
    /// The median of each comparison.
    medians: Spread,
    verdicts: Vec<Verdict>,
}

impl Part {
    /// The median ratios: one, or the least and the greatest.
    pub(super) fn range(&self) -> String {
        let (min, max) = (ratio(self.medians.min()), ratio(self.medians.max()));
        if min == max { min } else { format!("{min} to {max}") }
    }

    /// How often it is better.
    pub(super) fn verdict(&self) -> String {
        let count = |verdict| self.verdicts.iter().filter(|&&each| each == verdict).count();
        let all =
            [Verdict::Better, Verdict::Unclear, Verdict::Worse].map(|verdict| (verdict, count(verdict)));
        let total = self.verdicts.len();
        match all.iter().find(|(_, count)| *count == total) {
            Some((verdict, 1)) => verdict.word().to_owned(),
            Some((verdict, _)) => format!("{} in all {total}", verdict.word()),
            None => {
                let some = all.iter().filter(|(_, count)| *count > 0);
                let words = some.map(|(verdict, count)| format!("{} in {count}", verdict.word()));
                words.collect::<Vec<_>>().join(", ")
            }
        }
    }
}

/// One for each baseline, in order.
pub(super) fn summaries(comparisons: &[Comparison]) -> Vec<Summary> {
    let mut baselines: Vec<_> = comparisons.iter().map(|comparison| comparison.with).collect();
    baselines.sort_by_key(|&with| with as usize);
    baselines.dedup();
    let part = |with, place: usize| {
        let mut part = Part { medians: Spread::default(), verdicts: Vec::new() };
        for comparison in comparisons.iter().filter(|comparison| comparison.with == with) {
            if let Some(ratios) = &comparison.ratios[place] {
                part.medians.add(ratios.spread.median());
                part.verdicts.push(ratios.verdict());
            }
        }
        (!part.verdicts.is_empty()).then_some(part)
    };
    let parts = |with| (0..COMPARED.len()).map(|place| part(with, place)).collect();
    baselines.into_iter().map(|with| Summary { with, parts: parts(with) }).collect()
}
