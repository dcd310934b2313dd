//! Reading frame by frame.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use futures_io::AsyncRead;

use super::{
    buffer::HandoffBuffer,
    error::FrameError,
    fill::POLLS,
    finders::{Found, FrameFinder},
};

impl HandoffBuffer {
    /// Waits for the next whole frame and takes it out.
    ///
    /// Reads no more than it must to complete one frame, in reads of the usual size: what arrives behind it
    /// stays in the buffer for the next call. The output is `None` if the stream ended with the buffer empty.
    ///
    /// # Errors
    ///
    /// If the reader fails, if the stream ends inside a frame, if a frame does not fit in the buffer, or if the
    /// finder contradicts itself. The bytes stay in the buffer in each case.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no bytes. Unless the finder has a [needle](FrameFinder::needle), the next
    /// call shows it the frame from its start again, with `searched` 0; a [`Frames`] stream that is kept does
    /// not have to.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{Delimiter, HandoffBuffer};
    ///
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"one\ntwo\n";
    /// let mut buffer = HandoffBuffer::new(64).unwrap();
    /// let mut lines = Delimiter::new(b"\n");
    /// while let Some(line) = buffer.next_frame(&mut reader, &mut lines).await.unwrap() {
    ///     assert_eq!(line.len(), 4);
    /// }
    /// # });
    /// ```
    pub fn next_frame<'a, R, F>(&'a mut self, reader: &'a mut R, finder: &'a mut F) -> NextFrame<'a, R, F>
    where
        R: AsyncRead + Unpin + ?Sized,
        F: FrameFinder + ?Sized,
    {
        NextFrame { buffer: self, reader, finder, progress: Progress::default() }
    }

    /// The frames of a reader, as a stream.
    ///
    /// It borrows the buffer and the reader, so the protocol may change after any frame: drop the stream and
    /// go on with both. It ends with the input, and after the first error.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{Delimiter, HandoffBuffer};
    /// use futures_util::StreamExt;
    ///
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"HELLO\nTUNNEL\n\x01\x02";
    /// let mut buffer = HandoffBuffer::new(64).unwrap();
    /// let mut lines = buffer.frames(&mut reader, Delimiter::new(b"\n"));
    /// while let Some(line) = lines.next().await {
    ///     if line.unwrap() == "TUNNEL\n" {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(buffer.peek(), b"\x01\x02");
    /// # });
    /// ```
    pub fn frames<'a, R, F>(&'a mut self, reader: &'a mut R, finder: F) -> Frames<'a, R, F>
    where
        R: AsyncRead + Unpin + ?Sized,
        F: FrameFinder,
    {
        Frames { buffer: self, reader, finder, progress: Progress::default(), done: false }
    }
}

/// How far the search for one frame has come.
#[derive(Debug, Default)]
struct Progress {
    /// Bytes the finder has seen.
    searched: usize,
    /// Bytes that have to be buffered before it is asked again.
    need: usize,
}

impl Progress {
    fn poll<R, F>(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut HandoffBuffer,
        reader: &mut R,
        finder: &mut F,
    ) -> Poll<Result<Option<Bytes>, FrameError>>
    where
        R: AsyncRead + Unpin + ?Sized,
        F: FrameFinder + ?Sized,
    {
        let limit = buffer.config().max_len();
        for _ in 0..POLLS {
            if let Some(n) = self.look(buffer, finder)? {
                *self = Self::default();
                return Poll::Ready(Ok(Some(buffer.split_front(n))));
            }
            if self.need > limit {
                return Poll::Ready(Err(FrameError::TooLong { needed: self.need, limit }));
            }
            if ready!(buffer.poll_read_toward(cx, Pin::new(reader), self.need))? == 0 {
                let buffered = buffer.len();
                let end = if buffered == 0 { Ok(None) } else { Err(FrameError::Truncated { buffered }) };
                return Poll::Ready(end);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The length of the frame at the front of the buffer, if it is all there.
    fn look<F>(&mut self, buffer: &mut HandoffBuffer, finder: &mut F) -> Result<Option<usize>, FrameError>
    where
        F: FrameFinder + ?Sized,
    {
        let buffered = buffer.len();
        if buffered == 0 || buffered < self.need {
            return Ok(None);
        }
        let found = match finder.needle() {
            Some([]) => Found::Frame(0),
            Some(needle) => match buffer.find(needle) {
                Some(at) => Found::Frame(at + needle.len()),
                None => Found::Need(0),
            },
            None => finder.find_frame(buffer.peek(), self.searched),
        };
        match found {
            Found::Frame(n) if n == 0 || n > buffered => {
                Err(FrameError::InvalidFinder { reported: n, buffered })
            }
            Found::Frame(n) => Ok(Some(n)),
            Found::Need(n) => {
                self.searched = buffered;
                self.need = n.max(buffered + 1);
                Ok(None)
            }
        }
    }
}

/// The future of [`HandoffBuffer::next_frame`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct NextFrame<'a, R: ?Sized, F: ?Sized> {
    buffer: &'a mut HandoffBuffer,
    reader: &'a mut R,
    finder: &'a mut F,
    progress: Progress,
}

impl<R, F> Future for NextFrame<'_, R, F>
where
    R: AsyncRead + Unpin + ?Sized,
    F: FrameFinder + ?Sized,
{
    type Output = Result<Option<Bytes>, FrameError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { buffer, reader, finder, progress } = &mut *self;
        progress.poll(cx, buffer, *reader, *finder)
    }
}

impl<R: ?Sized, F: ?Sized> fmt::Debug for NextFrame<'_, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextFrame")
            .field("buffer", &self.buffer)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

/// The stream of [`HandoffBuffer::frames`].
#[must_use = "streams do nothing unless polled"]
pub struct Frames<'a, R: ?Sized, F> {
    buffer: &'a mut HandoffBuffer,
    reader: &'a mut R,
    finder: F,
    progress: Progress,
    done: bool,
}

// The finder is never pinned.
impl<R: ?Sized, F> Unpin for Frames<'_, R, F> {}

impl<R, F> Stream for Frames<'_, R, F>
where
    R: AsyncRead + Unpin + ?Sized,
    F: FrameFinder,
{
    type Item = Result<Bytes, FrameError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { buffer, reader, finder, progress, done } = &mut *self;
        if *done {
            return Poll::Ready(None);
        }
        let frame = ready!(progress.poll(cx, buffer, *reader, finder)).transpose();
        *done = !matches!(frame, Some(Ok(_)));
        Poll::Ready(frame)
    }
}

impl<R: ?Sized, F> fmt::Debug for Frames<'_, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames")
            .field("buffer", &self.buffer)
            .field("progress", &self.progress)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}
