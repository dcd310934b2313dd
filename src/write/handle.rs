//! The handle that producers write through.

use super::{
    adapter::{HandoffSink, HandoffWriter},
    config::{WriteHandoffConfig, WriteStats},
    drive::{Driver, Op, release_writer, send_locked, send_now},
    error::{CloseReason, RejectReason},
    lifecycle::{self, WriterFailure},
    shared::{BoxWriter, Shared, WriterGuard},
    state::{Phase, Via},
    stream::{Scoped, Stream},
    submit::{self, Permit},
    task::{Batching, DetachedWriteTask, WriteTask},
    ticket::{FlushWaiter, WriteTicket},
};
use crate::{
    Executor,
    sync::{Arc, Weak},
};
use futures_io::AsyncWrite;
use std::{
    fmt,
    future::{Future, poll_fn},
};

/// A handle to a byte stream into an async writer. Producers give it owned [`Bytes`](bytes::Bytes);
/// a [`WriteTask`] owns the writer.
///
/// Handles are cheap to clone, and any number of producers may write through them. What is accepted
/// is written in the order of acceptance, exactly once; borders between chunks carry no meaning,
/// small ones are gathered.
///
/// Without a type parameter the writer is boxed, as [`spawn`](Self::spawn) has it: `&WriteHandoff`
/// is any such handoff. [`new`](Self::new) keeps the writer's type, and takes a boxed writer as
/// well.
///
/// # When bytes leave
///
/// A chunk is queued and the task woken; it runs once the producer waits for something, and then
/// sends all that has gathered in one write. When [`send_at`](WriteHandoffConfig::with_send_at)
/// bytes (16 KiB) are held, a producer that may poll the writer (see [`Inline`](crate::Inline))
/// sends them itself, and likewise in [`flush`](Self::flush), in [`dispatch`](Self::dispatch), and
/// before it waits for room. There is no timer. When there is nothing more to write, the writer is
/// [flushed](WriteHandoffConfig::with_flush_when_idle), so that one that buffers keeps nothing
/// back. A producer that computes for long without waiting should call `dispatch`. One that runs
/// [together with the task](WriteTask::run_until), or is wrapped in [`batching`](Self::batching),
/// sends when it is about to wait without waking anything.
///
/// # Room
///
/// At most [`max_pending_bytes`](WriteHandoffConfig::with_max_pending_bytes) bytes in at most
/// [`max_items`](WriteHandoffConfig::with_max_items) queue entries are accepted and not yet
/// written. Room is given in order of asking: nothing overtakes a producer that waits, so a large
/// chunk is never starved, and one producer is woken for each write that becomes possible. When the
/// writer takes a part of a chunk, the room of that part is free at once.
///
/// Memory held is at most the byte budget, the written part of one chunk, 32 KiB of gather blocks,
/// and for an entry 64 bytes, or 1 KiB where it is the small chunks between two large ones. What is
/// gathered counts twice in this, for the block that it is in may be only half full. A chunk longer
/// than [`copy_max`](WriteHandoffConfig::with_copy_max) keeps whatever block it is a slice of.
///
/// # The end
///
/// | event | what follows |
/// |---|---|
/// | last handle dropped, [`close`](Self::close) | what was accepted is written, flushed, and the writer closed |
/// | [`into_parts`](Self::into_parts) | what was accepted is written and flushed; the writer comes back open |
/// | [`abort`](Self::abort) | nothing more is written; the writer and the unwritten bytes come back |
/// | the writer fails, lies or panics | the same; tickets tell how far their bytes got |
/// | the task is dropped | the writer is dropped, the unwritten bytes come back |
///
/// # Calls from the writer's own code
///
/// A handle may be used from within the writer's `poll_write`, from a waker and from a `Drop`: user
/// code never runs under a lock, so nothing deadlocks, and the order of acceptance is kept.
///
/// # A writer that may not leave its thread
///
/// A writer need not be `Send`: the streams of compio and glommio are not, nor is one with an `Rc`.
/// [`new`](Self::new) takes it, and its task [runs with a producer](WriteTask::run_until), is
/// awaited, or goes to a local executor: `LocalSet`, `LocalExecutor`, `LocalPool`. One that is not
/// `Unpin`, such as compio's `AsyncStream`, comes in a `Box::pin`. There are three limits:
///
/// - [`spawn`](Self::spawn), and executors that ask for `Send`, do not take it.
/// - Its handles, permits, sinks and its task stay on its thread. Its tickets and
///   [`sender`](Self::sender)s may go elsewhere; a sender leaves the writer to the task, and wakes
///   it.
/// - Of its handles, only a sender is a `WriteHandoff` without a type parameter.
///
/// # Cancel safety
///
/// Every future of this type can be dropped at any time. One that has not completed has submitted
/// nothing; it gives back its place in the line, or the room that it was granted, and the order of
/// the others stays as it was. A future that was granted room and is neither polled nor dropped
/// keeps that room from others.
///
/// # Examples
///
/// ```
/// use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};
/// use futures_util::future::join;
///
/// # futures_executor::block_on(async {
/// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
/// let produce = async move {
///     handoff.write_fire_and_forget(Bytes::from_static(b"one, ")).await?;
///     let ticket = handoff.write(Bytes::from_static(b"two")).await?;
///     drop(handoff);
///     ticket.await?;
///     Ok::<_, Box<dyn std::error::Error>>(())
/// };
/// let (writer, produced) = join(task, produce).await;
/// produced?;
/// assert_eq!(writer?, b"one, two");
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub struct WriteHandoff<W = BoxWriter> {
    pub(crate) shared: Arc<Shared<W>>,
}

