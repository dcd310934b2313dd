//! Limits and thresholds of a write handoff, and its counters.

/// The longest chunk that can be copied, and the most bytes that are copied in one critical
/// section: a full block.
pub(super) const MAX_COPY: usize = 16 * 1024;

/// Where the writer may be polled.
///
/// The writer task may always poll the writer. This setting decides whether a producer may poll it,
/// too, when the producer has a large chunk, is about to wait for room, flushes, or calls
/// [`dispatch`](crate::WriteHandoff::dispatch). That saves the hop through the task, but runs the
/// writer's code in the producer.
///
/// # Examples
///
/// ```
/// use futures_handoff::{Inline, WriteHandoff, WriteHandoffConfig};
///
/// # futures_executor::block_on(async {
/// // A writer that compresses takes long: producers must not run it.
/// let config = WriteHandoffConfig::default().with_inline(Inline::Never);
/// let (handoff, mut task) = WriteHandoff::new(Vec::new(), config);
/// let producer = async {
///     handoff.write(vec![0; 100_000].into()).await?.await?;
///     Ok::<_, std::io::Error>(())
/// };
/// task.run_until(producer).await?;
/// assert_eq!((handoff.stats().written, handoff.stats().inline_write_calls), (100_000, 0));
/// # Ok::<_, std::io::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Inline {
    /// A producer polls the writer only on the thread on which the writer task last ran, and only
    /// inside a poll of one of this crate's futures: `write`, `reserve`, `flush` and the like, a
    /// [`HandoffSink`](crate::HandoffSink) or [`HandoffWriter`](crate::HandoffWriter), or anything
    /// inside of [`batching`](crate::WriteHandoff::batching) or
    /// [`run_until`](crate::WriteTask::run_until). There the writer finds its runtime. A
    /// `try_write` anywhere else only queues. This is the default.
    ///
    /// If two runtimes take turns on one thread, a writer that creates timers or tasks when it is
    /// polled needs [`Never`](Self::Never).
    #[default]
    SameThread,
    /// A producer polls the writer on any thread. For writers that need no runtime when they are
    /// polled.
    Always,
    /// Only the task polls the writer. For writers that take long in `poll_write` (encryption,
    /// compression, blocking files), and for producers that must not spend time there.
    Never,
}

