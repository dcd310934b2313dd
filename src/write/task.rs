//! The writer task: the future that owns the writer's side of a stream.

use super::{
    borrowed::Borrowed,
    core::{Core, SharedCore},
    drive::{Left, Role, Side, drive},
    error::CloseReason,
    outcome::{Rest, WriterFailure},
    phase::{Next, Phase, Via},
    run_until::RunUntil,
    state::State,
};
use crate::sync::Arc;
use futures_io::AsyncWrite;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// Writes what the handles of a [`WriteHandoff`](crate::WriteHandoff) accept.
///
/// Nothing is written before this future is polled for the first time, and it must be polled until it completes: spawn
/// it, let it [run with](Self::run_until) a producer, or run it on a thread of its own. It completes when the stream has ended:
/// with the writer, flushed and closed, after [`close`](crate::WriteHandoff::close) or when the last handle was dropped;
/// with a [`WriterFailure`] that carries what was left otherwise.
///
/// # Drop
///
/// Dropping it early is always safe: the writer is dropped, tickets, flushes and waiting producers end with
/// [`CloseReason::TaskDropped`], and the unwritten bytes can be had from
/// [`into_parts`](crate::WriteHandoff::into_parts).
///
/// # Examples
///
/// ```
/// use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};
///
/// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
/// handoff.try_write(Bytes::from_static(b"written by another thread")).unwrap();
/// let writer = std::thread::spawn(move || futures_executor::block_on(task));
/// drop(handoff);
/// assert_eq!(writer.join().unwrap().unwrap(), b"written by another thread");
/// ```
#[must_use = "nothing is written unless the task is polled"]
pub struct WriteTask<W> {
    side: Arc<Side<W>>,
}

impl<W> WriteTask<W> {
    pub(crate) fn new(side: Arc<Side<W>>) -> Self {
        Self { side }
    }

    /// The same task with no output, for executors. How it ended is learned from the handles: from
    /// [`closed`](crate::WriteHandoff::closed), and from [`into_parts`](crate::WriteHandoff::into_parts), which gets the
    /// writer and the unwritten bytes.
    pub fn detach(self) -> DetachedWriteTask<W> {
        DetachedWriteTask { task: self }
    }
}

impl<W: AsyncWrite + Unpin> WriteTask<W> {
    /// Runs a producer, such as a connection's loop, and this task with it until the producer is done: one task of the
    /// runtime for both, with nothing to spawn and no hop between them.
    ///
    /// What the future writes is held while it runs and offered to the writer when it is about to
    /// wait and when it is done, as with [`batching`](crate::WriteHandoff::batching); large chunks
    /// leave at once. Other producers are served, too. Once the future is done, what it wrote may
    /// still be on its way: await this task, have it run with another future, or spawn it. Where
    /// the future has failed, too: keep its result, drop the handles, await the task, and look at
    /// the result then.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the producer's future. What that had submitted is written once the task is polled again.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};
    ///
    /// # futures_executor::block_on(async {
    /// let (handoff, mut task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let connection = async {
    ///     handoff.write_fire_and_forget(Bytes::from_static(b"one, ")).await?;
    ///     handoff.write(Bytes::from_static(b"two")).await?.await?;
    ///     Ok::<_, Box<dyn std::error::Error>>(())
    /// };
    /// let connected = task.run_until(connection).await;
    /// drop(handoff);
    /// // Not before: `?` above would drop the task with what it has still to write.
    /// assert_eq!(task.await?, b"one, two");
    /// connected?;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn run_until<F: Future>(&mut self, future: F) -> RunUntil<'_, W, F> {
        RunUntil::new(self, future)
    }

    pub(crate) fn core(&self) -> &SharedCore {
        &self.side.core
    }

    /// Sends what the producer that runs with it has left, as the producer would, and only what then is left as the task.
    pub(crate) fn send(&self, cx: &mut Context<'_>) {
        let mut state = self.core().lock();
        let next = state.hurry(&self.core().producer(Via::Poll));
        let left = match next {
            Next::Drive => drive(&self.side, state, Role::Producer, Borrowed::default()),
            Next::Nothing | Next::Wake if state.is_due() => {
                drop(state);
                Left::Work
            }
            Next::Nothing | Next::Wake => Left::Nothing,
        };
        if left == Left::Work {
            let _ = self.poll_ended(cx);
        }
    }

    /// Does what there is to do. Ready once the stream has ended.
    pub(crate) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Wakers are user code: not to be cloned under the lock.
        let waker = cx.waker().clone();
        let mut state = self.core().lock();
        match state.phase {
            Phase::Ended => {
                drop(state);
                Poll::Ready(())
            }
            Phase::Busy => {
                // The holder wakes the task if it leaves work.
                let old = state.task.replace(waker);
                drop(state);
                drop(old);
                Poll::Pending
            }
            _ => {
                state.phase = Phase::Busy;
                let role = Role::Task(cx.waker(), waker);
                match drive(&self.side, state, role, Borrowed::default()) {
                    Left::End => Poll::Ready(()),
                    Left::Nothing | Left::Work => Poll::Pending,
                }
            }
        }
    }
}

