//! Limits and thresholds of a write handoff, and its counters.

/// The longest chunk that can be copied, and the most that is copied under the lock at a time: a
/// full block.
pub(super) const MAX_COPY: usize = 16 * 1024;

/// Where the writer may be polled.
///
/// The writer task always may. This decides whether a producer may do so, too, when it has a large
/// chunk, is about to wait for room, flushes, or calls [`dispatch`](crate::WriteHandoff::dispatch).
/// That saves the way through the task, but runs the writer's code where the producer runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Inline {
    /// A producer polls the writer only on the thread on which the writer task last ran, and only
    /// inside a poll of one of this crate's futures: of `write`, `reserve`, `flush` and their like,
    /// of an adapter, or anywhere inside of [`batching`](crate::WriteHandoff::batching) or
    /// [`run_until`](crate::WriteTask::run_until). There the writer finds what belongs to its
    /// runtime. A `try_write` from elsewhere only queues.
    ///
    /// With two runtimes in turns on one thread, a writer that makes timers or tasks when it is
    /// polled needs [`Never`](Self::Never). This is the default.
    #[default]
    SameThread,
    /// A producer polls the writer on any thread. Right for writers that need no runtime context to
    /// be polled.
    Always,
    /// Only the task polls the writer. Right for writers that take long in `poll_write`
    /// (encryption, compression, blocking files), and for producers that must not spend time there.
    Never,
}

/// Limits and thresholds of a [`WriteHandoff`](crate::WriteHandoff).
///
/// The order of the builder calls does not matter: a threshold above the byte budget counts as the
/// budget. So do limits above what can be counted, `isize::MAX` bytes and `u32::MAX` entries, count
/// as those.
///
/// # Examples
///
/// ```
/// use futures_handoff::{Inline, WriteHandoffConfig};
///
/// let config = WriteHandoffConfig::new(256, 64 * 1024).with_send_at(8 * 1024).with_inline(Inline::Never);
/// assert_eq!(config.max_pending_bytes(), 64 * 1024);
/// assert_eq!(config.with_max_pending_bytes(1000).send_at(), 1000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteHandoffConfig {
    max_items: usize,
    max_pending_bytes: usize,
    send_at: usize,
    copy_max: usize,
    inline: Inline,
    flush_when_idle: bool,
    cooperative: bool,
}

impl WriteHandoffConfig {
    /// Limits the queue entries and the bytes accepted but not yet written.
    ///
    /// # Panics
    ///
    /// When a limit is zero.
    #[track_caller]
    pub fn new(max_items: usize, max_pending_bytes: usize) -> Self {
        Self::default().with_max_items(max_items).with_max_pending_bytes(max_pending_bytes)
    }

    /// Limits the queue entries. The default is 1024.
    ///
    /// Small chunks gathered in one block are one entry together.
    ///
    /// # Panics
    ///
    /// When it is zero.
    #[must_use = "returns the changed configuration"]
    #[track_caller]
    pub fn with_max_items(self, max_items: usize) -> Self {
        assert!(max_items > 0, "max_items must be at least 1 entry");
        Self { max_items, ..self }
    }

    /// Limits the bytes accepted but not yet written. No single chunk may be larger. The default is
    /// 256 KiB, which is as much as a [`HandoffBuffer`](crate::HandoffBuffer) asks its reader for
    /// at most.
    ///
    /// # Panics
    ///
    /// When it is zero.
    #[must_use = "returns the changed configuration"]
    #[track_caller]
    pub fn with_max_pending_bytes(self, max_pending_bytes: usize) -> Self {
        assert!(max_pending_bytes > 0, "max_pending_bytes must be at least 1 byte");
        Self { max_pending_bytes, ..self }
    }

    /// Sets how many held bytes make the producer send them itself instead of leaving them to the
    /// task: 0 sends every chunk at once. The default is 16 KiB: up to this size one gathered write
    /// costs less than several small ones, above it the system call is no longer the larger part of
    /// the cost.
    #[must_use = "returns the changed configuration"]
    pub fn with_send_at(self, send_at: usize) -> Self {
        Self { send_at, ..self }
    }

