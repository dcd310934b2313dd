//! What a buffer may hold, how much it asks a reader for, and what it copies or remembers.

use std::ops::RangeInclusive;

/// The longest a buffer may be: no allocation can be larger, and no sum of two such lengths
/// overflows.
const MAX_LEN: usize = usize::MAX >> 1;
/// What a buffer holds unless something else is set.
const MAX_LEN_DEFAULT: usize = 64 * 1024;
/// A read of this size costs little memory on an idle connection, and holds most requests whole.
const READ_MIN: usize = 4 * 1024;
/// Beyond this size, larger reads no longer save a measurable share of the system calls.
const READ_MAX: usize = 256 * 1024;
/// Up to this length copying a prefix costs less than sharing a block, which allocates its count.
const SMALL_COPY_MAX: usize = 256;
/// Enough for one block with the consumer and one on its way back.
const SPARE_BLOCKS: usize = 2;
const SPARE_BLOCKS_MAX: usize = 64;

/// The limits and habits of a [`HandoffBuffer`](crate::HandoffBuffer).
///
/// All lengths and sizes are in bytes. A builder method panics where 0 would mean nothing, and
/// takes what is above `max_len` as `max_len`; what a value became is what its getter returns. In
/// which order the methods are called makes no difference.
///
/// # Examples
///
/// ```
/// use futures_handoff::HandoffBufferConfig;
///
/// let config = HandoffBufferConfig::new(1024 * 1024).with_read_size(2048..=65536).with_spare_blocks(4);
/// assert_eq!(config.max_len(), 1024 * 1024);
/// assert_eq!(config.read_size(), 2048..=65536);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandoffBufferConfig {
    max_len: usize,
    read_min: usize,
    read_max: usize,
    small_copy_max: usize,
    spare_blocks: usize,
    cooperative: bool,
}

