//! One direction alone.

use std::{fmt, future::poll_fn, pin::Pin};

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};

use super::{
    BUDGET,
    direction::Direction,
    report::{End, Transfer},
};

/// One direction of a [`Tunnel`](super::Tunnel): copies the bytes of a reader to a writer, and
/// closes the writer at the end.
///
/// # Examples
///
/// ```
/// use futures_handoff::{
///     bytes::Bytes,
///     tunnel::{End, Forward},
/// };
///
/// # futures_executor::block_on(async {
/// let header = Bytes::from("a header");
/// let mut forward = Forward::new(&b" and the rest"[..], Vec::new())
///     .with_budget(64 * 1024)
///     .with_first(header);
/// let transfer = forward.run().await;
/// assert!(matches!(transfer.end, End::Closed));
/// assert_eq!(transfer.bytes, 21);
/// let (_, written, unwritten) = forward.into_parts();
/// assert_eq!(written, b"a header and the rest");
/// assert!(unwritten.is_empty());
/// # });
/// ```
pub struct Forward<R, W> {
    reader: R,
    writer: W,
    direction: Direction,
    ended: bool,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Forward<R, W> {
    /// A direction from `reader` to `writer`. Bytes move only while it [runs](Self::run).
    pub fn new(reader: R, writer: W) -> Self {
        Self { reader, writer, direction: Direction::new(BUDGET), ended: false }
    }

    /// Sets the most bytes that the direction holds, as
    /// [`Tunnel::with_budget`](super::Tunnel::with_budget) does.
    ///
    /// # Panics
    ///
    /// If `bytes` is 0.
    #[must_use = "returns the changed value"]
    #[track_caller]
    pub fn with_budget(mut self, bytes: usize) -> Self {
        self.direction.set_budget(bytes);
        self
    }

    /// Adds bytes to write before everything that will be read.
    #[must_use = "returns the changed value"]
    pub fn with_first(mut self, bytes: Bytes) -> Self {
        self.direction.give(bytes);
        self
    }

    /// Copies bytes until the reader ends, or until the reader or the writer fails.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing that was read, and a later call continues.
    ///
    /// # Panics
    ///
    /// If the direction has already ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::tunnel::{End, Forward};
    /// use futures_util::io::Cursor;
    ///
    /// # futures_executor::block_on(async {
    /// let mut room = [0; 4];
    /// let mut forward = Forward::new(&b"hello"[..], Cursor::new(&mut room[..]));
    /// let transfer = forward.run().await;
    /// assert_eq!(transfer.bytes, 4);
    /// assert!(matches!(transfer.end, End::Write(error) if error.kind() == std::io::ErrorKind::WriteZero));
    ///
    /// let (_, _, unwritten) = forward.into_parts();
    /// assert_eq!(unwritten, "o");
    /// # });
    /// ```
    pub async fn run(&mut self) -> Transfer {
        let Self { reader, writer, direction, ended } = self;
        assert!(!*ended, "the direction has already ended");
        let end: End = poll_fn(|cx| direction.poll(cx, Pin::new(reader), Pin::new(writer))).await;
        *ended = true;
        Transfer { bytes: direction.written(), end }
    }

    /// Returns the reader, the writer, and the bytes that were read and not written, including
    /// those that a failed writer has not taken. See [`run`](Self::run) for an example.
    pub fn into_parts(self) -> (R, W, Bytes) {
        (self.reader, self.writer, self.direction.into_unwritten())
    }
}

impl<R, W> fmt::Debug for Forward<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward").field("bytes", &self.direction.written()).finish_non_exhaustive()
    }
}
