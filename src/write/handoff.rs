//! The handle that producers write through.

use super::{
    batching::Batching,
    borrowed::Borrowed,
    config::WriteHandoffConfig,
    core::{Core, SharedCore, StateGuard},
    drive::{Side, with_writer},
    ends::{AbortHandle, Close, Closed, IntoParts, WeakWriteHandoff},
    error::{CloseReason, PermitError, TryWriteError},
    flush::Flush,
    permit::Permit,
    phase::{Caller, Via},
    port::{Port, hurry, ticket, try_submit, try_submit_all},
    sender::WriteSender,
    sink::HandoffSink,
    stats::WriteStats,
    submit::{Reserve, Write, WriteAll, WriteFireAndForget},
    task::{DetachedWriteTask, WriteTask},
    ticket::WriteTicket,
    writer::HandoffWriter,
};
use crate::{Executor, sync::Arc};
use bytes::Bytes;
use futures_io::AsyncWrite;
use std::fmt;

/// A handle to a byte stream into an async writer. Producers give it owned [`Bytes`]; a [`WriteTask`] owns the writer.
///
/// Handles are cheap to clone, and any number of producers may write through them. What is accepted is written in the order
/// of acceptance, exactly once; borders between chunks carry no meaning, small ones are gathered.
///
/// # When bytes leave
///
/// A chunk is queued and the task woken; it runs once the producer waits for something, and then sends all that has gathered
/// in one write. When [`send_at`](WriteHandoffConfig::with_send_at) bytes (16 KiB) are held, a producer that may poll the
/// writer (see [`Inline`](crate::Inline)) sends them itself, and likewise in [`flush`](Self::flush), in
/// [`dispatch`](Self::dispatch), and before it waits for room. There is no timer. When there is nothing more to write, the
/// writer is [flushed](WriteHandoffConfig::with_flush_when_idle), so that one that buffers keeps nothing back.
/// A producer that computes for long without waiting should call `dispatch`. One that runs [together with the
/// task](WriteTask::run_until), or is wrapped in [`batching`](Self::batching), sends when it is about to wait without waking
/// anything.
///
/// # Room
///
/// At most [`max_pending_bytes`](WriteHandoffConfig::with_max_pending_bytes) bytes in at most
/// [`max_items`](WriteHandoffConfig::with_max_items) queue entries are accepted and not yet written. Room is given in order
/// of asking: nobody overtakes a producer that waits, so a large chunk is never starved, and one producer is woken for each
/// write that becomes possible.
///
/// Memory held is at most the byte budget, the written part of one chunk, 32 KiB of gather blocks, and for an entry 64 bytes,
/// or 1 KiB where it is the small chunks between two large ones. What is gathered counts twice in this, for the block that it
/// is in may be only half full. A chunk longer than
/// [`copy_max`](WriteHandoffConfig::with_copy_max) keeps whatever block it is a slice of.
///
/// # The end
///
/// | event | what follows |
/// |---|---|
/// | last handle dropped, [`close`](Self::close) | what was accepted is written, flushed, and the writer closed |
/// | [`into_parts`](Self::into_parts) | what was accepted is written and flushed; the writer comes back open |
/// | [`AbortHandle::abort`] | nothing more is written; the writer and the unwritten bytes come back |
/// | the writer fails, lies or panics | the same; tickets tell how far their bytes got |
/// | the task is dropped | the writer is dropped, the unwritten bytes come back |
///
/// # Cancel safety
///
/// Every future of this type can be dropped at any time. One that has not completed has submitted nothing; it gives back
/// its place in the line, or the room that it was granted, and the order of the others stays as it was. A future that was
/// granted room and is neither polled nor dropped keeps that room from others.
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
pub struct WriteHandoff<W> {
    pub(crate) side: Arc<Side<W>>,
}

