//! What reads answer, and their futures.

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

/// What [`HandoffBuffer::read_ready`](crate::HandoffBuffer::read_ready) did.
#[derive(Debug)]
#[must_use = "only this tells whether the stream has ended or failed"]
pub struct Filled {
    /// How many bytes it read into the buffer, whatever came after them. It is 0 only at the end of
    /// the stream, and with a limit of 0.
    pub n: usize,
    /// Why it stopped.
    pub then: Then,
}

/// Why [`HandoffBuffer::read_ready`](crate::HandoffBuffer::read_ready) stopped.
///
/// It tells what happened then, and is not remembered: the next read asks the reader again. A
/// `match` has to name each, so that none is passed over: a loop that reads on although the buffer
/// is full, or the stream has failed, would do nothing for ever.
#[derive(Debug)]
pub enum Then {
    /// The reader has no more just now, or was not asked again because that did not pay lately.
    Pending,
    /// The limit in bytes, one of 256 polls, what may be done before [others
    /// run](crate::HandoffBufferConfig::with_cooperative), or the end of a block that is worth
    /// handing off was reached. There may be more.
    Limit,
    /// The stream has ended.
    End,
    /// The buffer is full now: once something is consumed, there is room again. If nothing is, the
    /// message is too long for the buffer, and the next read fails with
    /// [`BufferError::LimitExceeded`].
    Full,
    /// The `n > 0` bytes were followed by an error.
    Error(BufferError),
}