impl WriteHandoff {
    /// A handle to `writer`, which is boxed and whose task runs on `executor`.
    ///
    /// How it ended is learned from [`closed`](Self::closed) and [`into_parts`](Self::into_parts).
    /// A writer that has failed is dropped at once, unless `into_parts` waits for it; any other is
    /// kept for that until the last handle is dropped. For a writer that is not `Send`, and to keep
    /// its type, spawn the task of [`new`](Self::new).
    ///
    /// # Panics
    ///
    /// If the executor does, as that of Tokio does outside of a runtime.
    ///
    /// # Examples
    ///
    /// Any executor will do; with the features of runtimes there are `&Tokio`, `&Smol` and
    /// `&AsyncStd`.
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig, executor_fn};
    ///
    /// let pool = futures_executor::ThreadPool::new()?;
    /// let executor = executor_fn(move |task| pool.spawn_ok(task));
    /// let handoff = WriteHandoff::spawn(Vec::new(), WriteHandoffConfig::default(), &executor);
    /// handoff.try_write("written by the pool".into())?;
    /// handoff.close();
    /// futures_executor::block_on(handoff.closed())?;
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn spawn<E>(
        writer: impl AsyncWrite + Send + Unpin + 'static,
        config: WriteHandoffConfig,
        executor: &E,
    ) -> Self
    where
        E: Executor<DetachedWriteTask> + ?Sized,
    {
        let (handoff, task) = Self::new(Box::new(writer), config);
        executor.execute(task.detach());
        handoff
    }
}

impl<W> WriteHandoff<W> {
    /// A handle to `writer` and the task that has to be run for it.
    ///
    /// Allocates twice. Until the task is polled for the first time, chunks are only queued: a task
    /// that was forgotten shows at once.
    pub fn new(writer: W, config: WriteHandoffConfig) -> (Self, WriteTask<W>) {
        let shared = Arc::new(Shared::new(writer, config));
        let task = WriteTask::new(Arc::clone(&shared));
        (Self { shared }, task)
    }

    pub(crate) fn stream(&self) -> &Arc<Stream> {
        &self.shared.stream
    }

    /// What the handoff was configured with.
    pub fn config(&self) -> &WriteHandoffConfig {
        self.stream().config()
    }

    /// Bytes accepted and not yet taken by the writer. 0 once the stream has ended.
    pub fn pending_bytes(&self) -> usize {
        self.stream().lock().pending()
    }

    /// The length of the longest chunk that would be accepted now without waiting. 0 while others
    /// wait for room.
    pub fn available(&self) -> usize {
        self.stream().lock().available()
    }

    /// Whether nothing more is accepted.
    pub fn is_closed(&self) -> bool {
        self.close_reason().is_some()
    }

