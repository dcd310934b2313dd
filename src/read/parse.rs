//! Parsing that consumes all or nothing.

use std::{fmt, mem, sync::Arc};

use bytes::{Bytes, BytesMut};

use super::{buffer::HandoffBuffer, error::BufferError};

impl HandoffBuffer {
    /// Runs a parser over the unconsumed bytes, and consumes what its cursor consumed only if the
    /// parser succeeds.
    ///
    /// If the parser fails or panics, the buffer gets back all bytes that the parser took since its
    /// last [checkpoint](ParseCursor::checkpoint), or since its start.
    ///
    /// # Errors
    ///
    /// The error of the parser.
    ///
    /// # Incomplete input
    ///
    /// A parser that fails because bytes are missing starts over at the next call. If a program
    /// calls it after each of many reads, a message of `n` bytes costs time in proportion to `n`
    /// squared. There are two ways around that:
    ///
    /// - [`BufferError::missing`] is the number of bytes that the parser needs to get further. Call
    ///   the parser again once they are buffered (see the example there). A parser that knows how
    ///   much it needs can return that.
    /// - A parser of a message of many parts stores the parts outside, and calls
    ///   [`checkpoint`](ParseCursor::checkpoint) after each. The next call continues after the last
    ///   part.
    ///
    /// # Complexity
    ///
    /// A commit costs nothing. An undo costs nothing if the parser has dropped the frames that it
    /// [took](ParseCursor::take). In two cases, an undo copies the buffered bytes to a new block:
    /// if the failed parser kept a frame that shares the block, and for the first parser that took
    /// such a frame and failed after one that succeeded.
    ///
    /// Until a parser has succeeded, a frame that shares the block costs one allocation more than
    /// with [`split_prefix`](Self::split_prefix), and [`Bytes::try_into_mut`] does not convert it.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    ///
    /// let config = HandoffBufferConfig::new(64);
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("\x03abc\x05de"), config)?;
    /// let mut frame = || {
    ///     buffer.parse(|cursor| {
    ///         let header = cursor.take(1)?;
    ///         cursor.take(usize::from(header[0]))
    ///     })
    /// };
    /// assert_eq!(frame()?, "abc");
    /// assert_eq!(frame().unwrap_err().missing(), Some(3));
    /// assert_eq!(buffer.peek(), b"\x05de", "the header is back");
    /// # Ok::<_, futures_handoff::BufferError>(())
    /// ```
    pub fn parse<T, E>(&mut self, parser: impl FnOnce(&mut ParseCursor<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut cursor = ParseCursor { buffer: self, at: 0, taken: Vec::new(), taken_len: 0, kept: 0 };
        let value = parser(&mut cursor)?;
        cursor.checkpoint();
        cursor.buffer.wary = false;
        Ok(value)
    }
}

/// Bytes that a cursor has consumed and that have left the block.
enum Piece {
    /// Put back with a copy.
    Plain(Bytes),
    /// Put back without a copy, if its frame was dropped.
    Wary(Arc<Detached>),
}

struct Detached(BytesMut);

/// The owner behind the [`Bytes`] of a frame taken from a piece.
struct Owner(Arc<Detached>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0.0
    }
}

impl Piece {
    /// The memory of the piece, if no frame of it is left.
    fn detached(self) -> Result<BytesMut, Self> {
        match self {
            Self::Wary(piece) => Arc::try_unwrap(piece).map(|piece| piece.0).map_err(Self::Wary),
            Self::Plain(_) => Err(self),
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Wary(piece) => Bytes::from_owner(Owner(piece)),
        }
    }
}

