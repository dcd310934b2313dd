//! Parsing that consumes all or nothing.

use std::{fmt, mem, sync::Arc};

use bytes::{Bytes, BytesMut};

use super::{buffer::HandoffBuffer, error::BufferError};

impl HandoffBuffer {
    /// Runs a parser over the unconsumed bytes and commits what its cursor consumed only if it
    /// succeeds.
    ///
    /// If the parser fails or panics, nothing is consumed, whatever it took, up to the last
    /// [checkpoint](ParseCursor::checkpoint) that it made.
    ///
    /// # Errors
    ///
    /// What the parser returns.
    ///
    /// # Parsing what has not arrived yet
    ///
    /// A parser that fails for want of bytes starts over when it is called again. Where it is
    /// called after every read, and a message takes many of them, that adds up: a message of `n`
    /// bytes costs in proportion to the square of `n`. Two things prevent it.
    ///
    /// - [`BufferError::missing`] tells how many more bytes the parser has to have before it gets
    ///   any further. Read until they are buffered, or have the parser tell of a need that it knows
    ///   by itself, and call it then.
    /// - A parser of a message of many parts keeps the parts outside, and calls
    ///   [`checkpoint`](ParseCursor::checkpoint) after each: the next call goes on behind the last
    ///   part.
    ///
    /// # Complexity
    ///
    /// A commit costs nothing. Undoing costs nothing either, if the parser has dropped the frames
    /// that it [took](ParseCursor::take). There are two exceptions, which copy what is buffered to
    /// a new block: frames that share the block and that a failed parser kept, and the first parser
    /// that fails after one that succeeded.
    ///
    /// A frame that shares the block has one allocation more than that of
    /// [`split_prefix`](Self::split_prefix), until a parser has succeeded, and
    /// [`Bytes::try_into_mut`] does not take it.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{BufferError, HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    ///
    /// let config = HandoffBufferConfig::new(64);
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("\x03abc\x05de"), config).unwrap();
    /// let mut frame = || {
    ///     buffer.parse(|cursor| {
    ///         let header = cursor.take(1)?;
    ///         cursor.take(usize::from(header[0]))
    ///     })
    /// };
    /// assert_eq!(frame().unwrap(), "abc");
    /// assert!(matches!(frame(), Err(BufferError::SplitOutOfBounds { available: 2, .. })));
    /// assert_eq!(buffer.peek(), b"\x05de");
    /// ```
    pub fn parse<T, E>(&mut self, parser: impl FnOnce(&mut ParseCursor<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut cursor = ParseCursor { buffer: self, at: 0, taken: Vec::new(), taken_len: 0, kept: 0 };
        let value = parser(&mut cursor)?;
        cursor.checkpoint();
        cursor.buffer.wary = false;
        Ok(value)
    }
}

/// Bytes that a cursor has consumed and that are no longer in the block.
enum Piece {
    /// Put back by copying.
    Plain(Bytes),
    /// Put back as it is, if its frame was dropped.
    Wary(Arc<Detached>),
}

struct Detached(BytesMut);

/// The owner of the frame that was taken from a piece.
struct Owner(Arc<Detached>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0.0
    }
}

impl Piece {
    /// The piece, to be put back as it is.
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

/// A parser's place in the unconsumed bytes of a [`HandoffBuffer`]; see [`HandoffBuffer::parse`].
pub struct ParseCursor<'a> {
    buffer: &'a mut HandoffBuffer,
    /// Consumed bytes that are still in the buffer's block.
    at: usize,
    /// Consumed bytes that are no longer in it, to be put back unless the parser succeeds.
    taken: Vec<Piece>,
    taken_len: usize,
    /// Bytes consumed before the last checkpoint.
    kept: usize,
}

impl ParseCursor<'_> {
    /// The bytes not yet consumed.
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

    /// How many bytes were consumed so far.
    pub fn consumed(&self) -> usize {
        self.kept + self.taken_len + self.at
    }

    /// Commits what was consumed so far: it stays consumed, even if the parser fails later.
    ///
    /// So a parser that runs out of input in the middle of a long message need not start over. What
    /// it has found until then has to be kept outside of it.
    ///
    /// # Examples
    ///
    /// Numbers that end with a comma each, the last one with a full stop:
    ///
    /// ```
    /// # use futures_handoff::HandoffBuffer;
    /// # futures_executor::block_on(async {
    /// let mut reader = futures_util::io::AllowStdIo::new(&b"1,22,333,4444."[..]);
    /// # let mut reader = futures_test::io::AsyncReadTestExt::limited(reader, 5);
    /// let mut buffer = HandoffBuffer::new(64);
    /// let mut numbers = Vec::new();
    /// loop {
    ///     let whole = buffer.parse(|cursor| {
    ///         let mut last = false;
    ///         while !last {
    ///             let digits = |byte: &u8| byte.is_ascii_digit();
    ///             let end = cursor.remaining().iter().position(|byte| !digits(byte)).ok_or("incomplete")?;
    ///             numbers.push(cursor.take(end).unwrap());
    ///             last = cursor.take(1).unwrap() == ".";
    ///             cursor.checkpoint();
    ///         }
    ///         Ok::<_, &str>(())
    ///     });
    ///     if whole.is_ok() || buffer.read_available(&mut reader).await.unwrap() == 0 {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(numbers, ["1", "22", "333", "4444"]);
    /// # });
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
    /// If fewer remain. Then nothing is consumed.
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
    /// The same memory bounds hold as for [`HandoffBuffer::split_prefix`]. If the parser fails, the
    /// bytes are put back, and a frame it kept all the same stays valid.
    ///
    /// # Errors
    ///
    /// If fewer remain. Then nothing is consumed.
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
    /// Shares its memory of past searches with [`HandoffBuffer::find`]: a parser that failed for
    /// want of bytes and searches for the same needle at the same place again resumes where it
    /// stopped.
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
    /// Undoes what was not committed.
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
