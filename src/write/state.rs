//! The state behind a stream's lock: its phase, its positions, and the futures that wait.

use super::{
    config::{Inline, WriteHandoffConfig, WriteStats},
    error::CloseReason,
    queue::{Chunk, Queue, discard},
};
use crate::{
    contain::contain,
    coop::Budget,
    sync::{AtomicU64, Ordering, thread},
    waiters::{Waiters, Wakers},
};
use std::{collections::VecDeque, mem, ops::Range, task::Waker};

/// Which party has the writer, and what wakes the task.
///
/// | phase | meaning | what wakes the task |
/// |---|---|---|
/// | `NotStarted` | the task was never polled: chunks are only queued | its executor |
/// | `Held` | the writer is free; a producer that is batching, or runs with the task, has promised to send | the promise, if a panic breaks it |
/// | `Scheduled` | the writer is free, there is work, and the task was woken | (woken) |
/// | `Busy` | one party holds the writer | the holder, if it leaves work |
/// | `Blocked` | the writer is free; the task's own last poll of it returned `Pending` | the writer |
/// | `Idle` | the writer is free and there is no work | the party that adds work |
/// | `Ended` | the writer is gone or waits to be taken | - |
///
/// Invariants: the task sleeps on the writer only after its own last poll of it returned `Pending`.
/// The party that leaves work wakes the task. The writer's lock is free unless the phase is `Busy`.
/// `Idle` means that there is no work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    NotStarted,
    Held,
    Scheduled,
    Busy,
    Blocked,
    Idle,
    Ended,
}

/// How far a handoff is closed. The order of the variants matters: the value only rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Closing {
    /// Open.
    No,
    /// Nothing more is accepted. The writer is flushed and given back open.
    Detach,
    /// Nothing more is accepted. The writer is flushed and closed.
    Close,
}

/// How a producer calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    /// A plain function call, from anywhere.
    Call,
    /// A poll of one of this crate's futures.
    Poll,
}

/// The calling producer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) inline: Inline,
    pub(crate) thread: usize,
    /// It has promised to send before it waits.
    pub(crate) batching: bool,
    /// The executor polls it now, through a future of this crate. Then the writer finds the runtime
    /// of that executor's thread.
    pub(crate) in_poll: bool,
}

/// What a producer has to do after it has changed the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Nothing,
    /// Wake the task.
    Wake,
    /// Poll the writer. The phase is `Busy`, and the caller is the holder.
    Drive,
}

/// The effective limits of a configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
    pub(crate) send_at: usize,
    pub(crate) copy_max: usize,
    pub(crate) flush_when_idle: bool,
}

/// Room that is requested or reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Room {
    pub(crate) bytes: usize,
    pub(crate) entries: usize,
}

/// What a waiter in the line waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Room, which is reserved for the waiter when its turn comes.
    Room(Room),
    /// The turn itself. Nothing is reserved, so an adapter that is no longer polled keeps no room
    /// from other producers.
    Turn,
    /// An adapter's item of this many bytes. It is accepted when its turn comes, whether the
    /// adapter is polled or not.
    Item(usize),
}

/// Positions count bytes since the stream began: `flushed <= written <= accepted`.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    /// A producer's last poll of the writer returned `Pending`: only the task polls it again.
    pub(crate) producer_saw_pending: bool,
    /// In `Blocked`: the pending call was a flush.
    pub(crate) blocked_on_flush: bool,
    pub(crate) closing: Closing,
    /// The holder of the writer has to end the stream for this reason.
    pub(crate) end_requested: Option<CloseReason>,
    /// The task was dropped, so the holder has to drop the writer.
    pub(crate) task_is_gone: bool,

    pub(crate) accepted: u64,
    pub(crate) written: u64,
    pub(crate) flushed: u64,
    /// How often the writer confirmed a flush, or ran out of work in the general loop.
    /// Together with `written` it shows whether the writer makes progress.
    pub(crate) settled: u64,
    /// Bytes offered in the call in which the writer panicked or broke its contract.
    pub(crate) in_doubt: u64,
    /// Room reserved for granted waiters and permits.
    pub(crate) reserved: Room,
    /// Entries accepted and not yet written.
    pub(crate) entries: usize,
    pub(crate) queue: Queue,
    pub(crate) limits: Limits,

    next_id: u64,
    pub(crate) tickets: Waiters<(u64, u64), ()>,
    /// The line of waiters for room. A waiter that is no longer in it has had its turn.
    pub(crate) line: Waiters<u64, Want>,
    /// The items of adapters in that line, in the same order.
    pub(crate) deferred: VecDeque<Chunk>,
    /// Keyed by the position to be flushed, then by the waiter's number.
    pub(crate) flushes: Waiters<(u64, u64), ()>,
    /// The last confirmed flush covers the flush waiters up to this number.
    pub(crate) served_before: u64,
    /// A flush was confirmed, and some of its waiters may not be woken yet.
    pub(crate) flush_is_news: bool,
    pub(crate) closers: Waiters<u64, ()>,

    pub(crate) task: Option<Waker>,
    pub(crate) task_thread: usize,
    pub(crate) end: Option<CloseReason>,
    /// Futures that wait to take the writer.
    pub(crate) parts_wanted: usize,
    pub(crate) stats: WriteStats,
    /// How much producers may do before they yield.
    pub(crate) budget: Budget,
}

