//! Shortens a schedule that fails.

use super::run::{Run, Source};

/// Schedules that are tried at the most.
const TRIES: usize = 100_000;

/// About as many choices as one step takes. Ranges of up to that length are tried wherever they begin.
const STEP: usize = 24;

struct Search<'a> {
    run: &'a mut dyn FnMut(&Source) -> Option<Run>,
    best: Vec<u32>,
    tries: usize,
    found: &'a mut dyn FnMut(&Run),
}

/// Looks for a shorter list of choices, and for smaller ones, with which `run` still fails, and calls `found` with each run
/// that is better than the last one: the first of them is that of `choices` itself.
///
/// Nothing is found where `choices` do not fail. The search is over when `run` has no answer.
pub fn minimise(choices: Vec<u32>, mut run: impl FnMut(&Source) -> Option<Run>, mut found: impl FnMut(&Run)) {
    let mut search = Search { run: &mut run, best: Vec::new(), tries: 0, found: &mut found };
    if !search.keeps(choices) {
        return;
    }
    loop {
        let before = search.best.clone();
        search.delete();
        search.lower();
        if search.best == before || search.tries >= TRIES {
            return;
        }
    }
}

impl Search<'_> {
    /// Tries these choices and keeps them if they fail.
    fn keeps(&mut self, choices: Vec<u32>) -> bool {
        if self.tries >= TRIES {
            return false;
        }
        self.tries += 1;
        let Some(mut tried) = (self.run)(&Source::Choices(choices)) else {
            self.tries = TRIES;
            return false;
        };
        let fails = tried.result.is_err();
        if fails {
            // What comes after the last choice that is not 0 is not needed.
            let needed = tried.choices.iter().rposition(|choice| *choice != 0).map_or(0, |at| at + 1);
            tried.choices.truncate(needed);
            self.best.clone_from(&tried.choices);
            (self.found)(&tried);
        }
        fails
    }

    /// Takes ranges out, long ones first, from the back.
    fn delete(&mut self) {
        let mut len = self.best.len().div_ceil(2);
        while len > 0 {
            let stride = if len > STEP { len } else { 1 };
            let mut end = self.best.len();
            while end > 0 {
                let start = end.saturating_sub(len);
                let mut shorter = self.best.clone();
                shorter.drain(start..end);
                end = if self.keeps(shorter) { start } else { end.saturating_sub(stride) };
                end = end.min(self.best.len());
            }
            len = if len > 2 * STEP { len / 2 } else { len.min(STEP + 1) - 1 };
        }
    }

    /// Makes each choice as small as it can be: 0, or else by halves.
    fn lower(&mut self) {
        let mut at = 0;
        while at < self.best.len() {
            let mut low = 0;
            while at < self.best.len() && low < self.best[at] {
                let mut lower = self.best.clone();
                lower[at] = low;
                if self.keeps(lower) {
                    break;
                }
                // From 0 to half of it, to three quarters, and so on.
                low += (self.best[at] - low).div_ceil(2);
            }
            at += 1;
        }
    }
}
