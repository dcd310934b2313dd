//! What a buffer may hold, how much it asks a reader for, and what it copies or remembers.

use std::ops::RangeInclusive;

use crate::ConfigError;

/// The longest a buffer may be: no allocation can be larger, and no sum of two such lengths overflows.
const MAX_LEN: usize = usize::MAX >> 1;
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
/// Every builder method checks its value at once, against the values set so far.
///
/// # Examples
///
/// ```
/// use futures_handoff::HandoffBufferConfig;
///
/// # fn main() -> Result<(), futures_handoff::ConfigError> {
/// let config = HandoffBufferConfig::new(1024 * 1024)?.with_read_size(2048..=65536)?.with_spare_blocks(4)?;
/// assert_eq!(config.max_len(), 1024 * 1024);
/// assert_eq!(config.read_size(), 2048..=65536);
/// # Ok(())
/// # }
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
    /// A configuration for at most `max_len` unconsumed bytes, with the defaults for everything else.
    ///
    /// The defaults are a read size of 4 KiB to 256 KiB, copies of prefixes of up to 256 bytes (all
    /// of them no larger than `max_len`), 2 spare blocks, and cooperative reads.
    ///
    /// # Errors
    ///
    /// If `max_len` is 0 or larger than `isize::MAX`.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::HandoffBufferConfig;
    ///
    /// assert!(HandoffBufferConfig::new(64 * 1024).is_ok());
    /// assert_eq!(HandoffBufferConfig::new(0).unwrap_err().setting(), "max_len");
    /// ```
    pub fn new(max_len: usize) -> Result<Self, ConfigError> {
        ConfigError::check("max_len", max_len, 1, MAX_LEN)?;
        Ok(Self {
            max_len,
            read_min: READ_MIN.min(max_len),
            read_max: READ_MAX.min(max_len),
            small_copy_max: SMALL_COPY_MAX.min(max_len),
            spare_blocks: SPARE_BLOCKS,
            cooperative: true,
        })
    }

    /// Sets the smallest and the largest read to ask a reader for.
    ///
    /// A buffer starts with the smallest, doubles it while reads fill what was offered, and halves it when
    /// they stop doing so. It is also the size of a new block.
    ///
    /// # Errors
    ///
    /// If the range starts at 0, ends above `max_len`, or ends before it starts.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::HandoffBufferConfig;
    ///
    /// let config = HandoffBufferConfig::new(8192).unwrap();
    /// assert_eq!(config.with_read_size(512..=4096).unwrap().read_size(), 512..=4096);
    /// assert!(config.with_read_size(0..=4096).is_err());
    /// assert!(config.with_read_size(512..=8193).is_err());
    /// ```
    pub fn with_read_size(mut self, read_size: RangeInclusive<usize>) -> Result<Self, ConfigError> {
        let (min, max) = read_size.into_inner();
        ConfigError::check("read_size", min, 1, self.max_len)?;
        ConfigError::check("read_size", max, min, self.max_len)?;
        (self.read_min, self.read_max) = (min, max);
        Ok(self)
    }

    /// Sets one fixed size for every read: [`with_read_size(n..=n)`](Self::with_read_size).
    ///
    /// # Errors
    ///
    /// If `n` is 0 or larger than `max_len`.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::HandoffBufferConfig;
    ///
    /// let config = HandoffBufferConfig::new(65536).unwrap().with_read_reserve(16384).unwrap();
    /// assert_eq!(config.read_size(), 16384..=16384);
    /// ```
    pub fn with_read_reserve(self, n: usize) -> Result<Self, ConfigError> {
        self.with_read_size(n..=n)
    }

    /// Sets the length up to which a prefix is always copied out of its block (0: none for its size alone).
    ///
    /// Copies of up to 512 bytes go into one small block of 2 KiB that they share, so most cost no
    /// allocation; longer ones get an allocation of their own. Whatever is set here, a prefix shorter than a
    /// quarter of its block is copied too, lest a kept frame hold on to much more memory than it has bytes.
    ///
    /// # Errors
    ///
    /// If `n` is larger than `max_len`.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::HandoffBufferConfig;
    ///
    /// let config = HandoffBufferConfig::new(65536).unwrap();
    /// assert_eq!(config.small_copy_max(), 256);
    /// assert_eq!(config.with_small_copy_max(0).unwrap().small_copy_max(), 0);
    /// ```
    pub fn with_small_copy_max(mut self, n: usize) -> Result<Self, ConfigError> {
        ConfigError::check("small_copy_max", n, 0, self.max_len)?;
        self.small_copy_max = n;
        Ok(self)
    }

    /// Sets how many blocks that were handed off whole are remembered, to be used again once the consumer
    /// has dropped them (0: none).
    ///
    /// A remembered block spares an allocation and the clearing of its memory. While the consumer still holds
    /// it, it costs nothing.
    ///
    /// # Errors
    ///
    /// If `n` is larger than 64.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::HandoffBufferConfig;
    ///
    /// let config = HandoffBufferConfig::new(65536).unwrap();
    /// assert_eq!(config.with_spare_blocks(8).unwrap().spare_blocks(), 8);
    /// assert!(config.with_spare_blocks(65).is_err());
    /// ```
    pub fn with_spare_blocks(mut self, n: usize) -> Result<Self, ConfigError> {
        ConfigError::check("spare_blocks", n, 0, SPARE_BLOCKS_MAX)?;
        self.spare_blocks = n;
        Ok(self)
    }

    /// Sets whether reads let other tasks run now and then (default: they do).
    ///
    /// A loop over a reader that always has something would otherwise never wait, and keep all
    /// other tasks of its thread from running. So after 512 operations, or fewer large ones, in
    /// which nobody had to wait, the next one yields: it wakes its task and is
    /// [`Pending`](std::task::Poll::Pending) once, without having asked the reader or consumed
    /// anything. Nothing else changes. Turn it off where a thread has nothing else to do, or the
    /// runtime does the same for the reader.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::HandoffBufferConfig;
    ///
    /// let config = HandoffBufferConfig::new(65536).unwrap();
    /// assert!(config.cooperative());
    /// assert!(!config.with_cooperative(false).cooperative());
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
    pub fn cooperative(&self) -> bool {
        self.cooperative
    }
}