    /// Why nothing more is accepted, once that is so.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.stream().lock().closed()
    }

    /// What the handoff has done so far.
    pub fn stats(&self) -> WriteStats {
        self.stream().lock().stats()
    }

    /// Runs `f` on the writer, unless it is being polled at the moment or the stream has ended:
    /// then `None`.
    ///
    /// For looking at it (a peer address) and for settings (no-delay). What is written to it past
    /// the handoff may come between any two chunks. Must not be called from within `f`: that gives
    /// `None`.
    pub fn with_writer<R>(&self, f: impl FnOnce(&mut W) -> R) -> Option<R> {
        with_writer(&self.shared, f)
    }

    /// Ends the stream without waiting for its writer, after the poll of the writer that is in
    /// progress, if any.
    ///
    /// Tickets, flushes and waiting producers end with [`CloseReason::Aborted`]; the task completes
    /// and gives back the writer, neither flushed nor closed, and the unwritten bytes. Does nothing
    /// to a stream that has ended.
    pub fn abort(&self) {
        self.stream().end(CloseReason::Aborted);
    }

    /// A handle that does not keep the stream open, for registries and to abort it.
    pub fn downgrade(&self) -> WeakWriteHandoff<W> {
        WeakWriteHandoff { shared: Arc::downgrade(&self.shared), stream: Arc::downgrade(self.stream()) }
    }

    /// A handle without the writer's type that leaves the writer to the task. It keeps the stream
    /// open like any other.
    ///
    /// It is `Send` whatever the writer is: through it, other threads write to a stream whose
    /// writer may not leave its own. Its [`with_writer`](Self::with_writer) and
    /// [`into_parts`](Self::into_parts) find neither the writer nor unwritten bytes:
    /// [`closed`](Self::closed) tells how the stream ended, and the task gives the writer back.
    /// Allocates once.
    pub fn sender(&self) -> WriteHandoff {
        self.stream().add_handle();
        WriteHandoff { shared: Arc::new(Shared::remote(self.stream())) }
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
        lifecycle::into_parts(&self.shared).await
    }
}

impl<W: AsyncWrite + Unpin> WriteHandoff<W> {
    /// [`reserve`](Self::reserve) if there is room now.
    ///
    /// # Errors
    ///
    /// [`RejectReason`].
    pub fn try_reserve(&self, bytes: usize) -> Result<Permit<'_, W>, RejectReason> {
        submit::try_reserve(&self.shared, bytes)
    }

    /// Waits for room for a chunk of up to `bytes` bytes and reserves it. The chunk never enters a
    /// future that could be cancelled.
    ///
    /// # Errors
    ///
    /// [`RejectReason`] when that is more than the byte budget and when the stream takes no more
    /// writes.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it has reserved nothing.
    pub async fn reserve(&self, bytes: usize) -> Result<Permit<'_, W>, RejectReason> {
        submit::reserve(&self.shared, bytes).await
    }

    /// Wraps the future of a producer, such as a connection's loop: what it writes through this
    /// handoff is sent whenever it is about to wait and when it is done, by the producer itself,
    /// without a hop through the task. Large chunks still leave at once. Do not block the thread
    /// inside until they are written: it would never end.
    pub fn batching<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        Batching::new(&self.shared, future)
    }

    /// Sends what is held now: at once if this thread may poll the writer, by the task otherwise.
    /// Never waits.
    ///
    /// For producers that compute for long without waiting, and for clients that ask and then read
    /// the answer: without it, the question leaves only after the first read has returned
    /// `Pending`.
    pub fn dispatch(&self) {
        send_now(&self.shared, Via::Call);
    }

    /// A ticket for all that has been accepted so far. Has it sent, as [`dispatch`](Self::dispatch)
    /// does.
    pub fn written(&self) -> WriteTicket {
        self.dispatch();
        let accepted = self.stream().lock().accepted;
        WriteTicket::new(Arc::clone(self.stream()), accepted..accepted)
    }

    /// Waits until all that was accepted before the first poll has been written and the writer has
    /// confirmed a flush.
    ///
    /// The writer is asked to flush as soon as those bytes are written. While it does not confirm
    /// that, newer bytes are still offered to it, but no more than the byte budget: so no stream of
    /// later writes can keep a flush from being confirmed. It is not needed for bytes to leave:
    /// that is done [when there is nothing more to
    /// write](WriteHandoffConfig::with_flush_when_idle).
    ///
    /// # Errors
    ///
    /// Why the stream ended, if it did before that. After an orderly close, which flushes, this is
    /// `Ok`.
    ///
    /// # Cancel safety
    ///
    /// Dropping it gives up the wait. Writes are not delayed by a flush that is not waited for.
    pub async fn flush(&self) -> Result<(), CloseReason> {
        let mut waiter = Scoped::new(self.stream(), FlushWaiter::default());
        poll_fn(|cx| {
            waiter.place.poll(self.stream(), cx, None, |state| send_locked(&self.shared, state, Via::Poll))
        })
        .await
    }

    /// Stops accepting at once, on all handles, and has what was accepted written and flushed and
    /// the writer closed: by this call if this thread may poll the writer, by the task otherwise.
    /// Never waits; [`closed`](Self::closed) does. [The guide](crate::guide::closing) has an end
    /// with a deadline.
    pub fn close(&self) {
        lifecycle::close(&self.shared);
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
        lifecycle::closed(self.stream()).await
    }

    /// This handle as a [`Sink`](futures_sink::Sink) of chunks.
    ///
    /// Closing it gives up this handle, and closes the stream only if it was the last. Clone the
    /// handle first to keep one.
    pub fn into_sink(self) -> HandoffSink<W> {
        HandoffSink::new(&self.shared)
    }

    /// This handle as an [`AsyncWrite`].
    ///
    /// Closing it gives up this handle, and closes the stream only if it was the last. Clone the
    /// handle first to keep one.
    pub fn into_writer(self) -> HandoffWriter<W> {
        HandoffWriter::new(&self.shared)
    }
}

