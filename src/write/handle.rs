//! The handle that producers write through.

use super::{
    config::{WriteHandoffConfig, WriteStats},
    drive::{Driver, Op, release_writer},
    error::CloseReason,
    shared::{BoxWriter, Shared, WriterGuard},
    sink::HandoffSink,
    state::Phase,
    stream::Stream,
    task::{DetachedWriteTask, WriteTask},
    writer::HandoffWriter,
};
use crate::{Executor, sync::Arc};
use futures_io::AsyncWrite;
use std::fmt;

/// A handle to a byte stream into an async writer. Producers give it owned [`Bytes`](bytes::Bytes).
/// A [`WriteTask`] owns the writer.
///
/// Handles are cheap to clone, and any number of producers may write through them. Accepted chunks
/// are written in the order of acceptance, exactly once. Borders between chunks carry no meaning:
/// small chunks are gathered.
///
/// Without a type parameter the writer is boxed, as [`spawn`](Self::spawn) boxes it. A function
/// that takes a `&WriteHandoff` takes any such handoff. [`new`](Self::new) keeps the writer's type.
/// It also takes a boxed writer.
///
/// # When bytes leave
///
/// A write queues its chunk and wakes the writer task. The task runs when the producer next waits,
/// or earlier on another thread, and sends everything that is queued: up to 64 blocks and large
/// chunks in one write. There is no timer.
///
/// A producer that may poll the writer (see [`Inline`](crate::Inline)) sends the queued bytes
/// itself once [`send_at`](WriteHandoffConfig::with_send_at) bytes (16 KiB) are queued, in
/// [`flush`](Self::flush), in [`dispatch`](Self::dispatch), and before it waits for room. A
/// producer that computes for long without waiting should call `dispatch`. A producer that runs
/// [together with the task](WriteTask::run_until) sends its bytes when it is about to wait, and
/// wakes no task for that. So does a producer that is wrapped in [`batching`](Self::batching), if
/// it may poll the writer.
///
/// When there is nothing more to write, the writer is
/// [flushed](WriteHandoffConfig::with_flush_when_idle), so that a writer that buffers keeps nothing
/// back.
///
/// # Room
///
/// At most [`max_pending_bytes`](WriteHandoffConfig::with_max_pending_bytes) bytes in at most
/// [`max_items`](WriteHandoffConfig::with_max_items) queue entries are accepted and not yet
/// written. Producers that find no room wait in line, first come, first served. No later write
/// overtakes them, so a large chunk is never starved. Each write that becomes possible wakes one
/// producer. When the writer takes a part of a chunk, the room of that part is free at once. A
/// [sink](HandoffSink) or a [writer](HandoffWriter) may hold one item beyond the budget.
///
/// The handoff holds at most the byte budget, the written part of one chunk, 32 KiB of gather
/// blocks, and 64 bytes for each entry, or 1 KiB for an entry that holds the small chunks between
/// two large ones. Gathered bytes count twice in this, because their block may be only half full. A
/// chunk longer than [`copy_max`](WriteHandoffConfig::with_copy_max) keeps the whole block alive
/// that it is a slice of.
///
/// # The end
///
/// | event | what follows |
/// |---|---|
/// | last handle dropped, [`close`](Self::close) | accepted bytes are written and flushed, then the writer is closed |
/// | [`into_parts`](Self::into_parts) | accepted bytes are written and flushed; the writer comes back open |
/// | [`abort`](Self::abort) | nothing more is written; the writer and the unwritten bytes come back |
/// | the writer fails, breaks its contract or panics | the same; tickets report how many of their bytes were written |
/// | the task is dropped | the writer is dropped; the unwritten bytes come back |
///
/// # Calls from the writer's own code
///
/// A handle may be used inside the writer's `poll_write`, inside a waker and inside a `Drop`. User
/// code never runs under a lock, so nothing deadlocks, and the order of acceptance is kept.
///
/// # A writer that may not leave its thread
///
/// A writer need not be `Send`. The streams of compio and glommio are not `Send`, and neither is a
/// writer with an `Rc`. [`new`](Self::new) takes such a writer. Its task [runs with a
/// producer](WriteTask::run_until), is awaited, or goes to a local executor: `LocalSet`,
/// `LocalExecutor`, `LocalPool`. A writer that is not `Unpin`, such as compio's `AsyncStream`, goes
/// into a `Box::pin`. There are three limits:
///
/// - [`spawn`](Self::spawn), and executors that ask for `Send`, do not take the writer.
/// - Its handles, permits, sinks and task stay on its thread. Its tickets and
///   [`sender`](Self::sender)s may go to other threads. A sender leaves the writer to the task and
///   wakes the task.
/// - Of its handles, only a sender is a `WriteHandoff` without a type parameter.
///
/// # Cancel safety
///
/// Every future of this type can be dropped at any time. A future that has not completed has
/// submitted nothing; only [`write_all_buf`](Self::write_all_buf) submits in several steps. A
/// dropped future gives back its place in line, or the room that it was granted, and the order of
/// the other waiters stays as it was. A future that was granted room and is neither polled nor
/// dropped keeps that room from other producers.
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
///
/// What a handle reports:
///
/// ```
/// use futures_handoff::{CloseReason, WriteHandoff, WriteHandoffConfig};
///
/// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::new(16, 100));
/// handoff.try_write("eight by".into())?;
/// assert_eq!((handoff.pending_bytes(), handoff.available()), (8, 92));
/// assert_eq!(handoff.config().max_pending_bytes(), 100);
/// handoff.close();
/// assert!(handoff.is_closed());
/// futures_executor::block_on(task)?;
/// assert_eq!((handoff.pending_bytes(), handoff.stats().written), (0, 8));
/// assert!(matches!(handoff.close_reason(), Some(CloseReason::Closed)));
/// # Ok::<_, std::io::Error>(())
/// ```
pub struct WriteHandoff<W = BoxWriter> {
    pub(crate) shared: Arc<Shared<W>>,
}

