//! Runs of equal settings beside those of the baseline.

use super::{Exchange, Figures, Measure, Policy, Trips};
use crate::stream::{Spread, output::groups};

/// What was measured of one exchange, in all repetitions.
#[derive(Debug)]
pub struct Cell<'a> {
    /// What was measured.
    pub exchange: &'a Exchange,
    /// Its runs.
    pub runs: Vec<&'a Trips>,
    /// The runs of the baseline with otherwise equal settings.
    baseline: Vec<&'a Trips>,
}

/// All exchanges that were measured: by runtime, transport, burst, length and policy.
#[must_use]
pub fn cells(runs: &[Trips]) -> Vec<Cell<'_>> {
    let groups = groups(runs);
    let mut cells: Vec<_> = groups
        .iter()
        .map(|runs| {
            let exchange = &runs[0].exchange;
            let wanted = Exchange { policy: Policy::BASELINE, ..exchange.clone() };
            let baseline = groups.iter().find(|group| group[0].exchange == wanted);
            Cell { exchange, runs: runs.clone(), baseline: baseline.cloned().unwrap_or_default() }
        })
        .collect();
    cells.sort_by_key(|cell| {
        let &Exchange { runtime, transport, burst, frame_len, rounds, worker_threads, policy } =
            cell.exchange;
        (runtime as usize, transport as usize, burst, frame_len, rounds, worker_threads, policy as usize)
    });
    cells
}

impl Cell<'_> {
    /// A figure in all runs; none if it could not be had.
    #[must_use]
    pub fn spread(&self, measure: Measure) -> Option<Spread> {
        gathered(self.runs.iter().filter_map(|run| measure.of(&run.figures)))
    }

    /// The same, each divided by that of the baseline in the same repetition.
    #[must_use]
    pub fn ratios(&self, measure: Measure) -> Option<Spread> {
        let of = |figures: &Figures| measure.of(figures).filter(|&value| value > 0.0);
        gathered(self.runs.iter().filter_map(|run| {
            let with = self.baseline.iter().find(|with| with.run == run.run)?;
            Some(of(&run.figures)? / of(&with.figures)?)
        }))
    }
}

fn gathered(values: impl Iterator<Item = f64>) -> Option<Spread> {
    let mut spread = Spread::default();
    values.for_each(|value| spread.add(value));
    (!spread.values().is_empty()).then_some(spread)
}