impl<W> WriteHandoff<W> {
    /// A handle to `writer` and the task that has to be run for it.
    ///
    /// Allocates twice. Until the task is polled for the first time, chunks are only queued: a task that was forgotten shows
    /// at once.
    pub fn new(writer: W, config: WriteHandoffConfig) -> (Self, WriteTask<W>) {
        let side = Arc::new(Side::new(Arc::new(Core::new(config)), writer));
        let task = WriteTask::new(Arc::clone(&side));
        (Self::counted(side), task)
    }

    /// A handle to `writer`, whose task runs on `executor`.
    ///
    /// How it ended is learned from [`closed`](Self::closed) and [`into_parts`](Self::into_parts). A writer that has failed is dropped
    /// at once, unless `into_parts` waits for it; any other is kept for that until the last handle is dropped.
    ///
    /// # Panics
    ///
    /// If the executor does, as [`Tokio`](crate::Executor) does outside of a runtime.
    pub fn spawn<E>(writer: W, config: WriteHandoffConfig, executor: &E) -> Self
    where
        E: Executor<DetachedWriteTask<W>> + ?Sized,
    {
        let (handoff, task) = Self::new(writer, config);
        executor.execute(task.detach());
        handoff
    }

    /// A handle that has been counted already.
    pub(crate) fn counted(side: Arc<Side<W>>) -> Self {
        Self { side }
    }

    pub(crate) fn core(&self) -> &SharedCore {
        &self.side.core
    }

    /// What the handoff was configured with.
    pub fn config(&self) -> &WriteHandoffConfig {
        self.core().config()
    }

    /// Bytes accepted and not yet taken by the writer. 0 once the stream has ended.
    pub fn pending_bytes(&self) -> usize {
        self.core().lock().pending()
    }

    /// Queue entries not yet written whole. Small chunks gathered in one block are one entry. 0 once the stream has ended.
    pub fn pending_items(&self) -> usize {
        self.core().lock().pending_items()
    }

    /// The length of the longest chunk that would be accepted now without waiting. 0 while others wait for room.
    pub fn available(&self) -> usize {
        self.core().lock().available()
    }

    /// Whether nothing more is accepted.
    pub fn is_closed(&self) -> bool {
        self.close_reason().is_some()
    }

    /// Why nothing more is accepted, once that is so.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.core().lock().closed()
    }

    /// What the handoff has done so far.
    pub fn stats(&self) -> WriteStats {
        self.core().lock().stats()
    }

    /// Runs `f` on the writer, unless it is being polled at the moment or the stream has ended: then `None`.
    ///
    /// For looking at it (a peer address) and for settings (no-delay). What is written to it past the handoff may come
    /// between any two chunks. Must not be called from within `f`: that gives `None`.
    pub fn with_writer<R>(&self, f: impl FnOnce(&mut W) -> R) -> Option<R> {
        with_writer(&self.side, f)
    }

    /// A handle that can end the stream and keeps nothing alive.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(self.core())
    }

    /// A handle that does not keep the stream open.
    pub fn downgrade(&self) -> WeakWriteHandoff<W> {
        WeakWriteHandoff { side: Arc::downgrade(&self.side) }
    }

    /// A handle without the writer's type. It keeps the stream open like any other, is `Send` whatever the writer is, and
    /// leaves the writer to the task.
    pub fn sender(&self) -> WriteSender {
        WriteSender::new(Arc::clone(self.core()))
    }

    /// Stops accepting, on all handles and at once, and gives the writer back when what was accepted is written and flushed.
    /// It is not closed: a connection can go on with another protocol. The first to ask gets it.
    ///
    /// # Errors
    ///
    /// [`WriterFailure`](crate::WriterFailure) with the unwritten bytes if the stream has failed or was aborted, and
    /// without a writer if somebody else has taken it or its task was dropped. A writer that was closed before comes back
    /// closed.
    ///
    /// # Cancel safety
    ///
    /// The handoff stays closed to writes, as by [`close`](Self::close) if this was the last handle. Another handle can ask
    /// again.
    pub fn into_parts(self) -> IntoParts<W> {
        IntoParts::new(self)
    }
}

