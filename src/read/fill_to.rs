//! Waiting until a number of bytes is buffered.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_io::AsyncRead;

use super::{buffer::HandoffBuffer, error::BufferError, fill::POLLS, reading};

impl HandoffBuffer {
    /// Waits until at least `n` bytes are buffered.
    ///
    /// Returns `true` if they are, and `false` if the stream ended before; what it sent is
    /// buffered. If `n` bytes are buffered already, the reader is not polled. Reads have the usual
    /// size, so more than `n` bytes may be buffered in the end.
    ///
    /// If the reader is always ready, the future yields from time to time; see
    /// [`with_cooperative`](crate::HandoffBufferConfig::with_cooperative).
    ///
    /// # Errors
    ///
    /// [`BufferError::LimitExceeded`] if `n` is above `max_len`, without polling the reader.
    /// Otherwise those of [`read_available`](Self::read_available).
    ///
    /// # Panics
    ///
    /// If the future is polled after it has completed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: bytes that have arrived are buffered.
    ///
    /// # Complexity
    ///
    /// Each byte moves a few times at most. The block and the reads grow with the bytes that have
    /// arrived, not with `n`. So a peer that announces much and sends little costs little.
    ///
    /// # Examples
    ///
    /// The greeting of SOCKS 5 has a version, a number of methods, and the methods:
    ///
    /// ```
    /// use futures_handoff::HandoffBuffer;
    ///
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"\x05\x01\x00rest";
    /// let mut buffer = HandoffBuffer::new(64);
    /// assert!(buffer.fill_to(&mut reader, 2).await?);
    /// let methods = usize::from(buffer.peek()[1]);
    /// assert!(buffer.fill_to(&mut reader, 2 + methods).await?);
    /// assert_eq!(buffer.split_prefix(2 + methods)?, "\x05\x01\x00");
    ///
    /// assert!(!buffer.fill_to(&mut reader, 5).await?, "the stream ends after 4 bytes");
    /// assert_eq!(buffer.peek(), b"rest");
    /// # Ok::<_, futures_handoff::BufferError>(())
    /// # }).unwrap();
    /// ```
    pub fn fill_to<R>(&mut self, reader: &mut R, n: usize) -> impl Future<Output = Result<bool, BufferError>>
    where
        R: AsyncRead + Unpin + ?Sized,
    {
        reading::once(move |cx| self.poll_fill_to(cx, reader, n))
    }

    fn poll_fill_to<R>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        n: usize,
    ) -> Poll<Result<bool, BufferError>>
    where
        R: AsyncRead + Unpin + ?Sized,
    {
        ready!(self.budget.poll(cx));
        let limit = self.config().max_len();
        if n > limit || self.len() >= n {
            self.budget.spend(0);
            let fits =
                if n > limit { Err(BufferError::LimitExceeded { attempted: n, limit }) } else { Ok(true) };
            return Poll::Ready(fits);
        }
        for _ in 0..POLLS {
            // The buffered bytes move to a block of `n` bytes only if enough bytes are still to
            // come to pay for the move.
            let goal = if n - self.len() > self.len() / 4 { n } else { 0 };
            if ready!(self.poll_read_toward(cx, Pin::new(&mut *reader), goal))? == 0 {
                return Poll::Ready(Ok(false));
            }
            if self.len() >= n {
                return Poll::Ready(Ok(true));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
