//! Leaving a frame behind, however long it is.

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
    /// Discards the frame at the front of the buffer, however long it is, to go on behind it after
    /// [`FrameError::TooLong`], or without looking at it.
    ///
    /// The bytes are dropped as they arrive, so the buffer never holds more than it may. The output
    /// is how many bytes this call has discarded, 0 if the stream ended with the buffer empty.
    ///
    /// It needs to know where the frame ends without having all of it: from the
    /// [needle](FrameFinder::needle) of the finder ([`Delimiter`](crate::Delimiter) has one, which
    /// must not be longer than `max_len`), or from a [`Found::Length`](crate::Found::Length), which
    /// [`LengthPrefix`](crate::LengthPrefix) and any closure can tell. A finder that gives neither
    /// cannot leave behind a frame that does not fit.
    ///
    /// # Errors
    ///
    /// As for [`next_frame`](Self::next_frame). [`FrameError::TooLong`] again means that the end of
    /// the frame cannot be known, and [`FrameError::Truncated`] that the stream ended before it.
    ///
    /// # Panics
    ///
    /// If the future is polled after it has completed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before the end of the frame, what is left of it is discarded by the
    /// next `skip_frame`, [`next_frame`](Self::next_frame) or [`frames`](Self::frames), which have
    /// to be given a finder of the same kind. Only a caller that consumes bytes itself takes over
    /// there.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{Delimiter, FrameError, HandoffBuffer};
    ///
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"aaaaaaaaaaaaaa\nok\n";
    /// let mut buffer = HandoffBuffer::new(8);
    /// let mut lines = Delimiter::new(b"\n");
    /// let too_long = buffer.next_frame(&mut reader, &mut lines).await;
    /// assert!(matches!(too_long, Err(FrameError::TooLong { limit: 8, .. })));
    /// assert_eq!(buffer.skip_frame(&mut reader, &mut lines).await.unwrap(), 15);
    /// assert_eq!(buffer.next_frame(&mut reader, &mut lines).await.unwrap().unwrap(), "ok\n");
    /// # });
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

/// Discards the first frame, or what is left of it. False if the stream ended before it began.
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

/// Drops what is buffered of the first frame; whether that was all of it.
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
        // Another finder, which knows nothing of the frame: it begins with what is left.
        _ => (0, None),
    };
    buffer.consume(n);
    buffer.skip = rest;
    Ok(rest.is_none())
}
