//! How many threads the multi-threaded adapters use.

use std::sync::atomic::{AtomicUsize, Ordering};

static WORKERS: AtomicUsize = AtomicUsize::new(2);

/// How many threads a multi-threaded adapter runs tasks on: 2 unless set.
pub fn workers() -> usize {
    WORKERS.load(Ordering::Relaxed)
}

/// Sets how many threads the multi-threaded adapters run tasks on.
///
/// Adapters with a global executor read this once, when they are first used.
///
/// # Panics
///
/// If `workers` is 0.
pub fn set_workers(workers: usize) {
    assert!(workers > 0, "a runtime needs at least one worker");
    WORKERS.store(workers, Ordering::Relaxed);
}
