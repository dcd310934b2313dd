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
    skip::{self, SkipFrame},
};
use crate::error::POLLED_AFTER_COMPLETION;

/// How often a finder may ask for little more than there is, and be given just that.
const SMALL_STEPS: u8 = 8;

impl HandoffBuffer {
    /// Waits for the next whole frame and takes it out.
    ///
    /// Reads no more than it must to complete one frame, in reads of the usual size: what arrives behind it
    /// stays in the buffer for the next call. The output is `None` if the stream ended with the buffer empty.
    ///
    /// A loop over frames that are always there lets other tasks run: after at most 512 frames (fewer if they
    /// are large) the future returns `Pending` once, has woken its task, and has consumed nothing.
    ///
    /// # Errors
    ///
    /// If the reader fails, if the stream ends inside a frame, if a frame does not fit in the buffer, or if the
    /// finder rejects the bytes or contradicts itself. The bytes stay in the buffer in each case. A frame that does
    /// not fit can be left behind with [`skip_frame`](Self::skip_frame).
    ///
    /// # Panics
    ///
    /// If the future is polled after it has completed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no bytes. Unless the finder has a [needle](FrameFinder::needle), the next
    /// call shows it the frame from its start again, with `searched` 0. So where another branch of a `select!`
    /// drops the future again and again, a finder that goes through the bytes looks at a long frame from its
    /// start each time. Keep the future, or a [`Frames`] stream, over the loop then: these show it each byte as
    /// new once.
    ///
    /// # Complexity
    ///
    /// While a frame arrives, its bytes are moved a few times at most, however it arrives and whether or not
    /// its length is known.
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
        NextFrame { buffer: self, reader, finder, progress: Progress::default(), done: false }
    }

    /// The frames of a reader, as a stream.
    ///
    /// It borrows the buffer and the reader, so the protocol may change after any frame: drop the stream and
    /// go on with both. It ends with the input, and after the first error; [`Frames::skip_frame`] makes it go on
    /// behind a frame that is too long. It lets other tasks run as [`next_frame`](Self::next_frame) does.
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
pub(super) struct Progress {
    /// Bytes the finder has seen.
    searched: usize,
    /// Bytes that have to be buffered before it is asked again.
    pub(super) need: usize,
    /// Bytes that are worth a block of just their size, or 0.
    pub(super) goal: usize,
    /// `need` is the length of the frame.
    knows_length: bool,
    /// How often it asked for little more than there was.
    small_steps: u8,
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
        let limit = buffer.config().max_len();
        if buffer.skip.is_some() {
            // A future that was discarding a frame was dropped before the end of it.
            ready!(skip::poll(cx, buffer, reader, finder, &mut Self::default(), &mut 0))?;
        }
        for reads in 0..POLLS {
            // A read has paid for the frame that it brought.
            let paid = reads > 0;
            match self.look(buffer, finder) {
                Ok(Some(n)) => {
                    if !paid {
                        buffer.budget.spend(n);
                    }
                    *self = Self::default();
                    return Poll::Ready(Ok(Some(buffer.split_front(n))));
                }
                Ok(None) if self.need <= limit => {}
                refused => {
                    if !paid {
                        buffer.budget.spend(0);
                    }
                    let error = refused.err().unwrap_or(FrameError::TooLong { needed: self.need, limit });
                    return Poll::Ready(Err(error));
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

    /// The length of the frame at the front of the buffer, if it is all there.
    #[inline]
    pub(super) fn look<F>(
        &mut self,
        buffer: &mut HandoffBuffer,
        finder: &mut F,
    ) -> Result<Option<usize>, FrameError>
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
        self.searched = buffered;
        match found {
            Found::Frame(n) if (1..=buffered).contains(&n) => return Ok(Some(n)),
            Found::Length(n) if (1..=buffered).contains(&n) => return Ok(Some(n)),
            Found::Frame(n) | Found::Length(n @ 0) => {
                return Err(FrameError::InvalidFinder { reported: n, buffered });
            }
            Found::Reject(reason) => return Err(FrameError::Rejected { reason }),
            Found::Length(n) => (self.need, self.goal, self.knows_length) = (n, n, true),
            Found::Need(n) => {
                self.need = n.max(buffered + 1);
                self.goal = if self.is_worth_a_block(n, buffered) { n } else { 0 };
            }
        }
        Ok(None)
    }

    /// Whether to move what is buffered to a block of `n` bytes, if the present one is too small: the bytes still to come
    /// have to pay for that, or it must not happen often.
    fn is_worth_a_block(&mut self, n: usize, buffered: usize) -> bool {
        let more = n.saturating_sub(buffered);
        if more > buffered / 4 {
            return more > 1;
        }
        self.small_steps = self.small_steps.saturating_add(1);
        more > 1 && self.small_steps <= SMALL_STEPS
    }

    /// The length of the frame, if the finder has told it.
    pub(super) fn length(&self) -> Option<usize> {
        self.knows_length.then_some(self.need)
    }
}

/// The future of [`HandoffBuffer::next_frame`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct NextFrame<'a, R: ?Sized, F: ?Sized> {
    buffer: &'a mut HandoffBuffer,
    reader: &'a mut R,
    finder: &'a mut F,
    progress: Progress,
    done: bool,
}

impl<R, F> Future for NextFrame<'_, R, F>
where
    R: AsyncRead + Unpin + ?Sized,
    F: FrameFinder + ?Sized,
{
    type Output = Result<Option<Bytes>, FrameError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { buffer, reader, finder, progress, done } = &mut *self;
        assert!(!*done, "{POLLED_AFTER_COMPLETION}");
        let frame = ready!(progress.poll(cx, buffer, *reader, *finder));
        *done = true;
        Poll::Ready(frame)
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

impl<R: ?Sized, F> Frames<'_, R, F> {
    /// Discards the frame at the front of the buffer and lets the stream go on behind it, also after an error.
    ///
    /// As [`HandoffBuffer::skip_frame`], with the reader and the finder of the stream. The finder is shown the
    /// next frame from its start.
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
    /// let mut buffer = HandoffBuffer::new(8).unwrap();
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
    pub fn skip_frame(&mut self) -> SkipFrame<'_, R, F> {
        self.progress = Progress::default();
        self.done = false;
        SkipFrame::new(self.buffer, self.reader, &mut self.finder)
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