impl State {
    pub(crate) fn new(config: &WriteHandoffConfig) -> Self {
        Self {
            phase: Phase::NotStarted,
            producer_saw_pending: false,
            blocked_on_flush: false,
            closing: Closing::No,
            end_requested: None,
            task_is_gone: false,
            accepted: 0,
            written: 0,
            flushed: 0,
            settled: 0,
            in_doubt: 0,
            reserved: Room::default(),
            entries: 0,
            queue: Queue::new(),
            limits: Limits {
                // Capped, so that sums of lengths cannot overflow.
                entries: config.max_items().min(u32::MAX as usize),
                bytes: config.max_pending_bytes().min(isize::MAX as usize),
                send_at: config.send_at(),
                copy_max: config.copy_max(),
                flush_when_idle: config.flush_when_idle(),
            },
            next_id: 0,
            tickets: Waiters::new(),
            line: Waiters::new(),
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
            budget: Budget::new(config.cooperative()),
        }
    }

    /// A number for a new waiter: larger than all before it, and never 0.
    pub(crate) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The newest waiter's number.
    pub(crate) fn last_id(&self) -> u64 {
        self.next_id
    }

    /// Why nothing more is accepted; `None` while writes are accepted.
    pub(crate) fn closed(&self) -> Option<CloseReason> {
        match &self.end {
            Some(reason) => Some(reason.clone()),
            None if self.closing > Closing::No => Some(CloseReason::Closed),
            None => None,
        }
    }

