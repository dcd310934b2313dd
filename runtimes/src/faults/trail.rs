//! What is known of a schedule from outside while it runs, also of one that never ends.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// The choices made so far, the lines written down, and the step. Clones are the same trail.
#[derive(Debug, Clone, Default)]
pub(super) struct Trail {
    choices: Arc<Mutex<Vec<u32>>>,
    /// `None` where nobody reads them.
    lines: Option<Arc<Mutex<Vec<String>>>>,
    step: Arc<AtomicUsize>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Trail {
    pub(super) fn new(traced: bool) -> Self {
        Self { lines: traced.then(Arc::default), ..Self::default() }
    }

    /// Notes a choice; how many there are now.
    pub(super) fn choice(&self, choice: u32) -> usize {
        let mut choices = lock(&self.choices);
        choices.push(choice);
        choices.len()
    }

    pub(super) fn line(&self, line: impl FnOnce() -> String) {
        if let Some(lines) = &self.lines {
            lock(lines).push(line());
        }
    }

    /// A step begins.
    pub(super) fn step(&self, step: usize) {
        self.step.store(step, Ordering::Relaxed);
    }

    pub(super) fn steps(&self) -> usize {
        self.step.load(Ordering::Relaxed)
    }

    pub(super) fn choices(&self) -> Vec<u32> {
        lock(&self.choices).clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.as_ref().map_or_else(Vec::new, |lines| lock(lines).clone())
    }
}
