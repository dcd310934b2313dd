//! How a stream ends, and what remains of it.

use super::{
    drive::send_now,
    error::CloseReason,
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

/// A waiter for the end of a stream.
///
/// Must be [`leave`](Self::leave)d before it is dropped.
#[derive(Debug, Default)]
pub(crate) struct EndWaiter {
    /// 0 while it does not wait.
    id: u64,
}

impl EndWaiter {
    /// Waits for the end. Returns `Ok` after an orderly close.
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

/// Stops accepting writes. Ends the stream if this thread may poll the writer, and wakes the task
/// to end it otherwise.
pub(crate) fn close<W: AsyncWrite + Unpin>(shared: &Shared<W>) {
    let stream = &shared.stream;
    let mut wakes = WakeList::new(stream);
    let mut state = stream.lock();
    state.close(Closing::Close, &mut wakes);
    stream.notify(state, &mut wakes);
    send_now(shared, Via::Call);
}

/// A request for the writer. While there is one, the task leaves the writer to it.
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

/// Stops accepting writes, waits for the end and takes the writer and the unwritten bytes.
pub(crate) async fn into_parts<W>(shared: &Shared<W>) -> Result<W, WriterFailure<W>> {
    let wanted = (!shared.is_remote).then(|| PartsWanted::new(&shared.stream));
    shared.stream.close(Closing::Detach);
    // The outcome contains the reason.
    let _ = closed(&shared.stream).await;
    let outcome = outcome(shared, true);
    drop(wanted);
    outcome
}

/// The outcome of an ended stream: its writer, or the failure. The writer and the unwritten bytes
/// are taken out if `take` is set.
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

/// The outcome of a stream that failed or was aborted, or whose writer is gone: why it ended, the
/// writer if there is one, and the unwritten bytes.
///
/// Positions count the bytes accepted since the handoff was created. The failure converts into an
/// [`io::Error`], so `?` works where that is returned; its text names the reason and the counts.
///
/// # Examples
///
/// ```
/// use futures_handoff::{CloseReason, WriteHandoff, WriteHandoffConfig};
/// use futures_util::io::Cursor;
///
/// // A writer with room for 4 bytes.
/// let mut space = [0; 4];
/// let (handoff, task) = WriteHandoff::new(Cursor::new(&mut space[..]), WriteHandoffConfig::default());
/// handoff.try_write("too long".into())?;
/// drop(handoff);
/// let failure = futures_executor::block_on(task).unwrap_err();
/// assert!(matches!(failure.reason(), CloseReason::WriteZero));
/// assert_eq!((failure.written(), failure.flushed(), failure.in_doubt()), (4, 0, 4..4));
/// // The rest can go to another connection.
/// let (_writer, unwritten) = failure.into_parts();
/// assert_eq!(unwritten, ["long"]);
/// # Ok::<_, std::io::Error>(())
/// ```
pub struct WriterFailure<W> {
    /// Boxed, so that a result with it is not much larger than a result with the writer.
    left: Box<Leftover<W>>,
}

/// The contents of a [`WriterFailure`].
struct Leftover<W> {
    reason: CloseReason,
    writer: Option<W>,
    unwritten: Vec<Bytes>,
    written: u64,
    flushed: u64,
    in_doubt: Range<u64>,
}

impl<W> WriterFailure<W> {
    /// Why the stream ended.
    pub fn reason(&self) -> &CloseReason {
        &self.left.reason
    }

    /// The bytes from position [`written`](Self::written) on, in order. Borders between chunks
    /// carry no meaning. Empty if another call has taken the bytes.
    pub fn unwritten(&self) -> &[Bytes] {
        &self.left.unwritten
    }

    /// The position up to which the writer took the bytes.
    pub fn written(&self) -> u64 {
        self.left.written
    }

    /// The position up to which the writer confirmed a flush. Only these bytes are certain to have
    /// passed through a writer that buffers.
    pub fn flushed(&self) -> u64 {
        self.left.flushed
    }

    /// The bytes that may or may not have been taken: they were offered in a call that panicked or
    /// reported an impossible count. They are the first bytes of [`unwritten`](Self::unwritten).
    pub fn in_doubt(&self) -> Range<u64> {
        self.left.in_doubt.clone()
    }

    /// The writer and the unwritten bytes. The writer is `None` if the task that owned it was
    /// dropped, if a detached task dropped it after it failed, or if another call has taken it.
    /// After a panic the writer's state is unspecified.
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

/// The message and the reason of a failure, without the writer and the bytes.
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
