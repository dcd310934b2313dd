//! The settings of a buffer: its limit, its read size, and what it copies or remembers.

use std::ops::RangeInclusive;

/// The largest `max_len`. No allocation can be larger, and the sum of two such lengths does not
/// overflow.
const MAX_LEN: usize = usize::MAX >> 1;
/// The default `max_len`.
const MAX_LEN_DEFAULT: usize = 64 * 1024;
/// A read of this size costs little memory on an idle connection, and holds most requests whole.
const READ_MIN: usize = 4 * 1024;
/// Beyond this size, larger reads no longer save a measurable share of the system calls.
const READ_MAX: usize = 256 * 1024;
/// Up to this length, copying a prefix costs less than sharing a block, which allocates a
/// reference count.
const SMALL_COPY_MAX: usize = 256;
/// Enough for one block in use by the consumer and one that it has just dropped.
const SPARE_BLOCKS: usize = 2;
const SPARE_BLOCKS_MAX: usize = 64;

/// The settings of a [`HandoffBuffer`](crate::HandoffBuffer).
///
/// All lengths and sizes are in bytes. A length or read size above `max_len` is reduced to
/// `max_len`. The getters return the values in effect. The order of the calls makes no difference.
///
/// # Examples
///
/// ```
/// use futures_handoff::HandoffBufferConfig;
///
/// let config = HandoffBufferConfig::new(1024 * 1024)
///     .with_read_size(2048..=65536)
///     .with_small_copy_max(128)
///     .with_spare_blocks(4);
/// assert_eq!(config.max_len(), 1024 * 1024);
/// assert_eq!(config.read_size(), 2048..=65536);
/// assert_eq!((config.small_copy_max(), config.spare_blocks()), (128, 4));
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
    /// A configuration for at most `max_len` unconsumed bytes, with defaults for everything else.
    ///
    /// The defaults are reads of 4 KiB to 256 KiB and copies of prefixes of up to 256 bytes (both
    /// at most `max_len`), 2 spare blocks, and cooperative reads.
    ///
    /// A `max_len` above `isize::MAX`, the most that an allocation can have, means `isize::MAX`.
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
        assert!(max_len > 0, "max_len must be greater than 0 bytes");
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

    /// Sets the smallest and the largest read size.
    ///
    /// A buffer starts with the smallest size, doubles it while reads fill the offered room, and
    /// halves it when they no longer do. A new block has at least this size. Both ends are at most
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
        assert!(min > 0, "the smallest read size must be greater than 0 bytes");
        assert!(min <= max, "the smallest read size is {min} bytes, but the largest is {max} bytes");
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

    /// Sets the length up to which a prefix is always copied out of its block (0 turns this off).
    ///
    /// Such copies of up to 512 bytes share a block of 2 KiB, so most of them cost no allocation.
    /// Any other copy is an allocation of its own. A prefix shorter than a quarter of its block is
    /// always copied, whatever is set here. Otherwise a frame that is kept would keep much more
    /// memory alive than it has bytes.
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

    /// Sets how many blocks that were handed out whole the buffer remembers (0 for none, at most
    /// 64). It uses them again once the consumer has dropped them.
    ///
    /// A remembered block saves an allocation and the clearing of its memory. It costs nothing
    /// while the consumer holds it.
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

    /// Sets whether reads yield to other tasks from time to time (default: true).
    ///
    /// Without this, a loop over a reader that always has data would never return `Pending`, and
    /// would block all other tasks of its thread. After 512 operations without waiting (fewer if
    /// they are large), the next operation yields: it wakes its task and returns
    /// [`Pending`](std::task::Poll::Pending) once, without polling the reader or consuming
    /// anything. Turn it off if the thread has nothing else to do, or if the runtime limits the
    /// reader in the same way.
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

    /// The maximum number of unconsumed bytes.
    pub fn max_len(&self) -> usize {
        self.max_len
    }

    /// The smallest and the largest read size.
    pub fn read_size(&self) -> RangeInclusive<usize> {
        self.read_min..=self.read_max
    }

    /// The length up to which a prefix is always copied.
    pub fn small_copy_max(&self) -> usize {
        self.small_copy_max
    }

    /// How many blocks that were handed out whole are remembered.
    pub fn spare_blocks(&self) -> usize {
        self.spare_blocks
    }

    /// Whether reads yield to other tasks from time to time.
    pub(crate) fn cooperative(&self) -> bool {
        self.cooperative
    }
}

impl Default for HandoffBufferConfig {
    /// [`new`](Self::new) with a `max_len` of 64 KiB. A write handoff with the default
    /// [budget](crate::WriteHandoffConfig) accepts a prefix of that length.
    fn default() -> Self {
        Self::new(MAX_LEN_DEFAULT)
    }
}
