//! Parsing that consumes all or nothing.

use std::{fmt, mem};

use bytes::Bytes;

use super::{buffer::HandoffBuffer, error::SplitError};

impl HandoffBuffer {
    /// Runs a parser over the unconsumed bytes and commits what its cursor consumed only if it succeeds.
    ///
    /// If the parser fails or panics, nothing is consumed, whatever it took.
    ///
    /// # Errors
    ///
    /// What the parser returns.
    ///
    /// # Complexity
    ///
    /// A commit costs nothing. If a frame that shares the block was [taken](ParseCursor::take), undoing it
    /// copies the bytes into a new block; otherwise it costs nothing either. So look whether a message is
    /// complete before taking large frames from it.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{HandoffBuffer, HandoffBufferConfig, SplitError, bytes::BytesMut};
    ///
    /// let config = HandoffBufferConfig::new(64).unwrap();
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("\x03abc\x05de"), config).unwrap();
    /// let mut frame = || {
    ///     buffer.parse(|cursor| {
    ///         let header = cursor.take(1)?;
    ///         cursor.take(usize::from(header[0]))
    ///     })
    /// };
    /// assert_eq!(frame().unwrap(), "abc");
    /// assert_eq!(frame().unwrap_err().available, 2);
    /// assert_eq!(buffer.peek(), b"\x05de");
    /// ```
    pub fn parse<T, E>(&mut self, parser: impl FnOnce(&mut ParseCursor<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut cursor = ParseCursor { buffer: self, at: 0, taken: Vec::new(), taken_len: 0 };
        let value = parser(&mut cursor)?;
        cursor.commit();
        Ok(value)
    }
}

/// A parser's place in the unconsumed bytes of a [`HandoffBuffer`]; see [`HandoffBuffer::parse`].
pub struct ParseCursor<'a> {
    buffer: &'a mut HandoffBuffer,
    /// Consumed bytes that are still in the buffer's block.
    at: usize,
    /// Consumed bytes that are no longer in it, to be put back unless the parser succeeds.
    taken: Vec<Bytes>,
    taken_len: usize,
}

impl ParseCursor<'_> {
    /// The bytes not yet consumed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, SplitError, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64).unwrap();
    /// # let mut buffer = HandoffBuffer::from_tail(BytesMut::from("hello"), config).unwrap();
    /// let parsed = buffer.parse(|cursor| {
    ///     cursor.advance(2)?;
    ///     assert_eq!(cursor.remaining(), b"llo");
    ///     Ok::<_, SplitError>(())
    /// });
    /// assert!(parsed.is_ok());
    /// assert_eq!(buffer.peek(), b"llo");
    /// ```
    pub fn remaining(&self) -> &[u8] {
        &self.buffer.storage.unread()[self.at..]
    }

    /// How many bytes were consumed so far.
    pub fn consumed(&self) -> usize {
        self.taken_len + self.at
    }

    /// How many bytes are not yet consumed.
    pub fn len(&self) -> usize {
        self.buffer.len() - self.at
    }

    /// Whether all bytes are consumed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, SplitError, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64).unwrap();
    /// # let mut buffer = HandoffBuffer::from_tail(BytesMut::from("hello"), config).unwrap();
    /// let result = buffer.parse(|cursor| {
    ///     cursor.advance(4)?;
    ///     cursor.advance(2)
    /// });
    /// assert_eq!(result.unwrap_err().available, 1);
    /// assert_eq!(buffer.peek(), b"hello");
    /// ```
    pub fn advance(&mut self, n: usize) -> Result<(), SplitError> {
        self.check(n)?;
        self.at += n;
        Ok(())
    }

    /// Consumes all that remains.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, SplitError, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64).unwrap();
    /// # let mut buffer = HandoffBuffer::from_tail(BytesMut::from("hello"), config).unwrap();
    /// buffer.parse(|cursor| Ok::<_, SplitError>(cursor.advance_all())).unwrap();
    /// assert!(buffer.is_empty());
    /// ```
    pub fn advance_all(&mut self) {
        self.at = self.buffer.len();
    }

    /// Consumes `n` bytes and returns them, owned.
    ///
    /// The same memory bounds hold as for [`HandoffBuffer::split_prefix`]. If the parser fails, the bytes are
    /// put back, and a frame it kept all the same stays valid.
    ///
    /// # Errors
    ///
    /// If fewer remain. Then nothing is consumed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, SplitError, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64).unwrap();
    /// # let mut buffer = HandoffBuffer::from_tail(BytesMut::from("keyvalue"), config).unwrap();
    /// let (key, value) = buffer
    ///     .parse(|cursor| Ok::<_, SplitError>((cursor.take(3)?, cursor.take(5)?)))
    ///     .unwrap();
    /// assert_eq!((&key[..], &value[..]), (&b"key"[..], &b"value"[..]));
    /// ```
    pub fn take(&mut self, n: usize) -> Result<Bytes, SplitError> {
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
        let front = storage.detach_frozen(skipped + n);
        let bytes = front.slice(skipped..);
        self.taken_len += front.len();
        self.taken.push(front);
        Ok(bytes)
    }

    /// The offset in [`remaining`](Self::remaining) of the first `needle`, or `None`.
    ///
    /// Shares its memory of past searches with [`HandoffBuffer::find`]: a parser that failed for want of bytes
    /// and searches for the same needle at the same place again resumes where it stopped.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64).unwrap();
    /// # let mut buffer = HandoffBuffer::from_tail(BytesMut::from("a b c"), config).unwrap();
    /// let words = buffer.parse(|cursor| {
    ///     let mut words = Vec::new();
    ///     while let Some(end) = cursor.find(b" ") {
    ///         words.push(cursor.take(end)?);
    ///         cursor.advance(1)?;
    ///     }
    ///     Ok::<_, futures_handoff::SplitError>(words)
    /// });
    /// assert_eq!(words.unwrap(), ["a", "b"]);
    /// assert_eq!(buffer.peek(), b"c");
    /// ```
    pub fn find(&mut self, needle: &[u8]) -> Option<usize> {
        let from = self.consumed();
        let unread = self.buffer.storage.unread();
        let found = self.buffer.search.find(unread, self.taken_len, from, needle)?;
        Some(found - from)
    }

    fn check(&self, n: usize) -> Result<(), SplitError> {
        let available = self.len();
        if n > available { Err(SplitError { requested: n, available }) } else { Ok(()) }
    }

    fn commit(mut self) {
        self.taken.clear();
        self.buffer.search.consume(self.consumed());
        self.buffer.storage.consume(self.at);
    }
}

impl Drop for ParseCursor<'_> {
    /// Undoes what was not committed.
    fn drop(&mut self) {
        if !self.taken.is_empty() {
            self.buffer.storage.put_back(&self.taken);
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
