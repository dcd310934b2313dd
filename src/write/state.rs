//! What the lock of a stream guards: its phase, its positions, and who waits for them.

use super::{
    config::{Inline, Limits},
    contain::contain,
    error::{CloseReason, Never, Refusal},
    phase::{Caller, Closing, Next, Phase},
    queue::{Chunk, Queue, discard},
    stats::WriteStats,
    waiters::Waiters,
    wakes::Wakes,
};
use crate::{
    coop::Budget,
    sync::{AtomicU64, Ordering, thread},
};
use bytes::Bytes;
use std::{collections::VecDeque, mem, ops::Range, task::Waker};

/// Room asked for or reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) bytes: usize,
    pub(crate) items: usize,
}

/// What a place in the line for room is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Room that is reserved for the waiter when its turn comes.
    Room(Room),
    /// The turn itself. Nothing is reserved: an adapter that is not polled any more holds up nobody.
    Turn,
    /// An adapter's item of so many bytes. It is accepted when its turn comes, whether the adapter is polled or not.
    Item(usize),
}

/// Positions count bytes since the stream began: `flushed <= written <= accepted`.
#[derive(Debug)]
pub struct State {
    pub(crate) phase: Phase,
    /// A producer's last poll found the writer not ready: only the task tries again.
    pub(crate) stalled: bool,
    /// The `Blocked` phase is about a flush.
    pub(crate) blocked_on_flush: bool,
    pub(crate) closing: Closing,
    /// The holder of the writer is to end the stream, for this reason.
    pub(crate) end_requested: Option<CloseReason>,

    pub(crate) accepted: u64,
    pub(crate) written: u64,
    pub(crate) flushed: u64,
    /// Offered in the call with which the writer broke its contract.
    pub(crate) in_doubt: u64,
    /// Room that is promised to waiters and permits.
    reserved: Room,
    /// Entries accepted and not written.
    pub(crate) items: usize,
    pub(crate) queue: Queue,
    limits: Limits,

    next_id: u64,
    pub(crate) tickets: Waiters<(u64, u64), ()>,
    /// The line for room. A waiter that is gone from here has had its turn.
    pub(crate) rooms: Waiters<u64, Want>,
    /// The items of adapters that are in that line, in its order.
    deferred: VecDeque<Chunk>,
    /// By the position to be flushed, then by number.
    pub(crate) flushes: Waiters<(u64, u64), ()>,
    /// The newest number among those that were there when the last flush that is done was asked for.
    served_before: u64,
    /// Some of those that wait for a flush may have been served and not been told.
    flush_is_news: bool,
    pub(crate) closers: Waiters<u64, ()>,

    pub(crate) task: Option<Waker>,
    pub(crate) task_thread: usize,
    pub(crate) end: Option<CloseReason>,
    /// Futures that wait for the writer itself.
    pub(crate) parts_wanted: usize,
    pub(crate) stats: WriteStats,
    /// What producers may do before they let other tasks run.
    pub(crate) budget: Budget,
}

impl State {
    pub(crate) fn new(limits: Limits, cooperative: bool) -> Self {
        Self {
            phase: Phase::Unborn,
            stalled: false,
            blocked_on_flush: false,
            closing: Closing::No,
            end_requested: None,
            accepted: 0,
            written: 0,
            flushed: 0,
            in_doubt: 0,
            reserved: Room { bytes: 0, items: 0 },
            items: 0,
            queue: Queue::new(),
            limits,
            next_id: 0,
            tickets: Waiters::new(),
            rooms: Waiters::new(),
            deferred: VecDeque::new(),
            flushes: Waiters::new(),
            served_before: 0,
            flush_is_news: false,
            closers: Waiters::new(),
            task: None,
            task_thread: 0,
            end: None,
            parts_wanted: 0,
            stats: WriteStats::default(),
            budget: Budget::new(cooperative),
        }
    }

    /// A number that no other waiter of this stream has, larger than those before and never 0.
    pub(crate) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Why nothing more is accepted, once that is so.
    pub(crate) fn closed(&self) -> Option<CloseReason> {
        match &self.end {
            Some(reason) => Some(reason.clone()),
            None if self.closing > Closing::No => Some(CloseReason::Closed),
            None => None,
        }
    }

