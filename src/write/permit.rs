//! Permits: room that is reserved for a write that is still to come.

use super::{
    error::{RejectReason, WriteError},
    handle::WriteHandoff,
    payload::{Owned, Payload},
    room::{Acquire, give_back, try_admit},
    shared::{BoxWriter, Shared},
    state::{Room, Via},
    stream::{Scoped, StateGuard},
    submit::send_reserved,
    ticket::{Accepted, WriteTicket},
};
use crate::sync::Arc;
use bytes::Bytes;
use futures_io::AsyncWrite;
use std::{
    fmt,
    future::poll_fn,
    task::{Context, Poll},
};

impl<W: AsyncWrite + Unpin> WriteHandoff<W> {
    /// [`reserve`](Self::reserve) if there is room now.
    ///
    /// # Errors
    ///
    /// [`RejectReason`].
    pub fn try_reserve(&self, bytes: usize) -> Result<Permit<'_, W>, RejectReason> {
        try_reserve_room(&self.shared, room_of_permit(bytes))
    }

    /// Waits for room for a chunk of up to `bytes` bytes and reserves it. The chunk never enters a
    /// future that could be cancelled.
    ///
    /// # Errors
    ///
    /// [`RejectReason`] when that is more than the byte budget and when the stream takes no more
    /// writes.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it has reserved nothing.
    pub async fn reserve(&self, bytes: usize) -> Result<Permit<'_, W>, RejectReason> {
        reserve_room(&self.shared, room_of_permit(bytes)).await
    }
}

/// What the room for a permit is: its bytes and an entry.
fn room_of_permit(bytes: usize) -> Room {
    Room { bytes, entries: 1 }
}

/// Reserves that room without waiting.
pub(crate) fn try_reserve_room<W: AsyncWrite + Unpin>(
    shared: &Arc<Shared<W>>,
    room: Room,
) -> Result<Permit<'_, W>, RejectReason> {
    let mut state = try_admit(shared, shared.stream.lock(), |_| room)?;
    state.reserve(room);
    Ok(Permit { shared, room: Some(room) })
}

/// Reserves that room.
pub(crate) async fn reserve_room<W: AsyncWrite + Unpin>(
    shared: &Arc<Shared<W>>,
    room: Room,
) -> Result<Permit<'_, W>, RejectReason> {
    let mut acquire = Scoped::new(&shared.stream, Acquire::Begun);
    poll_fn(|cx| poll_reserve_room(&mut acquire.place, shared, cx, room)).await
}

/// Reserves that room. `acquire` is the place in the line, which belongs to the caller.
pub(crate) fn poll_reserve_room<'a, W: AsyncWrite + Unpin>(
    acquire: &mut Acquire,
    shared: &'a Arc<Shared<W>>,
    cx: &Context<'_>,
    room: Room,
) -> Poll<Result<Permit<'a, W>, RejectReason>> {
    let stream = &shared.stream;
    let reserve = |mut state: StateGuard<'_>| {
        state.budget.spend(0);
        state.reserve(room);
        drop(state);
        Permit { shared, room: Some(room) }
    };
    if matches!(acquire, Acquire::InLine { .. }) {
        return acquire.poll_in_line(stream, cx).map_ok(reserve);
    }
    let mut state = stream.lock();
    if state.budget.must_yield(cx) {
        return stream.yield_now(state, cx);
    }
    let admitted = match state.admits(room) {
        true => Poll::Ready(Ok(state)),
        false => acquire.enter(shared, cx, state, |_| room),
    };
    admitted.map_ok(reserve)
}

/// Room for one write, from [`WriteHandoff::reserve`](crate::WriteHandoff::reserve).
///
/// # Drop
///
/// The room goes to those that wait for it.
#[must_use = "dropping a permit gives its room back"]
pub struct Permit<'a, W = BoxWriter> {
    shared: &'a Arc<Shared<W>>,
    /// `None` once it has been used.
    room: Option<Room>,
}

impl<'a, W: AsyncWrite + Unpin> Permit<'a, W> {
    /// Submits a chunk that is no longer than what was reserved. Never waits for room. What was
    /// reserved and is not needed is given back.
    ///
    /// # Errors
    ///
    /// [`RejectReason::TooLarge`] where it is longer, [`RejectReason::Closed`] where the handoff
    /// was closed in the meantime. The error hands the chunk back.
    pub fn send(mut self, bytes: Bytes) -> Result<Accepted<'a>, WriteError> {
        let shared = self.shared;
        let room = self.room.take().unwrap_or_default();
        if bytes.len() > room.bytes {
            self.room = Some(room);
            let reason = RejectReason::TooLarge { len: bytes.len(), limit: room.bytes };
            return Err(WriteError::new(bytes, reason));
        }
        let mut chunk = Owned(Some(bytes));
        match send_reserved(shared, Via::Call, room, &mut chunk) {
            Ok(range) => Ok(Accepted::new(&shared.stream, range)),
            Err(reason) => Err(WriteError::new(chunk.own(), reason)),
        }
    }

    /// Submits a payload that takes no more than what was reserved.
    #[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
    pub(crate) fn submit<P: Payload>(
        mut self,
        via: Via,
        payload: &mut P,
    ) -> Result<Accepted<'a>, RejectReason> {
        let (shared, room) = (self.shared, self.room.take().unwrap_or_default());
        send_reserved(shared, via, room, payload).map(|range| Accepted::new(&shared.stream, range))
    }

    /// The same permit with a handle of its own, for another task. It keeps the stream open like
    /// any handle.
    pub fn into_owned(mut self) -> OwnedPermit<W> {
        self.shared.stream.add_handle();
        OwnedPermit { room: self.room.take(), shared: Arc::clone(self.shared) }
    }
}

impl<W> Drop for Permit<'_, W> {
    fn drop(&mut self) {
        if let Some(room) = self.room.take() {
            give_back(&self.shared.stream, room);
        }
    }
}

impl<W> fmt::Debug for Permit<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("bytes", &self.room.map(|room| room.bytes)).finish()
    }
}

/// Room for one write that borrows nothing. From [`Permit::into_owned`].
///
/// # Drop
///
/// As for [`Permit`]; its handle is given up.
#[must_use = "dropping a permit gives its room back"]
pub struct OwnedPermit<W = BoxWriter> {
    shared: Arc<Shared<W>>,
    /// `None` once it has been used.
    room: Option<Room>,
}

impl<W: AsyncWrite + Unpin> OwnedPermit<W> {
    /// As [`Permit::send`].
    ///
    /// # Errors
    ///
    /// As for [`Permit::send`].
    pub fn send(mut self, bytes: Bytes) -> Result<WriteTicket, WriteError> {
        let room = self.room.take();
        Permit { shared: &self.shared, room }.send(bytes).map(Accepted::ticket)
    }
}

impl<W> Drop for OwnedPermit<W> {
    fn drop(&mut self) {
        drop(Permit { shared: &self.shared, room: self.room.take() });
        self.shared.stream.drop_handle();
    }
}

impl<W> fmt::Debug for OwnedPermit<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("bytes", &self.room.map(|room| room.bytes)).finish()
    }
}