impl<W: AsyncWrite + Unpin> Future for WriteTask<W> {
    type Output = Result<W, WriterFailure<W>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.poll_ended(cx).is_pending() {
            return Poll::Pending;
        }
        let wanted = self.core().lock().parts_wanted > 0;
        Poll::Ready(outcome(self.core(), (!wanted).then_some(&*self.side)))
    }
}

/// What became of an ended stream; without `side`, all but the writer and the bytes.
pub(crate) fn outcome<W>(core: &Core, side: Option<&Side<W>>) -> Result<W, WriterFailure<W>> {
    let (writer, unwritten) = side.map(Side::take_parts).unwrap_or_default();
    let state = core.lock();
    let reason = state.end.clone().unwrap_or(CloseReason::Closed);
    match (reason, writer) {
        (CloseReason::Closed, Some(writer)) => Ok(writer),
        (reason, writer) => {
            let State { written, flushed, in_doubt, .. } = *state;
            drop(state);
            let in_doubt = written..written + in_doubt;
            Err(WriterFailure::new(Rest { reason, writer, unwritten, written, flushed, in_doubt }))
        }
    }
}

impl<W> Drop for WriteTask<W> {
    fn drop(&mut self) {
        let ended = self.side.core.lock().phase == Phase::Ended;
        if ended {
            return;
        }
        // Where a producer holds the writer, it sees to both.
        self.side.core.end(CloseReason::TaskDropped);
        let ended = self.side.core.lock().phase == Phase::Ended;
        if ended {
            self.side.drop_writer();
        }
    }
}

impl<W> fmt::Debug for WriteTask<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = self.side.core.lock().phase;
        f.debug_struct("WriteTask").field("phase", &phase).finish_non_exhaustive()
    }
}

/// A [`WriteTask`] without an output, as [`Executor`](crate::Executor)s take it. Made by [`WriteTask::detach`].
///
/// A writer that has failed is dropped as soon as this is polled again, which it is woken for: its descriptor does not stay open for
/// as long as there are handles. Only an [`into_parts`](crate::WriteHandoff::into_parts) that waits already gets it.
///
/// # Drop
///
/// As for [`WriteTask`].
#[must_use = "nothing is written unless the task is polled"]
pub struct DetachedWriteTask<W> {
    task: WriteTask<W>,
}

impl<W: AsyncWrite + Unpin> Future for DetachedWriteTask<W> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let ended = self.task.poll_ended(cx);
        if ended.is_ready() {
            let state = self.task.core().lock();
            let failed = state.end.as_ref().is_some_and(CloseReason::is_failure);
            let wanted = state.parts_wanted > 0;
            drop(state);
            if failed && !wanted {
                self.task.side.drop_writer();
            }
        }
        ended
    }
}

impl<W> fmt::Debug for DetachedWriteTask<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.task.fmt(f)
    }
}
