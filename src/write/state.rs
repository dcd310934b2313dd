//! What the lock of a stream guards: its phase, its positions, and who waits for them.

use super::{
    config::{Inline, Limits},
    error::{CloseReason, Never, Refusal},
    phase::{Caller, Closing, Next, Phase},
    queue::Queue,
    stats::WriteStats,
    waiters::Waiters,
    wakes::Wakes,
};
use crate::sync::{AtomicU64, Ordering, thread};
use bytes::Bytes;
use std::{ops::Range, task::Waker};

/// The most that a producer that can wait submits to a task that has not run yet.
const PILE_MAX: usize = 4 * 1024;

/// Room asked for or reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) bytes: usize,
    pub(crate) items: usize,
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
    pub(crate) aborting: bool,
    pub(crate) task_gone: bool,

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
    /// A waiter that is gone from here has been granted its room.
    pub(crate) rooms: Waiters<u64, Room>,
    /// By the position to be flushed, then by number. A waiter that is gone from here has been served.
    pub(crate) flushes: Waiters<(u64, u64), ()>,
    pub(crate) closers: Waiters<u64, ()>,

    pub(crate) task: Option<Waker>,
    pub(crate) task_thread: usize,
    pub(crate) end: Option<CloseReason>,
    /// Futures that wait for the writer itself.
    pub(crate) parts_wanted: usize,
    pub(crate) stats: WriteStats,
}

impl State {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            phase: Phase::Unborn,
            stalled: false,
            blocked_on_flush: false,
            closing: Closing::No,
            aborting: false,
            task_gone: false,
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
            flushes: Waiters::new(),
            closers: Waiters::new(),
            task: None,
            task_thread: 0,
            end: None,
            parts_wanted: 0,
            stats: WriteStats::default(),
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
        if self.phase == Phase::Ended { 0 } else { (self.accepted - self.written) as usize }
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
        if !self.is_open() || !self.rooms.is_empty() || self.items + self.reserved.items >= self.limits.items
        {
            return 0;
        }
        self.limits.bytes.saturating_sub(self.pending() + self.reserved.bytes)
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
        let free = len == 0 || (len <= self.limits.copy_max && self.queue.has_open_room(len));
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
        if barrier { Ok(()) } else { Err(Refusal::Full) }
    }

    pub(crate) fn reserve(&mut self, room: Room) {
        self.reserved.bytes += room.bytes;
        self.reserved.items += room.items;
    }

    /// Gives reserved room back, to be used or to be granted. After the end it means nothing any more.
    pub(crate) fn release(&mut self, room: Room) {
        self.reserved.bytes = self.reserved.bytes.saturating_sub(room.bytes);
        self.reserved.items = self.reserved.items.saturating_sub(room.items);
    }

    /// Grants room to those who wait for it, first come first served.
    #[inline]
    pub(crate) fn grant(&mut self, wakes: &mut Wakes) {
        while let Some((id, room)) = self.rooms.first() {
            if !self.fits(room) {
                break;
            }
            self.reserve(room);
            self.rooms.wake_while(wakes, |key, _| key == id);
        }
    }

    // --- accepting ----------------------------------------------------------------------------------------------

    /// Assigns the next `len` positions. This is final: what becomes of the bytes shows in their ticket.
    #[inline]
    pub(crate) fn accept(&mut self, len: usize) -> Range<u64> {
        let start = self.accepted;
        self.accepted += len as u64;
        self.stats.chunks += 1;
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
        let room = (self.accepted - self.written) as usize + self.reserved.bytes + len <= self.limits.bytes;
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
        let fits = self.reserved.bytes + len <= self.limits.bytes && self.reserved.items < self.limits.items;
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
            self.items += 1;
            self.queue.push(bytes);
            None
        }
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
                Inline::SameThread => caller.thread == self.task_thread,
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

    /// Whether `len` more bytes would only lie in memory because the task has not run yet. A producer that can wait lets it
    /// go first, once: it may just have been spawned.
    #[inline]
    pub(crate) fn is_piling_up(&self, len: usize) -> bool {
        self.phase == Phase::Unborn && self.queue.bytes() + len > self.limits.send_at.min(PILE_MAX)
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
        self.closing == Closing::No && !self.aborting && !self.task_gone && !self.flush_is_due()
    }

    /// Publishes that the writer took the next `n` bytes and finished `items` entries.
    #[inline]
    pub(crate) fn wrote(&mut self, n: usize, items: usize, mirror: &AtomicU64, wakes: &mut Wakes) {
        self.advance(n, items, mirror);
        if self.is_watched() {
            self.tell(wakes);
        }
    }

    /// As [`wrote`](Self::wrote), but nobody is told yet.
    #[inline]
    pub(crate) fn advance(&mut self, n: usize, items: usize, mirror: &AtomicU64) {
        self.written += n as u64;
        mirror.store(self.written, Ordering::Release);
        self.items -= items;
    }

    /// Whether somebody waits for bytes to be written, or for the room that they take.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        !(self.tickets.is_empty() && self.rooms.is_empty())
    }

    /// Wakes those who waited for what is written now, and lets in those for whom there is room.
    pub(crate) fn tell(&mut self, wakes: &mut Wakes) {
        let written = self.written;
        self.tickets.wake_while(wakes, |(position, _), ()| position <= written);
        self.grant(wakes);
    }

    /// Publishes that the writer is flushed as far as it was written to, for those who asked before `asked_before`.
    pub(crate) fn was_flushed(&mut self, asked_before: u64, wakes: &mut Wakes) {
        self.flushed = self.written;
        let flushed = self.flushed;
        self.flushes.wake_if(wakes, |(position, id), ()| id <= asked_before && position <= flushed);
    }

    /// The newest waiter's number.
    pub(crate) fn last_id(&self) -> u64 {
        self.next_id
    }

    /// Whether somebody waits for a flush that can be made now. It goes before newer writes, or a steady stream of them
    /// would starve it.
    #[inline]
    pub(crate) fn flush_is_due(&self) -> bool {
        self.flushes.first().is_some_and(|((position, _), ())| position <= self.written)
    }

    // --- ends ---------------------------------------------------------------------------------------------------

    /// Accepts nothing more. There is work then, to be seen to in the same critical section.
    pub(crate) fn close(&mut self, how: Closing, wakes: &mut Wakes) {
        self.closing = self.closing.max(how);
        self.rooms.wake_if(wakes, |_, _| true);
    }

    /// Ends the stream. What is still queued stays where it is until it is taken.
    pub(crate) fn finish(&mut self, reason: CloseReason, wakes: &mut Wakes) {
        self.phase = Phase::Ended;
        if reason.is_closed() {
            self.flushes.wake_if(wakes, |_, _| true);
        } else {
            self.flushes.wake_and_keep(wakes);
        }
        self.end = Some(reason);
        self.tickets.wake_if(wakes, |_, ()| true);
        self.rooms.wake_if(wakes, |_, _| true);
        self.closers.wake_if(wakes, |_, ()| true);
        wakes.extend(self.task.take());
    }
}
