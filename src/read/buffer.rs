//! The buffer itself: what it holds and how bytes leave it.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::{
    config::HandoffBufferConfig,
    error::{ReserveError, SplitError, TailError},
    pace::Pace,
    search::Search,
    skip::Skip,
    storage::Storage,
};
use crate::{ConfigError, coop::Budget};

/// A bounded buffer between a reader and a protocol.
///
/// Bytes arrive through [`read_available`](Self::read_available), [`read_ready`](Self::read_ready) or
/// [`next_frame`](Self::next_frame) and leave from the front, owned or only looked at. What is not consumed is
/// protocol state: it stays, over any number of reads, errors and cancelled futures, until it is consumed.
///
/// # Memory
///
/// Nothing is allocated before the first read. The unconsumed bytes lie in one block of at most `max_len` bytes
/// (a tail from elsewhere excepted), whose spare memory is initialised once and then remembered.
///
/// Bytes taken out of it never hold on to much more memory than they have: of the `n` bytes of a prefix,
/// - up to [`small_copy_max`](HandoffBufferConfig::small_copy_max) bytes, and at most 512, are copied into a
///   block of 2 KiB that they share with their like: they hold on to that;
/// - fewer than a quarter of the block are copied: they hold on to `n` bytes;
/// - all others share the block: they hold on to at most `4 * n` bytes.
///
/// The buffer itself also remembers blocks that left it whole (at least three quarters filled), up to
/// [`spare_blocks`](HandoffBufferConfig::spare_blocks), to use them again once their consumer has dropped them.
///
/// When a reader has nothing for an empty buffer, a block of what a quiet buffer may keep, up to
/// 256 KiB, is left to the thread, and taken back from there when the reader is asked again: a
/// connection that waits holds none. A thread keeps at most 64 such blocks and 2 MiB; buffers
/// beyond those take the blocks of others, which are cleared of all that readers may have written
/// there. The block of a buffer goes with it.
///
/// The memory of a large message goes when it is no longer needed. A quiet buffer keeps 64 KiB (or
/// twice the smallest read size, if that is larger), or four times its unread bytes and the room
/// that was [asked for](Self::reserve_read_capacity), whichever is more. When its reader has
/// nothing, what it holds beyond that, in its block and in those remembered, is let go; of a reader
/// that always has something, after 16 reads for which so much was not needed.
///
/// A block of more than 64 KiB that cannot be had is an error of the read that asked for it.
///
/// # Cancel safety
///
/// Dropping any of the buffer's futures loses nothing: bytes are in the buffer, or with the reader.
///
/// # Examples
///
/// ```
/// use futures_handoff::HandoffBuffer;
///
/// # futures_executor::block_on(async {
/// let mut reader: &[u8] = b"GET /a\r\nGET /b";
/// let mut buffer = HandoffBuffer::new(64 * 1024).unwrap();
/// buffer.read_available(&mut reader).await.unwrap();
///
/// let end = buffer.find(b"\r\n").unwrap();
/// assert_eq!(buffer.split_prefix(end + 2).unwrap(), "GET /a\r\n");
/// assert_eq!(buffer.find(b"\r\n"), None);
/// assert_eq!(buffer.peek(), b"GET /b");
/// # });
/// ```
pub struct HandoffBuffer {
    pub(super) storage: Storage,
    pub(super) search: Search,
    pub(super) pace: Pace,
    /// What is still to be read of the room that was asked for.
    pub(super) reserved: usize,
    /// What may be done at once before other tasks have to run.
    pub(super) budget: Budget,
    /// The unread bytes begin within a frame that is to be discarded.
    pub(super) skip: Option<Skip>,
    /// The next parser may fail: the frames that it takes have to be put back at no cost.
    pub(super) wary: bool,
    config: HandoffBufferConfig,
}

