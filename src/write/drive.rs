//! The one loop that polls the writer, for the task and for producers.

use super::{
    error::CloseReason,
    payload::{Entry, Payload},
    shared::{CallResult, Shared, WriterCell, WriterGuard},
    state::{Closing, Next, Phase, State, Via},
    stream::{StateGuard, Stream, WakeList},
};
use crate::{
    contain::contain,
    sync::{Arc, MutexGuard},
};
use futures_io::AsyncWrite;
use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// The party that polls the writer.
pub(crate) enum Driver<'a> {
    /// Registers its waker with the writer and sleeps until woken. The clone was made before the
    /// lock was taken.
    Task(&'a Waker, Waker),
    /// Sends its own bytes and, with them, bytes that other producers queued. It leaves the rest to
    /// the task.
    Producer,
}

impl Driver<'_> {
    #[inline]
    fn waker(&self) -> &Waker {
        match self {
            Self::Task(waker, _) => waker,
            Self::Producer => Waker::noop(),
        }
    }
}

/// What a holder of the writer leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    Nothing,
    /// Work for the task: the task was woken, the writer will wake it, or a producer has promised
    /// to send.
    Work,
    /// The stream has ended.
    End,
}

/// The most calls of the writer in one poll of the task. Then the task yields.
const TASK_CALLS: usize = 32;

/// The most calls of the writer by one producer, including the first round: a short write, one more
/// write and a flush, or a write, a flush and a close.
const PRODUCER_CALLS: usize = 3;

/// The holder's next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Write,
    Flush,
    Close,
    /// Release the writer.
    Stop,
}

/// Does what the state asks of the caller. Unlocks the state.
pub(crate) fn carry_out<'a, W: AsyncWrite + Unpin>(shared: &'a Shared<W>, state: StateGuard<'a>, next: Next) {
    match next {
        Next::Nothing => {}
        Next::Wake => shared.stream.wake_task(state),
        Next::Drive => {
            drive(shared, state, Driver::Producer);
        }
    }
}

/// Starts the work that the state has: polls the writer if this producer may, and wakes the task
/// otherwise.
pub(crate) fn send_locked<'a, W: AsyncWrite + Unpin>(
    shared: &'a Shared<W>,
    mut state: StateGuard<'a>,
    via: Via,
) {
    let next = state.decide_to_send(&shared.caller(via));
    carry_out(shared, state, next);
}

/// Starts writing what is accepted: polls the writer if this producer may, and wakes the task
/// otherwise.
pub(crate) fn send_now<W: AsyncWrite + Unpin>(shared: &Shared<W>, via: Via) {
    send_locked(shared, shared.stream.lock(), via);
}

/// The progress of a holder.
struct Progress {
    /// The driver is a producer.
    inline: bool,
    calls_left: usize,
    /// The last call, if it returned `Pending`: the loop does not repeat it. Any other result
    /// clears this, because the writer may then have dropped the waker.
    pending: Option<Op>,
    /// A flush returned `Pending`: newer bytes need not wait for it.
    flush_refused: bool,
}

impl Progress {
    /// Records a round in the state.
    fn record<W>(&mut self, stream: &Stream, state: &mut State, cell: &mut WriterCell<W>, round: Round) {
        let Round { op, result, flush, asked_before, entries, spare } = round;
        if let Some(block) = spare {
            state.queue.recycle(block);
        }
        self.calls_left = self.calls_left.saturating_sub(1);
        self.pending = None;
        match op {
            Op::Write => {
                state.stats.write_calls += 1;
                state.stats.inline_write_calls += u64::from(self.inline);
            }
            Op::Flush => state.stats.flush_calls += 1,
            Op::Close | Op::Stop => {}
        }
        match result {
            CallResult::Wrote(n) => state.advance(n, entries, &stream.written),
            CallResult::Done if op == Op::Flush => {
                state.was_flushed(asked_before);
                cell.flushed = state.closing > Closing::No && state.written == state.accepted;
            }
            CallResult::Done => cell.end = Some(CloseReason::Closed),
            CallResult::Pending => {
                self.pending = Some(op);
                match op {
                    Op::Write => state.refused(),
                    Op::Flush => self.flush_refused = true,
                    Op::Close | Op::Stop => {}
                }
                // A merge may have reduced the number of entries.
                state.entries -= entries;
            }
            CallResult::Failed { in_doubt } => state.in_doubt = in_doubt as u64,
        }
        if let Some(result) = flush {
            let flush = Round { result, ..Round::new(Op::Flush, asked_before) };
            self.record(stream, state, cell, flush);
        }
    }
}

