//! Counters of a stream.

/// What a handoff has done so far, from [`WriteHandoff::stats`](crate::WriteHandoff::stats).
///
/// All counts but `pending_polls` only rise; differences between two snapshots are rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WriteStats {
    /// Writes accepted, barriers of no bytes included.
    pub chunks: u64,
    /// Bytes accepted.
    pub accepted: u64,
    /// Bytes that the writer took. When this stands still while `accepted` is larger, the peer has stalled.
    pub written: u64,
    /// Bytes up to which the writer has confirmed a flush.
    pub flushed: u64,
    /// Calls of the writer's `poll_write` or `poll_write_vectored`.
    pub write_calls: u64,
    /// The share of those calls that producers made.
    pub inline_write_calls: u64,
    /// Calls of the writer's `poll_flush`.
    pub flush_calls: u64,
    /// Calls in a row in which the writer took none of the bytes that it was offered. 0 once it takes some: then it is the task that
    /// had no turn yet, and not the peer that is slow, if bytes are pending.
    pub pending_polls: u64,
    /// `accepted` when the first of those calls was made. `accepted - pending_since` bytes have come since; means nothing while
    /// `pending_polls` is 0.
    pub pending_since: u64,
}
