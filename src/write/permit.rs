//! Permits: room that is reserved for a later write.

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
    /// Reserves room as [`reserve`](Self::reserve) does, if there is room now. Never waits.
    ///
    /// # Errors
    ///
    /// [`RejectReason`]: `Full` if there is no room now, and as for `reserve`.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    ///
    /// let (handoff, _task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::new(16, 100));
    /// let permit = handoff.try_reserve(100)?;
    /// assert!(handoff.try_reserve(1).unwrap_err().is_full());
    /// // A permit that is dropped gives its room back.
    /// drop(permit);
    /// assert_eq!(handoff.available(), 100);
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn try_reserve(&self, bytes: usize) -> Result<Permit<'_, W>, RejectReason> {
        try_reserve_room(&self.shared, room_of_permit(bytes))
    }

    /// Waits for room for a chunk of up to `bytes` bytes and reserves it.
    ///
    /// The chunk need not exist yet, and it is in no future that could be cancelled.
    ///
    /// # Errors
    ///
    /// [`RejectReason`] when `bytes` is more than the byte budget, and when the stream takes no
    /// more writes.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it completes has reserved nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};
    ///
    /// # futures_executor::block_on(async {
    /// let (handoff, mut task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let mut outbox = vec![Bytes::from_static(b"two"), Bytes::from_static(b"one, ")];
    /// let producer = async {
    ///     while let Some(next) = outbox.last() {
    ///         // A producer that is cancelled here loses no message.
    ///         let permit = handoff.reserve(next.len()).await?;
    ///         permit.send(outbox.pop().unwrap_or_default())?;
    ///     }
    ///     Ok::<_, std::io::Error>(())
    /// };
    /// task.run_until(producer).await?;
    /// drop(handoff);
    /// assert_eq!(task.await?, b"one, two");
    /// # Ok::<_, std::io::Error>(()) }).unwrap();
    /// ```
    pub async fn reserve(&self, bytes: usize) -> Result<Permit<'_, W>, RejectReason> {
        reserve_room(&self.shared, room_of_permit(bytes)).await
    }
}

/// The room of a permit: its bytes and one entry.
fn room_of_permit(bytes: usize) -> Room {
    Room { bytes, entries: 1 }
}

/// Reserves `room` if it is there now.
pub(crate) fn try_reserve_room<W: AsyncWrite + Unpin>(
    shared: &Arc<Shared<W>>,
    room: Room,
) -> Result<Permit<'_, W>, RejectReason> {
    let mut state = try_admit(shared, shared.stream.lock(), |_| room)?;
    state.reserve(room);
    Ok(Permit { shared, room: Some(room) })
}

/// Waits for `room` and reserves it.
pub(crate) async fn reserve_room<W: AsyncWrite + Unpin>(
    shared: &Arc<Shared<W>>,
    room: Room,
) -> Result<Permit<'_, W>, RejectReason> {
    let mut acquire = Scoped::new(&shared.stream, Acquire::Begun);
    poll_fn(|cx| poll_reserve_room(&mut acquire.place, shared, cx, room)).await
}

/// Waits for `room` and reserves it. `acquire` is the caller's place in line.
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

/// Reserved room for one write. Made by [`WriteHandoff::reserve`](crate::WriteHandoff::reserve).
///
/// # Drop
///
/// A permit that is dropped gives its room to the producers that wait for it.
///
/// # Examples
///
/// ```
/// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
///
/// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::new(16, 100));
/// // The size of the frame is not known yet: at most 64 bytes.
/// let permit = handoff.try_reserve(64)?;
/// assert_eq!(handoff.available(), 36);
/// let written = permit.send("eight by".into())?.ticket();
/// assert_eq!(handoff.available(), 92);
/// # drop(handoff);
/// # assert_eq!(futures_executor::block_on(task)?, b"eight by");
/// # assert!(matches!(written.try_result(), Some(Ok(()))));
/// # Ok::<_, std::io::Error>(())
/// ```
#[must_use = "dropping a permit gives its room back"]
pub struct Permit<'a, W = BoxWriter> {
    shared: &'a Arc<Shared<W>>,
    /// `None` once it has been used.
    room: Option<Room>,
}

impl<'a, W: AsyncWrite + Unpin> Permit<'a, W> {
    /// Submits a chunk that is no longer than the reserved room. Never waits. Gives back the room
    /// that the chunk does not need.
    ///
    /// # Errors
    ///
    /// [`WriteError`] with the chunk: [`RejectReason::TooLarge`] if it is longer than the reserved
    /// room, and [`RejectReason::Closed`] if the handoff was closed in the meantime.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{RejectReason, WriteHandoff, WriteHandoffConfig};
    ///
    /// let (handoff, _task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let rejected = handoff.try_reserve(4)?.send("five!".into()).unwrap_err();
    /// assert!(matches!(rejected.reason(), RejectReason::TooLarge { len: 5, limit: 4 }));
    /// assert_eq!(rejected.into_bytes(), "five!");
    /// # Ok::<_, std::io::Error>(())
    /// ```
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

    /// Submits a payload that takes no more than the reserved room.
    #[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
    pub(crate) fn submit<P: Payload>(
        mut self,
        via: Via,
        payload: &mut P,
    ) -> Result<Accepted<'a>, RejectReason> {
        let (shared, room) = (self.shared, self.room.take().unwrap_or_default());
        send_reserved(shared, via, room, payload).map(|range| Accepted::new(&shared.stream, range))
    }

    /// Turns this into a permit that has a handle of its own, for another task. That handle keeps
    /// the stream open as any handle does.
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

/// Reserved room for one write, with a handle of its own. Made by [`Permit::into_owned`].
///
/// # Drop
///
/// An owned permit that is dropped gives back its room as a [`Permit`] does, and gives up its
/// handle.
///
/// # Examples
///
/// ```
/// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
///
/// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
/// let permit = handoff.try_reserve(64)?.into_owned();
/// // The stream stays open for the permit.
/// drop(handoff);
/// let worker = std::thread::spawn(move || permit.send("the answer".into()));
/// let ticket = worker.join().unwrap()?;
/// assert_eq!(futures_executor::block_on(task)?, b"the answer");
/// assert!(matches!(ticket.try_result(), Some(Ok(()))));
/// # Ok::<_, std::io::Error>(())
/// ```
#[must_use = "dropping a permit gives its room back"]
pub struct OwnedPermit<W = BoxWriter> {
    shared: Arc<Shared<W>>,
    /// `None` once it has been used.
    room: Option<Room>,
}

impl<W: AsyncWrite + Unpin> OwnedPermit<W> {
    /// Submits a chunk as [`Permit::send`] does.
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
