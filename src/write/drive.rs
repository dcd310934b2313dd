//! The one loop that polls the writer, for the task and for producers.

use super::{
    contain::contain,
    core::{Core, StateGuard},
    error::CloseReason,
    queue::Batch,
    state::{Closing, Phase},
    wakes::Wakes,
};
use crate::{
    HandoffBuffer,
    sync::{Mutex, MutexGuard, thread},
};
use futures_io::AsyncWrite;
use std::{
    io, mem,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// The writer and what is being written to it. Only the party that set the phase to `Busy` locks it, so that it never
/// waits for the lock; after the end, whoever wants to take it.
#[derive(Debug)]
pub(crate) struct Seat<W> {
    pub(crate) writer: Option<W>,
    pub(crate) batch: Batch,
    /// The flush that closing asks for is done.
    flushed: bool,
}

pub(crate) type Side<W> = Mutex<Seat<W>>;

impl<W> Seat<W> {
    pub(crate) fn new(writer: W) -> Self {
        Self { writer: Some(writer), batch: Batch::new(), flushed: false }
    }
}

/// Who is the holder, and for how many calls of the writer.
pub(crate) enum Role<'a> {
    /// Registers its waker with the writer and sleeps on it. The clone was made before the lock was taken.
    Task(&'a Waker, Waker),
    /// Sends for itself and, on the way, for others. Whatever it leaves, the task gets.
    Producer,
}

/// Calls of the writer in one poll of the task: then it lets other tasks run.
const TASK_CALLS: usize = 32;

/// Calls of the writer by one producer: a short write is followed up once, or there is a flush to make and to close.
const PRODUCER_CALLS: usize = 3;

/// Bytes at the front of a read buffer that are part of the stream but not owned by it yet. They are one entry, also
/// when the rest of them becomes an owned chunk.
#[derive(Debug, Default)]
pub struct Borrowed<'b> {
    from: Option<&'b mut HandoffBuffer>,
    left: usize,
}

impl<'b> Borrowed<'b> {
    /// The first `n` bytes of `buffer`; it holds at least as many.
    pub(crate) fn prefix(buffer: &'b mut HandoffBuffer, n: usize) -> Self {
        Self { from: Some(buffer), left: n }
    }

    fn as_slice(&self) -> &[u8] {
        self.from.as_ref().map_or(&[], |buffer| &buffer.peek()[..self.left])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.left == 0
    }

    fn advance(&mut self, n: usize) {
        if let Some(buffer) = &mut self.from {
            // Within `left`, and so within the buffer.
            let _ = buffer.advance(n);
            self.left -= n;
        }
    }

    /// Turns the rest into an owned chunk at the end of `batch`.
    fn own(&mut self, batch: &mut Batch) {
        let left = mem::take(&mut self.left);
        if let Some(Ok(rest)) = self.from.as_mut().map(|buffer| buffer.split_prefix(left)) {
            batch.push(rest);
        }
    }
}

enum Step {
    Write,
    Flush { asked_before: u64 },
    Close,
    Rest,
}

/// How a call of the writer went.
enum Outcome {
    Wrote(usize),
    Done,
    Pending,
    Failed { reason: CloseReason, in_doubt: usize },
}

/// The right to poll the writer. Should the holder unwind, which only user code with a panicking `Drop` or waker can
/// make it do, the stream ends instead of hanging.
struct Hold<'a, W> {
    core: &'a Core,
    seat: Option<MutexGuard<'a, Seat<W>>>,
}

impl<W> Drop for Hold<'_, W> {
    fn drop(&mut self) {
        if self.seat.take().is_some() {
            let mut wakes = Wakes::default();
            self.core.lock().finish(CloseReason::Panicked, &mut wakes);
        }
    }
}

