//! Whether the library flushes a writer before its stream falls quiet.

use futures_handoff::WriteHandoffConfig;

/// Whether it does. Until then schedules do not ask for it, and a configuration cannot say so.
pub const FLUSHES_WHEN_IDLE: bool = false;

/// Stands in for the method of the same name, which is preferred to this one as soon as it is there.
pub trait WithFlushWhenIdle {
    /// Says whether the writer is flushed when nothing is left to write.
    #[must_use]
    fn with_flush_when_idle(self, flushes: bool) -> Self;
}

impl WithFlushWhenIdle for WriteHandoffConfig {
    fn with_flush_when_idle(self, _: bool) -> Self {
        self
    }
}