/// The results of one round of the loop, before they are recorded.
struct Round {
    op: Op,
    result: CallResult,
    /// The result of a flush that was made right after the write.
    flush: Option<CallResult>,
    /// The newest waiter's number when the round began.
    asked_before: u64,
    /// The number of entries finished.
    entries: usize,
    /// A finished block, to be reused.
    spare: Option<Vec<u8>>,
}

impl Round {
    fn new(op: Op, asked_before: u64) -> Self {
        Self { op, result: CallResult::Pending, flush: None, asked_before, entries: 0, spare: None }
    }
}

/// Polls the writer while there is work and the driver may go on. The caller has set the phase to
/// `Busy` under the lock that it passes in.
pub(crate) fn drive<'a, W: AsyncWrite + Unpin>(
    shared: &'a Shared<W>,
    mut state: StateGuard<'a>,
    driver: Driver<'_>,
) -> Left {
    let cell = shared.cell();
    if !is_single(&state, &cell) {
        return go_on(shared, cell, state, driver, &mut Entry::default(), None);
    }
    let mut entry = Entry::new(state.queue.take_only());
    first_round(shared, cell, state, driver, &mut entry)
}

/// [`drive`] for a producer whose payload was accepted as one entry behind the queue.
#[inline]
pub(crate) fn write_through<'a, W: AsyncWrite + Unpin, P: Payload>(
    shared: &'a Shared<W>,
    state: StateGuard<'a>,
    payload: &mut P,
) {
    let cell = shared.cell();
    if is_single(&state, &cell) {
        first_round(shared, cell, state, Driver::Producer, payload);
    } else {
        go_on(shared, cell, state, Driver::Producer, payload, None);
    }
}

/// Whether there is exactly one entry to write, and no other work.
#[inline]
fn is_single<W>(state: &State, cell: &WriterCell<W>) -> bool {
    state.entries == 1 && state.is_quiet() && cell.batch.is_empty()
}

/// Fast path: offers the writer the only entry. Usually the writer takes it whole, and no other
/// work is left. This costs half of the general loop.
#[inline]
fn first_round<'a, W: AsyncWrite + Unpin, P: Payload>(
    shared: &'a Shared<W>,
    mut cell: MutexGuard<'a, WriterCell<W>>,
    state: StateGuard<'a>,
    driver: Driver<'_>,
    entry: &mut P,
) -> Left {
    let mut round = Round::new(Op::Write, state.last_id());
    let flushes = state.limits.flush_when_idle;
    drop(state);
    let cx = &mut Context::from_waker(driver.waker());
    let slice = entry.as_slice();
    let offered = slice.len();
    let polled = match &mut cell.writer {
        Some(writer) => contain(|| Pin::new(writer).poll_write(cx, slice)),
        None => Some(Poll::Pending),
    };
    round.result = cell.judge(polled, offered);
    let is_whole = round.result == CallResult::Wrote(offered);
    if is_whole {
        entry.discard();
        round.entries = 1;
        round.flush = flushes.then(|| cell.flush(cx));
    } else {
        entry.advance(if let CallResult::Wrote(n) = round.result { n } else { 0 });
        entry.leave_to(&mut cell.batch);
    }
    let mut state = shared.stream.lock();
    entry.recycle(&mut state.queue);
    let is_confirmed = matches!(round.flush, None | Some(CallResult::Done));
    if !(is_whole && is_confirmed && state.is_quiet() && state.queue.is_empty()) {
        return go_on(shared, cell, state, driver, entry, Some(round));
    }
    // Release the writer before changing the phase: the party that sees the new phase has to find
    // the writer free.
    drop(cell);
    state.wrote_whole(offered, flushes, matches!(driver, Driver::Producer), &shared.stream.written);
    idle(&shared.stream, state, driver);
    Left::Nothing
}