/// Polls the writer for as long as there is work and the role allows.
///
/// The caller has set the phase to `Busy` in the critical section that it hands over. Returns whether the stream has
/// ended.
pub(crate) fn drive<'a, W: AsyncWrite + Unpin>(
    core: &'a Core,
    side: &'a Side<W>,
    mut state: StateGuard<'a>,
    role: Role<'_>,
    mut borrowed: Borrowed<'_>,
) -> bool {
    let mut hold = Hold { core, seat: Some(side.lock_free()) };
    let Some(seat) = hold.seat.as_deref_mut() else { return false };
    let mut wakes = Wakes::default();
    let mut calls = match role {
        Role::Task(..) => TASK_CALLS,
        Role::Producer => PRODUCER_CALLS,
    };
    // The kind of the last step, if the writer said `Pending` to it: then it is not asked again for one of that kind. Any other
    // answer voids an earlier `Pending`, with whose waker the writer may have done something since.
    let mut pending_at = None;
    let mut end = None;
    // What was borrowed comes after what is queued now and before what is queued later.
    let mut may_take = true;
    let (pending, on_flush) = loop {
        if may_take {
            state.items -= seat.batch.take(&mut state.queue);
            may_take = matches!(role, Role::Task(..));
        }
        let step = plan(&state, seat, &borrowed);
        // What is to be done may have changed since: a flush can be asked for, or not be wanted any more.
        let pending = pending_at == Some(mem::discriminant(&step));
        let stopping = calls == 0 || pending || end.is_some() || state.aborting || state.task_gone;
        if stopping || matches!(step, Step::Rest) {
            if !borrowed.is_empty() {
                drop(state);
                borrowed.own(&mut seat.batch);
                state = core.lock();
            }
            break (pending, pending && matches!(step, Step::Flush { .. }));
        }
        drop(state);
        wakes.wake();

        calls -= 1;
        let waker = match role {
            Role::Task(waker, _) => waker,
            Role::Producer => Waker::noop(),
        };
        pending_at = None;
        let lent = !borrowed.is_empty();
        let outcome = seat.call(&step, &mut Context::from_waker(waker), &mut borrowed);
        let (mut items, spare) = seat.batch.take_finished();
        items += usize::from(lent && borrowed.is_empty());

        state = core.lock();
        let stats = &mut state.stats;
        match step {
            Step::Write => {
                stats.write_calls += 1;
                stats.inline_write_calls += u64::from(matches!(role, Role::Producer));
            }
            Step::Flush { .. } => stats.flush_calls += 1,
            Step::Close | Step::Rest => {}
        }
        if let Some(block) = spare {
            state.queue.recycle(block);
        }
        match (outcome, step) {
            (Outcome::Wrote(n), _) => state.wrote(n, items, &core.written, &mut wakes),
            (Outcome::Done, Step::Flush { asked_before }) => {
                state.was_flushed(asked_before, &mut wakes);
                seat.flushed = state.closing > Closing::No && state.written == state.accepted;
            }
            (Outcome::Done, _) => end = Some(CloseReason::Closed),
            (Outcome::Pending, step) => {
                pending_at = Some(mem::discriminant(&step));
                state.wrote(0, items, &core.written, &mut wakes);
            }
            (Outcome::Failed { reason, in_doubt }, _) => {
                state.in_doubt = in_doubt as u64;
                end = Some(reason);
            }
        }
    };

    release(hold, state, role, &mut wakes, Rest { end, pending, on_flush })
}

/// How a holder stopped.
#[derive(Default)]
struct Rest {
    end: Option<CloseReason>,
    pending: bool,
    on_flush: bool,
}

/// Lets go of the writer and leaves whatever there is to do to the task. Returns whether the stream has ended.
fn release<W>(
    mut hold: Hold<'_, W>,
    mut state: StateGuard<'_>,
    role: Role<'_>,
    wakes: &mut Wakes,
    rest: Rest,
) -> bool {
    let Some(seat) = hold.seat.as_deref_mut() else { return false };
    let left = !seat.batch.is_empty() || !state.queue.is_empty();
    let detached = state.closing == Closing::Detach && seat.flushed && !left;
    let work = left || state.closing > Closing::No || state.flush_is_due();
    let end = match () {
        () if rest.end.is_some() => rest.end,
        () if state.aborting => Some(CloseReason::Aborted),
        () if state.task_gone => Some(CloseReason::TaskDropped),
        () if detached => Some(CloseReason::Closed),
        () => None,
    };
    let writer = match end {
        Some(CloseReason::TaskDropped) => seat.writer.take(),
        _ => None,
    };

    // The writer is released before the state says so: whoever sees the new phase finds it free.
    hold.seat = None;
    let ended = end.is_some();
    let mut old_waker = None;
    match (end, role) {
        (Some(reason), Role::Producer) => state.finish(reason, wakes),
        (Some(reason), Role::Task(_, waker)) => {
            state.finish(reason, wakes);
            old_waker = Some(waker);
        }
        (None, Role::Producer) if state.is_unborn() => state.phase = Phase::Unborn,
        (None, Role::Producer) if work => {
            state.stalled = rest.pending;
            state.schedule();
            wakes.extend(state.task.take());
        }
        (None, Role::Producer) => state.phase = Phase::Idle,
        (None, Role::Task(_, waker)) => {
            state.stalled = false;
            state.task_thread = thread::token();
            if !rest.pending && work {
                state.schedule();
                wakes.push(waker);
            } else {
                state.phase = if rest.pending { Phase::Blocked } else { Phase::Idle };
                state.blocked_on_flush = rest.on_flush;
                old_waker = state.task.replace(waker);
            }
        }
    }
    drop(state);
    wakes.wake();
    drop((old_waker, writer));
    ended
}

