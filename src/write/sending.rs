//! Sending queued bytes, and waiting until they are written or flushed.

use super::{
    drive::{send_locked, send_now},
    error::CloseReason,
    flush::FlushWaiter,
    handle::WriteHandoff,
    state::Via,
    stream::Scoped,
    task::Batching,
    ticket::WriteTicket,
};
use crate::sync::Arc;
use futures_io::AsyncWrite;
use std::future::{Future, poll_fn};

impl<W: AsyncWrite + Unpin> WriteHandoff<W> {
    /// Wraps the future of a producer, such as a connection's loop. What the producer writes
    /// through this handoff is sent whenever it is about to wait and when it is done. The producer
    /// sends it itself, without a hop through the task, if this thread may poll the writer (see
    /// [`Inline`](crate::Inline)); otherwise it wakes the task. Large chunks still leave at once.
    ///
    /// Do not block the thread inside the future until its bytes are written. Small chunks leave
    /// only when the future returns, so the thread would block forever.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    /// use futures_util::future::try_join;
    ///
    /// # futures_executor::block_on(async {
    /// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let produce = async move {
    ///     let lines = async {
    ///         handoff.write_fire_and_forget("one\n".into()).await?;
    ///         handoff.write_fire_and_forget("two\n".into()).await
    ///     };
    ///     handoff.batching(lines).await?;
    ///     // Both lines have left, in one write that the producer made.
    ///     assert_eq!((handoff.stats().written, handoff.stats().inline_write_calls), (8, 1));
    ///     Ok::<_, std::io::Error>(())
    /// };
    /// let (writer, ()) = try_join(async { Ok(task.await?) }, produce).await?;
    /// assert_eq!(writer, b"one\ntwo\n");
    /// # Ok::<_, std::io::Error>(()) }).unwrap();
    /// ```
    pub fn batching<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        Batching::new(&self.shared, future)
    }

    /// Sends what is queued now. This call sends it if this thread may poll the writer; otherwise
    /// it wakes the task. Never waits.
    ///
    /// For producers that compute for long without waiting, and for clients that send a request and
    /// then read the answer: without `dispatch`, the request leaves only after the first read has
    /// returned `Pending`.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    ///
    /// # futures_executor::block_on(async {
    /// let (handoff, mut task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let exchange = async {
    ///     handoff.write_fire_and_forget("GET / HTTP/1.0\r\n\r\n".into()).await?;
    ///     assert_eq!(handoff.pending_bytes(), 18);
    ///     handoff.dispatch();
    ///     assert_eq!(handoff.pending_bytes(), 0);
    ///     // Now read the answer.
    ///     Ok::<_, std::io::Error>(())
    /// };
    /// task.run_until(exchange).await?;
    /// # drop(handoff);
    /// # assert_eq!(task.await?, b"GET / HTTP/1.0\r\n\r\n");
    /// # Ok::<_, std::io::Error>(()) }).unwrap();
    /// ```
    pub fn dispatch(&self) {
        send_now(&self.shared, Via::Call);
    }

    /// Returns a ticket that completes when all bytes accepted so far are written, and sends them
    /// as [`dispatch`](Self::dispatch) does. The ticket is a barrier: it has no bytes of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    ///
    /// # futures_executor::block_on(async {
    /// let (handoff, mut task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// handoff.try_write_fire_and_forget("one, ".into())?;
    /// handoff.try_write_fire_and_forget("two".into())?;
    /// task.run_until(handoff.written()).await?;
    /// assert_eq!(handoff.stats().written, 8);
    /// # drop(handoff);
    /// # assert_eq!(task.await?, b"one, two");
    /// # Ok::<_, std::io::Error>(()) }).unwrap();
    /// ```
    pub fn written(&self) -> WriteTicket {
        self.dispatch();
        let accepted = self.stream().lock().accepted;
        WriteTicket::new(Arc::clone(self.stream()), accepted..accepted)
    }

    /// Waits until all bytes accepted before the first poll are written and the writer has
    /// confirmed a flush.
    ///
    /// The writer is asked to flush as soon as those bytes are written. While it does not confirm
    /// the flush, newer bytes are still offered to it, up to the byte budget: later writes cannot
    /// keep a flush from being confirmed. Bytes leave without a call of `flush`: the writer is
    /// flushed [when there is nothing more to
    /// write](crate::WriteHandoffConfig::with_flush_when_idle).
    ///
    /// # Errors
    ///
    /// The reason why the stream ended, if it ended before that. After an orderly close, which
    /// flushes, this is `Ok`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the wait. A flush that no future waits for delays no writes.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    ///
    /// # futures_executor::block_on(async {
    /// // The writer is flushed on request alone.
    /// let config = WriteHandoffConfig::default().with_flush_when_idle(false);
    /// let (handoff, mut task) = WriteHandoff::new(Vec::new(), config);
    /// let commit = async {
    ///     handoff.write("a record".into()).await?.await?;
    ///     assert_eq!((handoff.stats().written, handoff.stats().flushed), (8, 0));
    ///     handoff.flush().await?;
    ///     assert_eq!(handoff.stats().flushed, 8);
    ///     Ok::<_, std::io::Error>(())
    /// };
    /// task.run_until(commit).await?;
    /// # Ok::<_, std::io::Error>(()) }).unwrap();
    /// ```
    pub async fn flush(&self) -> Result<(), CloseReason> {
        let mut waiter = Scoped::new(self.stream(), FlushWaiter::default());
        poll_fn(|cx| {
            waiter.place.poll(self.stream(), cx, None, |state| send_locked(&self.shared, state, Via::Poll))
        })
        .await
    }
}