    /// Whether writes are accepted.
    #[inline]
    fn is_open(&self) -> bool {
        self.closing == Closing::No && self.phase != Phase::Ended
    }

    // --- room ---------------------------------------------------------------------------------------------------

    /// Bytes accepted and not written; 0 once the stream has ended.
    #[inline]
    pub(crate) fn pending(&self) -> usize {
        if self.phase == Phase::Ended { 0 } else { saturated(self.accepted - self.written) }
    }

    /// Entries accepted and not written; 0 once the stream has ended.
    pub(crate) fn pending_items(&self) -> usize {
        if self.phase == Phase::Ended { 0 } else { self.items }
    }

    pub(crate) fn stats(&self) -> WriteStats {
        let Self { accepted, written, flushed, stats, .. } = *self;
        WriteStats { accepted, written, flushed, ..stats }
    }

    /// The bytes that a write may have without waiting.
    pub(crate) fn available(&self) -> usize {
        let bytes = self.free_bytes();
        // What is copied into the open block takes no entry.
        if self.has_free_entry() {
            bytes
        } else {
            bytes.min(self.limits.copy_max).min(self.queue.open_room())
        }
    }

    /// The bytes that may be copied without waiting.
    pub(crate) fn room_for_copies(&self) -> usize {
        let bytes = self.free_bytes();
        if self.has_free_entry() { bytes } else { bytes.min(self.queue.open_room()) }
    }

