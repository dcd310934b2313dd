//! The writer task, alone or together with a producer, and producers that send before they wait.

use super::{
    drive::{Driver, Left, drive, send_now},
    error::CloseReason,
    lifecycle::{WriterFailure, outcome},
    shared::{BoxWriter, Shared},
    state::{Next, Phase, Via},
    stream::Stream,
};
use crate::sync::{Arc, thread};
use futures_io::AsyncWrite;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// Writes what the handles of a [`WriteHandoff`](crate::WriteHandoff) accept.
///
/// Nothing is written before this future is first polled, and it must be polled until it completes:
/// spawn it, let it [run with](Self::run_until) a producer, or run it on a thread of its own. It
/// completes when the stream has ended. After [`close`](crate::WriteHandoff::close), or when the
/// last handle was dropped, it returns the writer, flushed and closed. Otherwise it returns a
/// [`WriterFailure`] with the reason, and with the writer and the unwritten bytes unless
/// [`into_parts`](crate::WriteHandoff::into_parts) takes them.
///
/// # Drop
///
/// The task may be dropped at any time. The writer is then dropped, and tickets, flushes and
/// waiting producers end with [`CloseReason::TaskDropped`].
/// [`into_parts`](crate::WriteHandoff::into_parts) returns the unwritten bytes.
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
///
/// A task that is dropped, as when its runtime shuts down:
///
/// ```
/// use futures_handoff::{CloseReason, WriteHandoff, WriteHandoffConfig};
///
/// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
/// handoff.try_write("not written yet".into())?;
/// drop(task);
/// let failure = futures_executor::block_on(handoff.into_parts()).unwrap_err();
/// assert!(matches!(failure.reason(), CloseReason::TaskDropped));
/// assert_eq!(failure.unwritten(), ["not written yet"]);
/// # Ok::<_, std::io::Error>(())
/// ```
#[must_use = "nothing is written unless the task is polled"]
pub struct WriteTask<W = BoxWriter> {
    shared: Arc<Shared<W>>,
}

impl<W> WriteTask<W> {
    pub(crate) fn new(shared: Arc<Shared<W>>) -> Self {
        Self { shared }
    }

    /// Turns this into a task without an output, for executors. The handles report how it ended:
    /// [`closed`](crate::WriteHandoff::closed) returns the reason, and
    /// [`into_parts`](crate::WriteHandoff::into_parts) the writer and the unwritten bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_executor::LocalPool;
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    /// use futures_util::task::LocalSpawnExt;
    ///
    /// let mut pool = LocalPool::new();
    /// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// pool.spawner().spawn_local(task.detach())?;
    /// handoff.try_write("spawned".into())?;
    /// assert_eq!(pool.run_until(handoff.into_parts())?, b"spawned");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn detach(self) -> DetachedWriteTask<W> {
        DetachedWriteTask { task: self }
    }

    fn has_ended(&self) -> bool {
        self.shared.stream.lock().phase == Phase::Ended
    }
}

impl<W: AsyncWrite + Unpin> WriteTask<W> {
    /// Runs a producer, such as a connection's loop, together with this task until the producer is
    /// done. Both are one task of the runtime: nothing is spawned, and no bytes hop between tasks.
    ///
    /// What the producer writes is queued while it runs. It is offered to the writer when the
    /// producer is about to wait and when it is done, as with
    /// [`batching`](crate::WriteHandoff::batching). Large chunks leave at once. Other producers are
    /// served, too.
    ///
    /// When the producer is done, bytes that it wrote may still be queued: await this task, run it
    /// with another future, or spawn it. The same holds for a producer that fails: keep its result,
    /// drop the handles, await the task, and then return the result.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the producer. Bytes that the producer submitted are written once
    /// the task is polled again.
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
    /// // First the task, then `?`: an early return would drop the task with its unwritten bytes.
    /// assert_eq!(task.await?, b"one, two");
    /// connected?;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn run_until<F: Future>(&mut self, future: F) -> impl Future<Output = F::Output> {
        RunUntil { task: self, future }
    }

    /// Sends the bytes that the producer has queued: first as a producer, and then, if work is
    /// left, as the task.
    fn send(&self, cx: &mut Context<'_>) {
        let mut state = self.shared.stream.lock();
        let next = state.decide_to_send(&self.shared.caller(Via::Poll));
        let left = match next {
            Next::Drive => drive(&self.shared, state, Driver::Producer),
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

    /// Does the work that there is. Ready once the stream has ended.
    fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Wakers are user code and may not be cloned under the lock.
        let waker = cx.waker().clone();
        let mut state = self.shared.stream.lock();
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
                let driver = Driver::Task(cx.waker(), waker);
                match drive(&self.shared, state, driver) {
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
        let wanted = self.shared.stream.lock().parts_wanted > 0;
        Poll::Ready(outcome(&self.shared, !wanted))
    }
}

impl<W> Drop for WriteTask<W> {
    fn drop(&mut self) {
        if self.has_ended() {
            return;
        }
        // A producer that holds the writer ends the stream and drops the writer itself.
        self.shared.stream.end(CloseReason::TaskDropped);
        if self.has_ended() {
            self.shared.drop_writer();
        }
    }
}

impl<W> fmt::Debug for WriteTask<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = self.shared.stream.lock().phase;
        f.debug_struct("WriteTask").field("phase", &phase).finish_non_exhaustive()
    }
}

