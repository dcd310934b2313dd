//! Back pressure: how much room there is, and the line of waiters for room.

use super::{
    drive::{carry_out, send_locked},
    error::RejectReason,
    queue::Chunk,
    shared::Shared,
    state::{Closing, Next, Phase, Room, State, Via, Want},
    stream::{StateGuard, Stream, Waiting, WakeList, wait_until},
};
use crate::{contain::contain, sync::Arc, waiters::Wakers};
use futures_io::AsyncWrite;
use std::{
    mem,
    task::{Context, Poll, Waker, ready},
};

impl State {
    /// The length of the longest write that needs no wait.
    pub(crate) fn available(&self) -> usize {
        let room = self.room_for_copies();
        // Bytes copied into the open block take no entry.
        if self.has_free_entry() { room } else { room.min(self.limits.copy_max) }
    }

    /// How many bytes may be copied without waiting.
    pub(crate) fn room_for_copies(&self) -> usize {
        if !self.is_open() || !self.line.is_empty() {
            return 0;
        }
        let bytes = self.free_bytes();
        if self.has_free_entry() { bytes } else { bytes.min(self.queue.open_room()) }
    }

    fn has_free_entry(&self) -> bool {
        self.fits(Room { bytes: 0, entries: 1 })
    }

    /// The bytes that are neither pending nor reserved, while the stream has not ended.
    #[inline]
    pub(crate) fn free_bytes(&self) -> usize {
        let taken = self.accepted + self.reserved.bytes as u64;
        let free = (self.written + self.limits.bytes as u64).saturating_sub(taken);
        usize::try_from(free).unwrap_or(usize::MAX)
    }

    #[inline]
    fn fits(&self, room: Room) -> bool {
        let entries = self.limits.entries.saturating_sub(self.entries + self.reserved.entries);
        room.bytes <= self.free_bytes() && room.entries <= entries
    }

    /// The room that a chunk of `len` bytes takes now.
    #[inline]
    pub(crate) fn room_of(&self, len: usize) -> Room {
        let free = len == 0 || (len <= self.limits.copy_max && self.queue.open_room() >= len);
        Room { bytes: len, entries: usize::from(!free) }
    }

    /// Whether a write that takes this room may be accepted at once. No write overtakes a waiter.
    #[inline]
    pub(crate) fn admits(&self, room: Room) -> bool {
        self.is_open() && self.line.is_empty() && self.fits(room)
    }

    #[inline]
    pub(crate) fn admit(&self, room: Room) -> Result<(), RejectReason> {
        if self.admits(room) { Ok(()) } else { self.reject(room) }
    }

    #[cold]
    fn reject(&self, room: Room) -> Result<(), RejectReason> {
        if let Some(reason) = self.closed() {
            return Err(RejectReason::Closed(reason));
        }
        if room.bytes > self.limits.bytes {
            return Err(RejectReason::TooLarge { len: room.bytes, limit: self.limits.bytes });
        }
        if room.entries > self.limits.entries {
            return Err(RejectReason::TooManyChunks { chunks: room.entries, limit: self.limits.entries });
        }
        // A barrier takes no room, so it does not wait for any.
        let barrier = room == Room::default();
        if barrier {
            Ok(())
        } else {
            Err(RejectReason::Full { writer_pending: self.stats.pending_polls > 0 })
        }
    }

    pub(crate) fn reserve(&mut self, room: Room) {
        self.reserved.bytes = self.reserved.bytes.saturating_add(room.bytes);
        self.reserved.entries = self.reserved.entries.saturating_add(room.entries);
    }

    /// Gives up a reservation. Reservations have no meaning after the end.
    pub(crate) fn release(&mut self, room: Room) {
        self.reserved.bytes = self.reserved.bytes.saturating_sub(room.bytes);
        self.reserved.entries = self.reserved.entries.saturating_sub(room.entries);
    }

    /// Serves the waiters at the front of the line, in order. Returns whether there are more to
    /// serve than one critical section may wake.
    #[inline]
    pub(crate) fn grant(&mut self, wakes: &mut Wakers) -> bool {
        while let Some((_, want)) = self.line.first() {
            if self.closing == Closing::No && !self.is_turn_of(want) {
                break;
            }
            if wakes.is_full() {
                return true;
            }
            match want {
                Want::Room(room) if self.closing == Closing::No => self.reserve(room),
                Want::Item(_) => self.accept_deferred(wakes),
                Want::Room(_) | Want::Turn => {}
            }
            wakes.waiter(self.line.pop_first());
        }
        false
    }

    fn is_turn_of(&self, want: Want) -> bool {
        match want {
            Want::Room(room) => self.fits(room),
            Want::Turn => self.has_some_room(),
            Want::Item(len) => self.fits(Room { bytes: len, entries: 1 }),
        }
    }

    /// Whether at least one byte would be accepted if the line were empty.
    pub(crate) fn has_some_room(&self) -> bool {
        self.fits(Room { bytes: 1, entries: usize::from(self.queue.open_room() == 0) })
    }

    /// Adds an adapter's item to the end of the line.
    pub(crate) fn defer(&mut self, item: Chunk) -> u64 {
        let id = self.new_id();
        self.line.put(id, Want::Item(item.as_slice().len()), None);
        self.deferred.push_back(item);
        id
    }

    /// Accepts the oldest item of an adapter in the line.
    fn accept_deferred(&mut self, wakes: &mut Wakers) {
        let Some(item) = self.deferred.pop_front() else { return };
        self.accept(item.as_slice().len());
        self.push(item);
        if self.phase == Phase::Idle || (self.phase == Phase::Blocked && self.may_pass_flush()) {
            self.schedule();
            wakes.task(self.task.take());
        }
    }