impl WriteHandoff {
    /// Boxes `writer`, runs its task on `executor`, and returns a handle.
    ///
    /// [`closed`](Self::closed) and [`into_parts`](Self::into_parts) report how the stream ended. A
    /// writer that has failed is dropped at once, unless a call of `into_parts` waits for it. Any
    /// other writer is kept for `into_parts` until the last handle is dropped. For a writer that is
    /// not `Send`, and to keep the writer's type, spawn the task of [`new`](Self::new).
    ///
    /// # Panics
    ///
    /// If the executor panics, as Tokio's does outside of a runtime.
    ///
    /// # Examples
    ///
    /// Any executor will do. The features of the runtimes add `&Tokio`, `&Smol` and `&AsyncStd`.
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
    /// Creates a handle to `writer` and the task that writes to it.
    ///
    /// Allocates twice. Until the task is first polled, chunks are only queued. So a program that
    /// forgets to spawn the task writes nothing at all, which shows in its first test.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    ///
    /// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let ticket = handoff.try_write("queued".into())?;
    /// assert_eq!(handoff.pending_bytes(), 6);
    /// drop(handoff);
    /// // The last handle is gone: the task writes the rest and gives the writer back.
    /// assert_eq!(futures_executor::block_on(task)?, b"queued");
    /// assert!(matches!(ticket.try_result(), Some(Ok(()))));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn new(writer: W, config: WriteHandoffConfig) -> (Self, WriteTask<W>) {
        let shared = Arc::new(Shared::new(writer, config));
        let task = WriteTask::new(Arc::clone(&shared));
        (Self { shared }, task)
    }

    pub(crate) fn stream(&self) -> &Arc<Stream> {
        &self.shared.stream
    }

    /// The configuration of the handoff.
    pub fn config(&self) -> &WriteHandoffConfig {
        self.stream().config()
    }

    /// The bytes accepted and not yet taken by the writer. 0 once the stream has ended.
    pub fn pending_bytes(&self) -> usize {
        self.stream().lock().pending()
    }

    /// The length of the longest chunk that would be accepted now without waiting. 0 while other
    /// producers wait for room.
    pub fn available(&self) -> usize {
        self.stream().lock().available()
    }

    /// Whether the stream takes no more writes.
    pub fn is_closed(&self) -> bool {
        self.close_reason().is_some()
    }

    /// Why the stream takes no more writes; `None` while it does.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.stream().lock().closed()
    }

    /// Counters of what the handoff has done so far.
    pub fn stats(&self) -> WriteStats {
        self.stream().lock().stats()
    }

    /// Runs `f` on the writer. Returns `None`, without a call of `f`, while another party polls the
    /// writer, inside of `f` itself, and once the stream has ended.
    ///
    /// For reading from the writer (a peer address) and for settings (no-delay). Bytes that `f`
    /// writes to the writer may come between any two chunks.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    /// use futures_util::io::Cursor;
    ///
    /// let (handoff, task) = WriteHandoff::new(Cursor::new(vec![0; 6]), WriteHandoffConfig::default());
    /// handoff.with_writer(|file| file.set_position(4));
    /// handoff.try_write("!!".into())?;
    /// handoff.close();
    /// assert_eq!(futures_executor::block_on(task)?.into_inner(), b"\0\0\0\0!!");
    /// assert!(handoff.with_writer(|file| file.position()).is_none());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn with_writer<R>(&self, f: impl FnOnce(&mut W) -> R) -> Option<R> {
        with_writer(&self.shared, f)
    }

    /// Creates a handle without the writer's type that leaves the writer to the task. It keeps the
    /// stream open as any handle does.
    ///
    /// A sender is `Send` whatever the writer is. Through it, other threads write to a stream whose
    /// writer may not leave its own thread. Its [`with_writer`](Self::with_writer) finds no writer,
    /// and its [`into_parts`](Self::into_parts) neither a writer nor unwritten bytes:
    /// [`closed`](Self::closed) reports how the stream ended, and the task gives the writer back.
    /// Allocates once.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    /// use futures_util::AsyncWrite;
    ///
    /// // Not `Send`.
    /// let writer: Box<dyn AsyncWrite + Unpin> = Box::new(Vec::new());
    /// let (handoff, task) = WriteHandoff::new(writer, WriteHandoffConfig::default());
    /// let sender = handoff.sender();
    /// let producer = std::thread::spawn(move || sender.try_write("from another thread".into()));
    /// let ticket = producer.join().unwrap()?;
    /// handoff.close();
    /// futures_executor::block_on(task)?;
    /// assert!(matches!(ticket.try_result(), Some(Ok(()))));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn sender(&self) -> WriteHandoff {
        self.stream().add_handle();
        WriteHandoff { shared: Arc::new(Shared::remote(self.stream())) }
    }
}