/// A [`WriteTask`] without an output, as [`Executor`](crate::Executor)s take it. Made by
/// [`WriteTask::detach`].
///
/// A writer that fails is dropped as soon as this task runs, and the failure wakes the task. So the
/// file descriptor does not stay open while there are handles. Only a call of
/// [`into_parts`](crate::WriteHandoff::into_parts) that already waits gets the writer.
///
/// # Drop
///
/// As for [`WriteTask`].
///
/// # Examples
///
/// An executor for the detached task of any writer:
///
/// ```
/// use futures_handoff::{DetachedWriteTask, WriteHandoff, WriteHandoffConfig, executor_fn};
///
/// let on_a_thread = executor_fn(|task: DetachedWriteTask| {
///     std::thread::spawn(|| futures_executor::block_on(task));
/// });
/// let handoff = WriteHandoff::spawn(Vec::new(), WriteHandoffConfig::default(), &on_a_thread);
/// let ticket = handoff.try_write("written by a thread of its own".into())?;
/// futures_executor::block_on(ticket)?;
/// assert_eq!(handoff.pending_bytes(), 0);
/// # Ok::<_, std::io::Error>(())
/// ```
#[must_use = "nothing is written unless the task is polled"]
pub struct DetachedWriteTask<W = BoxWriter> {
    task: WriteTask<W>,
}

impl<W: AsyncWrite + Unpin> Future for DetachedWriteTask<W> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let ended = self.task.poll_ended(cx);
        if ended.is_ready() {
            let state = self.task.shared.stream.lock();
            let failed = state.end.as_ref().is_some_and(CloseReason::is_failure);
            let wanted = state.parts_wanted > 0;
            drop(state);
            if failed && !wanted {
                self.task.shared.drop_writer();
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

pin_project! {
    struct RunUntil<'a, W, F> {
        task: &'a mut WriteTask<W>,
        #[pin]
        future: F,
    }
}

impl<W: AsyncWrite + Unpin, F: Future> Future for RunUntil<'_, W, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let stream = &this.task.shared.stream;
        // The producer may wait for something that the task can do now.
        if is_task_due(stream, cx.waker()) {
            let _ = this.task.poll_ended(cx);
        }
        let promise = Promise::new(stream);
        let polled = this.future.poll(cx);
        // While the promise holds, so that nothing wakes the task for the rest.
        this.task.send(cx);
        promise.keep();
        polled
    }
}

/// Whether the task may have been woken, or has a new waker to store. Records that the task runs on
/// this thread.
fn is_task_due(stream: &Stream, waker: &Waker) -> bool {
    let mut state = stream.lock();
    match state.phase {
        Phase::NotStarted | Phase::Scheduled | Phase::Blocked => true,
        Phase::Idle | Phase::Held | Phase::Busy => {
            state.task_thread = thread::token();
            !state.task.as_ref().is_some_and(|known| known.will_wake(waker))
        }
        Phase::Ended => false,
    }
}

/// While it lives, this thread has promised to send what it writes to the stream.
struct Promise<'a> {
    stream: &'a Arc<Stream>,
    kept: bool,
}

impl<'a> Promise<'a> {
    fn new(stream: &'a Arc<Stream>) -> Self {
        thread::begin_batching(stream.address());
        Self { stream, kept: false }
    }

    /// Ends the promise. The caller sends what was queued meanwhile.
    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Promise<'_> {
    fn drop(&mut self) {
        thread::end_batching();
        if !self.kept {
            // The producer panicked: the task sends what it has written.
            let mut state = self.stream.lock();
            if state.phase == Phase::Held {
                state.schedule();
                self.stream.wake_task(state);
            }
        }
    }
}

pin_project! {
    /// A producer's future that sends before it waits.
    pub(crate) struct Batching<'a, W, F> {
        shared: &'a Shared<W>,
        #[pin]
        future: F,
    }
}

impl<'a, W, F> Batching<'a, W, F> {
    pub(crate) fn new(shared: &'a Shared<W>, future: F) -> Self {
        Self { shared, future }
    }
}

impl<W: AsyncWrite + Unpin, F: Future> Future for Batching<'_, W, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let promise = Promise::new(&this.shared.stream);
        let polled = this.future.poll(cx);
        promise.keep();
        send_now(*this.shared, Via::Poll);
        polled
    }
}
