//! Limits and thresholds of a write handoff.

use crate::ConfigError;

/// The most bytes a handoff can be allowed to hold: what a single allocation can hold, too.
const MAX_PENDING_BYTES: usize = isize::MAX as usize;

/// The longest chunk that can be copied, and the most that is copied under the lock at a time: a full gather block.
pub(super) const MAX_COPY: usize = 16 * 1024;

/// The most entries a handoff can be allowed to queue.
const MAX_ITEMS: usize = u32::MAX as usize;

/// Who may poll the writer.
///
/// The writer task always may. This decides whether a producer may do so, too, when it has a large chunk, is about
/// to wait for room, flushes, or calls [`dispatch`](crate::WriteHandoff::dispatch). That saves the hop through the
/// task, but runs the writer's code where the producer runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Inline {
    /// A producer polls the writer only on the thread on which the writer task last ran, and only inside a poll of one of this
    /// crate's futures: of `write`, `reserve`, `flush` and their like, of an adapter, or anywhere inside of
    /// [`batching`](crate::WriteHandoff::batching) or [`run_until`](crate::WriteTask::run_until). There the writer finds what
    /// belongs to its runtime. A `try_write` from elsewhere only queues.
    ///
    /// With two runtimes in turns on one thread, a writer that makes timers or tasks when it is polled needs
    /// [`Never`](Self::Never). This is the default.
    #[default]
    SameThread,
    /// A producer polls the writer on any thread. Right for writers that need no runtime context to be polled.
    Always,
    /// Only the task polls the writer. Right for writers that take long in `poll_write` (encryption, compression,
    /// blocking files), and for producers that must not spend time there.
    Never,
}

/// Limits and thresholds of a [`WriteHandoff`](crate::WriteHandoff).
///
/// Every builder method checks its value at once, also against what is already set.
///
/// # Examples
///
/// ```
/// use futures_handoff::{Inline, WriteHandoffConfig};
///
/// let config = WriteHandoffConfig::new(256, 64 * 1024)?.with_send_at(8 * 1024)?.with_inline(Inline::Never);
/// assert_eq!(config.max_pending_bytes(), 64 * 1024);
///
/// let error = config.with_send_at(100_000).unwrap_err();
/// assert_eq!(error.to_string(), "send_at must be between 0 and 65536, but is 100000");
/// # Ok::<(), futures_handoff::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteHandoffConfig {
    max_items: usize,
    max_pending_bytes: usize,
    /// `None` until set: then the default, but never more than the budget.
    send_at: Option<usize>,
    copy_max: Option<usize>,
    inline: Inline,
    flush_when_idle: bool,
    cooperative: bool,
}

impl WriteHandoffConfig {
    /// Entries that may be queued when nothing else is said.
    pub const DEFAULT_MAX_ITEMS: usize = 1024;
    /// Bytes that may be accepted and unwritten when nothing else is said: as many as a read buffer asks a reader for at most when
    /// nothing else is said.
    pub const DEFAULT_MAX_PENDING_BYTES: usize = 256 * 1024;
    /// Held bytes that make a producer send when nothing else is said. Up to this size one gathered write costs
    /// less than several small ones; above it a system call is no longer the larger part of the cost.
    pub const DEFAULT_SEND_AT: usize = 16 * 1024;
    /// The longest chunk that is copied into the gather block when nothing else is said. Copying 1 KiB costs about
    /// as much as carrying one more slice through a vectored write.
    pub const DEFAULT_COPY_MAX: usize = 1024;

    /// Limits the entries queued and the bytes accepted but not yet written.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a limit is zero or larger than can be counted.
    pub fn new(max_items: usize, max_pending_bytes: usize) -> Result<Self, ConfigError> {
        Self::default().with_max_items(max_items)?.with_max_pending_bytes(max_pending_bytes)
    }

    /// Limits the queue entries: 1 to `u32::MAX`.
    ///
    /// Small chunks gathered in one block are one entry together.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] outside of that range.
    pub fn with_max_items(self, max_items: usize) -> Result<Self, ConfigError> {
        ConfigError::check("max_items", max_items, 1, MAX_ITEMS)?;
        Ok(Self { max_items, ..self })
    }

