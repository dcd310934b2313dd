//! The buffer itself: its contents, and how bytes leave it.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::{config::HandoffBufferConfig, error::BufferError, pace::Pace, search::Search, storage::Storage};
use crate::coop::Budget;

/// Where the frame ends that is being discarded.
#[derive(Debug, Clone, Copy)]
pub(super) enum Skip {
    /// This many bytes after the first unread byte.
    To(usize),
    /// Right after the next needle of the finder.
    PastNeedle,
}

/// A bounded buffer between a reader and a protocol.
///
/// [`read_available`](Self::read_available), [`fill_to`](Self::fill_to) and
/// [`next_frame`](Self::next_frame) add bytes at the end. Bytes leave from the front, owned or
/// after a look at [`peek`](Self::peek). Unconsumed bytes are protocol state: they stay over any
/// number of reads, errors and cancelled futures. The buffer keeps its bytes and stays usable when
/// a reader ends, fails, panics or reports more bytes than it had room for.
///
/// # Memory
///
/// The buffer allocates nothing before the first read. One block of at most `max_len` bytes holds
/// the unconsumed bytes (a tail [from elsewhere](Self::from_tail) may be part of a larger one). Its
/// spare memory is initialised once.
///
/// Bytes taken out keep a bounded amount of memory alive. A prefix of `n` bytes
/// - is copied into a block of 2 KiB that small prefixes share, and keeps that alive, if `n` is at
///   most [`small_copy_max`](HandoffBufferConfig::small_copy_max) and at most 512;
/// - is copied into `n` bytes of its own if `n` is at most `small_copy_max` or less than a quarter
///   of the block;
/// - otherwise shares the block, and keeps at most `4 * n` bytes alive.
///
/// The buffer remembers up to [`spare_blocks`](HandoffBufferConfig::spare_blocks) blocks that left
/// it whole, at least three quarters filled. It uses them again once their consumer has dropped
/// them.
///
/// When the reader of an empty buffer returns `Pending`, the buffer leaves its block to a pool of
/// the thread, and takes it back for the next read: a connection that waits holds no block. A block
/// that is larger than the buffer may keep (see below) is freed instead. Within that bound, a block
/// of more than 256 KiB stays in the buffer. The pool keeps at most 64 blocks and 2 MiB. When it is
/// full, buffers take blocks that other buffers left, with everything cleared that readers may have
/// written there. A buffer that is dropped takes its block out of the pool.
///
/// The buffer frees the memory of a large message once it no longer needs it. It keeps 64 KiB (or
/// twice the smallest read size, if that is larger), or four times its unconsumed bytes and the
/// [requested](Self::reserve_read_capacity) room, whichever is more. It frees what its block and
/// the remembered blocks have beyond that when its reader returns `Pending`, or after 16 reads in a
/// row that did not need so much.
///
/// If there is no memory for a block of more than 64 KiB, a read tries its smallest size, and then
/// returns [`BufferError::OutOfMemory`].
///
/// # Cancel safety
///
/// Dropping any of the buffer's futures loses nothing: bytes are in the buffer, or still with the
/// reader.
///
/// # Examples
///
/// ```
/// use futures_handoff::{BufferError, HandoffBuffer};
///
/// # futures_executor::block_on(async {
/// let mut reader: &[u8] = b"GET /a\r\nGET /b";
/// let mut buffer = HandoffBuffer::new(64 * 1024);
/// assert_eq!(buffer.read_available(&mut reader).await?, 14);
///
/// while let Some(end) = buffer.find(b"\r\n") {
///     assert_eq!(buffer.split_prefix(end + 2)?, "GET /a\r\n");
/// }
/// // The rest of the second line is still to come.
/// assert_eq!(buffer.peek(), b"GET /b");
/// assert_eq!((buffer.len(), buffer.is_empty()), (6, false));
/// assert!(buffer.capacity() <= buffer.config().max_len());
/// # Ok::<_, BufferError>(())
/// # }).unwrap();
/// ```
pub struct HandoffBuffer {
    pub(super) storage: Storage,
    pub(super) search: Search,
    pub(super) pace: Pace,
    /// How much of the room from `reserve_read_capacity` is still unused.
    pub(super) reserved: usize,
    /// Operations left before a read yields to other tasks.
    pub(super) budget: Budget,
    /// Set while the unread bytes start inside a frame that is being discarded.
    pub(super) skip: Option<Skip>,
    /// No parser has succeeded yet, or since one failed: the next one takes frames in a way that
    /// puts them back without a copy.
    pub(super) wary: bool,
    config: HandoffBufferConfig,
}