/// Runs `f` on the writer, if no other party holds it.
fn with_writer<W, R>(shared: &Shared<W>, f: impl FnOnce(&mut W) -> R) -> Option<R> {
    /// Releases the writer also when `f` panics: that is no fault of the writer's.
    struct Visit<'a, W>(Option<WriterGuard<'a, W>>);

    impl<W> Drop for Visit<'_, W> {
        fn drop(&mut self) {
            if let Some(guard) = self.0.take() {
                let stream = guard.stream;
                // A writer that was not ready is not so because it was looked at.
                let mut state = stream.lock();
                let pending = state.producer_saw_pending.then_some(Op::Write);
                state.producer_saw_pending = false;
                release_writer(guard, state, Driver::Producer, pending);
            }
        }
    }

    let mut state = shared.stream.lock();
    if shared.is_remote || matches!(state.phase, Phase::Busy | Phase::Ended) {
        return None;
    }
    state.phase = Phase::Busy;
    let mut visit = Visit(Some(WriterGuard::new(shared, shared.cell())));
    drop(state);
    let cell = visit.0.as_mut().and_then(|guard| guard.cell.as_deref_mut())?;
    cell.writer.as_mut().map(f)
}

impl<W> Clone for WriteHandoff<W> {
    fn clone(&self) -> Self {
        self.stream().add_handle();
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<W> Drop for WriteHandoff<W> {
    fn drop(&mut self) {
        self.stream().drop_handle();
    }
}

impl<W> fmt::Debug for WriteHandoff<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stream().debug("WriteHandoff", f)
    }
}

/// A handle that does not keep the stream open. From [`WriteHandoff::downgrade`].
pub struct WeakWriteHandoff<W = BoxWriter> {
    shared: Weak<Shared<W>>,
    stream: Weak<Stream>,
}

impl<W> WeakWriteHandoff<W> {
    /// A handle; `None` after the last one is gone. Made from a [`sender`](WriteHandoff::sender):
    /// after the last clone of that sender, whatever other handles there are.
    pub fn upgrade(&self) -> Option<WriteHandoff<W>> {
        let shared = self.shared.upgrade()?;
        shared.stream.try_add_handle().then(|| WriteHandoff { shared })
    }

    /// As [`WriteHandoff::abort`], also after the last handle was dropped, when the task is still
    /// trying to write what was left to a peer that takes nothing.
    pub fn abort(&self) {
        if let Some(stream) = self.stream.upgrade() {
            stream.end(CloseReason::Aborted);
        }
    }
}

impl<W> Clone for WeakWriteHandoff<W> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), stream: self.stream.clone() }
    }
}

impl<W> fmt::Debug for WeakWriteHandoff<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakWriteHandoff").finish_non_exhaustive()
    }
}
