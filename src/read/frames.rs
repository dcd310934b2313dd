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
    /// Returns `None` if the stream ended with the buffer empty. The future polls the reader only
    /// while the frame is incomplete, in reads of the usual size. Bytes that arrive after the frame
    /// stay in the buffer for the next call.
    ///
    /// A loop over frames that are always ready yields to other tasks: after at most 512 frames
    /// (fewer if they are large), the future wakes its task and returns `Pending` once, without
    /// consuming anything.
    ///
    /// # Errors
    ///
    /// - [`FrameError::Io`] if the reader fails.
    /// - [`FrameError::Truncated`] if the stream ends inside a frame.
    /// - [`FrameError::TooLong`] if the frame does not fit in the buffer or is longer than its
    ///   finder allows. [`skip_frame`](Self::skip_frame) discards it.
    /// - [`FrameError::Rejected`] if the finder rejects the bytes, and
    ///   [`FrameError::InvalidFinder`] if it reports an impossible length.
    /// - [`FrameError::Buffer`] if the reader reports more bytes than it had room for, or memory is
    ///   short.
    ///
    /// The bytes stay in the buffer in each case.
    ///
    /// # Panics
    ///
    /// If the future is polled after it has completed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no bytes. The next call shows the frame to the finder from its
    /// start, with `searched` 0, except for a finder with a [needle](FrameFinder::needle). If
    /// another branch of a `select!` drops the future again and again, a finder that scans the
    /// bytes scans a long frame from its start each time. To avoid that, create the future or a
    /// [`Frames`] stream before the loop and keep it.
    ///
    /// # Complexity
    ///
    /// The bytes of a frame move a few times at most while it arrives, whether or not its length is
    /// known.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{Delimiter, HandoffBuffer};
    ///
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"PING\nQUIT\n";
    /// let mut buffer = HandoffBuffer::new(64);
    /// let mut lines = Delimiter::new(b"\n").without_delimiter();
    /// let mut commands = Vec::new();
    /// while let Some(line) = buffer.next_frame(&mut reader, &mut lines).await? {
    ///     commands.push(line);
    /// }
    /// assert_eq!(commands, ["PING", "QUIT"]);
    /// # Ok::<_, futures_handoff::FrameError>(())
    /// # }).unwrap();
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

    /// The frames of a reader, as a [`Stream`].
    ///
    /// The stream borrows the buffer and the reader. To change the protocol after a frame, drop the
    /// stream and continue with both. The stream ends with the input, or after the first error.
    /// [`Frames::skip_frame`] continues it after a frame that is too long. It yields to other tasks
    /// as [`next_frame`](Self::next_frame) does.
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
    ///     if line? == "TUNNEL\n" {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(buffer.peek(), b"\x01\x02");
    /// # Ok::<_, futures_handoff::FrameError>(())
    /// # }).unwrap();
    /// ```
    pub fn frames<'a, R, F>(&'a mut self, reader: &'a mut R, finder: F) -> Frames<'a, R, F>
    where
        R: AsyncRead + Unpin + ?Sized,
        F: FrameFinder,
    {
        Frames { buffer: self, reader, finder, progress: Progress::default(), done: false }
    }
}

/// Takes a frame of `n` bytes out and returns its `payload`.
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
            // A future that discarded a frame was dropped before the end of the frame.
            ready!(skip::poll(cx, buffer, reader, finder, &mut Self::default(), &mut 0))?;
        }
        for reads in 0..POLLS {
            // The read that brought the frame has already spent budget for it.
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
///
/// # Examples
///
/// The extension traits of `futures` work on it:
///
/// ```
/// use futures_handoff::{HandoffBuffer, LengthPrefix};
/// use futures_util::TryStreamExt;
///
/// # futures_executor::block_on(async {
/// let mut reader: &[u8] = b"\x00\x05hello\x00\x05world";
/// let mut buffer = HandoffBuffer::new(64 * 1024);
/// let frames = buffer.frames(&mut reader, LengthPrefix::big_endian(2).without_header());
/// let words: Vec<_> = frames.try_collect().await?;
/// assert_eq!(words, ["hello", "world"]);
/// # Ok::<_, futures_handoff::FrameError>(())
/// # }).unwrap();
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct Frames<'a, R: ?Sized, F> {
    buffer: &'a mut HandoffBuffer,
    reader: &'a mut R,
    finder: F,
    progress: Progress,
    done: bool,
}

impl<R: ?Sized, F> Frames<'_, R, F> {
    /// Discards the frame at the front of the buffer. The stream continues after it, also if it has
    /// ended with an error.
    ///
    /// This is [`HandoffBuffer::skip_frame`] with the reader and the finder of the stream. It
    /// returns the number of discarded bytes.
    ///
    /// # Errors
    ///
    /// Those of [`HandoffBuffer::skip_frame`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped after it was polled, the stream discards the rest of the frame.
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
    ///         Err(FrameError::TooLong { .. }) => assert_eq!(lines.skip_frame().await?, 24),
    ///         Err(error) => return Err(error),
    ///     }
    /// }
    /// assert_eq!(short, ["first\n", "last\n"]);
    /// # Ok(())
    /// # }).unwrap();
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
