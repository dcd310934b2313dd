//! How a stream ends, and what it leaves.

use super::{
    drive::send_now,
    error::CloseReason,
    handle::WriteHandoff,
    shared::Shared,
    state::{Closing, State, Via},
    stream::{Scoped, Stream, Waiting, WakeList, wait_until},
};
use crate::{contain::contain, sync::Arc};
use bytes::Bytes;
use futures_io::AsyncWrite;
use std::{
    error, fmt,
    future::poll_fn,
    io, mem,
    ops::Range,
    task::{Context, Poll, ready},
};

impl<W> WriteHandoff<W> {
    /// Ends the stream without waiting for its writer, after the poll of the writer that is in
    /// progress, if any.
    ///
    /// Tickets, flushes and waiting producers end with [`CloseReason::Aborted`]; the task completes
    /// and gives back the writer, neither flushed nor closed, and the unwritten bytes. Does nothing
    /// to a stream that has ended.
    pub fn abort(&self) {
        self.stream().end(CloseReason::Aborted);
    }

    /// Stops accepting, on all handles, when it is first polled, and gives the writer back when
    /// what was accepted is written and flushed. It is not closed: a connection can go on with
    /// another protocol. The first to ask gets it.
    ///
    /// # Errors
    ///
    /// [`WriterFailure`] with the unwritten bytes if the stream has failed or was aborted, and
    /// without a writer if another call has taken it or its task was dropped. A writer that was
    /// closed before comes back closed.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the first poll, it drops the handle. Dropped later, the handoff stays closed
    /// to writes, as by [`close`](Self::close) if this was the last handle. Another handle can ask
    /// again.
    pub async fn into_parts(self) -> Result<W, WriterFailure<W>> {
        into_parts(&self.shared).await
    }
}

impl<W: AsyncWrite + Unpin> WriteHandoff<W> {
    /// Stops accepting at once, on all handles, and has what was accepted written and flushed and
    /// the writer closed: by this call if this thread may poll the writer, by the task otherwise.
    /// Never waits; [`closed`](Self::closed) does. [The guide](crate::guide::closing) has an end
    /// with a deadline.
    pub fn close(&self) {
        close(&self.shared);
    }

    /// Waits until the stream has ended. Does not end it.
    ///
    /// # Errors
    ///
    /// Why it ended, if not because it was closed.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn closed(&self) -> Result<(), CloseReason> {
        closed(self.stream()).await
    }
}

/// A place among those that wait for the end.
///
/// Must be [`leave`](Self::leave)d before it is dropped.
#[derive(Debug, Default)]
pub(crate) struct EndWaiter {
    /// 0 while not waiting.
    id: u64,
}

impl EndWaiter {
    /// Waits for the end. An orderly one is `Ok`.
    pub(crate) fn poll(&mut self, stream: &Arc<Stream>, cx: &Context<'_>) -> Poll<Result<(), CloseReason>> {
        if self.id == 0 {
            self.id = stream.lock().new_id();
        }
        let end = |state: &State| state.end.clone();
        let waiting = wait_until(stream, cx, (self.id, ()), |state| &mut state.closers, end);
        let (state, reason) = ready!(waiting);
        drop(state);
        self.leave(stream);
        Poll::Ready(if reason.is_closed() { Ok(()) } else { Err(reason) })
    }
}

impl Waiting for EndWaiter {
    fn leave(&mut self, stream: &Arc<Stream>) {
        let id = mem::take(&mut self.id);
        if id != 0 {
            let waker = stream.lock().closers.remove(id);
            contain(|| drop(waker));
        }
    }
}

/// Waits for the end.
pub(crate) async fn closed(stream: &Arc<Stream>) -> Result<(), CloseReason> {
    let mut waiter = Scoped::new(stream, EndWaiter::default());
    poll_fn(|cx| waiter.place.poll(stream, cx)).await
}

/// Accepts nothing more, and ends the stream if this thread may poll the writer, or else has the
/// task do it.
pub(crate) fn close<W: AsyncWrite + Unpin>(shared: &Shared<W>) {
    let stream = &shared.stream;
    let mut wakes = WakeList::new(stream);
    let mut state = stream.lock();
    state.close(Closing::Close, &mut wakes);
    stream.notify(state, &mut wakes);
    send_now(shared, Via::Call);
}

/// A wish for the writer: as long as there is one, the task leaves the writer to it.
struct PartsWanted<'a>(&'a Stream);

impl<'a> PartsWanted<'a> {
    fn new(stream: &'a Stream) -> Self {
        stream.lock().parts_wanted += 1;
        Self(stream)
    }
}

