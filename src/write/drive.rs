//! The one loop that polls the writer, for the task and for producers.

use super::{
    borrowed::Borrowed,
    contain::contain,
    core::{Core, StateGuard},
    error::CloseReason,
    phase::{Closing, Phase},
    prefix::COPY_MAX,
    queue::Batch,
    single::send_single,
    state::State,
    wakes::Wakes,
};
use crate::sync::{Mutex, MutexGuard};
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

impl Role<'_> {
    pub(super) fn waker(&self) -> &Waker {
        match self {
            Self::Task(waker, _) => waker,
            Self::Producer => Waker::noop(),
        }
    }
}

/// Calls of the writer in one poll of the task: then it lets other tasks run.
const TASK_CALLS: usize = 32;

/// Calls of the writer by one producer: a short write is followed up once, or there is a flush to make and to close.
const PRODUCER_CALLS: usize = 3;

enum Step {
    Write,
    Flush { asked_before: u64 },
    Close,
    Rest,
}

/// How a call of the writer went.
pub(super) enum Outcome {
    Wrote(usize),
    Done,
    Pending,
    Failed { reason: CloseReason, in_doubt: usize },
}

/// The right to poll the writer. Should the holder unwind, which no user code that it calls can make it do, the stream ends
/// instead of hanging.
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

/// What came of one call of the writer.
pub(super) struct Call {
    pub(super) outcome: Outcome,
    /// Entries that it finished.
    pub(super) items: usize,
    /// A gather block among them.
    pub(super) spare: Option<Vec<u8>>,
}

/// How far a holder has come.
struct Progress<'a> {
    core: &'a Core,
    inline: bool,
    calls_left: usize,
    /// The kind of the last step, if the writer said `Pending` to it: then it is not asked again for one of that kind. Any
    /// other answer voids an earlier `Pending`, with whose waker the writer may have done something since.
    pending_at: Option<mem::Discriminant<Step>>,
    end: Option<CloseReason>,
    /// What is queued comes after what was borrowed, unless it was there before.
    may_take: bool,
    wakes: Wakes,
}

impl<'a> Progress<'a> {
    fn new(core: &'a Core, role: &Role<'_>) -> Self {
        let (inline, calls_left) = match role {
            Role::Task(..) => (false, TASK_CALLS),
            Role::Producer => (true, PRODUCER_CALLS),
        };
        Self {
            core,
            inline,
            calls_left,
            pending_at: None,
            end: None,
            may_take: true,
            wakes: Wakes::default(),
        }
    }

    /// Publishes what came of a call.
    #[inline]
    fn note<W>(&mut self, state: &mut State, seat: &mut Seat<W>, step: &Step, call: Call) {
        let Call { outcome, items, spare } = call;
        self.calls_left -= 1;
        self.pending_at = None;
        let stats = &mut state.stats;
        match step {
            Step::Write => {
                stats.write_calls += 1;
                stats.inline_write_calls += u64::from(self.inline);
            }
            Step::Flush { .. } => stats.flush_calls += 1,
            Step::Close | Step::Rest => {}
        }
        if let Some(block) = spare {
            state.queue.recycle(block);
        }
        match (outcome, step) {
            (Outcome::Wrote(n), _) => state.wrote(n, items, &self.core.written, &mut self.wakes),
            (Outcome::Done, &Step::Flush { asked_before }) => {
                state.was_flushed(asked_before, &mut self.wakes);
                seat.flushed = state.closing > Closing::No && state.written == state.accepted;
            }
            (Outcome::Done, _) => self.end = Some(CloseReason::Closed),
            (Outcome::Pending, step) => {
                self.pending_at = Some(mem::discriminant(step));
                state.wrote(0, items, &self.core.written, &mut self.wakes);
            }
            (Outcome::Failed { reason, in_doubt }, _) => {
                state.in_doubt = in_doubt as u64;
                self.end = Some(reason);
            }
        }
    }
}

/// Polls the writer for as long as there is work and the role allows.
///
/// The caller has set the phase to `Busy` in the critical section that it hands over.
pub(crate) fn drive<'a, W: AsyncWrite + Unpin>(
    core: &'a Core,
    side: &'a Side<W>,
    mut state: StateGuard<'a>,
    role: Role<'_>,
    borrowed: Borrowed<'_>,
) -> Left {
    if state.items == 1 && state.is_quiet() {
        let only = if borrowed.is_empty() { state.queue.take_only() } else { None };
        if only.is_some() || !borrowed.is_empty() {
            return send_single(core, side, state, role, only, borrowed);
        }
    }
    let hold = Hold { core, seat: Some(side.lock_free()) };
    let progress = Progress::new(core, &role);
    proceed(hold, state, role, borrowed, progress)
}

/// Goes on after a call of the writer that was given the only entry there was.
pub(super) fn drive_on<'a, W: AsyncWrite + Unpin>(
    core: &'a Core,
    seat: MutexGuard<'a, Seat<W>>,
    role: Role<'_>,
    borrowed: Borrowed<'_>,
    call: Call,
) -> Left {
    let mut hold = Hold { core, seat: Some(seat) };
    let mut progress = Progress::new(core, &role);
    progress.may_take = !progress.inline;
    let mut state = core.lock();
    if let Some(seat) = hold.seat.as_deref_mut() {
        progress.note(&mut state, seat, &Step::Write, call);
    }
    proceed(hold, state, role, borrowed, progress)
}