    /// Limits the bytes accepted but not yet written: 1 to `isize::MAX`. No single chunk may be larger.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] outside of that range, or below a `send_at` or `copy_max` that was set before.
    pub fn with_max_pending_bytes(self, max_pending_bytes: usize) -> Result<Self, ConfigError> {
        let min = self.send_at.unwrap_or(1).max(self.copy_max.unwrap_or(1)).max(1);
        ConfigError::check("max_pending_bytes", max_pending_bytes, min, MAX_PENDING_BYTES)?;
        Ok(Self { max_pending_bytes, ..self })
    }

    /// Sets how many held bytes make the producer send them itself instead of leaving them to the task: 0 (every
    /// chunk at once) to the byte budget. The default is 16 KiB, or the budget where that is smaller.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] above the byte budget: it would never be reached.
    pub fn with_send_at(self, send_at: usize) -> Result<Self, ConfigError> {
        ConfigError::check("send_at", send_at, 0, self.max_pending_bytes)?;
        Ok(Self { send_at: Some(send_at), ..self })
    }

    /// Sets the longest chunk that is copied into the gather block, 0 (never copy) to 16 KiB, and at most the byte budget.
    /// Longer chunks are queued as they are. The default is 1 KiB, or the budget where that is smaller.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] above 16 KiB, which is the most that is copied under the lock, and above the byte budget.
    pub fn with_copy_max(self, copy_max: usize) -> Result<Self, ConfigError> {
        ConfigError::check("copy_max", copy_max, 0, self.max_pending_bytes.min(MAX_COPY))?;
        Ok(Self { copy_max: Some(copy_max), ..self })
    }

    /// Sets who may poll the writer.
    #[must_use = "returns the changed configuration"]
    pub fn with_inline(self, inline: Inline) -> Self {
        Self { inline, ..self }
    }

    /// Sets whether the writer is flushed when there is nothing more to write. The default is yes: a writer that buffers, such as one
    /// that encrypts or compresses, would otherwise keep the end of what it was given until somebody asks for a flush.
    ///
    /// Turn it off for a writer that is known not to buffer and whose `poll_flush` costs more than a few instructions, and for one
    /// whose output gets longer by each flush and may wait. [`flush`](crate::WriteHandoff::flush) and closing always flush.
    #[must_use = "returns the changed configuration"]
    pub fn with_flush_when_idle(self, flush_when_idle: bool) -> Self {
        Self { flush_when_idle, ..self }
    }

    /// Sets whether a future of the handoff yields once after about 500 operations that were all done at once, so that a loop over
    /// a writer that is always ready lets other tasks run. An operation counts once more for each 4 KiB. The default is yes.
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

    /// The held bytes that make a producer send.
    pub fn send_at(&self) -> usize {
        self.send_at.unwrap_or(Self::DEFAULT_SEND_AT).min(self.max_pending_bytes)
    }

    /// The longest chunk that is copied.
    pub fn copy_max(&self) -> usize {
        self.copy_max.unwrap_or(Self::DEFAULT_COPY_MAX).min(self.max_pending_bytes)
    }

    /// Who may poll the writer.
    pub fn inline(&self) -> Inline {
        self.inline
    }

    /// Whether the writer is flushed when there is nothing more to write.
    pub fn flush_when_idle(&self) -> bool {
        self.flush_when_idle
    }

    /// Whether futures let other tasks run now and then.
    pub fn cooperative(&self) -> bool {
        self.cooperative
    }
}

/// A configuration with its defaults filled in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) items: usize,
    pub(crate) bytes: usize,
    pub(crate) send_at: usize,
    pub(crate) copy_max: usize,
    pub(crate) flush_when_idle: bool,
}

impl From<&WriteHandoffConfig> for Limits {
    fn from(config: &WriteHandoffConfig) -> Self {
        Self {
            items: config.max_items,
            bytes: config.max_pending_bytes,
            send_at: config.send_at(),
            copy_max: config.copy_max(),
            flush_when_idle: config.flush_when_idle,
        }
    }
}

impl Default for WriteHandoffConfig {
    fn default() -> Self {
        Self {
            max_items: Self::DEFAULT_MAX_ITEMS,
            max_pending_bytes: Self::DEFAULT_MAX_PENDING_BYTES,
            send_at: None,
            copy_max: None,
            inline: Inline::default(),
            flush_when_idle: true,
            cooperative: true,
        }
    }
}