    fn free_bytes(&self) -> usize {
        if !self.is_open() || !self.rooms.is_empty() {
            return 0;
        }
        self.limits.bytes.saturating_sub(self.pending().saturating_add(self.reserved.bytes))
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

    /// Whether that much may be accepted at once. Nobody barges past a waiter.
    #[inline]
    pub(crate) fn admit(&self, room: Room) -> Result<(), Refusal> {
        if self.is_open() && self.rooms.is_empty() && self.fits(room) { Ok(()) } else { self.refuse(room) }
    }

    #[cold]
    fn refuse(&self, room: Room) -> Result<(), Refusal> {
        if let Some(reason) = self.closed() {
            return Err(Never::Closed(reason).into());
        }
        for (len, limit) in [(room.bytes, self.limits.bytes), (room.items, self.limits.items)] {
            if len > limit {
                return Err(Never::TooLarge { len, limit }.into());
            }
        }
        // A barrier takes no room and so waits for none.
        let barrier = room.bytes == 0 && room.items == 0;
        if barrier { Ok(()) } else { Err(Refusal::Full { stalled: self.stats.pending_polls > 0 }) }
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

    /// Gives those at the front of the line their turn, first come first served. Returns whether there are more than one section may
    /// wake.
    #[inline]
    fn grant(&mut self, wakes: &mut Wakes<'_>) -> bool {
        while let Some((_, want)) = self.rooms.first() {
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
            wakes.waiter(self.rooms.pop_first());
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
        self.rooms.put(id, Want::Item(item.as_slice().len()), None);
        self.deferred.push_back(item);
        id
    }

    /// Accepts the oldest item that an adapter has put into the line.
    fn accept_deferred(&mut self, wakes: &mut Wakes<'_>) {
        let Some(item) = self.deferred.pop_front() else { return };
        self.accept(item.as_slice().len());
        self.items += 1;
        self.queue.push_chunk(item);
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

    // --- accepting ----------------------------------------------------------------------------------------------

    /// Assigns the next `len` positions. This is final: what becomes of the bytes shows in their ticket.
    #[inline]
    pub(crate) fn accept(&mut self, len: usize) -> Range<u64> {
        let start = self.accepted;
        self.accepted += len as u64;
        self.stats.chunks += 1;
        self.budget.spend(len);
        start..self.accepted
    }

    /// Accepts a chunk that may be copied where copying it is all there is to do: the open gather block has room for it, it
    /// does not make what is queued enough to be sent, and somebody sees to that already. Otherwise nothing happens.
    #[inline(always)]
    pub(crate) fn join(&mut self, bytes: &[u8], is_batching: impl FnOnce() -> bool) -> Option<Range<u64>> {
        let len = bytes.len();
        if self.queue.bytes() + len >= self.limits.send_at {
            return None;
        }
        let seen_to = match self.phase {
            Phase::Unborn | Phase::Scheduled | Phase::Busy | Phase::Blocked => true,
            Phase::Held => is_batching(),
            Phase::Idle | Phase::Ended => false,
        };
        // It takes no entry of its own.
        let pending = saturated(self.accepted - self.written);
        let room = pending.saturating_add(self.reserved.bytes + len) <= self.limits.bytes;
        let admitted = seen_to && room && self.closing == Closing::No && self.rooms.is_empty();
        (admitted && self.queue.join(bytes)).then(|| self.accept(len))
    }

    /// Accepts a chunk that may be copied and that a producer holds, the first since it last waited: the writer is home and
    /// has nothing to do, and the producer does not send the chunk itself. Otherwise nothing happens.
    #[inline]
    pub(crate) fn hold(&mut self, bytes: &[u8], is_batching: impl FnOnce() -> bool) -> Option<Range<u64>> {
        let len = bytes.len();
        if !(self.is_clear(len) && is_batching()) {
            return None;
        }
        self.phase = Phase::Held;
        self.push_copy(bytes);
        Some(self.accept(len))
    }

    /// Whether nothing comes before a chunk of `len` bytes, which may be accepted.
    #[inline]
    fn is_clear(&self, len: usize) -> bool {
        // Idle means that nothing is accepted and not written.
        let open = self.phase == Phase::Idle && self.closing == Closing::No && self.rooms.is_empty();
        let fits = self.reserved.bytes.saturating_add(len) <= self.limits.bytes
            && self.reserved.items < self.limits.items;
        open && fits && len > 0
    }

    /// Accepts a chunk that the caller is to send past the queue: the writer is home and has nothing to do, and the chunk, or as
    /// much as it counts for, is enough to be sent. The phase is `Busy` then. Otherwise nothing happens.
    #[inline]
    pub(crate) fn express(
        &mut self,
        len: usize,
        counts_for: usize,
        caller: impl FnOnce() -> Caller,
    ) -> Option<Range<u64>> {
        if !(self.is_clear(len) && counts_for >= self.limits.send_at && self.may_drive(&caller())) {
            return None;
        }
        self.phase = Phase::Busy;
        self.items += 1;
        Some(self.accept(len))
    }

    /// Queues a chunk. What it returns was copied and may not be dropped under the lock.
    #[inline]
    pub(crate) fn push(&mut self, bytes: Bytes) -> Option<Bytes> {
        if self.copies(bytes.len()) {
            self.push_copy(&bytes);
            Some(bytes)
        } else {
            self.push_owned(bytes);
            None
        }
    }

    /// Queues a chunk as it is. It must not be empty.
    pub(crate) fn push_owned(&mut self, bytes: Bytes) {
        self.items += 1;
        self.queue.push(bytes);
    }

    /// Whether a chunk of that length is copied into the gather block.
    #[inline]
    pub(crate) fn copies(&self, len: usize) -> bool {
        len == 0 || len <= self.limits.copy_max
    }

    /// Queues a copy of a small chunk.
    #[inline]
    pub(crate) fn push_copy(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.items += self.queue.gather(bytes);
        }
    }

    /// Whether the caller may poll the writer now: it is home, the task has run, and it is the right thread for it.
    #[inline]
    pub(crate) fn may_drive(&self, caller: &Caller) -> bool {
        let home = matches!(self.phase, Phase::Idle | Phase::Held | Phase::Scheduled);
        home && !self.stalled
            && match caller.inline {
                Inline::SameThread => caller.in_poll && caller.thread == self.task_thread,
                Inline::Always => true,
                Inline::Never => false,
            }
    }

    /// Whether the caller should send a chunk of `len` bytes itself, with what is held before it.
    #[inline]
    pub(crate) fn sends(&self, caller: &Caller, len: usize) -> bool {
        self.queue.bytes() + len >= self.limits.send_at && self.may_drive(caller)
    }

    /// What a borrowed chunk of that length counts for. One that makes three quarters of what would be sent is better sent
    /// than owned.
    #[inline]
    pub(crate) fn borrowed_len(&self, len: usize) -> usize {
        len + self.limits.send_at / 4
    }

    /// What follows when work was added.
    #[inline]
    pub(crate) fn after_push(&mut self, caller: &Caller) -> Next {
        if self.sends(caller, 0) && !self.queue.is_empty() {
            self.phase = Phase::Busy;
            return Next::Drive;
        }
        match self.phase {
            Phase::Idle if self.queue.is_empty() => Next::Nothing,
            Phase::Idle if caller.batching => {
                self.phase = Phase::Held;
                Next::Nothing
            }
            Phase::Held if caller.batching => Next::Nothing,
            Phase::Idle | Phase::Held => self.schedule(),
            // A flush that the writer does not confirm yet is no reason not to offer it more.
            Phase::Blocked if self.blocked_on_flush && !self.flush_is_overdue() => self.schedule(),
            _ => Next::Nothing,
        }
    }

    /// What follows when the caller wants what there is to do done now.
    #[inline]
    pub(crate) fn hurry(&mut self, caller: &Caller) -> Next {
        if self.phase == Phase::Idle && !self.flush_is_due() && self.closing == Closing::No {
            return Next::Nothing;
        }
        if self.may_drive(caller) {
            self.phase = Phase::Busy;
            return Next::Drive;
        }
        match self.phase {
            Phase::Idle | Phase::Held if caller.batching => {
                self.phase = Phase::Held;
                Next::Nothing
            }
            Phase::Idle | Phase::Held => self.schedule(),
            // A writer that takes no more bytes may still be able to pass on those that it has.
            Phase::Blocked if !self.blocked_on_flush && self.flush_is_due() => self.schedule(),
            _ => Next::Nothing,
        }
    }

    /// What follows when the producer that had promised to send does not.
    pub(crate) fn break_promise(&mut self) -> Next {
        if self.phase == Phase::Held { self.schedule() } else { Next::Nothing }
    }

    /// Whether the task was never polled.
    #[inline]
    pub(crate) fn is_unborn(&self) -> bool {
        self.task_thread == 0 && self.task.is_none()
    }

    /// Whether the writer is home and there is work that the task can begin with.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        matches!(self.phase, Phase::Unborn | Phase::Held | Phase::Scheduled)
    }

    /// There is no work.
    #[inline]
    pub(crate) fn rest(&mut self) {
        self.phase = Phase::Idle;
        self.queue.rest();
    }

    /// The task has run: on this thread, and whatever a producer found before.
    #[inline]
    pub(crate) fn belongs_here(&mut self) {
        self.stalled = false;
        self.task_thread = thread::token();
    }

    /// Leaves the work to the task.
    #[inline]
    pub(crate) fn schedule(&mut self) -> Next {
        self.phase = Phase::Scheduled;
        Next::Wake
    }

    // --- progress -----------------------------------------------------------------------------------------------

    /// Whether there is nothing to see to but what is queued.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.closing == Closing::No && self.end_requested.is_none() && !self.flush_is_due()
    }

    /// Notes that the writer took the next `n` bytes and finished `items` entries.
    #[inline]
    pub(crate) fn advance(&mut self, n: usize, items: usize, mirror: &AtomicU64) {
        self.written += n as u64;
        mirror.store(self.written, Ordering::Release);
        self.items -= items;
        self.stats.pending_polls = 0;
    }

    /// Notes that the writer did not take any of the bytes that it was offered.
    pub(crate) fn refused(&mut self) {
        if self.stats.pending_polls == 0 {
            self.stats.pending_since = self.accepted;
        }
        self.stats.pending_polls += 1;
    }

    /// Notes that the writer is flushed as far as it was written to, for those who asked before `asked_before`.
    #[inline]
    pub(crate) fn was_flushed(&mut self, asked_before: u64) {
        self.flushed = self.written;
        self.served_before = asked_before;
        self.flush_is_news = !self.flushes.is_empty();
    }

    /// Whether some of those that wait for a flush may have been served and not been told.
    #[inline]
    pub(crate) fn flush_is_news(&self) -> bool {
        self.flush_is_news
    }

    /// Whether somebody waits for what may have happened.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        !(self.tickets.is_empty() && self.rooms.is_empty()) || self.flush_is_news
    }

