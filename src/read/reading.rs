//! The results of reads, and their futures.

use std::{
    future::{Future, poll_fn},
    task::{Context, Poll, ready},
};

use super::error::BufferError;
use crate::error::POLLED_AFTER_COMPLETION;

/// A future that panics if it is polled after it has completed.
#[inline]
pub(super) fn once<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> impl Future<Output = T> {
    let mut done = false;
    poll_fn(move |cx| {
        assert!(!done, "{POLLED_AFTER_COMPLETION}");
        let output = ready!(poll(cx));
        done = true;
        Poll::Ready(output)
    })
}

/// What [`HandoffBuffer::read_ready`](crate::HandoffBuffer::read_ready) read, and why it stopped.
///
/// # Examples
///
/// A loop that counts the bytes first, and then handles what came after them:
///
/// ```
/// use futures_handoff::{HandoffBuffer, Then};
///
/// # futures_executor::block_on(async {
/// let mut reader: &[u8] = b"hello world";
/// let mut buffer = HandoffBuffer::new(8);
/// let mut total = 0;
/// loop {
///     let filled = buffer.read_ready(&mut reader, usize::MAX).await?;
///     total += filled.n;
///     buffer.advance(filled.n)?;
///     match filled.then {
///         Then::Pending | Then::Limit | Then::Full => {}
///         Then::End => break,
///         Then::Error(error) => return Err(error),
///     }
/// }
/// assert_eq!(total, 11);
/// # Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "only this tells whether the stream has ended or failed"]
pub struct Filled {
    /// The number of bytes read into the buffer. It is 0 only at the end of the stream or with a
    /// limit of 0.
    pub n: usize,
    /// Why the read stopped.
    pub then: Then,
}

/// Why [`HandoffBuffer::read_ready`](crate::HandoffBuffer::read_ready) stopped.
///
/// The buffer does not store it: the next read polls the reader again. The enum is exhaustive, so
/// that a `match` handles each reason. A loop that reads on although the buffer is full or the
/// stream has failed would never get further. [`Filled`] shows such a `match`.
///
/// # Examples
///
/// ```
/// use futures_handoff::{BufferError, HandoffBuffer, Then};
///
/// # futures_executor::block_on(async {
/// let mut reader: &[u8] = b"a message that is too long";
/// let mut buffer = HandoffBuffer::new(8);
/// let filled = buffer.read_ready(&mut reader, usize::MAX).await?;
/// assert_eq!(filled.n, 8);
/// assert!(matches!(filled.then, Then::Full));
///
/// // Nothing was consumed, so the next read has no room.
/// let full = buffer.read_ready(&mut reader, usize::MAX).await;
/// assert!(matches!(full, Err(BufferError::LimitExceeded { limit: 8, .. })));
/// # Ok::<_, BufferError>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub enum Then {
    /// The reader has no more data now, or was not polled again because that did not pay lately.
    Pending,
    /// The read reached its limit in bytes, 256 polls of the reader, the point where it [yields to
    /// other tasks](crate::HandoffBufferConfig::with_cooperative), or the end of a well-filled
    /// block. There may be more data.
    Limit,
    /// The stream has ended.
    End,
    /// The buffer is full. Consume some bytes before the next read, which otherwise fails with
    /// [`BufferError::LimitExceeded`]. If there is no whole message to consume, the message is too
    /// long for the buffer.
    Full,
    /// The reader failed after `n > 0` bytes, or there was no memory for more.
    Error(BufferError),
}
