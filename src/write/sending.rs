//! When bytes leave: sending what is held, and waiting until it is written or flushed.

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
    /// write](crate::WriteHandoffConfig::with_flush_when_idle).
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
}
