//! How a stream ends.

use super::{
    drive::send_now,
    error::{CloseReason, Leftover, WriterFailure},
    shared::Shared,
    state::{Closing, State, Via},
    stream::{Scoped, Stream, Waiting, WakeList, wait_until},
};
use crate::{contain::contain, sync::Arc};
use futures_io::AsyncWrite;
use std::{
    future::poll_fn,
    mem,
    task::{Context, Poll, ready},
};

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
    poll_fn(|cx| waiter.poll(stream, cx)).await
}

/// Accepts nothing more, and ends the stream if this thread may poll the writer, or else has the task do it.
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

/// What became of an ended stream, and of its writer and the unwritten bytes if the caller may take them.
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
            Err(Leftover { reason, writer, unwritten, written, flushed, in_doubt }.into())
        }
    }
}