impl Drop for PartsWanted<'_> {
    fn drop(&mut self) {
        self.0.lock().parts_wanted -= 1;
    }
}

/// Accepts nothing more, waits for the end and takes what is left.
pub(crate) async fn into_parts<W>(shared: &Shared<W>) -> Result<W, WriterFailure<W>> {
    let wanted = (!shared.is_remote).then(|| PartsWanted::new(&shared.stream));
    shared.stream.close(Closing::Detach);
    // How it ended is part of the outcome.
    let _ = closed(&shared.stream).await;
    let outcome = outcome(shared, true);
    drop(wanted);
    outcome
}

/// What became of an ended stream, and of its writer and the unwritten bytes if the caller may take
/// them.
pub(crate) fn outcome<W>(shared: &Shared<W>, take: bool) -> Result<W, WriterFailure<W>> {
    let (writer, unwritten) = if take { shared.take_parts() } else { Default::default() };
    let state = shared.stream.lock();
    let reason = state.end.clone().unwrap_or(CloseReason::Closed);
    match (reason, writer) {
        (CloseReason::Closed, Some(writer)) => Ok(writer),
        (reason, writer) => {
            let State { written, flushed, in_doubt, .. } = *state;
            drop(state);
            let in_doubt = written..written + in_doubt;
            let left = Leftover { reason, writer, unwritten, written, flushed, in_doubt };
            Err(WriterFailure { left: Box::new(left) })
        }
    }
}

/// A writer that ended with bytes left, and all that is known about them.
///
/// Positions count the bytes accepted since the handoff was created.
pub struct WriterFailure<W> {
    /// Boxed, so that a result with it is not much larger than one with the writer.
    left: Box<Leftover<W>>,
}

/// What a stream leaves behind.
struct Leftover<W> {
    reason: CloseReason,
    writer: Option<W>,
    unwritten: Vec<Bytes>,
    written: u64,
    flushed: u64,
    in_doubt: Range<u64>,
}

impl<W> WriterFailure<W> {
    /// Why it ended.
    pub fn reason(&self) -> &CloseReason {
        &self.left.reason
    }

    /// The bytes from position [`written`](Self::written) on, in order. Borders between chunks
    /// carry no meaning. Empty where another call has taken them.
    pub fn unwritten(&self) -> &[Bytes] {
        &self.left.unwritten
    }

    /// The position up to which the writer took the bytes.
    pub fn written(&self) -> u64 {
        self.left.written
    }

    /// The position up to which the writer confirmed a flush: the only bytes that a buffering
    /// writer has certainly passed on.
    pub fn flushed(&self) -> u64 {
        self.left.flushed
    }

    /// The bytes offered in a call that panicked or reported an impossible count: they may or may
    /// not have been taken. They are the first ones of [`unwritten`](Self::unwritten).
    pub fn in_doubt(&self) -> Range<u64> {
        self.left.in_doubt.clone()
    }

    /// The writer and the unwritten bytes. The writer is `None` where the task that owned it was
    /// dropped, where a detached task has dropped it because it failed, and where another call has
    /// taken it. After a panic its state is unspecified.
    pub fn into_parts(self) -> (Option<W>, Vec<Bytes>) {
        (self.left.writer, self.left.unwritten)
    }
}

impl<W> fmt::Debug for WriterFailure<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterFailure")
            .field("reason", &self.left.reason)
            .field("writer", &self.left.writer.is_some())
            .field("unwritten", &self.left.unwritten.iter().map(Bytes::len).sum::<usize>())
            .field("written", &self.left.written)
            .field("flushed", &self.left.flushed)
            .field("in_doubt", &self.left.in_doubt)
            .finish()
    }
}

impl<W> fmt::Display for WriterFailure<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unwritten = self.left.unwritten.iter().map(Bytes::len).sum::<usize>();
        write!(
            f,
            "{}; {} bytes were written, {unwritten} bytes were not",
            self.left.reason, self.left.written
        )
    }
}

impl<W> error::Error for WriterFailure<W> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.left.reason.source()
    }
}

impl<W> From<WriterFailure<W>> for CloseReason {
    fn from(failure: WriterFailure<W>) -> Self {
        failure.left.reason
    }
}

impl<W> From<WriterFailure<W>> for io::Error {
    fn from(failure: WriterFailure<W>) -> Self {
        let told = Told { words: failure.to_string(), reason: failure.left.reason };
        told.reason.clone().to_io_error(told)
    }
}

/// What a failure says and what caused it, without the writer and the bytes.
#[derive(Debug)]
struct Told {
    words: String,
    reason: CloseReason,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl error::Error for Told {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.reason.source()
    }
}