impl HandoffBuffer {
    /// An empty buffer for at most `max_len` unconsumed bytes.
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

    /// An empty buffer with the given configuration.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{HandoffBuffer, HandoffBufferConfig};
    ///
    /// let config = HandoffBufferConfig::new(64 * 1024).with_read_reserve(4096);
    /// assert_eq!(*HandoffBuffer::with_config(config).config(), config);
    /// ```
    #[must_use]
    pub fn with_config(config: HandoffBufferConfig) -> Self {
        Self::over(BytesMut::new(), config)
    }

    /// A buffer that holds `tail`, the unconsumed rest of another buffer.
    ///
    /// The buffer adopts the tail without a copy. If the tail is part of a larger allocation, the
    /// bounds under [Memory](Self#memory) hold only for the bytes read after it.
    ///
    /// # Errors
    ///
    /// [`BufferError::TailTooLong`], which returns the tail, if the tail is longer than `max_len`.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{BufferError, HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    ///
    /// let config = HandoffBufferConfig::new(4);
    /// let buffer = HandoffBuffer::from_tail(BytesMut::from("tail"), config)?;
    /// assert_eq!(buffer.peek(), b"tail");
    /// let refused = HandoffBuffer::from_tail(BytesMut::from("a long tail"), config);
    /// assert!(matches!(refused, Err(BufferError::TailTooLong { tail, limit: 4 }) if tail == "a long tail"));
    /// # Ok::<_, BufferError>(())
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

    /// The configuration of the buffer.
    pub fn config(&self) -> &HandoffBufferConfig {
        &self.config
    }

