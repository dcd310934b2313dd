//! Back pressure: how much room there is, and the line of those that wait for it.

use super::{
    drive::carry_out,
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
    /// The bytes that a write may have without waiting.
    pub(crate) fn available(&self) -> usize {
        let room = self.room_for_copies();
        // What is copied into the open block takes no entry.
        if self.has_free_entry() { room } else { room.min(self.limits.copy_max) }
    }

    /// The bytes that may be copied without waiting.
    pub(crate) fn room_for_copies(&self) -> usize {
        if !self.is_open() || !self.line.is_empty() {
            return 0;
        }
        let bytes = self.limits.bytes.saturating_sub(self.pending().saturating_add(self.reserved.bytes));
        if self.has_free_entry() { bytes } else { bytes.min(self.queue.open_room()) }
    }

    fn has_free_entry(&self) -> bool {
        self.items.saturating_add(self.reserved.items) < self.limits.items
    }

    #[inline]
    fn fits(&self, room: Room) -> bool {
        let bytes = self.pending().saturating_add(self.reserved.bytes).saturating_add(room.bytes);
        let items = self.items.saturating_add(self.reserved.items).saturating_add(room.items);
        bytes <= self.limits.bytes && items <= self.limits.items
    }

    /// The room that a chunk of `len` bytes takes now.
    #[inline]
    pub(crate) fn room_of(&self, len: usize) -> Room {
        let free = len == 0 || (len <= self.limits.copy_max && self.queue.open_room() >= len);
        Room { bytes: len, items: usize::from(!free) }
    }

    /// Whether that much may be accepted at once. Nothing overtakes a waiter.
    #[inline]
    pub(crate) fn admit(&self, room: Room) -> Result<(), RejectReason> {
        if self.is_open() && self.line.is_empty() && self.fits(room) { Ok(()) } else { self.reject(room) }
    }

    #[cold]
    fn reject(&self, room: Room) -> Result<(), RejectReason> {
        if let Some(reason) = self.closed() {
            return Err(RejectReason::Closed(reason));
        }
        if room.bytes > self.limits.bytes {
            return Err(RejectReason::TooLarge { len: room.bytes, limit: self.limits.bytes });
        }
        if room.items > self.limits.items {
            return Err(RejectReason::TooManyChunks { chunks: room.items, limit: self.limits.items });
        }
        // A barrier takes no room and so waits for none.
        let barrier = room == Room::default();
        if barrier { Ok(()) } else { Err(RejectReason::Full { stalled: self.stats.pending_polls > 0 }) }
    }

    pub(crate) fn reserve(&mut self, room: Room) {
        self.reserved.bytes = self.reserved.bytes.saturating_add(room.bytes);
        self.reserved.items = self.reserved.items.saturating_add(room.items);
    }

    /// Gives reserved room back, to be used or to be granted. After the end it means nothing any more.
    pub(crate) fn release(&mut self, room: Room) {
        self.reserved.bytes = self.reserved.bytes.saturating_sub(room.bytes);
        self.reserved.items = self.reserved.items.saturating_sub(room.items);
    }

    /// Gives those at the front of the line their turn, first come first served. Returns whether there are more than
    /// one section may wake.
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
            Want::Item(len) => self.fits(Room { bytes: len, items: 1 }),
        }
    }

    /// Whether at least one byte would be accepted, but for the line.
    pub(crate) fn has_some_room(&self) -> bool {
        self.fits(Room { bytes: 1, items: usize::from(self.queue.open_room() == 0) })
    }

    /// Puts an adapter's item into the line, as the last one.
    pub(crate) fn defer(&mut self, item: Chunk) -> u64 {
        let id = self.new_id();
        self.line.put(id, Want::Item(item.as_slice().len()), None);
        self.deferred.push_back(item);
        id
    }

    /// Accepts the oldest item that an adapter has put into the line.
    fn accept_deferred(&mut self, wakes: &mut Wakers) {
        let Some(item) = self.deferred.pop_front() else { return };
        self.accept(item.as_slice().len());
        self.push(item);
        let unseen = match self.phase {
            Phase::Idle => true,
            Phase::Blocked => self.blocked_on_flush && !self.flush_is_overdue(),
            _ => false,
        };
        if unseen {
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

/// Calls `check` until it answers. If it does not, sends once, which may make room, checks again, and then
/// joins the line. Returns the place in the line as an error.
pub(crate) fn enter_line<'a, W: AsyncWrite + Unpin, R>(
    shared: &'a Shared<W>,
    cx: &Context<'_>,
    state: StateGuard<'a>,
    check: impl Fn(&State) -> Option<R>,
    want: impl Fn(&State) -> Want,
) -> Result<(StateGuard<'a>, R), (u64, Want)> {
    let mut begun = Some(state);
    let mut sent = false;
    let mut waker: Option<Waker> = None;
    loop {
        let mut state = begun.take().unwrap_or_else(|| shared.stream.lock());
        if let Some(answer) = check(&state) {
            // A waker that is not needed may not be dropped under the lock.
            if waker.is_some() {
                drop(state);
                waker = None;
                continue;
            }
            return Ok((state, answer));
        }
        if !sent {
            sent = true;
            let next = state.decide_to_send(&shared.caller(Via::Poll));
            carry_out(shared, state, next);
            continue;
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

/// Admits a write of a producer that does not wait. Where it may poll the writer, that makes room first.
pub(crate) fn try_admit<'a, W: AsyncWrite + Unpin>(
    shared: &'a Shared<W>,
    mut state: StateGuard<'a>,
    room_of: impl Fn(&State) -> Room,
) -> Result<StateGuard<'a>, RejectReason> {
    match state.admit(room_of(&state)) {
        Ok(()) => return Ok(state),
        Err(RejectReason::Full { .. }) if state.items > 0 && state.may_drive(&shared.caller(Via::Call)) => {}
        Err(reason) => return Err(reason),
    }
    state.phase = Phase::Busy;
    carry_out(shared, state, Next::Drive);
    let state = shared.stream.lock();
    state.admit(room_of(&state)).map(|()| state)
}

/// A producer's place in the line, and the room that it was granted.
///
/// Must be [`leave`](Self::leave)d before it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Acquire {
    /// 0 while not in line.
    id: u64,
    room: Room,
    /// It was granted what it waited for, and what is left of that has not been passed on.
    granted: bool,
}

impl Acquire {
    /// Whether it is in line.
    #[inline]
    pub(crate) fn is_waiting(&self) -> bool {
        self.id != 0
    }

    /// Waits for room. Returns the lock with the room checked: accept or reserve before unlocking.
    pub(crate) fn enter<'a, W: AsyncWrite + Unpin>(
        &mut self,
        shared: &'a Shared<W>,
        cx: &Context<'_>,
        state: StateGuard<'a>,
        room_of: impl Fn(&State) -> Room,
    ) -> Poll<Result<StateGuard<'a>, RejectReason>> {
        let check = |state: &State| match state.admit(room_of(state)) {
            Err(RejectReason::Full { .. }) => None,
            answer => Some(answer),
        };
        // A chunk that needed no entry of its own while a block was open may need one by the time it is granted.
        let want = |state: &State| {
            let room = room_of(state);
            Want::Room(Room { bytes: room.bytes, items: room.items.max(1) })
        };
        match enter_line(shared, cx, state, check, want) {
            Ok((state, answer)) => Poll::Ready(answer.map(|()| state)),
            Err((id, want)) => {
                let Want::Room(room) = want else { return Poll::Pending };
                *self = Self { id, room, granted: false };
                Poll::Pending
            }
        }
    }

    pub(crate) fn poll_in_line<'a>(
        &mut self,
        stream: &'a Stream,
        cx: &Context<'_>,
    ) -> Poll<Result<StateGuard<'a>, RejectReason>> {
        let Self { id, room, .. } = *self;
        let granted = |state: &State| (!state.line.contains(id)).then_some(());
        let place = (id, Want::Room(room));
        let mut state = ready!(wait_until(stream, cx, place, |state| &mut state.line, granted)).0;
        *self = Self { granted: true, ..Self::default() };
        // Others have run since it got into line.
        state.budget.waited();
        state.release(room);
        match state.closed() {
            Some(reason) => Poll::Ready(Err(RejectReason::Closed(reason))),
            None => Poll::Ready(Ok(state)),
        }
    }

    /// Offers room that was granted and not used to the next in line: the entry, if the chunk fitted into the
    /// open block. To be called when the write is accepted.
    pub(crate) fn pass_on(&mut self, stream: &Arc<Stream>) {
        if mem::take(&mut self.granted) {
            give_back(stream, Room::default());
        }
    }

    fn step_out(&mut self, stream: &Arc<Stream>) {
        let Self { id, room, .. } = mem::take(self);
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
    /// Steps out of the line, or returns what was granted; those behind may fit now.
    #[inline]
    fn leave(&mut self, stream: &Arc<Stream>) {
        if self.id != 0 {
            self.step_out(stream);
        }
    }
}

/// Gives room back and grants it to others.
pub(crate) fn give_back(stream: &Arc<Stream>, room: Room) {
    let mut state = stream.lock();
    state.release(room);
    stream.notify(state, &mut WakeList::new(stream));
}