impl HandoffBufferConfig {
    /// A configuration for at most `max_len` unconsumed bytes, with the defaults for everything
    /// else.
    ///
    /// The defaults are a read size of 4 KiB to 256 KiB, copies of prefixes of up to 256 bytes (all
    /// of them no larger than `max_len`), 2 spare blocks, and cooperative reads.
    ///
    /// A `max_len` above `isize::MAX`, which no allocation can have, is taken as that.
    ///
    /// # Panics
    ///
    /// If `max_len` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::HandoffBufferConfig;
    ///
    /// assert_eq!(HandoffBufferConfig::new(64 * 1024).read_size(), 4 * 1024..=64 * 1024);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn new(max_len: usize) -> Self {
        assert!(max_len > 0, "max_len is 0 bytes: a buffer has to hold something");
        let max_len = max_len.min(MAX_LEN);
        Self {
            max_len,
            read_min: READ_MIN.min(max_len),
            read_max: READ_MAX.min(max_len),
            small_copy_max: SMALL_COPY_MAX.min(max_len),
            spare_blocks: SPARE_BLOCKS,
            cooperative: true,
        }
    }

    /// Sets the smallest and the largest read to ask a reader for.
    ///
    /// A buffer starts with the smallest, doubles it while reads fill what was offered, and halves
    /// it when they stop doing so. It is also the size of a new block. Either end is at most
    /// `max_len`.
    ///
    /// # Panics
    ///
    /// If the range starts at 0, or is empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::HandoffBufferConfig;
    ///
    /// let config = HandoffBufferConfig::new(8192);
    /// assert_eq!(config.with_read_size(512..=4096).read_size(), 512..=4096);
    /// assert_eq!(config.with_read_size(512..=65536).read_size(), 512..=8192);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn with_read_size(mut self, read_size: RangeInclusive<usize>) -> Self {
        let (min, max) = read_size.into_inner();
        assert!(min > 0, "the smallest read is 0 bytes: it has to bring something");
        assert!(min <= max, "the smallest read is {min} bytes, but the largest is {max} bytes");
        (self.read_min, self.read_max) = (min.min(self.max_len), max.min(self.max_len));
        self
    }

    /// Sets one fixed size for every read: [`with_read_size(n..=n)`](Self::with_read_size).
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::HandoffBufferConfig;
    ///
    /// let config = HandoffBufferConfig::new(65536).with_read_reserve(4096);
    /// assert_eq!(config.read_size(), 4096..=4096);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn with_read_reserve(self, n: usize) -> Self {
        self.with_read_size(n..=n)
    }

    /// Sets the length up to which a prefix is always copied out of its block (0: none for its size
    /// alone).
    ///
    /// Copies of up to 512 bytes go into one small block of 2 KiB that they share, so most cost no
    /// allocation; longer ones get an allocation of their own. Whatever is set here, a prefix
    /// shorter than a quarter of its block is copied too: otherwise a frame that is kept would hold
    /// on to much more memory than it has bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::HandoffBufferConfig;
    ///
    /// let config = HandoffBufferConfig::new(65536);
    /// assert_eq!(config.small_copy_max(), 256);
    /// assert_eq!(config.with_small_copy_max(0).small_copy_max(), 0);
    /// ```
    #[must_use]
    pub fn with_small_copy_max(mut self, n: usize) -> Self {
        self.small_copy_max = n.min(self.max_len);
        self
    }

    /// Sets how many blocks that were handed off whole are remembered, to be used again once the
    /// consumer has dropped them (0: none; at most 64).
    ///
    /// A remembered block spares an allocation and the clearing of its memory. While the consumer
    /// still holds it, it costs nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::HandoffBufferConfig;
    ///
    /// let config = HandoffBufferConfig::new(65536);
    /// assert_eq!(config.with_spare_blocks(8).spare_blocks(), 8);
    /// ```
    #[must_use]
    pub fn with_spare_blocks(mut self, n: usize) -> Self {
        self.spare_blocks = n.min(SPARE_BLOCKS_MAX);
        self
    }

    /// Sets whether reads let other tasks run now and then (default: they do).
    ///
    /// A loop over a reader that always has something would otherwise never wait, and keep all
    /// other tasks of its thread from running. So after 512 operations, or fewer large ones, that
    /// did not have to wait, the next one yields: it wakes its task and is
    /// [`Pending`](std::task::Poll::Pending) once, without having asked the reader or consumed
    /// anything. Nothing else changes. Turn it off where a thread has nothing else to do, or the
    /// runtime does the same for the reader.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{HandoffBuffer, HandoffBufferConfig};
    ///
    /// let config = HandoffBufferConfig::new(65536).with_cooperative(false);
    /// let buffer = HandoffBuffer::with_config(config);
    /// assert_eq!(buffer.config(), &config);
    /// ```
    #[must_use]
    pub fn with_cooperative(mut self, cooperative: bool) -> Self {
        self.cooperative = cooperative;
        self
    }

    /// The most unconsumed bytes a buffer holds.
    pub fn max_len(&self) -> usize {
        self.max_len
    }

    /// The smallest and the largest read to ask a reader for.
    pub fn read_size(&self) -> RangeInclusive<usize> {
        self.read_min..=self.read_max
    }

    /// The length up to which a prefix is always copied.
    pub fn small_copy_max(&self) -> usize {
        self.small_copy_max
    }

    /// How many blocks handed off whole are remembered.
    pub fn spare_blocks(&self) -> usize {
        self.spare_blocks
    }

    /// Whether reads let other tasks run now and then.
    pub(crate) fn cooperative(&self) -> bool {
        self.cooperative
    }
}

impl Default for HandoffBufferConfig {
    /// As [`new`](Self::new) with a `max_len` of 64 KiB, which a writer with a default
    /// [budget](crate::WriteHandoffConfig) takes whole.
    fn default() -> Self {
        Self::new(MAX_LEN_DEFAULT)
    }
}