impl<W: AsyncWrite + Unpin> WriteHandoff<W> {
    /// Turns this handle into a [`Sink`](futures_sink::Sink) of chunks.
    ///
    /// Closing the sink gives up this handle. It closes the stream only if this was the last
    /// handle. Clone the handle first to keep one.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    /// use futures_util::SinkExt;
    ///
    /// # futures_executor::block_on(async {
    /// let (handoff, mut task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let mut sink = handoff.clone().into_sink();
    /// task.run_until(async {
    ///     sink.send("one, ".into()).await?;
    ///     sink.close().await
    /// })
    /// .await?;
    /// handoff.try_write("two".into())?;
    /// drop(handoff);
    /// assert_eq!(task.await?, b"one, two");
    /// # Ok::<_, std::io::Error>(()) }).unwrap();
    /// ```
    pub fn into_sink(self) -> HandoffSink<W> {
        HandoffSink::new(&self.shared)
    }

    /// Turns this handle into an [`AsyncWrite`].
    ///
    /// Closing the writer gives up this handle. It closes the stream only if this was the last
    /// handle. Clone the handle first to keep one.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    /// use futures_util::{AsyncWriteExt, io};
    ///
    /// # futures_executor::block_on(async {
    /// let (handoff, mut task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let mut writer = handoff.into_writer();
    /// let upload = async {
    ///     let copied = io::copy(&b"a whole file"[..], &mut writer).await?;
    ///     writer.close().await?;
    ///     Ok::<_, io::Error>(copied)
    /// };
    /// assert_eq!(task.run_until(upload).await?, 12);
    /// assert_eq!(task.await?, b"a whole file");
    /// # Ok::<_, io::Error>(()) }).unwrap();
    /// ```
    pub fn into_writer(self) -> HandoffWriter<W> {
        HandoffWriter::new(&self.shared)
    }
}

/// Runs `f` on the writer if no other party holds it.
fn with_writer<W, R>(shared: &Shared<W>, f: impl FnOnce(&mut W) -> R) -> Option<R> {
    /// Releases the writer also when `f` panics. Such a panic is not a failure of the writer.
    struct Visit<'a, W>(Option<WriterGuard<'a, W>>);

    impl<W> Drop for Visit<'_, W> {
        fn drop(&mut self) {
            if let Some(guard) = self.0.take() {
                let stream = guard.stream;
                // Looking at the writer does not make it ready: a `Pending` seen before still
                // counts.
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