    /// Collects the wakers of those who have what they wait for, as many as one section may. Returns whether there are more.
    #[inline]
    pub(crate) fn collect(&mut self, wakes: &mut Wakes<'_>) -> bool {
        if self.end.is_some() { self.collect_all(wakes) } else { self.collect_served(wakes) }
    }

    fn collect_served(&mut self, wakes: &mut Wakes<'_>) -> bool {
        while self.tickets.first().is_some_and(|((position, _), ())| position <= self.written) {
            if wakes.is_full() {
                return true;
            }
            wakes.waiter(self.tickets.pop_first());
        }
        self.grant(wakes) || (self.flush_is_news && self.collect_flushed(wakes))
    }

    fn collect_flushed(&mut self, wakes: &mut Wakes<'_>) -> bool {
        let mut next = self.flushes.first().map(|(key, ())| key);
        while let Some(key) = next.filter(|(position, _)| *position <= self.flushed) {
            next = self.flushes.next_after(key);
            if self.is_flushed(key) {
                if wakes.is_full() {
                    return true;
                }
                wakes.waiter(self.flushes.remove(key).flatten());
            }
        }
        self.flush_is_news = false;
        false
    }

    fn collect_all(&mut self, wakes: &mut Wakes<'_>) -> bool {
        while !wakes.is_full() {
            let waker = match () {
                () if !self.tickets.is_empty() => self.tickets.pop_first(),
                () if !self.flushes.is_empty() => self.flushes.pop_first(),
                () if !self.closers.is_empty() => self.closers.pop_first(),
                () if !self.rooms.is_empty() => self.rooms.pop_first(),
                () => return false,
            };
            wakes.waiter(waker);
        }
        true
    }

