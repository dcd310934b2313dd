//! Two cases side by side.

use crate::stream::{Bench, Case, Failure, Report, interrupt};

/// Two cases that differ in the implementation only.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pair {
    pub(super) of: Case,
    pub(super) with: Case,
}

impl Pair {
    /// In which order some pairs are measured in a turn: every other turn goes backwards, as does each pair in it, so that
    /// what drifts favours nobody.
    pub(super) fn order(turn: usize, pairs: usize) -> Vec<usize> {
        let mut order: Vec<_> = (0..pairs).collect();
        if backwards(turn) {
            order.reverse();
        }
        order
    }

    /// Measures each once, one right after the other; the reports of the first and of the second.
    ///
    /// # Errors
    ///
    /// If one cannot be measured.
    pub(super) fn measure(&self, turn: usize, bench: &mut Bench) -> Result<[Report; 2], Failure> {
        let mut once = |case| {
            if interrupt::is_set() {
                return Err(Failure::Interrupted);
            }
            bench.measure(case)
        };
        if backwards(turn) {
            let with = once(&self.with)?;
            Ok([once(&self.of)?, with])
        } else {
            Ok([once(&self.of)?, once(&self.with)?])
        }
    }
}

fn backwards(turn: usize) -> bool {
    !turn.is_multiple_of(2)
}