    /// The number of unconsumed bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.storage.len()
    }

    /// Whether the buffer holds no unconsumed bytes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The size of the current block in bytes, without the part at its front that was handed out.
    ///
    /// Remembered blocks and the block for small copies do not count.
    pub fn capacity(&self) -> usize {
        self.storage.capacity()
    }

    /// Borrows the unconsumed bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64);
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("hello"), config)?;
    /// buffer.advance(2)?;
    /// assert_eq!(buffer.peek(), b"llo");
    /// # Ok::<_, futures_handoff::BufferError>(())
    /// ```
    #[inline]
    pub fn peek(&self) -> &[u8] {
        self.storage.unread()
    }

    /// Makes room for `n` more bytes. Reads allocate nothing until `n` bytes have been read.
    ///
    /// Bytes that are taken out may take their block along, with the room in it. The buffer may
    /// replace a block that is much larger than needed by a smaller one with as much room.
    ///
    /// # Errors
    ///
    /// [`BufferError::LimitExceeded`] if the buffer would hold more than `max_len` bytes, or
    /// [`BufferError::OutOfMemory`] if there is no memory for a block of more than 64 KiB. An error
    /// changes nothing. Never panics.
    ///
    /// # Complexity
    ///
    /// As for [`Vec::reserve`], a block that has to grow at least doubles, up to `max_len`. So a
    /// call before each read moves each byte an amortised constant number of times.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{BufferError, HandoffBuffer};
    /// let mut buffer = HandoffBuffer::new(1000);
    /// buffer.reserve_read_capacity(1000)?;
    /// assert!(buffer.capacity() >= 1000);
    /// let more = buffer.reserve_read_capacity(1001);
    /// assert!(matches!(more, Err(BufferError::LimitExceeded { attempted: 1001, limit: 1000 })));
    /// # Ok::<_, BufferError>(())
    /// ```
    pub fn reserve_read_capacity(&mut self, n: usize) -> Result<(), BufferError> {
        let (len, limit) = (self.len(), self.config.max_len());
        let needed = len.saturating_add(n);
        if needed > limit {
            return Err(BufferError::LimitExceeded { attempted: needed, limit });
        }
        // As for a vector, a new block has room for twice the bytes of the old one, so moving them
        // costs an amortised constant per byte read.
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
    /// A small prefix is copied, a larger one shares the block; see [Memory](Self#memory).
    ///
    /// # Errors
    ///
    /// [`BufferError::SplitOutOfBounds`] if there are fewer than `n` bytes. Nothing is consumed
    /// then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64);
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("frame,rest"), config)?;
    /// assert_eq!(buffer.split_prefix(6)?, "frame,");
    /// assert_eq!(buffer.split_prefix(5).unwrap_err().missing(), Some(1));
    /// assert_eq!(buffer.peek(), b"rest");
    /// # Ok::<_, futures_handoff::BufferError>(())
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

    /// Puts bytes that were taken out back at the front.
    pub(crate) fn put_back(&mut self, bytes: Bytes) {
        self.storage.put_back(&[bytes]);
        self.search = Search::new();
    }

    /// Takes the first `n` bytes out as a [`BytesMut`], which can be changed in place.
    ///
    /// Has the memory bounds of [`split_prefix`](Self::split_prefix), but does not remember blocks.
    ///
    /// # Errors
    ///
    /// [`BufferError::SplitOutOfBounds`] if there are fewer than `n` bytes. Nothing is consumed
    /// then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64);
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("frame,rest"), config)?;
    /// let mut frame = buffer.split_prefix_mut(5)?;
    /// frame.make_ascii_uppercase();
    /// assert_eq!(frame, "FRAME");
    /// assert_eq!(buffer.peek(), b",rest");
    /// # Ok::<_, futures_handoff::BufferError>(())
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
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("all of it"), config)?;
    /// assert_eq!(buffer.freeze_all(), "all of it");
    /// assert!(buffer.is_empty());
    /// # Ok::<_, futures_handoff::BufferError>(())
    /// ```
    #[must_use = "the bytes are no longer in the buffer"]
    pub fn freeze_all(&mut self) -> Bytes {
        self.split_front(self.len())
    }

    /// Takes all bytes out, for another buffer or another protocol to continue with.
    ///
    /// If the bytes are at least a quarter of the block, they take the block along with its room.
    /// Otherwise they are copied.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64);
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("TUNNEL\nabc"), config)?;
    /// buffer.advance(7)?;
    /// let tunnel = HandoffBuffer::from_tail(buffer.take_tail(), config)?;
    /// assert_eq!(tunnel.peek(), b"abc");
    /// assert!(buffer.is_empty());
    /// # Ok::<_, futures_handoff::BufferError>(())
    /// ```
    #[must_use = "the bytes are no longer in the buffer"]
    pub fn take_tail(&mut self) -> BytesMut {
        self.leave_behind(self.len());
        self.storage.take()
    }

    /// Drops the first `n` bytes.
    ///
    /// Neither copies nor allocates. Once all bytes are consumed, reads use the block from its
    /// start again.
    ///
    /// # Errors
    ///
    /// [`BufferError::SplitOutOfBounds`] if there are fewer than `n` bytes. Nothing is consumed
    /// then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64);
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("  x"), config)?;
    /// buffer.advance(2)?;
    /// assert!(buffer.advance(2).is_err());
    /// assert_eq!(buffer.peek(), b"x");
    /// # Ok::<_, futures_handoff::BufferError>(())
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

    /// Shifts what the searches know, because the first `n <= len()` bytes are consumed.
    #[inline]
    pub(super) fn leave_behind(&mut self, n: usize) {
        self.search.consume(n);
        if n > 0 {
            // A caller that consumes bytes ends the discarding of a frame: the rest of it is input.
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