/// The position of a parser in the unconsumed bytes of a [`HandoffBuffer`]; see
/// [`HandoffBuffer::parse`].
///
/// # Examples
///
/// A record of a key and a value, each after its length in one byte:
///
/// ```
/// use futures_handoff::{
///     BufferError, HandoffBuffer, HandoffBufferConfig, ParseCursor,
///     bytes::{Bytes, BytesMut},
/// };
///
/// fn field(cursor: &mut ParseCursor<'_>) -> Result<Bytes, BufferError> {
///     let length = cursor.take(1)?[0];
///     cursor.take(length.into())
/// }
///
/// let tail = BytesMut::from("\x04name\x03bob\x04na");
/// let mut buffer = HandoffBuffer::from_tail(tail, HandoffBufferConfig::new(64))?;
/// let (key, value) = buffer.parse(|cursor| {
///     let key = field(cursor)?;
///     assert_eq!(cursor.consumed(), 5);
///     assert_eq!(cursor.remaining(), b"\x03bob\x04na");
///     Ok::<_, BufferError>((key, field(cursor)?))
/// })?;
/// assert_eq!((&key[..], &value[..]), (&b"name"[..], &b"bob"[..]));
///
/// // The next key is incomplete: the parser fails, and its length is back in the buffer.
/// assert_eq!(buffer.parse(field).unwrap_err().missing(), Some(2));
/// assert_eq!(buffer.peek(), b"\x04na");
/// # Ok::<_, BufferError>(())
/// ```
pub struct ParseCursor<'a> {
    buffer: &'a mut HandoffBuffer,
    /// How many consumed bytes are still in the buffer's block.
    at: usize,
    /// Consumed bytes that have left the block. They are put back unless the parser succeeds.
    taken: Vec<Piece>,
    taken_len: usize,
    /// How many bytes were consumed before the last checkpoint.
    kept: usize,
}

