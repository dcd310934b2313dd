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
    /// Registers its waker with the writer and sleeps on it. The clone was made before the lock was
    /// taken.
    Task(&'a Waker, Waker),
    /// Sends for itself and, on the way, for others. Whatever it leaves, the task gets.
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

/// What a holder leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    Nothing,
    /// For the task: it was woken, or will be by the writer, or a producer has promised to see to
    /// it.
    Work,
    /// The stream has ended.
    End,
}

/// Calls of the writer in one poll of the task: then it lets other tasks run.
const TASK_CALLS: usize = 32;

/// Calls of the writer by one producer, those of the first round included: a short write is
/// followed up once, or there is a flush to make and to close.
const PRODUCER_CALLS: usize = 3;

/// What the holder does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Write,
    Flush,
    Close,
    /// Let go of the writer.
    Stop,
}

/// Does what the state asked for, and unlocks it on the way.
pub(crate) fn carry_out<'a, W: AsyncWrite + Unpin>(shared: &'a Shared<W>, state: StateGuard<'a>, next: Next) {
    match next {
        Next::Nothing => {}
        Next::Wake => shared.stream.wake_task(state),
        Next::Drive => {
            drive(shared, state, Driver::Producer);
        }
    }
}

/// Starts the work that `state` has: here if this producer may poll the writer, and by waking the
/// task otherwise.
pub(crate) fn send_locked<'a, W: AsyncWrite + Unpin>(
    shared: &'a Shared<W>,
    mut state: StateGuard<'a>,
    via: Via,
) {
    let next = state.decide_to_send(&shared.caller(via));
    carry_out(shared, state, next);
}

/// Has what is accepted written now if this producer may poll the writer, and by the task
/// otherwise.
pub(crate) fn send_now<W: AsyncWrite + Unpin>(shared: &Shared<W>, via: Via) {
    send_locked(shared, shared.stream.lock(), via);
}

/// How far a holder has come.
struct Progress {
    /// The driver is a producer.
    inline: bool,
    calls_left: usize,
    /// The last call, if the writer said `Pending` to it: then it is not asked for the same again.
    /// Any other answer clears it: the writer may have dropped the waker that it was given then.
    pending: Option<Op>,
    /// The writer did not confirm a flush: newer bytes need not wait for it.
    flush_refused: bool,
}

impl Progress {
    /// Publishes a round.
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
                // What a merge has made fewer.
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

/// What one round of the loop has done, before it is published.
struct Round {
    op: Op,
    result: CallResult,
    /// The flush that followed the first one at once.
    flush: Option<CallResult>,
    /// The newest waiter at the beginning.
    asked_before: u64,
    /// Entries finished.
    entries: usize,
    /// A block among them.
    spare: Option<Vec<u8>>,
}

impl Round {
    fn new(op: Op, asked_before: u64) -> Self {
        Self { op, result: CallResult::Pending, flush: None, asked_before, entries: 0, spare: None }
    }
}

/// Polls the writer for what is queued, for as long as there is work and the driver may. The caller
/// has set the phase to `Busy` in the critical section that it hands over.
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

/// [`drive`] for a producer whose payload was accepted as one entry, behind what is queued.
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

/// Whether there is just one entry to write, and nothing else to see to.
#[inline]
fn is_single<W>(state: &State, cell: &WriterCell<W>) -> bool {
    state.entries == 1 && state.is_quiet() && cell.batch.is_empty()
}

/// Offers the writer the only entry there is. Most often that is all: the writer takes it whole,
/// and there is nothing else to see to after that. It costs half of what the loop would.
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
    // The writer is released before the state says so: the party that sees the new phase finds it
    // free.
    drop(cell);
    state.wrote_whole(offered, flushes, matches!(driver, Driver::Producer), &shared.stream.written);
    idle(&shared.stream, state, driver);
    Left::Nothing
}

/// Goes on with the general loop. Cold, so that the compiler lays out the first round for the usual
/// case; the loop itself is not.
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

/// The general loop: it continues after the first round, or replaces it.
#[inline(never)]
fn run<'a, W: AsyncWrite + Unpin>(
    mut guard: WriterGuard<'a, W>,
    state: StateGuard<'a>,
    driver: Driver<'_>,
    payload: &mut dyn Payload,
    first: Option<Round>,
) -> Left {
    let stream = guard.stream;
    // Dropped before the guard, which locks the state if it is dropped in a panic.
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
        // What is queued later than a producer's payload comes behind it, and is left to the task.
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

/// A flush that is waited for is asked for before newer bytes are written. They do not wait for its
/// confirmation, unless that has been missing for long.
#[inline]
fn next_op<W>(state: &State, cell: &WriterCell<W>, payload: &dyn Payload, flush_refused: bool) -> Op {
    // A writer that has begun to close has nothing left to flush; those that wait for it are served
    // by the end.
    let due = state.flush_is_due() && !(cell.flushed && state.closing == Closing::Close);
    if due && (!flush_refused || state.flush_is_overdue()) {
        return Op::Flush;
    }
    if !cell.batch.is_empty() || payload.len() > 0 {
        return Op::Write;
    }
    match state.closing {
        // A producer leaves what was queued meanwhile to the task.
        _ if !state.queue.is_empty() => Op::Stop,
        Closing::No if due || state.is_unflushed() => Op::Flush,
        Closing::No => Op::Stop,
        _ if !cell.flushed => Op::Flush,
        Closing::Detach => Op::Stop,
        Closing::Close => Op::Close,
    }
}

/// There is nothing to do: notes that, and unlocks the state on the way.
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

/// Lets go of the writer and leaves whatever there is to do to the task. `pending` is what the
/// writer was not ready for.
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
    // A task that is gone found the writer in use and left it to the holder, whatever ends the
    // stream.
    let writer = if state.task_is_gone { cell.writer.take() } else { None };

    // The writer is released before the state says so: the party that sees the new phase finds it
    // free.
    guard.cell = None;
    let behind = match end {
        Some(_) => Left::End,
        None if work => Left::Work,
        None if matches!(driver, Driver::Producer) && state.is_not_started() => {
            state.phase = Phase::NotStarted;
            return Left::Nothing;
        }
        None => {
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
            // A producer that has promised to send sees to it.
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
