//! One direction by itself.

use std::{fmt, future::poll_fn, pin::Pin};

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};

use super::{
    BUDGET,
    direction::Direction,
    report::{End, Transfer},
};

/// One direction of a [`Tunnel`](super::Tunnel): what a reader gives, written to a writer, which is
/// closed at the end.
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
/// let mut forward = Forward::new(&b" and the rest"[..], Vec::new()).with_first(Bytes::from("a header"));
/// let transfer = forward.run().await;
/// assert!(matches!(transfer.end, End::Closed));
/// let (_, written, _) = forward.into_parts();
/// assert_eq!(written, b"a header and the rest");
/// # });
/// ```
pub struct Forward<R, W> {
    reader: R,
    writer: W,
    direction: Direction,
    ended: bool,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Forward<R, W> {
    /// What `reader` gives goes to `writer`. Nothing moves before it [runs](Self::run).
    pub fn new(reader: R, writer: W) -> Self {
        Self { reader, writer, direction: Direction::new(BUDGET), ended: false }
    }

    /// Sets how many bytes are held at most, as [`Tunnel::with_budget`](super::Tunnel::with_budget)
    /// does.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[must_use = "returns the changed value"]
    #[track_caller]
    pub fn with_budget(mut self, bytes: usize) -> Self {
        self.direction.set_budget(bytes);
        self
    }

    /// Gives bytes that go before all that is read from now on.
    #[must_use = "returns the changed value"]
    pub fn with_first(mut self, bytes: Bytes) -> Self {
        self.direction.give(bytes);
        self
    }

    /// Carries bytes until the reader ends, or one of the two fails.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing that was read is lost, and a later call goes on.
    ///
    /// # Panics
    ///
    /// If it has ended before.
    pub async fn run(&mut self) -> Transfer {
        let Self { reader, writer, direction, ended } = self;
        assert!(!*ended, "the direction has ended before");
        let end: End = poll_fn(|cx| direction.poll(cx, Pin::new(reader), Pin::new(writer))).await;
        *ended = true;
        Transfer { bytes: direction.written(), end }
    }

    /// The reader, the writer, and what was read and not written: also what a writer that failed
    /// has refused.
    pub fn into_parts(self) -> (R, W, Bytes) {
        (self.reader, self.writer, self.direction.into_unwritten())
    }
}

impl<R, W> fmt::Debug for Forward<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward").field("bytes", &self.direction.written()).finish_non_exhaustive()
    }
}