/// Runs `f` on the writer, if it is home.
pub(crate) fn with_writer<W, R>(core: &Core, side: &Side<W>, f: impl FnOnce(&mut W) -> R) -> Option<R> {
    /// Releases the writer also when `f` panics: that is no fault of the writer's.
    struct Visit<'a, W>(Option<Hold<'a, W>>);

    impl<W> Drop for Visit<'_, W> {
        fn drop(&mut self) {
            if let Some(hold) = self.0.take() {
                let state = hold.core.lock();
                release(hold, state, Role::Producer, &mut Wakes::default(), Rest::default());
            }
        }
    }

    let mut state = core.lock();
    if matches!(state.phase, Phase::Busy | Phase::Ended) {
        return None;
    }
    state.phase = Phase::Busy;
    let mut visit = Visit(Some(Hold { core, seat: Some(side.lock_free()) }));
    drop(state);
    let seat = visit.0.as_mut().and_then(|hold| hold.seat.as_deref_mut())?;
    seat.writer.as_mut().map(f)
}

/// What the holder does next. A flush that somebody waits for goes before newer writes.
fn plan<W>(state: &StateGuard<'_>, seat: &Seat<W>, borrowed: &Borrowed<'_>) -> Step {
    // A writer that has begun to close has nothing left to flush; those who wait for that are served by the end.
    if state.flush_is_due() && !(seat.flushed && state.closing == Closing::Close) {
        return Step::Flush { asked_before: state.last_id() };
    }
    if !seat.batch.is_empty() || !borrowed.is_empty() {
        return Step::Write;
    }
    match state.closing {
        // A producer leaves what was queued meanwhile to the task.
        _ if !state.queue.is_empty() => Step::Rest,
        Closing::No => Step::Rest,
        _ if !seat.flushed => Step::Flush { asked_before: state.last_id() },
        Closing::Detach => Step::Rest,
        Closing::Close => Step::Close,
    }
}

impl<W: AsyncWrite + Unpin> Seat<W> {
    /// Calls the writer once. A panic looks like any other failure, whoever called.
    fn call(&mut self, step: &Step, cx: &mut Context<'_>, borrowed: &mut Borrowed<'_>) -> Outcome {
        let Self { writer: Some(writer), batch, .. } = self else { return Outcome::Pending };
        let mut writer = Pin::new(writer);
        let mut offered = 0;
        let result = contain(|| match step {
            Step::Write => {
                let write = |slices: &[io::IoSlice<'_>]| {
                    offered = slices.iter().map(|slice| slice.len()).sum();
                    match slices {
                        [slice] => writer.as_mut().poll_write(cx, slice),
                        slices => writer.as_mut().poll_write_vectored(cx, slices),
                    }
                };
                batch.offer(borrowed.as_slice(), write)
            }
            Step::Flush { .. } => writer.as_mut().poll_flush(cx).map_ok(|()| 0),
            Step::Close => writer.as_mut().poll_close(cx).map_ok(|()| 0),
            Step::Rest => Poll::Pending,
        });
        let failed = |reason, in_doubt| Outcome::Failed { reason, in_doubt };
        match result {
            Some(Poll::Pending) => Outcome::Pending,
            Some(Poll::Ready(Err(error))) => failed(CloseReason::Io(std::sync::Arc::new(error)), 0),
            Some(Poll::Ready(Ok(_))) if !matches!(step, Step::Write) => Outcome::Done,
            Some(Poll::Ready(Ok(0))) => failed(CloseReason::WriteZero, 0),
            Some(Poll::Ready(Ok(n))) if n > offered => {
                failed(CloseReason::InvalidWriter { reported: n, given: offered }, offered)
            }
            Some(Poll::Ready(Ok(n))) => {
                let beyond = batch.advance(n, offered);
                borrowed.advance(beyond);
                Outcome::Wrote(n)
            }
            None => failed(CloseReason::Panicked, offered),
        }
    }
}

/// Takes the writer and what is not written, once the stream has ended.
pub(crate) fn take_parts<W>(core: &Core, side: &Side<W>) -> (Option<W>, Vec<bytes::Bytes>) {
    let mut seat = side.lock();
    let mut state = core.lock();
    let queued = state.queue.drain();
    drop(state);
    let unwritten = seat.batch.drain().chain(queued).collect();
    (seat.writer.take(), unwritten)
}

impl From<io::Error> for CloseReason {
    fn from(error: io::Error) -> Self {
        Self::Io(std::sync::Arc::new(error))
    }
}
