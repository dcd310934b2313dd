//! What both halves panic with.

/// What a future panics with that is polled again after it was ready.
pub(crate) const POLLED_AFTER_COMPLETION: &str = "future polled after completion";
