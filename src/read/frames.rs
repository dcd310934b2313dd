//! Reading frame by frame.

use std::{
    fmt,
    future::Future,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use futures_io::AsyncRead;

use super::{
    buffer::HandoffBuffer, error::FrameError, fill::POLLS, finders::FrameFinder, progress::Progress, reading,
    skip,
};

impl HandoffBuffer {
    /// Waits for the next whole frame and takes it out.
    ///
    /// Reads no more than it must to complete one frame, in reads of the usual size: what arrives
    /// behind it stays in the buffer for the next call. The output is `None` if the stream ended
    /// with the buffer empty.
    ///
    /// A loop over frames that are always there lets other tasks run: after at most 512 frames
    /// (fewer if they are large) the future returns `Pending` once, has woken its task, and has
    /// consumed nothing.
    ///
    /// # Errors
    ///
    /// If the reader fails, if the stream ends inside a frame, if a frame does not fit in the
    /// buffer or is longer than its finder allows, or if the finder rejects the bytes or
    /// contradicts itself. The bytes stay in the buffer in each case. A frame that is too long can
    /// be left behind with [`skip_frame`](Self::skip_frame).
    ///
    /// # Panics
    ///
    /// If the future is polled after it has completed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no bytes. Unless the finder has a [needle](FrameFinder::needle),
    /// the next call shows it the frame from its start again, with `searched` 0. So where another
    /// branch of a `select!` drops the future again and again, a finder that goes through the bytes
    /// looks at a long frame from its start each time. Keep the future, or a [`Frames`] stream,
    /// over the loop then: these show it each byte as new once.
    ///
    /// # Complexity
    ///
    /// While a frame arrives, its bytes are moved a few times at most, however it arrives and
    /// whether or not its length is known.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{Delimiter, HandoffBuffer};
    ///
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"one\ntwo\n";
    /// let mut buffer = HandoffBuffer::new(64);
    /// let mut lines = Delimiter::new(b"\n");
    /// while let Some(line) = buffer.next_frame(&mut reader, &mut lines).await.unwrap() {
    ///     assert_eq!(line.len(), 4);
    /// }
    /// # });
    /// ```
    pub fn next_frame<R, F>(
        &mut self,
        reader: &mut R,
        finder: &mut F,
    ) -> impl Future<Output = Result<Option<Bytes>, FrameError>>
    where
        R: AsyncRead + Unpin + ?Sized,
        F: FrameFinder + ?Sized,
    {
        let mut progress = Progress::default();
        reading::once(move |cx| progress.poll(cx, self, reader, finder))
    }

    /// The frames of a reader, as a stream.
    ///
    /// It borrows the buffer and the reader, so the protocol may change after any frame: drop the
    /// stream and go on with both. It ends with the input, and after the first error;
    /// [`Frames::skip_frame`] makes it go on behind a frame that is too long. It lets other tasks
    /// run as [`next_frame`](Self::next_frame) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{Delimiter, HandoffBuffer};
    /// use futures_util::StreamExt;
    ///
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"HELLO\nTUNNEL\n\x01\x02";
    /// let mut buffer = HandoffBuffer::new(64);
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

/// Takes a frame of `n` bytes out, and returns the `payload` of it.
#[inline(never)]
fn take_part(buffer: &mut HandoffBuffer, payload: Range<usize>, n: usize) -> Result<Bytes, FrameError> {
    let Range { start, end } = payload;
    if start > end || end > n {
        return Err(FrameError::InvalidFinder { reported: end, buffered: n });
    }
    if start == end {
        buffer.consume(n);
        return Ok(Bytes::new());
    }
    let mut frame = buffer.split_front(n);
    frame.truncate(end);
    frame.advance(start);
    Ok(frame)
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
        ready!(buffer.budget.poll(cx));
        let limit = buffer.config().max_len().min(finder.max_frame_len());
        if buffer.skip.is_some() {
            // A future that was discarding a frame was dropped before the end of it.
            ready!(skip::poll(cx, buffer, reader, finder, &mut Self::default(), &mut 0))?;
        }
        for reads in 0..POLLS {
            // A read has paid for the frame that it brought.
            let paid = reads > 0;
            match self.look(buffer, finder) {
                Ok(Some(n)) if n <= limit => {
                    if !paid {
                        buffer.budget.spend(n);
                    }
                    *self = Self::default();
                    let payload = finder.payload(n);
                    if payload == (0..n) {
                        return Poll::Ready(Ok(Some(buffer.split_front(n))));
                    }
                    return Poll::Ready(take_part(buffer, payload, n).map(Some));
                }
                Ok(None) if self.need <= limit => {}
                refused => {
                    if !paid {
                        buffer.budget.spend(0);
                    }
                    let too_long = |frame: Option<usize>| {
                        Err(FrameError::TooLong { needed: frame.unwrap_or(self.need), limit })
                    };
                    return Poll::Ready(refused.and_then(too_long));
                }
            }
            if ready!(buffer.poll_read_toward(cx, Pin::new(reader), self.goal))? == 0 {
                let buffered = buffer.len();
                let end = if buffered == 0 { Ok(None) } else { Err(FrameError::Truncated { buffered }) };
                return Poll::Ready(end);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
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

impl<R: ?Sized, F> Frames<'_, R, F> {
    /// Discards the frame at the front of the buffer and lets the stream go on behind it, also
    /// after an error.
    ///
    /// As [`HandoffBuffer::skip_frame`], with the reader and the finder of the stream. The finder
    /// is shown the next frame from its start.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there: once the future was polled, the stream goes on with discarding the frame.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{Delimiter, FrameError, HandoffBuffer};
    /// use futures_util::StreamExt;
    ///
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"first\na line that is too long\nlast\n";
    /// let mut buffer = HandoffBuffer::new(8);
    /// let mut lines = buffer.frames(&mut reader, Delimiter::new(b"\n"));
    /// let mut short = Vec::new();
    /// while let Some(line) = lines.next().await {
    ///     match line {
    ///         Ok(line) => short.push(line),
    ///         Err(FrameError::TooLong { .. }) => assert_eq!(lines.skip_frame().await.unwrap(), 24),
    ///         Err(error) => panic!("{error}"),
    ///     }
    /// }
    /// assert_eq!(short, ["first\n", "last\n"]);
    /// # });
    /// ```
    pub fn skip_frame(&mut self) -> impl Future<Output = Result<u64, FrameError>>
    where
        R: AsyncRead + Unpin,
        F: FrameFinder,
    {
        self.progress = Progress::default();
        self.done = false;
        self.buffer.skip_frame(self.reader, &mut self.finder)
    }
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