/// Limits and thresholds of a [`WriteHandoff`](crate::WriteHandoff).
///
/// The order of the builder calls does not matter. A threshold above the byte budget counts as the
/// budget. Limits above `isize::MAX` bytes and `u32::MAX` entries count as these.
///
/// # Examples
///
/// ```
/// use futures_handoff::{Inline, WriteHandoffConfig};
///
/// let config = WriteHandoffConfig::new(256, 64 * 1024)
///     .with_send_at(8 * 1024)
///     .with_copy_max(512)
///     .with_inline(Inline::Never)
///     .with_flush_when_idle(false)
///     .with_cooperative(false);
/// assert_eq!((config.max_items(), config.max_pending_bytes()), (256, 64 * 1024));
/// assert_eq!((config.send_at(), config.copy_max()), (8 * 1024, 512));
/// // No threshold is above the byte budget.
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
    /// Creates a configuration with these limits and the other settings at their defaults.
    ///
    /// `max_items` limits the queue entries, and `max_pending_bytes` the bytes accepted but not yet
    /// written.
    ///
    /// # Panics
    ///
    /// If a limit is zero.
    #[track_caller]
    pub fn new(max_items: usize, max_pending_bytes: usize) -> Self {
        Self::default().with_max_items(max_items).with_max_pending_bytes(max_pending_bytes)
    }

    /// Limits the queue entries. The default is 1024.
    ///
    /// Small chunks that are gathered in one block are one entry.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use = "returns the changed configuration"]
    #[track_caller]
    pub fn with_max_items(self, max_items: usize) -> Self {
        assert!(max_items > 0, "max_items must be at least 1 entry");
        Self { max_items, ..self }
    }

    /// Sets the byte budget: the limit of the bytes accepted but not yet written. No single chunk
    /// may be larger. The default is 256 KiB, which is the most that a
    /// [`HandoffBuffer`](crate::HandoffBuffer) by default requests from its reader at once.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use = "returns the changed configuration"]
    #[track_caller]
    pub fn with_max_pending_bytes(self, max_pending_bytes: usize) -> Self {
        assert!(max_pending_bytes > 0, "max_pending_bytes must be at least 1 byte");
        Self { max_pending_bytes, ..self }
    }

    /// Sets how many queued bytes make a producer that may poll the writer (see [`Inline`]) send
    /// them itself instead of leaving them to the task. With 0 it sends every chunk at once. The
    /// default is 16 KiB: up to this size one gathered write costs less than several small ones,
    /// and above it the system call is no longer the larger part of the cost.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    ///
    /// # futures_executor::block_on(async {
    /// let at_once = WriteHandoffConfig::default().with_send_at(0);
    /// let (handoff, mut task) = WriteHandoff::new(Vec::new(), at_once);
    /// let producer = async {
    ///     handoff.write_fire_and_forget("a key press".into()).await?;
    ///     assert_eq!((handoff.pending_bytes(), handoff.stats().written), (0, 11));
    ///     Ok::<_, std::io::Error>(())
    /// };
    /// task.run_until(producer).await?;
    /// # Ok::<_, std::io::Error>(()) }).unwrap();
    /// ```
    #[must_use = "returns the changed configuration"]
    pub fn with_send_at(self, send_at: usize) -> Self {
        Self { send_at, ..self }
    }

    /// Sets the longest chunk, in bytes, that is copied into a block with other chunks. Longer
    /// chunks are queued as they are. With 0, no owned chunk is copied; borrowed bytes that have to
    /// wait still are. More than 16 KiB counts as 16 KiB, which is the most that is copied under
    /// the lock. The default is 1 KiB: copying that costs about as much as one more slice in a
    /// vectored write.
    #[must_use = "returns the changed configuration"]
    pub fn with_copy_max(self, copy_max: usize) -> Self {
        Self { copy_max, ..self }
    }

    /// Sets where the writer may be polled.
    #[must_use = "returns the changed configuration"]
    pub fn with_inline(self, inline: Inline) -> Self {
        Self { inline, ..self }
    }

    /// Sets whether the writer is flushed when there is nothing more to write. The default is yes.
    /// Otherwise a writer that buffers, such as one that encrypts or compresses, would keep the
    /// last bytes until a flush is requested.
    ///
    /// Turn it off for a writer that does not buffer and whose `poll_flush` costs more than a few
    /// instructions, or for a writer whose output grows with each flush and is not urgent.
    /// [`flush`](crate::WriteHandoff::flush) and closing always flush.
    #[must_use = "returns the changed configuration"]
    pub fn with_flush_when_idle(self, flush_when_idle: bool) -> Self {
        Self { flush_when_idle, ..self }
    }

    /// Sets whether a future of the handoff yields once after 512 operations in a row that
    /// completed at once, so that a loop over a writer that is always ready lets other tasks run.
    /// Every 4 KiB of an operation count as one more operation. The default is yes.
    #[must_use = "returns the changed configuration"]
    pub fn with_cooperative(self, cooperative: bool) -> Self {
        Self { cooperative, ..self }
    }

    /// The limit of queue entries.
    pub fn max_items(&self) -> usize {
        self.max_items
    }

    /// The byte budget: the limit of the bytes accepted but not yet written.
    pub fn max_pending_bytes(&self) -> usize {
        self.max_pending_bytes
    }

    /// The number of queued bytes that makes a producer send them. At most the byte budget.
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

    /// Whether futures yield now and then.
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

/// What a handoff has done so far. Returned by [`WriteHandoff::stats`](crate::WriteHandoff::stats).
///
/// All counters only rise, except for the pending ones. The difference of two snapshots is the work
/// done between them.
///
/// # Examples
///
/// ```
/// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
///
/// # futures_executor::block_on(async {
/// let (handoff, mut task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
/// let before = handoff.stats();
/// handoff.try_write_fire_and_forget("one, ".into())?;
/// handoff.try_write_fire_and_forget("two".into())?;
/// assert_eq!(handoff.stats().pending_items, 1);
/// task.run_until(handoff.written()).await?;
///
/// let now = handoff.stats();
/// assert_eq!((now.chunks - before.chunks, now.written - before.written), (2, 8));
/// // Both chunks left in one write.
/// assert_eq!(now.write_calls, 1);
/// // The peer is not slow.
/// assert_eq!(now.pending_polls, 0);
/// # Ok::<_, std::io::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WriteStats {
    /// Writes accepted, including barriers without bytes.
    pub chunks: u64,
    /// Bytes accepted.
    pub accepted: u64,
    /// Bytes that the writer took. If this does not rise while `accepted` is larger, the peer does
    /// not read: [`stalled`](crate::WriteHandoff::stalled) waits for that.
    pub written: u64,
    /// The position up to which the writer has confirmed a flush.
    pub flushed: u64,
    /// Queue entries not yet written whole. Small chunks that are gathered in one block are one
    /// entry. 0 once the stream has ended.
    pub pending_items: usize,
    /// Calls of the writer's `poll_write` or `poll_write_vectored`.
    pub write_calls: u64,
    /// How many of those calls producers made.
    pub inline_write_calls: u64,
    /// Calls of the writer's `poll_flush`.
    pub flush_calls: u64,
    /// Calls in a row in which the writer took none of the offered bytes. 0 once it takes some. If
    /// bytes are pending while this is 0, the task has not run since the writer last took bytes.
    pub pending_polls: u64,
}