    /// Whether writes are accepted.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.closing == Closing::No && self.phase != Phase::Ended
    }

    /// Bytes accepted and not written; 0 once the stream has ended.
    #[inline]
    pub(crate) fn pending(&self) -> usize {
        let pending = if self.phase == Phase::Ended { 0 } else { self.accepted - self.written };
        usize::try_from(pending).unwrap_or(usize::MAX)
    }

    pub(crate) fn stats(&self) -> WriteStats {
        let Self { accepted, written, flushed, stats, .. } = *self;
        let pending_items = if self.phase == Phase::Ended { 0 } else { self.entries };
        WriteStats { accepted, written, flushed, pending_items, ..stats }
    }

    // --- accepting

    /// Assigns the next `len` positions. This is final: a later failure shows in the ticket.
    #[inline]
    pub(crate) fn accept(&mut self, len: usize) -> Range<u64> {
        let start = self.accepted;
        self.accepted += len as u64;
        self.count_write(len);
        start..self.accepted
    }

    /// Counts a write of `len` bytes.
    #[inline]
    pub(crate) fn count_write(&mut self, len: usize) {
        self.stats.chunks += 1;
        self.budget.spend(len);
    }

    /// Accepts a copy of `bytes` in the case that dominates bursts. The open block has room for
    /// them, the queue stays below `send_at`, and a party has to send it already. In any other
    /// case, does nothing.
    #[inline(always)]
    pub(crate) fn append(&mut self, bytes: &[u8], is_batching: impl FnOnce() -> bool) -> Option<Range<u64>> {
        let len = bytes.len();
        if self.queue.bytes() + len >= self.limits.send_at {
            return None;
        }
        let seen_to = match self.phase {
            Phase::NotStarted | Phase::Scheduled | Phase::Busy | Phase::Blocked => true,
            Phase::Held => is_batching(),
            Phase::Idle | Phase::Ended => false,
        };
        // They take no entry of their own.
        let fits = len <= self.free_bytes();
        let admitted = seen_to && fits && self.closing == Closing::No && self.line.is_empty();
        (admitted && self.queue.append(bytes)).then(|| self.accept(len))
    }

    /// Queues a chunk as it is. It must not be empty.
    pub(crate) fn push(&mut self, chunk: Chunk) {
        self.entries += 1;
        self.queue.push(chunk);
    }

    /// Queues a copy of a small chunk.
    #[inline]
    pub(crate) fn push_copy(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.entries += self.queue.copy(bytes);
        }
    }

    /// Whether the caller may poll the writer now: the writer is free, the task has run, and the
    /// setting `Inline` admits this caller.
    #[inline]
    pub(crate) fn may_drive(&self, caller: &Caller) -> bool {
        let free = matches!(self.phase, Phase::Idle | Phase::Held | Phase::Scheduled);
        free && !self.producer_saw_pending
            && match caller.inline {
                Inline::SameThread => caller.in_poll && caller.thread == self.task_thread,
                Inline::Always => true,
                Inline::Never => false,
            }
    }

    /// What the caller has to do after it has added work.
    #[inline]
    pub(crate) fn after_push(&mut self, caller: &Caller) -> Next {
        if self.queue.bytes() >= self.limits.send_at && self.may_drive(caller) {
            self.phase = Phase::Busy;
            return Next::Drive;
        }
        match self.phase {
            Phase::Idle | Phase::Held => self.hold_or_schedule(caller),
            Phase::Blocked if self.may_pass_flush() => self.schedule(),
            _ => Next::Nothing,
        }
    }

    /// What the caller has to do to have the present work done now.
    #[inline]
    pub(crate) fn decide_to_send(&mut self, caller: &Caller) -> Next {
        if self.phase == Phase::Idle && !self.flush_is_due() && self.closing == Closing::No {
            return Next::Nothing;
        }
        if self.may_drive(caller) {
            self.phase = Phase::Busy;
            return Next::Drive;
        }
        match self.phase {
            Phase::Idle | Phase::Held => self.hold_or_schedule(caller),
            // A writer that takes no more bytes may still be able to flush those that it has.
            Phase::Blocked if !self.blocked_on_flush && self.flush_is_due() => self.schedule(),
            _ => Next::Nothing,
        }
    }

    /// Leaves the work to a producer that has promised to send, and to the task otherwise.
    #[inline]
    fn hold_or_schedule(&mut self, caller: &Caller) -> Next {
        if caller.batching {
            self.phase = Phase::Held;
            return Next::Nothing;
        }
        self.schedule()
    }

    /// In `Blocked`: whether newer bytes may be written. They need not wait for a flush that is
    /// pending, unless it is overdue.
    #[inline]
    pub(crate) fn may_pass_flush(&self) -> bool {
        self.blocked_on_flush && !self.flush_is_overdue()
    }

    /// Whether the task was never polled.
    #[inline]
    pub(crate) fn is_not_started(&self) -> bool {
        self.task_thread == 0 && self.task.is_none()
    }

    /// Whether the writer is free and the task has work to begin with.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        matches!(self.phase, Phase::NotStarted | Phase::Held | Phase::Scheduled)
    }

    /// Records that the task runs on this thread, and clears `producer_saw_pending`.
    #[inline]
    pub(crate) fn belongs_here(&mut self) {
        self.producer_saw_pending = false;
        self.task_thread = thread::token();
    }

    /// Leaves the work to the task.
    #[inline]
    pub(crate) fn schedule(&mut self) -> Next {
        self.phase = Phase::Scheduled;
        Next::Wake
    }

    // --- progress

    /// Whether the queue is the only work: no close, end or flush is requested.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.closing == Closing::No && self.end_requested.is_none() && self.flushes.is_empty()
    }

    /// Records that the writer took the next `n` bytes, which completed `entries` entries.
    #[inline]
    pub(crate) fn advance(&mut self, n: usize, entries: usize, mirror: &AtomicU64) {
        self.written += n as u64;
        mirror.store(self.written, Ordering::Release);
        self.entries -= entries;
        self.stats.pending_polls = 0;
    }

    /// Records that the writer took the only entry whole, and that it was flushed if `flushed` is
    /// set.
    #[inline]
    pub(crate) fn wrote_whole(&mut self, n: usize, flushed: bool, inline: bool, mirror: &AtomicU64) {
        self.stats.write_calls += 1;
        self.stats.inline_write_calls += u64::from(inline);
        self.advance(n, 1, mirror);
        if flushed {
            self.flushed = self.written;
            self.stats.flush_calls += 1;
        }
    }

    /// Records that the writer took none of the offered bytes.
    pub(crate) fn refused(&mut self) {
        self.stats.pending_polls += 1;
    }

    // --- ends

    /// Stops accepting writes. Only the items of adapters in the line are still accepted. The
    /// caller has to start the work of closing in the same critical section.
    pub(crate) fn close(&mut self, how: Closing, wakes: &mut Wakers) {
        self.accept_all_deferred(wakes);
        self.closing = self.closing.max(how);
    }

    /// Ends the stream. Queued bytes stay in the queue until they are taken.
    pub(crate) fn finish(&mut self, reason: CloseReason, wakes: &mut Wakers) {
        self.phase = Phase::Ended;
        self.end = Some(reason);
        self.accept_all_deferred(wakes);
        wakes.task(self.task.take());
    }
}

impl Drop for State {
    /// Dropping the remaining values may run user code, which may panic. The party that drops the
    /// stream is not the cause.
    fn drop(&mut self) {
        discard(mem::take(&mut self.deferred));
        for reason in [self.end.take(), self.end_requested.take()] {
            contain(|| drop(reason));
        }
    }
}