impl HandoffBuffer {
    /// An empty buffer for at most `max_len` unconsumed bytes.
    ///
    /// # Errors
    ///
    /// If `max_len` is 0 or larger than `isize::MAX`.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::HandoffBuffer;
    ///
    /// let buffer = HandoffBuffer::new(64 * 1024).unwrap();
    /// assert!(buffer.is_empty());
    /// assert_eq!(buffer.capacity(), 0);
    /// ```
    pub fn new(max_len: usize) -> Result<Self, ConfigError> {
        Ok(Self::with_config(HandoffBufferConfig::new(max_len)?))
    }

    /// An empty buffer.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{HandoffBuffer, HandoffBufferConfig};
    ///
    /// let config = HandoffBufferConfig::new(64 * 1024).unwrap().with_read_reserve(4096).unwrap();
    /// assert_eq!(*HandoffBuffer::with_config(config).config(), config);
    /// ```
    #[must_use]
    pub fn with_config(config: HandoffBufferConfig) -> Self {
        Self::over(BytesMut::new(), config)
    }

    /// A buffer that holds `tail`, the unconsumed rest of another.
    ///
    /// The tail is adopted, not copied. If it is part of a larger allocation, the bounds given under
    /// [Memory](Self#memory) hold only for what is read after it.
    ///
    /// # Errors
    ///
    /// If the tail is longer than `max_len`. The error hands it back.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    ///
    /// let config = HandoffBufferConfig::new(64).unwrap();
    /// let buffer = HandoffBuffer::from_tail(BytesMut::from("tail"), config).unwrap();
    /// assert_eq!(buffer.peek(), b"tail");
    /// ```
    pub fn from_tail(tail: BytesMut, config: HandoffBufferConfig) -> Result<Self, TailError> {
        let limit = config.max_len();
        if tail.len() > limit { Err(TailError { tail, limit }) } else { Ok(Self::over(tail, config)) }
    }

    fn over(tail: BytesMut, config: HandoffBufferConfig) -> Self {
        Self {
            storage: Storage::new(tail, config.small_copy_max(), config.spare_blocks()),
            search: Search::new(),
            pace: Pace::new(&config),
            reserved: 0,
            budget: Budget::new(config.cooperative()),
            skip: None,
            wary: true,
            config,
        }
    }

    /// The configuration it was made with.
    pub fn config(&self) -> &HandoffBufferConfig {
        &self.config
    }

    /// How many unconsumed bytes it holds.
    #[inline]
    pub fn len(&self) -> usize {
        self.storage.len()
    }

    /// Whether it holds no unconsumed byte.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes the current block has room for, counted from its first byte still in use or free.
    ///
    /// Remembered and shared small blocks are not counted.
    pub fn capacity(&self) -> usize {
        self.storage.capacity()
    }

