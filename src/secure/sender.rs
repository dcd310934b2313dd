//! The sending half.

use std::{fmt, future::Future, sync::Arc};

use bytes::Bytes;
use futures_io::AsyncWrite;

use super::{
    aead::CipherError,
    config::Config,
    error::SendError,
    keys::DirectionKey,
    record::{self, Kind, WireRoom},
    seal::Sealer,
};
use crate::{
    Accepted, BoxWriter, CloseReason, Permit, WriteHandoff,
    sync::{Mutex, MutexGuard},
    write::internals::{Chunks, Ordered, Owned, Room, Via, reserve_room, try_reserve_room},
};

/// A list with room for more than this many messages of a batch is not kept.
const KEPT_MAX: usize = 1024;

/// What all senders of a session share.
struct Sealing {
    state: Mutex<SealState>,
    max_message_len: usize,
    max_record_len: usize,
}

/// Records are sealed and accepted under its lock, so that they leave in the order of their
/// numbers.
struct SealState {
    sealer: Sealer,
    /// A list for the records of a long message, empty.
    records: Vec<Bytes>,
    /// A list for the messages of a batch, empty.
    views: Vec<&'static [u8]>,
    /// The record that closes was accepted, or the cipher has failed: nothing may come after.
    closed: bool,
    /// The senders that may still send.
    senders: usize,
}

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
    sealing: Arc<Sealing>,
    /// It is counted among those that may still send.
    counted: bool,
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

    /// What a message takes in the handoff.
    #[inline]
    pub(super) fn room_of(&self, message: &[u8]) -> Result<Room, SendError> {
        let (len, limit) = (message.len(), self.sealing.max_message_len);
        if len > limit {
            return Err(SendError::TooLong { len, limit });
        }
        Ok(record::room_of_message(len, self.sealing.max_record_len).into())
    }

    /// What a list of messages takes in the handoff.
    fn room_of_all<M: AsRef<[u8]>>(&self, messages: &[M]) -> Result<Room, SendError> {
        messages.iter().try_for_each(|message| self.room_of(message.as_ref()).map(drop))?;
        Ok(record::room_of_batch(messages, self.sealing.max_record_len).into())
    }

    /// What is to be sent, and what it takes. `as_ref` is code of others: it may panic, give other
    /// bytes each time, or use this session. So it runs without a lock, and what is sealed is what
    /// it has given once. Before that, all of it is counted, so that nothing is allocated for a
    /// list that is refused.
    fn views<'m, M: AsRef<[u8]>>(&self, messages: &'m [M]) -> Result<(Vec<&'m [u8]>, Room), SendError> {
        let config = self.handoff.config();
        let room = self.room_of_all(messages)?;
        if room.bytes > config.max_pending_bytes() || room.entries > config.max_items() {
            return Ok((Vec::new(), room));
        }
        let mut views: Vec<&'m [u8]> = std::mem::take(&mut self.sealing.state.lock().views);
        views.extend(messages.iter().map(AsRef::as_ref));
        let room = self.room_of_all(&views)?;
        Ok((views, room))
    }

    /// The list is kept for the next messages.
    fn keep(&self, mut views: Vec<&[u8]>) {
        views.clear();
        if views.capacity() <= KEPT_MAX {
            // It is empty, and its memory becomes that of the list with the longer lifetime.
            let views = views.into_iter().map(|_| -> &'static [u8] { &[] }).collect();
            self.sealing.state.lock().views = views;
        }
    }

    /// Whether this is the last sender that may still send. It is not counted any more.
    pub(super) fn leave(&mut self) -> bool {
        let mut state = self.sealing.state.lock();
        state.senders -= usize::from(std::mem::take(&mut self.counted));
        state.senders == 0
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

    /// The state, if records may still be sealed.
    fn lock(&self) -> Result<MutexGuard<'_, SealState>, SendError> {
        let state = self.sealing.state.lock();
        if state.closed { Err(SendError::Closed(CloseReason::Closed)) } else { Ok(state) }
    }

    /// Seals a message and has it accepted. Nothing of that waits.
    #[inline]
    pub(super) fn seal_message<'a>(
        &'a self,
        permit: Permit<'a, W>,
        via: Via,
        message: &[u8],
    ) -> Result<Accepted<'a>, SendError> {
        if message.len() <= self.sealing.max_record_len {
            self.seal_one(permit, via, |state| state.sealer.record(Kind::Message, message))
        } else {
            self.seal_many(permit, via, |state, records| state.sealer.message(message, records))
        }
    }

    fn seal_batch<'a>(
        &'a self,
        permit: Permit<'a, W>,
        via: Via,
        messages: Vec<&[u8]>,
    ) -> Result<Accepted<'a>, SendError> {
        let mut groups = record::groups(&messages, self.sealing.max_record_len);
        let first = (groups.next(), groups.next());
        drop(groups);
        let sealed = match first {
            (Some(record::Group::Batch { len, .. }), None) => {
                self.seal_one(permit, via, |state| state.sealer.batch(&messages, len))
            }
            _ => self.seal_many(permit, via, |state, records| state.sealer.messages(&messages, records)),
        };
        self.keep(messages);
        sealed
    }

    /// Another sender may have closed since there was room, which comes to the same: how it ends is
    /// told by the end.
    pub(super) fn seal_close(&self, permit: Permit<'_, W>) -> Result<(), SendError> {
        let sealed = self.seal_one(permit, Via::Poll, |state| {
            state.closed = true;
            state.sealer.record(Kind::Close, &[])
        });
        self.handoff.close();
        match sealed {
            Ok(_) | Err(SendError::Closed(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    #[inline]
    fn seal_one<'a>(
        &'a self,
        permit: Permit<'a, W>,
        via: Via,
        seal: impl FnOnce(&mut SealState) -> Result<Bytes, CipherError>,
    ) -> Result<Accepted<'a>, SendError> {
        let mut state = self.lock()?;
        match seal(&mut state) {
            Ok(record) => {
                let mut payload = Ordered { payload: Owned(Some(record)), order: Some(state) };
                Ok(permit.submit(via, &mut payload)?)
            }
            Err(CipherError) => Err(self.fail(state)),
        }
    }

    fn seal_many<'a>(
        &'a self,
        permit: Permit<'a, W>,
        via: Via,
        seal: impl FnOnce(&mut SealState, &mut Vec<Bytes>) -> Result<(), CipherError>,
    ) -> Result<Accepted<'a>, SendError> {
        let mut state = self.lock()?;
        let mut records = std::mem::take(&mut state.records);
        match seal(&mut state, &mut records) {
            Ok(()) => {
                let mut payload = Ordered { payload: Chunks(&mut records), order: Some(state) };
                let accepted = permit.submit(via, &mut payload);
                drop(payload);
                records.clear();
                self.sealing.state.lock().records = records;
                Ok(accepted?)
            }
            Err(CipherError) => Err(self.fail(state)),
        }
    }

    /// A record that was sealed is not sent: none may come after it.
    #[cold]
    fn fail(&self, mut state: MutexGuard<'_, SealState>) -> SendError {
        state.closed = true;
        drop(state);
        self.handoff.abort();
        SendError::Cipher
    }
}

impl From<WireRoom> for Room {
    fn from(room: WireRoom) -> Self {
        Self { bytes: room.bytes, entries: room.records }
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