    /// The newest waiter's number.
    pub(crate) fn last_id(&self) -> u64 {
        self.next_id
    }

    /// Whether what was asked for with that position and number has been flushed.
    pub(crate) fn is_flushed(&self, (position, id): (u64, u64)) -> bool {
        position <= self.flushed && id <= self.served_before
    }

    /// Whether somebody waits for a flush that can be made now. It is asked for before newer bytes are written.
    #[inline]
    pub(crate) fn flush_is_due(&self) -> bool {
        self.flushes.first().is_some_and(|((position, _), ())| position <= self.written)
    }

    /// Whether as much as the byte budget was written since such a flush could have been made. Nothing more is written until it is:
    /// a steady stream of writes would starve it.
    #[inline]
    pub(crate) fn flush_is_overdue(&self) -> bool {
        let overdue = |position: u64| position.saturating_add(self.limits.bytes as u64) <= self.written;
        self.flushes.first().is_some_and(|((position, _), ())| overdue(position))
    }

    /// Whether the writer is flushed when there is nothing more to write.
    #[inline]
    pub(crate) fn flushes_when_idle(&self) -> bool {
        self.limits.flush_when_idle
    }

    /// Whether the writer may still have bytes in a buffer of its own when there is nothing more to write.
    #[inline]
    pub(crate) fn is_unflushed(&self) -> bool {
        self.written > self.flushed && self.limits.flush_when_idle
    }

    // --- ends ---------------------------------------------------------------------------------------------------

    /// Accepts nothing more but what adapters have put into the line. There is work then, to be seen to in the same section.
    pub(crate) fn close(&mut self, how: Closing, wakes: &mut Wakes<'_>) {
        self.accept_all_deferred(wakes);
        self.closing = self.closing.max(how);
    }

    fn accept_all_deferred(&mut self, wakes: &mut Wakes<'_>) {
        while !self.deferred.is_empty() {
            self.accept_deferred(wakes);
        }
    }

    /// Ends the stream. What is still queued stays where it is until it is taken.
    pub(crate) fn finish(&mut self, reason: CloseReason, wakes: &mut Wakes<'_>) {
        self.phase = Phase::Ended;
        self.end = Some(reason);
        self.accept_all_deferred(wakes);
        wakes.task(self.task.take());
    }
}

impl Drop for State {
    /// What is left may belong to others, and its drop may panic. Those who drop the stream are not to blame.
    fn drop(&mut self) {
        discard(mem::take(&mut self.deferred));
        for reason in [self.end.take(), self.end_requested.take()] {
            contain(|| drop(reason));
        }
    }
}

/// As a count of bytes in memory. What does not fit in there is above each limit.
#[inline]
fn saturated(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