fn proceed<'a, W: AsyncWrite + Unpin>(
    mut hold: Hold<'a, W>,
    // Dropped before the hold, which locks the state if it is dropped in a panic.
    mut state: StateGuard<'a>,
    role: Role<'_>,
    mut borrowed: Borrowed<'_>,
    mut progress: Progress<'_>,
) -> Left {
    let core = hold.core;
    let Some(seat) = hold.seat.as_deref_mut() else { return Left::Nothing };
    let waker = role.waker();
    let (pending, on_flush) = loop {
        if progress.may_take {
            state.items -= seat.batch.take(&mut state.queue);
            progress.may_take = !progress.inline;
        }
        let step = plan(&state, seat, &borrowed);
        // What is to be done may have changed since: a flush can be asked for, or not be wanted any more.
        let pending = progress.pending_at == Some(mem::discriminant(&step));
        let stopping = progress.calls_left == 0
            || pending
            || progress.end.is_some()
            || state.aborting
            || state.task_gone;
        if stopping || matches!(step, Step::Rest) {
            if !borrowed.is_empty() {
                drop(state);
                let copy_max = COPY_MAX.max(core.config().copy_max());
                borrowed.own(&mut seat.batch, copy_max, |len| core.lock().queue.new_block(len));
                state = core.lock();
            }
            break (pending, pending && matches!(step, Step::Flush { .. }));
        }
        drop(state);
        progress.wakes.wake();

        let call = seat.call(&step, &mut Context::from_waker(waker), &mut borrowed);
        state = core.lock();
        progress.note(&mut state, seat, &step, call);
    };

    let Progress { end, mut wakes, .. } = progress;
    release(hold, state, role, &mut wakes, Rest { end, pending, on_flush })
}

/// What a holder leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    Nothing,
    /// For the task: it was woken, or will be by the writer, or somebody has promised to see to it.
    Work,
    /// The stream has ended.
    End,
}

/// How a holder stopped.
#[derive(Default)]
struct Rest {
    end: Option<CloseReason>,
    pending: bool,
    on_flush: bool,
}

/// Lets go of the writer and leaves whatever there is to do to the task.
fn release<W>(
    mut hold: Hold<'_, W>,
    mut state: StateGuard<'_>,
    role: Role<'_>,
    wakes: &mut Wakes,
    rest: Rest,
) -> Left {
    let Some(seat) = hold.seat.as_deref_mut() else { return Left::Nothing };
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
    let behind = match end {
        Some(_) => Left::End,
        None if work => Left::Work,
        None => Left::Nothing,
    };
    let mut old_waker = None;
    match (end, role) {
        (Some(reason), Role::Producer) => state.finish(reason, wakes),
        (Some(reason), Role::Task(_, waker)) => {
            state.finish(reason, wakes);
            old_waker = Some(waker);
        }
        (None, Role::Producer) if state.is_unborn() => state.phase = Phase::Unborn,
        // Who has promised to send sees to it.
        (None, Role::Producer) if work && hold.core.is_batching() => {
            state.stalled = rest.pending;
            state.phase = Phase::Held;
        }
        (None, Role::Producer) if work => {
            state.stalled = rest.pending;
            state.schedule();
            wakes.extend(state.task.take());
        }
        (None, Role::Producer) => state.rest(),
        (None, Role::Task(_, waker)) => {
            state.belongs_here();
            if !rest.pending && work {
                state.schedule();
                wakes.push(waker);
            } else {
                if rest.pending {
                    state.phase = Phase::Blocked;
                } else {
                    state.rest();
                }
                state.blocked_on_flush = rest.on_flush;
                old_waker = state.task.replace(waker);
            }
        }
    }
    drop(state);
    wakes.wake();
    drop((old_waker, writer));
    behind
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
    /// Calls the writer once.
    fn call(&mut self, step: &Step, cx: &mut Context<'_>, borrowed: &mut Borrowed<'_>) -> Call {
        let lent = !borrowed.is_empty();
        let outcome = self.poll(step, cx, borrowed);
        let (items, spare) = self.batch.take_finished();
        Call { outcome, items: items + usize::from(lent && borrowed.is_empty()), spare }
    }

    fn poll(&mut self, step: &Step, cx: &mut Context<'_>, borrowed: &mut Borrowed<'_>) -> Outcome {
        let Self { writer: Some(writer), batch, .. } = self else { return Outcome::Pending };
        let mut writer = Pin::new(writer);
        let mut offered = 0;
        let polled = contain(|| match step {
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
        if let (Some(Poll::Ready(Ok(_))), Step::Flush { .. } | Step::Close) = (&polled, step) {
            return Outcome::Done;
        }
        let outcome = judge(polled, offered);
        if let Outcome::Wrote(n) = outcome {
            let beyond = batch.advance(n, offered);
            borrowed.advance(beyond);
        }
        outcome
    }
}

/// What a poll of the writer means, `offered` being the bytes that it was given. A panic looks like any other failure,
/// whoever called.
#[inline]
pub(super) fn judge(polled: Option<Poll<io::Result<usize>>>, offered: usize) -> Outcome {
    let failed = |reason, in_doubt| Outcome::Failed { reason, in_doubt };
    match polled {
        Some(Poll::Pending) => Outcome::Pending,
        Some(Poll::Ready(Err(error))) => failed(error.into(), 0),
        Some(Poll::Ready(Ok(0))) => failed(CloseReason::WriteZero, 0),
        Some(Poll::Ready(Ok(n))) if n > offered => {
            failed(CloseReason::InvalidWriter { reported: n, given: offered }, offered)
        }
        Some(Poll::Ready(Ok(n))) => Outcome::Wrote(n),
        None => failed(CloseReason::Panicked, offered),
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
