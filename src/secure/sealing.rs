//! How a sender seals messages and has them accepted.

use bytes::Bytes;
use futures_io::AsyncWrite;

use super::{
    aead::CipherError,
    error::SendError,
    record::{self, Kind, WireRoom},
    seal::SealState,
    sender::Sender,
};
use crate::{
    Accepted, CloseReason, Permit,
    sync::MutexGuard,
    write::internals::{Chunks, Ordered, Owned, Room, Via},
};

/// A list with capacity for more than this many messages of a batch is not kept.
const KEPT_MAX: usize = 1024;

impl<W> Sender<W> {
    /// The room that a message takes in the handoff.
    #[inline]
    pub(super) fn room_of(&self, message: &[u8]) -> Result<Room, SendError> {
        let (len, limit) = (message.len(), self.sealing.max_message_len);
        if len > limit {
            return Err(SendError::TooLong { len, limit });
        }
        Ok(record::room_of_message(len, self.sealing.max_record_len).into())
    }

    /// The room that a list of messages takes in the handoff.
    fn room_of_all<M: AsRef<[u8]>>(&self, messages: &[M]) -> Result<Room, SendError> {
        messages.iter().try_for_each(|message| self.room_of(message.as_ref()).map(drop))?;
        Ok(record::room_of_batch(messages, self.sealing.max_record_len).into())
    }

    /// The slices of the messages and the room that they take. `as_ref` is user code: it may
    /// panic, return other bytes on each call, or use this session. So it runs without a lock, and
    /// the slices from one call are sealed. All messages are counted before that, so that a list
    /// that exceeds the limits allocates nothing.
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

    /// Keeps the list for the next messages.
    pub(super) fn keep(&self, mut views: Vec<&[u8]>) {
        views.clear();
        if views.capacity() <= KEPT_MAX {
            // The list is empty. Collecting it changes the lifetime of its items and reuses its
            // memory.
            let views = views.into_iter().map(|_| -> &'static [u8] { &[] }).collect();
            self.sealing.state.lock().views = views;
        }
    }

    /// Stops counting this sender. Returns whether it was the last one that may still send.
    pub(super) fn leave(&mut self) -> bool {
        let mut state = self.sealing.state.lock();
        state.senders -= usize::from(std::mem::take(&mut self.counted));
        state.senders == 0
    }
}

impl<W: AsyncWrite + Unpin> Sender<W> {
    /// Locks the state. Fails if no more records may be sealed.
    fn lock(&self) -> Result<MutexGuard<'_, SealState>, SendError> {
        let state = self.sealing.state.lock();
        if state.closed { Err(SendError::Closed(CloseReason::Closed)) } else { Ok(state) }
    }

    /// Seals a message and submits it. Never waits.
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

    /// Seals and submits the close record. If another sender has closed since the room was
    /// reserved, that is no error: `closed` returns how the connection ended.
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

    /// Ends the session after a sealed record that is not sent: no later record could be opened.
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