/// Continues in the general loop. Cold, so that the compiler lays out the first round for the usual
/// case. The loop itself is not cold.
#[cold]
fn go_on<'a, W: AsyncWrite + Unpin>(
    shared: &'a Shared<W>,
    cell: MutexGuard<'a, WriterCell<W>>,
    state: StateGuard<'a>,
    driver: Driver<'_>,
    payload: &mut dyn Payload,
    first: Option<Round>,
) -> Left {
    run(WriterGuard::new(shared, cell), state, driver, payload, first)
}

/// The general loop. Continues after the first round, or replaces it.
#[inline(never)]
fn run<'a, W: AsyncWrite + Unpin>(
    mut guard: WriterGuard<'a, W>,
    state: StateGuard<'a>,
    driver: Driver<'_>,
    payload: &mut dyn Payload,
    first: Option<Round>,
) -> Left {
    let stream = guard.stream;
    // As a local it is dropped before the guard, which locks the state if it is dropped in a panic.
    let mut state = state;
    let Some(cell) = guard.cell.as_deref_mut() else { return Left::Nothing };
    let (inline, calls_left) = match &driver {
        Driver::Task(..) => (false, TASK_CALLS),
        Driver::Producer => (true, PRODUCER_CALLS),
    };
    let cx = &mut Context::from_waker(driver.waker());
    let mut progress = Progress { inline, calls_left, pending: None, flush_refused: false };
    let mut may_take = first.is_none();
    let mut round = first;
    loop {
        if let Some(round) = round.take() {
            progress.record(stream, &mut state, cell, round);
        }
        if state.flush_is_news {
            state = stream.tell_flushed(state);
        }
        // Chunks queued after a producer's payload come behind it. They are left to the task.
        if may_take || !inline {
            state.entries -= cell.batch.take(&mut state.queue);
            may_take = false;
        }
        let op = next_op(&state, cell, payload, progress.flush_refused);
        let stopping = progress.calls_left == 0
            || progress.pending == Some(op)
            || cell.end.is_some()
            || state.end_requested.is_some();
        if stopping || op == Op::Stop {
            progress.pending = progress.pending.filter(|pending| *pending == op);
            break;
        }
        let asked_before = state.last_id();
        let mut wakes = WakeList::new(stream);
        if state.is_watched() {
            state.collect(&mut wakes);
        }
        drop(state);
        wakes.wake();
        let is_lent = payload.len() > 0;
        let mut done = Round::new(op, asked_before);
        done.result = match op {
            Op::Write => cell.write(cx, payload),
            Op::Flush => cell.flush(cx),
            Op::Close | Op::Stop => cell.close(cx),
        };
        (done.entries, done.spare) = cell.batch.take_finished();
        done.entries += usize::from(is_lent && payload.len() == 0);
        round = Some(done);
        state = stream.lock();
    }
    if payload.len() > 0 {
        let limits = state.limits;
        drop(state);
        let chunk = payload.make_chunk(&limits, &mut |len| stream.lock().queue.new_block(len));
        cell.batch.push(chunk);
        state = stream.lock();
    }
    release_writer(guard, state, driver, progress.pending)
}

