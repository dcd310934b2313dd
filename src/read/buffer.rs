//! The buffer itself: what it holds and how bytes leave it.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::{config::HandoffBufferConfig, error::BufferError, pace::Pace, search::Search, storage::Storage};
use crate::coop::Budget;

/// Where a frame ends of which the buffer has only the rest.
#[derive(Debug, Clone, Copy)]
pub(super) enum Skip {
    /// So many bytes behind the first unread one.
    To(usize),
    /// Right behind the needle of its finder.
    PastNeedle,
}

/// A bounded buffer between a reader and a protocol.
///
/// Bytes arrive through [`read_available`](Self::read_available), [`fill_to`](Self::fill_to) or
/// [`next_frame`](Self::next_frame) and leave from the front, owned or only looked at. What is not
/// consumed is protocol state: it stays, over any number of reads, errors and cancelled futures,
/// until it is consumed. When a reader ends, fails, panics or reports more bytes than it was given
/// room for, what is buffered stays as well, and the buffer can be used on.
///
/// # Memory
///
/// Nothing is allocated before the first read. The unconsumed bytes lie in one block of at most
/// `max_len` bytes (a tail from elsewhere excepted), whose spare memory is initialised once and
/// then remembered.
///
/// Bytes taken out of it never hold on to much more memory than they have: of the `n` bytes of a
/// prefix,
/// - up to [`small_copy_max`](HandoffBufferConfig::small_copy_max) bytes, and at most 512, are
///   copied into a block of 2 KiB that they share with their like: they hold on to that;
/// - fewer than a quarter of the block are copied: they hold on to `n` bytes;
/// - all others share the block: they hold on to at most `4 * n` bytes.
///
/// The buffer itself also remembers blocks that left it whole (at least three quarters filled), up
/// to [`spare_blocks`](HandoffBufferConfig::spare_blocks), to use them again once their consumer
/// has dropped them.
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
/// let mut buffer = HandoffBuffer::new(64 * 1024);
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
    /// A `max_len` above `isize::MAX`, which no allocation can have, is taken as that.
    ///
    /// # Panics
    ///
    /// If `max_len` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::HandoffBuffer;
    ///
    /// let buffer = HandoffBuffer::new(64 * 1024);
    /// assert!(buffer.is_empty());
    /// assert_eq!(buffer.capacity(), 0);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn new(max_len: usize) -> Self {
        Self::with_config(HandoffBufferConfig::new(max_len))
    }

    /// An empty buffer.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{BufferError, HandoffBuffer, HandoffBufferConfig};
    ///
    /// let config = HandoffBufferConfig::new(64 * 1024).with_read_reserve(4096);
    /// assert_eq!(*HandoffBuffer::with_config(config).config(), config);
    /// ```
    #[must_use]
    pub fn with_config(config: HandoffBufferConfig) -> Self {
        Self::over(BytesMut::new(), config)
    }

    /// A buffer that holds `tail`, the unconsumed rest of another.
    ///
    /// The tail is adopted, not copied. If it is part of a larger allocation, the bounds given
    /// under [Memory](Self#memory) hold only for what is read after it.
    ///
    /// # Errors
    ///
    /// [`BufferError::TailTooLong`] if the tail is longer than `max_len`. The error hands it back.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    ///
    /// let config = HandoffBufferConfig::new(64);
    /// let buffer = HandoffBuffer::from_tail(BytesMut::from("tail"), config).unwrap();
    /// assert_eq!(buffer.peek(), b"tail");
    /// ```
    pub fn from_tail(tail: BytesMut, config: HandoffBufferConfig) -> Result<Self, BufferError> {
        let limit = config.max_len();
        if tail.len() > limit {
            Err(BufferError::TailTooLong { tail, limit })
        } else {
            Ok(Self::over(tail, config))
        }
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

    /// How many bytes the current block has room for, counted from its first byte still in use or
    /// free.
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
    /// # let config = HandoffBufferConfig::new(64);
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
    /// [`BufferError::LimitExceeded`] if the buffer may not hold so many, or
    /// [`BufferError::OutOfMemory`] if there is no memory for a block of more than 64 KiB. Then
    /// nothing has changed. Never panics.
    ///
    /// # Complexity
    ///
    /// As for [`Vec::reserve`], a block that has to grow at least doubles, up to `max_len`. So
    /// calling this before each read moves a byte a constant number of times.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{BufferError, HandoffBuffer};
    /// let mut buffer = HandoffBuffer::new(1000);
    /// buffer.reserve_read_capacity(1000).unwrap();
    /// assert!(buffer.capacity() >= 1000);
    /// let more = buffer.reserve_read_capacity(1001);
    /// assert!(matches!(more, Err(BufferError::LimitExceeded { attempted: 1001, limit: 1000 })));
    /// ```
    pub fn reserve_read_capacity(&mut self, n: usize) -> Result<(), BufferError> {
        let (len, limit) = (self.len(), self.config.max_len());
        let needed = len.saturating_add(n);
        if needed > limit {
            return Err(BufferError::LimitExceeded { attempted: needed, limit });
        }
        // As for a vector, a new block at least doubles what the old one held, so moving costs a
        // constant per byte read.
        let ample = needed.max(self.pace.size()).max(len.saturating_mul(2)).min(limit);
        let storage = &mut self.storage;
        if !storage.make_room(n, 0, ample) && !storage.make_room(n, 0, needed) {
            return Err(BufferError::OutOfMemory { requested: needed });
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
    /// # let config = HandoffBufferConfig::new(64);
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("frame,rest"), config).unwrap();
    /// assert_eq!(buffer.split_prefix(6).unwrap(), "frame,");
    /// assert_eq!(buffer.split_prefix(5).unwrap_err().missing(), Some(1));
    /// assert_eq!(buffer.peek(), b"rest");
    /// ```
    pub fn split_prefix(&mut self, n: usize) -> Result<Bytes, BufferError> {
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
    /// The same memory bounds hold as for [`split_prefix`](Self::split_prefix), but blocks that
    /// leave this way are not used again.
    ///
    /// # Errors
    ///
    /// If there are fewer than `n` bytes. Then nothing is consumed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64);
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("frame,rest"), config).unwrap();
    /// let mut frame = buffer.split_prefix_mut(5).unwrap();
    /// frame.make_ascii_uppercase();
    /// assert_eq!(frame, "FRAME");
    /// assert_eq!(buffer.peek(), b",rest");
    /// ```
    pub fn split_prefix_mut(&mut self, n: usize) -> Result<BytesMut, BufferError> {
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
    /// # let config = HandoffBufferConfig::new(64);
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
    /// They take the block with its room along if they are at least a quarter of it, and are copied
    /// otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64);
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
    /// Neither copies nor allocates. Once all bytes are consumed, the block is used again from its
    /// start.
    ///
    /// # Errors
    ///
    /// If there are fewer than `n` bytes. Then nothing is consumed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64);
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("  x"), config).unwrap();
    /// buffer.advance(2).unwrap();
    /// assert!(buffer.advance(2).is_err());
    /// assert_eq!(buffer.peek(), b"x");
    /// ```
    #[inline]
    pub fn advance(&mut self, n: usize) -> Result<(), BufferError> {
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

    #[inline]
    fn check(&self, n: usize) -> Result<(), BufferError> {
        let available = self.len();
        if n > available { Err(BufferError::SplitOutOfBounds { requested: n, available }) } else { Ok(()) }
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
