//! A panic message that both halves use.

/// The panic message of a future that is polled after it has completed.
pub(crate) const POLLED_AFTER_COMPLETION: &str = "future polled after completion";