impl<W: AsyncWrite + Unpin> WriteHandoff<W> {
    /// Submits a chunk if there is room for it now. Never waits. Where it may poll the writer (see [`Inline`](crate::Inline)), it does
    /// so for a large chunk, and to make room.
    ///
    /// An empty chunk takes no room and is always accepted: its ticket is a barrier behind all that was accepted
    /// before.
    ///
    /// Constant time. Allocates nothing once the queue and the gather block have grown to what the stream needs; only a burst of more
    /// than 16 KiB in small chunks that the producer may not send itself takes a block of 16 KiB for each of those.
    ///
    /// # Errors
    ///
    /// [`TryWriteError`] with the chunk: `Full` when there is no room or others wait for it, `TooLarge` when there never will
    /// be, `Closed` when the stream takes no more writes.
    pub fn try_write(&self, bytes: Bytes) -> Result<WriteTicket, TryWriteError> {
        try_submit(self, bytes).map(|range| ticket(self, range))
    }

    /// [`try_write`](Self::try_write) without a ticket.
    ///
    /// # Errors
    ///
    /// As for `try_write`.
    pub fn try_write_fire_and_forget(&self, bytes: Bytes) -> Result<(), TryWriteError> {
        try_submit(self, bytes).map(drop)
    }

    /// Submits a chunk, waiting for room if need be.
    ///
    /// While there is room this does not wait. A loop of it over a writer that is always ready yields now and then all the same, see
    /// [`with_cooperative`](WriteHandoffConfig::with_cooperative).
    ///
    /// # Errors
    ///
    /// [`WriteError`](crate::WriteError) with the chunk, when it is longer than the byte budget or the stream takes no more
    /// writes.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it has accepted nothing, and the chunk is dropped with it. To keep the chunk in
    /// such a case, [`reserve`](Self::reserve) first.
    pub fn write(&self, bytes: Bytes) -> Write<'_, Self> {
        Write::new(self, bytes)
    }

    /// [`write`](Self::write) without a ticket.
    ///
    /// # Errors
    ///
    /// As for `write`.
    ///
    /// # Cancel safety
    ///
    /// As for `write`.
    pub fn write_fire_and_forget(&self, bytes: Bytes) -> WriteFireAndForget<'_, Self> {
        WriteFireAndForget::new(self, bytes)
    }

    /// Submits several chunks that stay adjacent, whatever other producers write, or none of them. The parts are left
    /// empty. Every part that is not empty takes an entry.
    ///
    /// # Errors
    ///
    /// As for [`try_write`](Self::try_write), with the parts.
    pub fn try_write_all<B: AsMut<[Bytes]>>(&self, parts: B) -> Result<WriteTicket, TryWriteError<B>> {
        try_submit_all(self, parts)
    }

    /// [`try_write_all`](Self::try_write_all), waiting for room for all of it if need be.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write), with the parts.
    ///
    /// # Cancel safety
    ///
    /// As for `write`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};
    /// # futures_executor::block_on(async {
    /// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let body = Bytes::from_static(b"hello");
    /// let header = Bytes::copy_from_slice(&(body.len() as u32).to_be_bytes());
    /// handoff.write_all([header, body]).await?;
    /// drop(handoff);
    /// assert_eq!(task.await?, b"\0\0\0\x05hello");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn write_all<B: AsMut<[Bytes]>>(&self, parts: B) -> WriteAll<'_, Self, B> {
        WriteAll::new(self, parts)
    }

    /// Reserves room for a chunk of up to `bytes` bytes, if there is room now.
    ///
    /// # Errors
    ///
    /// [`PermitError`].
    pub fn try_reserve(&self, bytes: usize) -> Result<Permit<'_, Self>, PermitError> {
        Permit::try_new(self, bytes)
    }

    /// Waits for room for a chunk of up to `bytes` bytes and reserves it. The chunk never enters a future that could be
    /// cancelled.
    ///
    /// # Errors
    ///
    /// [`PermitError`] when that is more than the byte budget and when the stream takes no more writes.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it has reserved nothing.
    pub fn reserve(&self, bytes: usize) -> Reserve<'_, Self> {
        Reserve::new(self, bytes)
    }

    /// Wraps the future of a producer, such as a connection's loop: what it writes through this handoff is sent whenever
    /// it is about to wait and when it is done, by the producer itself, without a hop through the task. Large chunks still
    /// leave at once. A future that blocks its thread, instead of waiting, until they are written would block it for ever.
    pub fn batching<F: Future>(&self, future: F) -> Batching<'_, Self, F> {
        Batching::new(self, future)
    }

    /// Sends what is held now: at once if this thread may poll the writer, by the task otherwise. Never waits.
    ///
    /// For producers that compute for long without waiting, and for those that ask a question and wait for the answer: what is
    /// held leaves without it only after the read that finds no answer yet.
    pub fn dispatch(&self) {
        hurry(self, Via::Call);
    }

    /// A ticket for all that has been accepted so far. Has it sent, as [`dispatch`](Self::dispatch) does.
    pub fn written(&self) -> WriteTicket {
        hurry(self, Via::Call);
        let accepted = self.core().lock().accepted;
        ticket(self, accepted..accepted)
    }

    /// Waits until all that was accepted before the first poll has been written and the writer has confirmed a flush.
    ///
    /// The writer is asked to flush as soon as those bytes are written. While it does not confirm that, newer bytes are still
    /// offered to it, but no more than the byte budget: so no stream of later writes can keep a flush from being confirmed. Nobody
    /// needs to flush only so that bytes leave: that is done [when there is nothing more to
    /// write](WriteHandoffConfig::with_flush_when_idle).
    ///
    /// # Errors
    ///
    /// Why the stream ended, if it did before that. After an orderly close, which flushes, this is `Ok`.
    ///
    /// # Cancel safety
    ///
    /// Dropping it gives up the wait. Writes are not delayed by a flush that is not waited for.
    pub fn flush(&self) -> Flush<'_, Self> {
        Flush::new(self)
    }

    /// Stops accepting at once, on all handles; has what was accepted written and flushed and the writer closed; waits for
    /// that.
    ///
    /// # Errors
    ///
    /// Why the stream ended, if not in this way.
    ///
    /// # Cancel safety
    ///
    /// Closing goes on. Call it again to wait for the outcome.
    pub fn close(&self) -> Close<'_, Self> {
        Close::new(self)
    }

    /// Waits until the stream has ended, and tells why. Does not end it.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub fn closed(&self) -> Closed<'_, Self> {
        Closed::new(self)
    }

    /// This handle as a [`Sink`](futures_sink::Sink) of chunks.
    ///
    /// Closing it gives up this handle, and closes the stream only if it was the last. Clone the handle first to keep one.
    pub fn into_sink(self) -> HandoffSink<W> {
        HandoffSink::new(&self)
    }

    /// This handle as an [`AsyncWrite`].
    ///
    /// Closing it gives up this handle, and closes the stream only if it was the last. Clone the handle first to keep one.
    pub fn into_writer(self) -> HandoffWriter<W> {
        HandoffWriter::new(&self)
    }
}

impl<W: AsyncWrite + Unpin> Port for WriteHandoff<W> {
    fn core(&self) -> &SharedCore {
        &self.side.core
    }

    fn caller(&self, via: Via) -> Caller {
        self.side.caller(via)
    }

    fn drive<'a>(&'a self, state: StateGuard<'a>, borrowed: Borrowed<'_>) {
        self.side.drive(state, borrowed);
    }

    fn send<'a>(&'a self, state: StateGuard<'a>, bytes: Bytes) {
        self.side.send(state, bytes);
    }
}

impl<W> Clone for WriteHandoff<W> {
    fn clone(&self) -> Self {
        self.core().add_handle();
        Self::counted(Arc::clone(&self.side))
    }
}

impl<W> Drop for WriteHandoff<W> {
    fn drop(&mut self) {
        self.core().drop_handle();
    }
}

impl<W> fmt::Debug for WriteHandoff<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core().debug("WriteHandoff", f)
    }
}
