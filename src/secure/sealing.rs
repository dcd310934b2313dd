//! How a sender seals messages and has them accepted.

use bytes::Bytes;
use futures_io::AsyncWrite;

use super::{
    aead::CipherError,
    error::SendError,
    record::{self, Kind, WireRoom},
    seal::Sealer,
    sender::Sender,
};
use crate::{
    Accepted, CloseReason, Permit,
    sync::{Mutex, MutexGuard},
    write::internals::{Chunks, Ordered, Owned, Room, Via},
};

/// A list with room for more than this many messages of a batch is not kept.
const KEPT_MAX: usize = 1024;

/// What all senders of a session share.
pub(super) struct Sealing {
    pub(super) state: Mutex<SealState>,
    pub(super) max_message_len: usize,
    pub(super) max_record_len: usize,
}

/// Records are sealed and accepted under its lock, so that they leave in the order of their
/// numbers.
pub(super) struct SealState {
    pub(super) sealer: Sealer,
    /// A list for the records of a long message, empty.
    pub(super) records: Vec<Bytes>,
    /// A list for the messages of a batch, empty.
    pub(super) views: Vec<&'static [u8]>,
    /// The record that closes was accepted, or the cipher has failed: nothing may come after.
    pub(super) closed: bool,
    /// The senders that may still send.
    pub(super) senders: usize,
}

impl<W> Sender<W> {
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
    pub(super) fn views<'m, M: AsRef<[u8]>>(
        &self,
        messages: &'m [M],
    ) -> Result<(Vec<&'m [u8]>, Room), SendError> {
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
    pub(super) fn keep(&self, mut views: Vec<&[u8]>) {
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

    pub(super) fn seal_batch<'a>(
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
