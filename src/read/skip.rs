//! Discarding a frame of any length.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_io::AsyncRead;

use super::{
    buffer::{HandoffBuffer, Skip},
    error::FrameError,
    fill::POLLS,
    finders::FrameFinder,
    progress::Progress,
    reading,
};

impl HandoffBuffer {
    /// Discards the frame at the front of the buffer, whatever its length: after
    /// [`FrameError::TooLong`], or instead of looking at it.
    ///
    /// Bytes are dropped as they arrive, so the buffer never exceeds its limit. Returns the number
    /// of bytes that this call has discarded, which is 0 if the stream ended with the buffer empty.
    ///
    /// To discard a frame that does not fit in the buffer, the finder has to know its end before
    /// all of it is buffered. That is so for a finder with a [needle](FrameFinder::needle) of at
    /// most `max_len` bytes, such as [`Delimiter`](crate::Delimiter), and for one that returns
    /// [`Found::Length`](crate::Found::Length), such as [`LengthPrefix`](crate::LengthPrefix).
    ///
    /// # Errors
    ///
    /// Those of [`next_frame`](Self::next_frame). [`FrameError::TooLong`] means that the end of
    /// the frame is not known, and [`FrameError::Truncated`] that the stream ended before it.
    ///
    /// # Panics
    ///
    /// If the future is polled after it has completed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before the end of the frame, the next `skip_frame`,
    /// [`next_frame`](Self::next_frame) or [`frames`](Self::frames) discards the rest of the frame.
    /// It has to get a finder of the same kind. If the caller consumes bytes in another way,
    /// nothing more is discarded.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{Delimiter, FrameError, HandoffBuffer};
    ///
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"a long comment\nok\n";
    /// let mut buffer = HandoffBuffer::new(8);
    /// let mut lines = Delimiter::new(b"\n");
    /// let too_long = buffer.next_frame(&mut reader, &mut lines).await;
    /// assert!(matches!(too_long, Err(FrameError::TooLong { limit: 8, .. })));
    /// assert_eq!(buffer.skip_frame(&mut reader, &mut lines).await?, 15);
    /// assert_eq!(buffer.next_frame(&mut reader, &mut lines).await?.unwrap(), "ok\n");
    /// # Ok::<_, FrameError>(())
    /// # }).unwrap();
    /// ```
    pub fn skip_frame<R, F>(
        &mut self,
        reader: &mut R,
        finder: &mut F,
    ) -> impl Future<Output = Result<u64, FrameError>>
    where
        R: AsyncRead + Unpin + ?Sized,
        F: FrameFinder + ?Sized,
    {
        let (mut progress, mut skipped) = (Progress::default(), 0);
        reading::once(move |cx| {
            ready!(self.budget.poll(cx));
            let over = ready!(poll(cx, self, reader, finder, &mut progress, &mut skipped));
            Poll::Ready(over.map(|_| skipped))
        })
    }
}

/// Discards the first frame, or the rest of it. Returns `false` if the stream ended before the
/// frame began.
#[inline(never)]
pub(super) fn poll<R, F>(
    cx: &mut Context<'_>,
    buffer: &mut HandoffBuffer,
    reader: &mut R,
    finder: &mut F,
    progress: &mut Progress,
    skipped: &mut u64,
) -> Poll<Result<bool, FrameError>>
where
    R: AsyncRead + Unpin + ?Sized,
    F: FrameFinder + ?Sized,
{
    for reads in 0..POLLS {
        let before = buffer.len();
        let discarded = discard(buffer, finder, progress);
        let gone = before - buffer.len();
        *skipped += gone as u64;
        if !matches!(discarded, Ok(false)) {
            if reads == 0 {
                buffer.budget.spend(gone);
            }
            return Poll::Ready(discarded);
        }
        let goal = if buffer.skip.is_some() { 0 } else { progress.goal };
        if ready!(buffer.poll_read_toward(cx, Pin::new(reader), goal))? == 0 {
            let buffered = buffer.len();
            let within = buffered > 0 || buffer.skip.is_some();
            return Poll::Ready(if within { Err(FrameError::Truncated { buffered }) } else { Ok(false) });
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Drops the buffered bytes of the first frame. Returns whether that was all of the frame.
fn discard<F>(buffer: &mut HandoffBuffer, finder: &mut F, progress: &mut Progress) -> Result<bool, FrameError>
where
    F: FrameFinder + ?Sized,
{
    let limit = buffer.config().max_len();
    if buffer.skip.is_none() {
        if let Some(n) = progress.look(buffer, finder)? {
            buffer.consume(n);
            return Ok(true);
        }
        if buffer.is_empty() {
            return Ok(false);
        }
        buffer.skip = match (progress.length(), finder.needle()) {
            (Some(length), _) => Some(Skip::To(length)),
            (None, Some(needle)) if needle.len() <= limit => Some(Skip::PastNeedle),
            _ if progress.need > limit => return Err(FrameError::TooLong { needed: progress.need, limit }),
            _ => return Ok(false),
        };
    }
    let buffered = buffer.len();
    let (n, rest) = match (buffer.skip, finder.needle()) {
        (Some(Skip::To(end)), _) => (end.min(buffered), (end > buffered).then(|| Skip::To(end - buffered))),
        (Some(Skip::PastNeedle), Some(needle)) if !needle.is_empty() => match buffer.find(needle) {
            Some(at) => (at + needle.len(), None),
            // The last bytes may be the start of the needle.
            None => (buffered.saturating_sub(needle.len() - 1), Some(Skip::PastNeedle)),
        },
        // The finder has no needle, unlike the one that began: what is left counts as a new frame.
        _ => (0, None),
    };
    buffer.consume(n);
    buffer.skip = rest;
    Ok(rest.is_none())
}
