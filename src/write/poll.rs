//! The handle as a [`Sink`] and as an [`AsyncWrite`], and what both are made of: the poll methods.

use super::{
    core::Core,
    ends::EndTurn,
    error::{CloseReason, Never, PermitError, WriteError},
    flush::FlushTurn,
    handoff::WriteHandoff,
    permit::{give_back, send_reserved},
    phase::Closing,
    port::{Turn, ticket},
    state::Room,
    ticket::WriteTicket,
};
use bytes::Bytes;
use futures_io::AsyncWrite;
use futures_sink::Sink;
use std::{
    io, mem,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// What one handle waits for between two polls. A clone waits for nothing.
#[derive(Debug, Default)]
pub(crate) struct PollState {
    turn: Turn,
    held: Option<Room>,
    flush: FlushTurn,
    end: EndTurn,
}

impl PollState {
    pub(crate) fn leave(&mut self, core: &Core) {
        self.turn.leave(core);
        self.flush.leave(core);
        self.end.leave(core);
        if let Some(room) = self.held.take() {
            give_back(core, room);
        }
    }
}

impl<W: AsyncWrite + Unpin> WriteHandoff<W> {
    /// Reserves room for `bytes` bytes for this handle, to be used by [`send_reserved`](Self::send_reserved). Called again, it
    /// keeps what it has reserved, or its place in the line, unless that was for fewer bytes.
    ///
    /// # Errors
    ///
    /// As for [`reserve`](Self::reserve).
    pub fn poll_reserve(&mut self, cx: &mut Context<'_>, bytes: usize) -> Poll<Result<(), PermitError>> {
        let asked = self.poll.held.or_else(|| self.poll.turn.room());
        if asked.is_some_and(|room| room.bytes < bytes) {
            self.let_go();
        }
        self.poll_hold(cx, bytes)
    }

    /// Waits until some room is held: `bytes` bytes of it unless room was asked for before.
    fn poll_hold(&mut self, cx: &mut Context<'_>, bytes: usize) -> Poll<Result<(), PermitError>> {
        if self.poll.held.is_some() {
            let closed = self.close_reason().map(PermitError::Closed);
            return Poll::Ready(closed.map_or(Ok(()), Err));
        }
        let mut turn = mem::take(&mut self.poll.turn);
        let room = turn.room().unwrap_or(Room { bytes, items: 1 });
        let admitted = turn.poll(self, cx, |_| room).map_ok(|mut state| state.reserve(room));
        self.poll.turn = turn;
        ready!(admitted).map_err(|never| PermitError::new(never.into()))?;
        self.poll.held = Some(room);
        Poll::Ready(Ok(()))
    }

    /// Leaves the line and gives back what is held.
    fn let_go(&mut self) {
        self.poll.turn.leave(&self.core);
        if let Some(room) = self.poll.held.take() {
            give_back(&self.core, room);
        }
    }

    /// Submits a chunk on the room that [`poll_reserve`](Self::poll_reserve) has reserved. Never waits.
    ///
    /// # Errors
    ///
    /// [`WriteError::TooLarge`] where it is longer than what is reserved, which is kept; [`WriteError::Closed`].
    pub fn send_reserved(&mut self, bytes: Bytes) -> Result<WriteTicket, WriteError> {
        let (len, limit) = (bytes.len(), self.poll.held.map_or(0, |room| room.bytes));
        if len > limit {
            return Err(WriteError::new(bytes, Never::TooLarge { len, limit }));
        }
        let range = self.submit_held(bytes)?;
        Ok(ticket(self, range))
    }

    /// The poll twin of [`flush`](Self::flush). What was accepted before the first of the calls up to the one that is ready
    /// is flushed; writing through one of the poll methods or traits of this handle in between makes the next call the first.
    ///
    /// # Errors
    ///
    /// As for `flush`.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        let mut turn = mem::take(&mut self.poll.flush);
        let polled = turn.poll(self, cx, None);
        self.poll.flush = turn;
        polled
    }

    /// The poll twin of [`close`](Self::close).
    ///
    /// # Errors
    ///
    /// As for `close`.
    pub fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        self.core.close(Closing::Close);
        let reason = ready!(self.poll.end.poll(&self.core, cx));
        Poll::Ready(if reason.is_closed() { Ok(()) } else { Err(reason) })
    }

    fn submit_held(&mut self, bytes: Bytes) -> Result<Range<u64>, WriteError> {
        // A flush that was given up would be resumed by the next one, and does not cover these bytes.
        self.poll.flush.leave(&self.core);
        let room = self.poll.held.take();
        send_reserved(self, room, bytes)
    }
}

/// A chunk that was not there to be rejected.
fn no_chunk(error: CloseReason) -> WriteError {
    WriteError::new(Bytes::new(), Never::Closed(error))
}

/// Each item is accepted whole. Since a sink does not know how long its next item is when it asks for room, it asks for one
/// byte, and the one item that it then sends may exceed the byte budget by its length.
///
/// `poll_flush` waits until all is written and flushed, `poll_close` closes the stream for all handles.
impl<W: AsyncWrite + Unpin> Sink<Bytes> for WriteHandoff<W> {
    type Error = WriteError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        self.get_mut().poll_reserve(cx, 1).map_err(|error| match error {
            PermitError::Closed(reason) => no_chunk(reason),
            // One byte is never too large, and waiting is never full.
            PermitError::TooLarge { .. } | PermitError::Full => no_chunk(CloseReason::Closed),
        })
    }

    fn start_send(self: Pin<&mut Self>, bytes: Bytes) -> Result<(), WriteError> {
        let this = self.get_mut();
        let len = bytes.len();
        // Nothing is admitted that was not asked room for.
        let limit = this.poll.held.map_or(0, |_| this.core.config().max_pending_bytes());
        if len > limit {
            return Err(WriteError::new(bytes, Never::TooLarge { len, limit }));
        }
        this.submit_held(bytes).map(drop)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        self.get_mut().poll_flush(cx).map_err(no_chunk)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        self.get_mut().poll_close(cx).map_err(no_chunk)
    }
}

/// Bytes are copied. As much is accepted as there is room for, and a write with no room at all waits for up to
/// [`send_at`](crate::WriteHandoffConfig::with_send_at) bytes of it.
///
/// `poll_flush` waits until all is written and flushed, `poll_close` closes the stream for all handles.
impl<W: AsyncWrite + Unpin> AsyncWrite for WriteHandoff<W> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let len = bufs.iter().map(|buf| buf.len()).fold(0, usize::saturating_add);
        if len == 0 {
            return Poll::Ready(this.close_reason().map_or(Ok(0), |reason| Err(reason.into())));
        }
        // Room that is held for a sink's next item may be just one byte.
        if this.poll.held.is_some() {
            this.let_go();
        }
        let some = match this.available() {
            0 => this.core.config().send_at().max(1),
            available => available,
        };
        ready!(this.poll_hold(cx, len.min(some)))?;
        let n = this.poll.held.map_or(0, |room| room.bytes).min(len);
        let submitted = match bufs {
            [buf] => this.submit_held(Bytes::copy_from_slice(&buf[..n])),
            _ => {
                let mut joined = Vec::with_capacity(n);
                for buf in bufs {
                    joined.extend_from_slice(&buf[..buf.len().min(n - joined.len())]);
                }
                this.submit_held(joined.into())
            }
        };
        Poll::Ready(submitted.map(|_| n).map_err(io::Error::from))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_flush(cx).map_err(io::Error::from)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_close(cx).map_err(io::Error::from)
    }
}