    /// Sets the longest chunk, in bytes, that is copied into a block with others. 0 never copies;
    /// more than 16 KiB, which is the most that is copied under the lock, counts as that. Longer
    /// chunks are queued as they are. The default is 1 KiB: copying that costs about as much as one
    /// more slice in a vectored write.
    #[must_use = "returns the changed configuration"]
    pub fn with_copy_max(self, copy_max: usize) -> Self {
        Self { copy_max, ..self }
    }

    /// Sets where the writer may be polled.
    #[must_use = "returns the changed configuration"]
    pub fn with_inline(self, inline: Inline) -> Self {
        Self { inline, ..self }
    }

    /// Sets whether the writer is flushed when there is nothing more to write. The default is yes:
    /// a writer that buffers, such as one that encrypts or compresses, would otherwise keep the end
    /// of what it was given until a flush is asked for.
    ///
    /// Turn it off for a writer that is known not to buffer and whose `poll_flush` costs more than
    /// a few instructions, or whose output grows with each flush and is not urgent.
    /// [`flush`](crate::WriteHandoff::flush) and closing always flush.
    #[must_use = "returns the changed configuration"]
    pub fn with_flush_when_idle(self, flush_when_idle: bool) -> Self {
        Self { flush_when_idle, ..self }
    }

    /// Sets whether a future of the handoff yields once after about 500 operations that were all
    /// done at once, so that a loop over a writer that is always ready lets other tasks run. An
    /// operation counts once more for each 4 KiB. The default is yes.
    #[must_use = "returns the changed configuration"]
    pub fn with_cooperative(self, cooperative: bool) -> Self {
        Self { cooperative, ..self }
    }

    /// The most queue entries.
    pub fn max_items(&self) -> usize {
        self.max_items
    }

    /// The most bytes accepted but not yet written.
    pub fn max_pending_bytes(&self) -> usize {
        self.max_pending_bytes
    }

    /// The held bytes that make a producer send. At most the byte budget.
    pub fn send_at(&self) -> usize {
        self.send_at.min(self.max_pending_bytes)
    }

    /// The longest chunk that is copied, in bytes. At most the byte budget, and at most 16 KiB.
    pub fn copy_max(&self) -> usize {
        self.copy_max.min(self.max_pending_bytes).min(MAX_COPY)
    }

    /// Where the writer may be polled.
    pub(crate) fn inline(&self) -> Inline {
        self.inline
    }

    /// Whether the writer is flushed when there is nothing more to write.
    pub(crate) fn flush_when_idle(&self) -> bool {
        self.flush_when_idle
    }

    /// Whether futures let other tasks run now and then.
    pub(crate) fn cooperative(&self) -> bool {
        self.cooperative
    }
}

impl Default for WriteHandoffConfig {
    fn default() -> Self {
        Self {
            max_items: 1024,
            max_pending_bytes: 256 * 1024,
            send_at: 16 * 1024,
            copy_max: 1024,
            inline: Inline::default(),
            flush_when_idle: true,
            cooperative: true,
        }
    }
}

/// What a handoff has done so far, from [`WriteHandoff::stats`](crate::WriteHandoff::stats).
///
/// All counts but those that are pending only rise; differences between two snapshots are rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WriteStats {
    /// Writes accepted, barriers of no bytes included.
    pub chunks: u64,
    /// Bytes accepted.
    pub accepted: u64,
    /// Bytes that the writer took. When this stands still while `accepted` is larger, the peer has
    /// stalled.
    pub written: u64,
    /// Bytes up to which the writer has confirmed a flush.
    pub flushed: u64,
    /// Queue entries not yet written whole. Small chunks gathered in one block are one entry. 0
    /// once the stream has ended.
    pub pending_items: usize,
    /// Calls of the writer's `poll_write` or `poll_write_vectored`.
    pub write_calls: u64,
    /// The share of those calls that producers made.
    pub inline_write_calls: u64,
    /// Calls of the writer's `poll_flush`.
    pub flush_calls: u64,
    /// Calls in a row in which the writer took none of the bytes that it was offered. 0 once it
    /// takes some: then it is the task that had no turn yet, and not the peer that is slow, if
    /// bytes are pending.
    pub pending_polls: u64,
    /// `accepted` when the first of those calls was made. `accepted - pending_since` bytes have
    /// come since; means nothing while `pending_polls` is 0.
    pub pending_since: u64,
}