    /// The unconsumed bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64).unwrap();
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("hello"), config).unwrap();
    /// buffer.advance(2).unwrap();
    /// assert_eq!(buffer.peek(), b"llo");
    /// ```
    #[inline]
    pub fn peek(&self) -> &[u8] {
        self.storage.unread()
    }

    /// Makes room for `n` more bytes: until they are read, reads allocate nothing.
    ///
    /// Taking bytes out may take their block along; then the room is gone too. A block that is much
    /// larger than what was asked for may still make way for a smaller one with as much room.
    ///
    /// # Errors
    ///
    /// If the buffer may not hold so many, or if there is no memory for a block of more than 64
    /// KiB. Then nothing has changed. Never panics.
    ///
    /// # Complexity
    ///
    /// As for [`Vec::reserve`], a block that has to grow at least doubles, up to `max_len`. So
    /// calling this before each read moves a byte a constant number of times.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::HandoffBuffer;
    /// let mut buffer = HandoffBuffer::new(1000).unwrap();
    /// buffer.reserve_read_capacity(1000).unwrap();
    /// assert!(buffer.capacity() >= 1000);
    /// assert_eq!(buffer.reserve_read_capacity(1001).unwrap_err().limit, 1000);
    /// ```
    pub fn reserve_read_capacity(&mut self, n: usize) -> Result<(), ReserveError> {
        let (len, limit) = (self.len(), self.config.max_len());
        let error = ReserveError { requested: n, len, limit };
        let needed = len.checked_add(n).filter(|needed| *needed <= limit).ok_or(error)?;
        // As for a vector, a new block at least doubles what the old one held, so moving costs a
        // constant per byte read.
        let ample = needed.max(self.pace.size()).max(len.saturating_mul(2)).min(limit);
        let storage = &mut self.storage;
        if !storage.make_room(n, 0, ample) && !storage.make_room(n, 0, needed) {
            return Err(error);
        }
        self.reserved = n;
        Ok(())
    }

    /// Takes the first `n` bytes out.
    ///
    /// Copies a small prefix and shares the block otherwise; see [Memory](Self#memory).
    ///
    /// # Errors
    ///
    /// If there are fewer than `n` bytes. Then nothing is consumed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64).unwrap();
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("frame,rest"), config).unwrap();
    /// assert_eq!(buffer.split_prefix(6).unwrap(), "frame,");
    /// assert_eq!(buffer.split_prefix(5).unwrap_err().available, 4);
    /// assert_eq!(buffer.peek(), b"rest");
    /// ```
    pub fn split_prefix(&mut self, n: usize) -> Result<Bytes, SplitError> {
        self.check(n)?;
        Ok(self.split_front(n))
    }

    /// Takes the first `n <= len()` bytes out.
    pub(crate) fn split_front(&mut self, n: usize) -> Bytes {
        self.leave_behind(n);
        if n == 0 {
            Bytes::new()
        } else if self.storage.copies(n) {
            let copy = self.storage.copy_out(0..n);
            self.storage.consume(n);
            copy.freeze()
        } else {
            self.storage.detach_frozen(n)
        }
    }

    /// Puts bytes that were taken out of it back in front of all others.
    pub(crate) fn put_back(&mut self, bytes: Bytes) {
        self.storage.put_back(&[bytes]);
        self.search = Search::new();
    }

    /// Takes the first `n` bytes out, to be changed in place.
    ///
    /// The same memory bounds hold as for [`split_prefix`](Self::split_prefix), but blocks that leave this way
    /// are not used again.
    ///
    /// # Errors
    ///
    /// If there are fewer than `n` bytes. Then nothing is consumed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64).unwrap();
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("frame,rest"), config).unwrap();
    /// let mut frame = buffer.split_prefix_mut(5).unwrap();
    /// frame.make_ascii_uppercase();
    /// assert_eq!(frame, "FRAME");
    /// assert_eq!(buffer.peek(), b",rest");
    /// ```
    pub fn split_prefix_mut(&mut self, n: usize) -> Result<BytesMut, SplitError> {
        self.check(n)?;
        self.leave_behind(n);
        if n == 0 {
            Ok(BytesMut::new())
        } else if self.storage.copies(n) {
            let copy = self.storage.copy_out(0..n);
            self.storage.consume(n);
            Ok(copy)
        } else {
            Ok(self.storage.detach(n))
        }
    }

    /// Takes all bytes out, as [`split_prefix`](Self::split_prefix) does.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64).unwrap();
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("all of it"), config).unwrap();
    /// assert_eq!(buffer.freeze_all(), "all of it");
    /// assert!(buffer.is_empty());
    /// ```
    #[must_use = "the bytes are no longer in the buffer"]
    pub fn freeze_all(&mut self) -> Bytes {
        self.split_front(self.len())
    }

    /// Takes all bytes out, to be continued elsewhere: in another buffer, or in another protocol.
    ///
    /// They take the block with its room along if they are at least a quarter of it, and are copied otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64).unwrap();
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("TUNNEL\nabc"), config).unwrap();
    /// buffer.advance(7).unwrap();
    /// assert_eq!(buffer.take_tail(), "abc");
    /// assert!(buffer.is_empty());
    /// ```
    #[must_use = "the bytes are no longer in the buffer"]
    pub fn take_tail(&mut self) -> BytesMut {
        self.leave_behind(self.len());
        self.storage.take()
    }

    /// Drops the first `n` bytes.
    ///
    /// Neither copies nor allocates. Once all bytes are consumed, the block is used again from its start.
    ///
    /// # Errors
    ///
    /// If there are fewer than `n` bytes. Then nothing is consumed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64).unwrap();
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("  x"), config).unwrap();
    /// buffer.advance(2).unwrap();
    /// assert!(buffer.advance(2).is_err());
    /// assert_eq!(buffer.peek(), b"x");
    /// ```
    #[inline]
    pub fn advance(&mut self, n: usize) -> Result<(), SplitError> {
        self.check(n)?;
        self.consume(n);
        Ok(())
    }

    /// Drops the first `n <= len()` bytes.
    #[inline]
    pub(super) fn consume(&mut self, n: usize) {
        self.leave_behind(n);
        self.storage.consume(n);
    }

    /// The first `n <= len()` bytes are consumed: moves along what is known of those behind them.
    #[inline]
    pub(super) fn leave_behind(&mut self, n: usize) {
        self.search.consume(n);
        if n > 0 {
            // A caller that consumes part of a frame decides what becomes of the rest.
            self.skip = None;
        }
    }

    /// The offset of the first `needle`, or `None` if it is not (wholly) there.
    ///
    /// A search resumes where the last one for the same needle stopped, so looking after every read scans each
    /// byte once. Consuming bytes keeps that. An empty needle is found at 0.
    ///
    /// # Complexity
    ///
    /// The buffer remembers the last 4 needles, so up to 4 may be searched for in turns: each byte is scanned
    /// once for each of them. A search for a fifth one starts anew, and displaces the one that was not searched
    /// for the longest.
    ///
    /// A needle of up to 64 bytes is remembered as a copy, in an allocation if it is longer than 16 bytes, and
    /// each search looks again at the last bytes, fewer than the needle has. Of a longer needle the buffer
    /// remembers how much of it the last bytes match. So a byte that arrives costs the same however long the
    /// needle is, but for one comparison of the needle with the longest beginning of it that the buffered bytes
    /// have matched. That beginning takes about 9 bytes of memory for each of its bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64).unwrap();
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("key: value"), config).unwrap();
    /// assert_eq!(buffer.find(b": "), Some(3));
    /// assert_eq!(buffer.find(b"\n"), None);
    /// ```
    #[inline]
    pub fn find(&mut self, needle: &[u8]) -> Option<usize> {
        self.search.find(self.storage.unread(), 0, 0, needle)
    }

    /// The offset of the first `needle` that starts at `from` or later, to look at several messages before any is
    /// consumed: those with one destination can leave as one prefix. `None` as well if there are fewer than `from` bytes.
    ///
    /// As for [`find`](Self::find), each byte is scanned once if every search begins right behind what the last one found, or
    /// where that began if it found nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64).unwrap();
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("one\ntwo\nthr"), config).unwrap();
    /// let mut lines = 0;
    /// while let Some(end) = buffer.find_from(lines, b"\n") {
    ///     lines = end + 1;
    /// }
    /// assert_eq!(buffer.split_prefix(lines).unwrap(), "one\ntwo\n");
    /// ```
    #[inline]
    pub fn find_from(&mut self, from: usize, needle: &[u8]) -> Option<usize> {
        if from > self.len() { None } else { self.search.find(self.storage.unread(), 0, from, needle) }
    }

    #[inline]
    fn check(&self, n: usize) -> Result<(), SplitError> {
        let available = self.len();
        if n > available { Err(SplitError { requested: n, available }) } else { Ok(()) }
    }
}

impl fmt::Debug for HandoffBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandoffBuffer")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
