//! The handle that producers write through.

use super::{
    adapter::{HandoffSink, HandoffWriter},
    config::{WriteHandoffConfig, WriteStats},
    drive::{Driver, Op, release_writer},
    error::CloseReason,
    shared::{BoxWriter, Shared, WriterGuard},
    state::Phase,
    stream::Stream,
    task::{DetachedWriteTask, WriteTask},
};
use crate::{Executor, sync::Arc};
use futures_io::AsyncWrite;
use std::fmt;

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
}

impl<W: AsyncWrite + Unpin> WriteHandoff<W> {
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