impl ParseCursor<'_> {
    /// Borrows the bytes that are not consumed yet.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{BufferError, HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64);
    /// # let mut buffer = HandoffBuffer::from_tail(BytesMut::from("hello"), config).unwrap();
    /// let parsed = buffer.parse(|cursor| {
    ///     cursor.advance(2)?;
    ///     assert_eq!(cursor.remaining(), b"llo");
    ///     Ok::<_, BufferError>(())
    /// });
    /// assert!(parsed.is_ok());
    /// assert_eq!(buffer.peek(), b"llo");
    /// ```
    pub fn remaining(&self) -> &[u8] {
        &self.buffer.storage.unread()[self.at..]
    }

    /// The number of bytes consumed so far.
    pub fn consumed(&self) -> usize {
        self.kept + self.taken_len + self.at
    }

    /// Commits the bytes consumed so far. They stay consumed even if the parser fails later.
    ///
    /// So a parser that runs out of input in the middle of a long message need not start over. It
    /// has to store its results outside.
    ///
    /// # Examples
    ///
    /// Three names, each after its length, which arrive in pieces of 5 bytes:
    ///
    /// ```
    /// use futures_handoff::{BufferError, HandoffBuffer};
    ///
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"\x03one\x03two\x05three";
    /// # let mut reader = futures_test::io::AsyncReadTestExt::limited(reader, 5);
    /// let mut buffer = HandoffBuffer::new(64);
    /// let mut names = Vec::new();
    /// loop {
    ///     let parsed = buffer.parse(|cursor| {
    ///         while names.len() < 3 {
    ///             let length = cursor.take(1)?[0];
    ///             names.push(cursor.take(length.into())?);
    ///             cursor.checkpoint();
    ///         }
    ///         Ok::<_, BufferError>(())
    ///     });
    ///     if parsed.is_ok() || buffer.read_available(&mut reader).await? == 0 {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(names, ["one", "two", "three"]);
    /// # Ok::<_, BufferError>(())
    /// # }).unwrap();
    /// ```
    pub fn checkpoint(&mut self) {
        let n = mem::take(&mut self.taken_len) + self.at;
        self.taken.clear();
        self.kept += n;
        self.buffer.leave_behind(n);
        self.buffer.storage.consume(mem::take(&mut self.at));
    }

    /// Consumes `n` bytes.
    ///
    /// # Errors
    ///
    /// [`BufferError::SplitOutOfBounds`] if fewer bytes remain. Nothing is consumed then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{BufferError, HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64);
    /// # let mut buffer = HandoffBuffer::from_tail(BytesMut::from("hello"), config).unwrap();
    /// let result = buffer.parse(|cursor| {
    ///     cursor.advance(4)?;
    ///     cursor.advance(2)
    /// });
    /// assert_eq!(result.unwrap_err().missing(), Some(1));
    /// assert_eq!(buffer.peek(), b"hello");
    /// ```
    pub fn advance(&mut self, n: usize) -> Result<(), BufferError> {
        self.check(n)?;
        self.at += n;
        Ok(())
    }

    /// Consumes `n` bytes and returns them, owned.
    ///
    /// Has the memory bounds of [`HandoffBuffer::split_prefix`]. If the parser fails, the bytes are
    /// put back. A frame that the parser kept stays valid.
    ///
    /// # Errors
    ///
    /// [`BufferError::SplitOutOfBounds`] if fewer bytes remain. Nothing is consumed then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{BufferError, HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64);
    /// # let mut buffer = HandoffBuffer::from_tail(BytesMut::from("keyvalue"), config).unwrap();
    /// let (key, value) = buffer
    ///     .parse(|cursor| Ok::<_, BufferError>((cursor.take(3)?, cursor.take(5)?)))
    ///     .unwrap();
    /// assert_eq!((&key[..], &value[..]), (&b"key"[..], &b"value"[..]));
    /// ```
    pub fn take(&mut self, n: usize) -> Result<Bytes, BufferError> {
        self.check(n)?;
        if n == 0 {
            return Ok(Bytes::new());
        }
        let storage = &mut self.buffer.storage;
        if storage.copies(n) {
            let bytes = storage.copy_out(self.at..self.at + n).freeze();
            self.at += n;
            return Ok(bytes);
        }
        let skipped = mem::take(&mut self.at);
        let front = skipped + n;
        let (piece, bytes) = if self.buffer.wary {
            let piece = Arc::new(Detached(storage.detach(front)));
            let bytes = Bytes::from_owner(Owner(Arc::clone(&piece)));
            (Piece::Wary(piece), bytes)
        } else {
            let bytes = storage.detach_frozen(front);
            (Piece::Plain(bytes.clone()), bytes)
        };
        self.taken_len += front;
        self.taken.push(piece);
        Ok(bytes.slice(skipped..))
    }

    /// The offset in [`remaining`](Self::remaining) of the first `needle`, or `None`.
    ///
    /// Resumes past searches as [`HandoffBuffer::find`] does, also those of earlier parsers. A
    /// parser that failed because bytes were missing, and is called again, scans only new bytes if
    /// it searches for the same needle at the same place.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64);
    /// # let mut buffer = HandoffBuffer::from_tail(BytesMut::from("a b c"), config).unwrap();
    /// let words = buffer.parse(|cursor| {
    ///     let mut words = Vec::new();
    ///     while let Some(end) = cursor.find(b" ") {
    ///         words.push(cursor.take(end)?);
    ///         cursor.advance(1)?;
    ///     }
    ///     Ok::<_, futures_handoff::BufferError>(words)
    /// });
    /// assert_eq!(words.unwrap(), ["a", "b"]);
    /// assert_eq!(buffer.peek(), b"c");
    /// ```
    pub fn find(&mut self, needle: &[u8]) -> Option<usize> {
        let from = self.taken_len + self.at;
        let unread = self.buffer.storage.unread();
        let found = self.buffer.search.find(unread, self.taken_len, from, needle)?;
        Some(found - from)
    }

    fn len(&self) -> usize {
        self.buffer.len() - self.at
    }

    fn check(&self, n: usize) -> Result<(), BufferError> {
        let available = self.len();
        if n > available { Err(BufferError::SplitOutOfBounds { requested: n, available }) } else { Ok(()) }
    }
}

impl Drop for ParseCursor<'_> {
    /// Puts back the bytes that were not committed.
    fn drop(&mut self) {
        self.buffer.wary |= !self.taken.is_empty();
        while let Some(piece) = self.taken.pop() {
            match piece.detached() {
                Ok(piece) => self.buffer.storage.rejoin(piece),
                Err(kept) => {
                    self.taken.push(kept);
                    let taken: Vec<_> = self.taken.drain(..).map(Piece::into_bytes).collect();
                    return self.buffer.storage.put_back(&taken);
                }
            }
        }
    }
}

impl fmt::Debug for ParseCursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParseCursor")
            .field("consumed", &self.consumed())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
