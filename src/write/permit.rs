//! Room reserved for a write that is still to come.

use super::{
    core::{SharedCore, StateGuard},
    error::{Never, PermitError, WriteError},
    phase::Via,
    port::{Port, accept, ticket, try_admit},
    state::Room,
    ticket::WriteTicket,
    wakes::Wakes,
};
use bytes::Bytes;
use std::{fmt, ops::Range};

/// Room for one write, from [`WriteHandoff::reserve`](crate::WriteHandoff::reserve).
///
/// # Drop
///
/// The room goes to whoever waits for it.
#[must_use = "dropping a permit gives its room back"]
pub struct Permit<'a, P: Port> {
    port: &'a P,
    /// `None` once it has been used.
    room: Option<Room>,
}

impl<'a, P: Port> Permit<'a, P> {
    /// Reserves what `state` has admitted.
    pub(crate) fn new(port: &'a P, mut state: StateGuard<'_>, room: Room) -> Self {
        state.reserve(room);
        Self { port, room: Some(room) }
    }

    pub(crate) fn try_new(port: &'a P, bytes: usize) -> Result<Self, PermitError> {
        let room = Room { bytes, items: 1 };
        match try_admit(port, port.core().lock(), |_| room) {
            Ok(state) => Ok(Self::new(port, state, room)),
            Err(refusal) => Err(PermitError::new(refusal)),
        }
    }

    /// The bytes that it is for.
    pub fn bytes(&self) -> usize {
        self.room.map_or(0, |room| room.bytes)
    }

    /// Submits a chunk that is no longer than what was reserved. Never waits for room. What was reserved and is not needed
    /// is given back.
    ///
    /// # Errors
    ///
    /// [`WriteError::TooLarge`] with the chunk where it is longer, [`WriteError::Closed`] where the handoff was closed in
    /// the meantime.
    pub fn send(mut self, bytes: Bytes) -> Result<WriteTicket, WriteError> {
        let (len, limit) = (bytes.len(), self.bytes());
        if len > limit {
            return Err(WriteError::new(bytes, Never::TooLarge { len, limit }));
        }
        let range = self.submit(bytes)?;
        Ok(ticket(self.port, range))
    }

    /// Submits a chunk of any length.
    pub(crate) fn submit(&mut self, bytes: Bytes) -> Result<Range<u64>, WriteError> {
        send_reserved(self.port, Via::Call, self.room.take(), bytes)
    }
}

/// Submits a chunk on reserved room. The room is used up, whatever becomes of the chunk.
pub(crate) fn send_reserved<P: Port>(
    port: &P,
    via: Via,
    room: Option<Room>,
    bytes: Bytes,
) -> Result<Range<u64>, WriteError> {
    let mut state = port.core().lock();
    if let Some(room) = room {
        state.release(room);
    }
    if let Some(reason) = state.closed() {
        drop(state);
        return Err(WriteError::new(bytes, Never::Closed(reason)));
    }
    let used = state.room_of(bytes.len());
    let is_left = room.is_some_and(|room| used.bytes < room.bytes || used.items < room.items);
    let range = accept(port, via, state, bytes);
    if is_left {
        grant_rest(port.core());
    }
    Ok(range)
}

/// What an accepted write had reserved and did not take may be enough for others. Only now: the writer may have been polled
/// for that write, and those whom this let in were before them in the line.
pub(crate) fn grant_rest(core: &SharedCore) {
    give_back(core, Room { bytes: 0, items: 0 });
}

/// Gives room back and grants it to others.
pub(crate) fn give_back(core: &SharedCore, room: Room) {
    let mut state = core.lock();
    state.release(room);
    core.tell(state, &mut Wakes::new(core));
}

impl<P: Port> Drop for Permit<'_, P> {
    fn drop(&mut self) {
        if let Some(room) = self.room.take() {
            give_back(self.port.core(), room);
        }
    }
}

impl<P: Port> fmt::Debug for Permit<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("bytes", &self.bytes()).finish()
    }
}
