//! Submitting: writes, and permits for writes that are still to come.

use super::{
    drive::{carry_out, write_through},
    error::{RejectReason, WriteError},
    payload::{Owned, Payload},
    room::{Acquire, give_back, try_admit},
    shared::{BoxWriter, Shared},
    state::{Caller, Next, Phase, Room, State, Via},
    stream::{Scoped, StateGuard, Waiting},
    ticket::{Accepted, WriteTicket},
};
use crate::{error::POLLED_AFTER_COMPLETION, sync::Arc};
use bytes::Bytes;
use futures_io::AsyncWrite;
use std::{
    fmt,
    future::{Future, poll_fn},
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Submits a payload without waiting. A rejected one is as it was.
#[inline]
pub(crate) fn try_submit<W: AsyncWrite + Unpin, P: Payload>(
    shared: &Shared<W>,
    payload: &mut P,
) -> Result<Range<u64>, RejectReason> {
    payload.check()?;
    let mut state = shared.stream.lock();
    if let Some(range) = append(shared, &mut state, payload) {
        drop(state);
        payload.discard();
        return Ok(range);
    }
    let state = try_admit(shared, state, |state| payload.room(state))?;
    accept(shared, Via::Call, state, payload)
}

/// Accepts a payload where copying it is all there is to do, as nearly always in a burst.
#[inline(always)]
fn append<W, P: Payload>(shared: &Shared<W>, state: &mut State, payload: &P) -> Option<Range<u64>> {
    let bytes = payload.as_slice();
    if bytes.len() > payload.copy_max(&state.limits) || !payload.is_one() {
        return None;
    }
    state.append(bytes, || shared.stream.is_batching())
}

/// Accepts a payload in a section that has admitted it, and decides where it goes.
#[inline(always)]
pub(crate) fn accept<'a, W: AsyncWrite + Unpin, P: Payload>(
    shared: &'a Shared<W>,
    via: Via,
    mut state: StateGuard<'a>,
    payload: &mut P,
) -> Result<Range<u64>, RejectReason> {
    let caller = shared.caller(via);
    let len = payload.len();
    let is_small = len <= state.limits.copy_max;
    let mut next = Next::Nothing;
    if len > 0 {
        // Enough to be sent: written through. A small one behind queued bytes joins them instead.
        if payload.is_one() && sends(&state, payload, &caller) && (state.queue.is_empty() || !is_small) {
            let range = state.accept(len);
            (state.phase, state.entries) = (Phase::Busy, state.entries + 1);
            payload.accepted();
            write_through(shared, state, payload);
            return Ok(range);
        }
        if payload.is_one() && (is_small || len <= payload.copy_max(&state.limits)) {
            state.push_copy(payload.as_slice());
        } else if !payload.queue(&mut state) {
            return accept_owned(shared, via, state, payload);
        }
        next = state.after_push(&caller);
    }
    let range = state.accept(len);
    payload.accepted();
    carry_out(shared, state, next);
    payload.discard();
    Ok(range)
}

/// Whether the payload is enough to be sent, with what is held before it, and the caller may send
/// it.
#[inline]
pub(crate) fn sends<P: Payload>(state: &State, payload: &P, caller: &Caller) -> bool {
    state.queue.bytes() + payload.counts_for(&state.limits) >= state.limits.send_at && state.may_drive(caller)
}

/// Makes the payload owned, outside of the lock, and then accepts it on room that is reserved
/// meanwhile.
#[inline(never)]
fn accept_owned<'a, W: AsyncWrite + Unpin, P: Payload>(
    shared: &'a Shared<W>,
    via: Via,
    mut state: StateGuard<'a>,
    payload: &mut P,
) -> Result<Range<u64>, RejectReason> {
    let room = state.room_of(payload.len());
    state.reserve(room);
    drop(state);
    let mut owned = Owned(Some(payload.own()));
    let accepted = send_reserved(shared, via, room, &mut owned);
    if accepted.is_err() {
        // The stream was closed while the bytes were being owned.
        payload.restore(owned.own());
    }
    accepted
}

/// Submits a payload on reserved room. The room is used up, whatever becomes of the payload.
fn send_reserved<W: AsyncWrite + Unpin, P: Payload>(
    shared: &Shared<W>,
    via: Via,
    room: Room,
    payload: &mut P,
) -> Result<Range<u64>, RejectReason> {
    let stream = &shared.stream;
    let mut state = stream.lock();
    state.release(room);
    if let Some(reason) = state.closed() {
        drop(state);
        return Err(RejectReason::Closed(reason));
    }
    let used = payload.room(&state);
    let is_left = used.bytes < room.bytes || used.entries < room.entries;
    let accepted = accept(shared, via, state, payload);
    if is_left {
        // Only now: the writer may have been polled for that write, and those that this lets in are
        // behind it.
        give_back(stream, Room::default());
    }
    accepted
}