    pub(crate) fn accept_all_deferred(&mut self, wakes: &mut Wakers) {
        while !self.deferred.is_empty() {
            self.accept_deferred(wakes);
        }
    }
}

/// Polls the writer or wakes its task, which may make room. Then calls `check` again, and joins the
/// line if it still returns `None`. Returns the place in line as an error. The caller has called
/// `check` without an answer.
pub(crate) fn enter_line<'a, W: AsyncWrite + Unpin, R>(
    shared: &'a Shared<W>,
    cx: &Context<'_>,
    state: StateGuard<'a>,
    check: impl Fn(&State) -> Option<R>,
    want: impl Fn(&State) -> Want,
) -> Result<(StateGuard<'a>, R), (u64, Want)> {
    send_locked(shared, state, Via::Poll);
    let mut waker: Option<Waker> = None;
    loop {
        let mut state = shared.stream.lock();
        if let Some(answer) = check(&state) {
            // A waker that is not stored may not be dropped under the lock.
            if waker.is_some() {
                drop(state);
                waker = None;
                continue;
            }
            return Ok((state, answer));
        }
        let Some(waker) = waker.take() else {
            drop(state);
            waker = Some(cx.waker().clone());
            continue;
        };
        let (id, want) = (state.new_id(), want(&state));
        state.budget.waited();
        state.line.put(id, want, Some(waker));
        return Err((id, want));
    }
}

/// Admits a write of a producer that does not wait. A producer that may poll the writer makes room
/// first.
pub(crate) fn try_admit<'a, W: AsyncWrite + Unpin>(
    shared: &'a Shared<W>,
    mut state: StateGuard<'a>,
    room_of: impl Fn(&State) -> Room,
) -> Result<StateGuard<'a>, RejectReason> {
    match state.admit(room_of(&state)) {
        Ok(()) => return Ok(state),
        Err(RejectReason::Full { .. }) if state.entries > 0 && state.may_drive(&shared.caller(Via::Call)) => {
        }
        Err(reason) => return Err(reason),
    }
    state.phase = Phase::Busy;
    carry_out(shared, state, Next::Drive);
    let state = shared.stream.lock();
    state.admit(room_of(&state)).map(|()| state)
}

/// The progress of a producer that needs room.
///
/// Must be [`leave`](Self::leave)d before it is dropped.
#[derive(Debug)]
pub(crate) enum Acquire {
    Begun,
    /// It has a place in line. Once that place is gone, the room is reserved for it.
    InLine {
        id: u64,
        room: Room,
    },
    /// The room was used or refused.
    Done,
}

impl Acquire {
    /// Joins the line, unless there is room after all. Returns the state with the room checked: the
    /// caller has to accept or reserve before it unlocks. The caller has found no room before.
    pub(crate) fn enter<'a, W: AsyncWrite + Unpin>(
        &mut self,
        shared: &'a Shared<W>,
        cx: &Context<'_>,
        state: StateGuard<'a>,
        room_of: impl Fn(&State) -> Room,
    ) -> Poll<Result<StateGuard<'a>, RejectReason>> {
        match state.reject(room_of(&state)) {
            Err(RejectReason::Full { .. }) => {}
            answer => return Poll::Ready(answer.map(|()| state)),
        }
        let check = |state: &State| match state.admit(room_of(state)) {
            Err(RejectReason::Full { .. }) => None,
            answer => Some(answer),
        };
        // A chunk that needs no entry while a block is open may need one when it is granted.
        let want = |state: &State| {
            let room = room_of(state);
            Want::Room(Room { bytes: room.bytes, entries: room.entries.max(1) })
        };
        match enter_line(shared, cx, state, check, want) {
            Ok((state, answer)) => Poll::Ready(answer.map(|()| state)),
            Err((id, want)) => {
                let Want::Room(room) = want else { return Poll::Pending };
                *self = Self::InLine { id, room };
                Poll::Pending
            }
        }
    }

    /// Waits in line. Returns what [`enter`](Self::enter) returns.
    pub(crate) fn poll_in_line<'a>(
        &mut self,
        stream: &'a Stream,
        cx: &Context<'_>,
    ) -> Poll<Result<StateGuard<'a>, RejectReason>> {
        let Self::InLine { id, room } = *self else { return Poll::Pending };
        let granted = |state: &State| (!state.line.contains(id)).then_some(());
        let place = (id, Want::Room(room));
        let mut state = ready!(wait_until(stream, cx, place, |state| &mut state.line, granted)).0;
        *self = Self::Done;
        // Other tasks have run since this waiter joined the line.
        state.budget.waited();
        state.release(room);
        match state.closed() {
            Some(reason) => Poll::Ready(Err(RejectReason::Closed(reason))),
            None => Poll::Ready(Ok(state)),
        }
    }

    fn step_out(&mut self, stream: &Arc<Stream>) {
        let Self::InLine { id, room } = mem::replace(self, Self::Done) else { return };
        let mut state = stream.lock();
        let waker = state.line.remove(id);
        if waker.is_none() {
            state.release(room);
        }
        stream.notify(state, &mut WakeList::new(stream));
        contain(|| drop(waker));
    }
}

impl Waiting for Acquire {
    /// Leaves the line, or gives back the granted room. The waiters behind may have room now.
    #[inline]
    fn leave(&mut self, stream: &Arc<Stream>) {
        if matches!(self, Self::InLine { .. }) {
            self.step_out(stream);
        }
    }
}

/// Gives up a reservation and serves the line.
pub(crate) fn give_back(stream: &Arc<Stream>, room: Room) {
    let mut state = stream.lock();
    state.release(room);
    stream.notify(state, &mut WakeList::new(stream));
}
