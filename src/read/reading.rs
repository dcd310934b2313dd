//! What reads answer, and their futures.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_io::AsyncRead;

use super::{buffer::HandoffBuffer, error::ReadError};
use crate::error::POLLED_AFTER_COMPLETION;

/// What [`HandoffBuffer::read_ready`] did.
#[derive(Debug)]
#[must_use = "only this tells whether the stream has ended or failed"]
pub struct Filled {
    /// How many bytes it read into the buffer, whatever came after them. It is 0 only at the end of
    /// the stream, and with a limit of 0.
    pub n: usize,
    /// Why it stopped.
    pub then: Then,
}

/// Why [`HandoffBuffer::read_ready`] stopped.
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
    /// message is too long for the buffer, and the next read fails with [`ReadError::Full`].
    Full,
    /// The `n > 0` bytes were followed by an error.
    Error(ReadError),
}

/// The future of [`HandoffBuffer::read_available`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct ReadAvailable<'a, R: ?Sized> {
    buffer: &'a mut HandoffBuffer,
    reader: &'a mut R,
    done: bool,
}

impl<'a, R: ?Sized> ReadAvailable<'a, R> {
    pub(super) fn new(buffer: &'a mut HandoffBuffer, reader: &'a mut R) -> Self {
        Self { buffer, reader, done: false }
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadAvailable<'_, R> {
    type Output = Result<usize, ReadError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { buffer, reader, done } = &mut *self;
        assert!(!*done, "{POLLED_AFTER_COMPLETION}");
        let read = ready!(buffer.poll_read_available(cx, Pin::new(&mut **reader)));
        *done = true;
        Poll::Ready(read)
    }
}

impl<R: ?Sized> fmt::Debug for ReadAvailable<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadAvailable").field("buffer", &self.buffer).finish_non_exhaustive()
    }
}

/// The future of [`HandoffBuffer::read_ready`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct ReadReady<'a, R: ?Sized> {
    buffer: &'a mut HandoffBuffer,
    reader: &'a mut R,
    limit: usize,
    done: bool,
}

impl<'a, R: ?Sized> ReadReady<'a, R> {
    pub(super) fn new(buffer: &'a mut HandoffBuffer, reader: &'a mut R, limit: usize) -> Self {
        Self { buffer, reader, limit, done: false }
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadReady<'_, R> {
    type Output = Result<Filled, ReadError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { buffer, reader, limit, done } = &mut *self;
        assert!(!*done, "{POLLED_AFTER_COMPLETION}");
        let filled = ready!(buffer.poll_read_ready(cx, Pin::new(&mut **reader), *limit));
        *done = true;
        Poll::Ready(filled)
    }
}

impl<R: ?Sized> fmt::Debug for ReadReady<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadReady")
            .field("buffer", &self.buffer)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
