//! Waiting until so many bytes are there.

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
    /// The output is whether they are: `false` means that the stream ended before, and that what it
    /// had is buffered. If they are there already, the reader is not asked. Reads are of the usual
    /// size, so more than `n` bytes may be buffered then.
    ///
    /// Now and then it yields, over a reader that always has something; see
    /// [`with_cooperative`](crate::HandoffBufferConfig::with_cooperative).
    ///
    /// # Errors
    ///
    /// [`BufferError::LimitExceeded`] at once if `n` is above `max_len`: the reader is not asked
    /// then. Otherwise those of [`read_available`](Self::read_available).
    ///
    /// # Panics
    ///
    /// The future panics if it is polled again after it was ready.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: what has arrived is buffered.
    ///
    /// # Complexity
    ///
    /// While the bytes arrive, each is moved a few times at most. Block and reads grow with what
    /// has arrived and not with `n`, so a peer that announces much and sends little costs little.
    ///
    /// # Examples
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
    /// assert!(!buffer.fill_to(&mut reader, 5).await?, "the stream ends before");
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
            // Bytes that are buffered move to a larger block at once only if those to come pay for
            // it.
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