/// Chooses the next step. A flush that a future waits for comes before newer bytes. These do not
/// wait for its confirmation, unless it is overdue.
#[inline]
fn next_op<W>(state: &State, cell: &WriterCell<W>, payload: &dyn Payload, flush_refused: bool) -> Op {
    // After the final flush only the close is left. The end of the stream serves the waiting
    // flushes.
    let due = state.flush_is_due() && !(cell.flushed && state.closing == Closing::Close);
    if due && (!flush_refused || state.flush_is_overdue()) {
        return Op::Flush;
    }
    if !cell.batch.is_empty() || payload.len() > 0 {
        return Op::Write;
    }
    match state.closing {
        // A producer leaves chunks that were queued meanwhile to the task.
        _ if !state.queue.is_empty() => Op::Stop,
        Closing::No if due || state.is_unflushed() => Op::Flush,
        Closing::No => Op::Stop,
        _ if !cell.flushed => Op::Flush,
        Closing::Detach => Op::Stop,
        Closing::Close => Op::Close,
    }
}

/// Records that there is no work, and unlocks the state.
#[inline(always)]
fn idle(stream: &Arc<Stream>, mut state: StateGuard<'_>, driver: Driver<'_>) {
    let old_waker = match driver {
        Driver::Producer => None,
        Driver::Task(_, waker) => {
            state.belongs_here();
            state.blocked_on_flush = false;
            state.task.replace(waker)
        }
    };
    state.phase = Phase::Idle;
    state.queue.leave_spare();
    if state.is_watched() {
        stream.notify(state, &mut WakeList::new(stream));
    } else {
        drop(state);
    }
    drop(old_waker);
}

/// Releases the writer and leaves the remaining work to the task. `pending` is the call that
/// returned `Pending`.
pub(crate) fn release_writer<'a, W>(
    mut guard: WriterGuard<'a, W>,
    mut state: StateGuard<'a>,
    driver: Driver<'_>,
    pending: Option<Op>,
) -> Left {
    let stream = guard.stream;
    let Some(cell) = guard.cell.as_deref_mut() else { return Left::Nothing };
    let left = !cell.batch.is_empty() || !state.queue.is_empty();
    let work = left || state.closing > Closing::No || state.flush_is_due() || state.is_unflushed();
    let detached = state.closing == Closing::Detach && cell.flushed && !left;
    let end = match cell.end.take() {
        None if state.end_requested.is_some() => state.end_requested.clone(),
        None if detached => Some(CloseReason::Closed),
        end => end,
    };
    // The task was dropped while the writer was in use. The holder drops the writer, whatever ends
    // the stream.
    let writer = if state.task_is_gone { cell.writer.take() } else { None };

    // Release the writer before changing the phase: the party that sees the new phase has to find
    // the writer free.
    guard.cell = None;
    let behind = match end {
        Some(_) => Left::End,
        None if work => Left::Work,
        None if matches!(driver, Driver::Producer) && state.is_not_started() => {
            state.phase = Phase::NotStarted;
            return Left::Nothing;
        }
        None => {
            state.settled += 1;
            idle(stream, state, driver);
            return Left::Nothing;
        }
    };
    let mut wakes = WakeList::new(stream);
    let mut old_waker = None;
    match (end, driver) {
        (Some(reason), Driver::Producer) => state.finish(reason, &mut wakes),
        (Some(reason), Driver::Task(_, waker)) => {
            state.finish(reason, &mut wakes);
            old_waker = Some(waker);
        }
        (None, Driver::Producer) if state.is_not_started() => state.phase = Phase::NotStarted,
        (None, Driver::Producer) => {
            state.producer_saw_pending = pending.is_some();
            // A producer that has promised to send will do so.
            if stream.is_batching() {
                state.phase = Phase::Held;
            } else {
                state.schedule();
                wakes.task(state.task.take());
            }
        }
        (None, Driver::Task(_, waker)) => {
            state.belongs_here();
            if pending.is_some() {
                state.phase = Phase::Blocked;
                state.blocked_on_flush = pending == Some(Op::Flush);
                old_waker = state.task.replace(waker);
            } else {
                state.schedule();
                wakes.task(Some(waker));
            }
        }
    }
    stream.notify(state, &mut wakes);
    contain(|| drop(writer));
    drop(old_waker);
    if behind == Left::End {
        stream.trace_end();
    }
    behind
}
