//! The sending half.

use std::{fmt, future::Future, sync::Arc};

use futures_io::AsyncWrite;

use super::{
    config::Config,
    error::SendError,
    keys::DirectionKey,
    record::WireRoom,
    seal::Sealer,
    sealing::{SealState, Sealing},
};
use crate::{
    Accepted, BoxWriter, CloseReason, WriteHandoff,
    sync::Mutex,
    write::internals::{Via, reserve_room, try_reserve_room},
};

/// Sends messages to a peer. From [`Session`](super::Session).
///
/// Clones send over the same connection: each message goes whole, in the order of acceptance. A
/// message is sealed once the write handoff has room for it, so one that is not accepted has left
/// no trace.
///
/// # The end
///
/// [`close`](Self::close) tells the peer that all was sent. If the last sender is dropped without
/// it, what was accepted is still written, and the peer learns that the connection was
/// [`Truncated`](super::ReceiveError::Truncated). So an error or a panic on the way to `close`
/// never looks like the end.
///
/// Neither a ticket nor `flush` nor `close` tells that the peer has received anything: they tell
/// about the writer. Where that matters, have the peer send a receipt before it closes.
///
/// # Memory
///
/// As for the [`WriteHandoff`] under it, but for what lies in blocks: a record that waits by itself
/// keeps one that is at most four times as long as it is, or 4 KiB. So many short records that are
/// not gathered, those of a long message with a small
/// [`max_record_len`](super::Config::with_max_record_len) for one, take many times their length.
/// Blocks are used again once they are written: at most as many as fill the budget. What a burst
/// needed beyond two is given back one by one, each after 64 messages that do without. Records of
/// up to [`copy_max`](crate::WriteHandoffConfig::with_copy_max) bytes (1 KiB) are copied once, to
/// leave together.
///
/// # Cancel safety
///
/// A `send` that is dropped before it completes has sent nothing, and the two sides are in step:
/// call it again.
pub struct Sender<W = BoxWriter> {
    pub(super) handoff: WriteHandoff<W>,
    pub(super) sealing: Arc<Sealing>,
    /// It is counted among those that may still send.
    pub(super) counted: bool,
}

impl<W> Sender<W> {
    pub(super) fn new(handoff: WriteHandoff<W>, key: DirectionKey, config: &Config) -> Self {
        let state = SealState {
            sealer: Sealer::new(key, config),
            records: Vec::new(),
            views: Vec::new(),
            closed: false,
            senders: 1,
        };
        let sealing = Sealing {
            state: Mutex::new(state),
            max_message_len: config.max_message_len(),
            max_record_len: config.max_record_len(),
        };
        Self { handoff, sealing: Arc::new(sealing), counted: true }
    }

    /// The longest message, in bytes.
    pub fn max_message_len(&self) -> usize {
        self.sealing.max_message_len
    }

    /// Why nothing more is sent, once that is so.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.handoff.close_reason()
    }

    /// Ends the connection without waiting for its writer, as [`WriteHandoff::abort`] does.
    pub fn abort(&self) {
        self.handoff.abort();
    }
}

impl<W: AsyncWrite + Unpin> Sender<W> {
    /// Sends a message. Waits for room if need be.
    ///
    /// What it gives can be awaited until the message is written, kept as a ticket, or dropped at
    /// no cost.
    ///
    /// # Errors
    ///
    /// [`SendError::TooLong`] for a message longer than [`max_message_len`](Self::max_message_len),
    /// [`SendError::Closed`] when nothing more is sent.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it has sent nothing.
    ///
    /// # Complexity
    ///
    /// The message is encrypted straight from where it lies. Nothing is allocated once the blocks
    /// of the session are there.
    pub async fn send(&self, message: &[u8]) -> Result<Accepted<'_>, SendError> {
        let permit = reserve_room(&self.handoff.shared, self.room_of(message)?).await?;
        self.seal_message(permit, Via::Poll, message)
    }

    /// [`send`](Self::send) if there is room now. Never waits.
    ///
    /// # Errors
    ///
    /// As for `send`, and [`SendError::Full`].
    pub fn try_send(&self, message: &[u8]) -> Result<Accepted<'_>, SendError> {
        let permit = try_reserve_room(&self.handoff.shared, self.room_of(message)?)?;
        self.seal_message(permit, Via::Call, message)
    }

    /// Sends messages together, in as few records as they fit in: short ones cost much less this
    /// way. The peer receives them one by one. All of them are sent, or none. Waits for room for
    /// all of them if need be.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send); [`SendError::TooLong`] also when all together are more than the
    /// budget of the write handoff, and [`SendError::TooMany`] when they take more records than it
    /// holds entries.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it has sent nothing.
    ///
    /// # Complexity
    ///
    /// Messages that share a record are copied into it, once.
    pub async fn send_batch<M: AsRef<[u8]>>(&self, messages: &[M]) -> Result<Accepted<'_>, SendError> {
        let (views, room) = self.views(messages)?;
        let permit = reserve_room(&self.handoff.shared, room).await?;
        self.seal_batch(permit, Via::Poll, views)
    }

    /// [`send_batch`](Self::send_batch) if there is room now. Never waits.
    ///
    /// # Errors
    ///
    /// As for `send_batch`, and [`SendError::Full`].
    pub fn try_send_batch<M: AsRef<[u8]>>(&self, messages: &[M]) -> Result<Accepted<'_>, SendError> {
        let (views, room) = self.views(messages)?;
        match try_reserve_room(&self.handoff.shared, room) {
            Ok(permit) => self.seal_batch(permit, Via::Call, views),
            Err(reason) => {
                self.keep(views);
                Err(reason.into())
            }
        }
    }

    /// As [`WriteHandoff::batching`]: what the future sends leaves when it is about to wait,
    /// without a hop through the writer task.
    pub fn batching<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        self.handoff.batching(future)
    }

    /// As [`WriteHandoff::dispatch`]: has what was sent written now. Never waits.
    pub fn dispatch(&self) {
        self.handoff.dispatch();
    }

    /// Waits until all that was sent before is written and the writer has confirmed a flush.
    ///
    /// # Errors
    ///
    /// Why the connection ended, if it did before that.
    ///
    /// # Cancel safety
    ///
    /// Dropping it gives up the wait.
    pub async fn flush(&self) -> Result<(), SendError> {
        Ok(self.handoff.flush().await?)
    }

    /// Tells the peer that all was sent, closes the writer, and waits until that is done. Other
    /// senders send no more.
    ///
    /// # Errors
    ///
    /// Why the connection ended, if it did otherwise.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits for room for its record, it has done nothing. Dropped later, the
    /// closing goes on.
    pub async fn close(&self) -> Result<(), SendError> {
        let room = WireRoom::record(0).into();
        match reserve_room(&self.handoff.shared, room).await {
            Ok(permit) => self.seal_close(permit)?,
            // Another sender has closed, or the connection has failed, which the end tells.
            Err(_) if self.handoff.is_closed() => {}
            Err(reason) => return Err(reason.into()),
        }
        Ok(self.handoff.closed().await?)
    }
}

impl<W> Clone for Sender<W> {
    fn clone(&self) -> Self {
        self.sealing.state.lock().senders += usize::from(self.counted);
        Self { handoff: self.handoff.clone(), sealing: Arc::clone(&self.sealing), counted: self.counted }
    }
}

impl<W> Drop for Sender<W> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<W> fmt::Debug for Sender<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("handoff", &self.handoff).finish_non_exhaustive()
    }
}