/// Waits for room for a payload and submits it; `finish` makes the future's output of what became
/// of it.
pub(crate) struct Submit<'a, W, P, F> {
    shared: &'a Shared<W>,
    payload: P,
    acquire: Acquire,
    finish: F,
}

impl<'a, W, P, F, T> Submit<'a, W, P, F>
where
    W: AsyncWrite + Unpin,
    P: Payload,
    F: Fn(&'a Shared<W>, &mut P, Result<Range<u64>, RejectReason>) -> T,
{
    #[inline]
    pub(crate) fn new(shared: &'a Shared<W>, payload: P, finish: F) -> Self {
        Self { shared, payload, acquire: Acquire::Begun, finish }
    }

    /// Tries to submit while holding the lock, before it joins the line.
    #[inline(never)]
    fn submit(&mut self, cx: &Context<'_>, state: StateGuard<'a>) -> Poll<T> {
        let Self { shared, payload, .. } = self;
        if !state.admits(payload.room(&state)) {
            return self.wait(cx, Some(state));
        }
        let accepted = accept(shared, Via::Poll, state, payload);
        self.conclude(accepted)
    }

    /// Waits in the line, or gets into it.
    #[cold]
    fn wait(&mut self, cx: &Context<'_>, state: Option<StateGuard<'a>>) -> Poll<T> {
        let Self { shared, payload, acquire, .. } = self;
        let was_in_line = state.is_none();
        let admitted = match state {
            Some(state) => ready!(acquire.enter(shared, cx, state, |state| payload.room(state))),
            None => ready!(acquire.poll_in_line(&shared.stream, cx)),
        };
        let accepted = admitted.and_then(|state| accept(shared, Via::Poll, state, payload));
        if was_in_line {
            // Offers what was granted and not used to the next in line: the entry, if the chunk
            // fitted into the open block.
            give_back(&shared.stream, Room::default());
        }
        self.conclude(accepted)
    }

    #[inline]
    fn conclude(&mut self, accepted: Result<Range<u64>, RejectReason>) -> Poll<T> {
        self.acquire = Acquire::Done;
        Poll::Ready((self.finish)(self.shared, &mut self.payload, accepted))
    }
}

impl<'a, W, P, F, T> Future for Submit<'a, W, P, F>
where
    W: AsyncWrite + Unpin,
    P: Payload + Unpin,
    F: Fn(&'a Shared<W>, &mut P, Result<Range<u64>, RejectReason>) -> T + Unpin,
{
    type Output = T;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        match this.acquire {
            Acquire::Begun => {}
            Acquire::InLine { .. } => return this.wait(cx, None),
            Acquire::Done => panic!("{POLLED_AFTER_COMPLETION}"),
        }
        if let Err(reason) = this.payload.check() {
            return this.conclude(Err(reason));
        }
        let stream = &this.shared.stream;
        let mut state = stream.lock();
        if state.budget.must_yield(cx) {
            return stream.yield_now(state, cx);
        }
        match append(this.shared, &mut state, &this.payload) {
            Some(range) => {
                drop(state);
                this.payload.discard();
                this.conclude(Ok(range))
            }
            None => this.submit(cx, state),
        }
    }
}

impl<W, P, F> Drop for Submit<'_, W, P, F> {
    #[inline]
    fn drop(&mut self) {
        self.acquire.leave(&self.shared.stream);
    }
}

/// What the room for a permit is: its bytes and an entry.
fn room_of_permit(bytes: usize) -> Room {
    Room { bytes, entries: 1 }
}

/// Reserves room for a permit without waiting.
pub(crate) fn try_reserve<W: AsyncWrite + Unpin>(
    shared: &Arc<Shared<W>>,
    bytes: usize,
) -> Result<Permit<'_, W>, RejectReason> {
    try_reserve_room(shared, room_of_permit(bytes))
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

/// Reserves room for a permit.
pub(crate) async fn reserve<W: AsyncWrite + Unpin>(
    shared: &Arc<Shared<W>>,
    bytes: usize,
) -> Result<Permit<'_, W>, RejectReason> {
    reserve_room(shared, room_of_permit(bytes)).await
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
