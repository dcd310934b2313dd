//! The one loop that polls the writer, for the task and for producers.

use super::{
    borrowed::Borrowed,
    contain::contain,
    core::{SharedCore, StateGuard},
    error::CloseReason,
    phase::{Closing, Phase},
    prefix::COPY_MAX,
    queue::{Batch, Chunk, discard},
    single::send_single,
    state::State,
    wakes::Wakes,
};
use crate::sync::{Mutex, MutexGuard};
use bytes::Bytes;
use futures_io::AsyncWrite;
use std::{
    io, mem,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// The writer and what is being written to it. Only the party that set the phase to `Busy` locks it, so that it never
/// waits for the lock; after the end, the party that wants to take it.
#[derive(Debug)]
pub(crate) struct Seat<W> {
    pub(crate) writer: Option<W>,
    pub(crate) batch: Batch,
    /// The flush that closing asks for is done.
    flushed: bool,
}

impl<W> Seat<W> {
    pub(crate) fn new(writer: W) -> Self {
        Self { writer: Some(writer), batch: Batch::new(), flushed: false }
    }
}

impl<W> Drop for Seat<W> {
    /// The last handle is dropped by a producer, which is not to blame if the writer panics in its drop.
    fn drop(&mut self) {
        let writer = self.writer.take();
        contain(|| drop(writer));
    }
}

/// The part of a stream that knows the writer's type. Handles and the task hold it; tickets and senders do not.
#[derive(Debug)]
pub(crate) struct Side<W> {
    pub(crate) core: SharedCore,
    seat: Mutex<Seat<W>>,
}

impl<W> Side<W> {
    pub(crate) fn new(core: SharedCore, writer: W) -> Self {
        Self { core, seat: Mutex::new(Seat::new(writer)) }
    }

    /// The seat, by the party that set the phase to `Busy`: it is free.
    #[inline]
    pub(crate) fn seat(&self) -> MutexGuard<'_, Seat<W>> {
        self.seat.lock_free()
    }

    /// Takes the writer and what is not written, once the stream has ended.
    pub(crate) fn take_parts(&self) -> (Option<W>, Vec<Bytes>) {
        let mut seat = self.seat.lock();
        let queued = self.core.lock().queue.drain();
        let unwritten = seat.batch.drain().chain(queued.into_iter().map(Chunk::into_bytes)).collect();
        (seat.writer.take(), unwritten)
    }

    /// Drops the writer, once the stream has ended.
    pub(crate) fn drop_writer(&self) {
        let writer = self.seat.lock().writer.take();
        contain(|| drop(writer));
    }
}

impl<W> Drop for Side<W> {
    /// Nobody is left that could ask for the unwritten bytes. Tickets may keep the rest of the stream for long.
    fn drop(&mut self) {
        let queued = self.core.lock().queue.drain();
        discard(queued);
    }
}

/// The holder, and for how many calls of the writer.
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
    core: &'a SharedCore,
    seat: Option<MutexGuard<'a, Seat<W>>>,
}

impl<W> Drop for Hold<'_, W> {
    fn drop(&mut self) {
        if self.seat.take().is_some() {
            let mut wakes = Wakes::new(self.core);
            let mut state = self.core.lock();
            state.finish(CloseReason::Panicked, &mut wakes);
            self.core.tell(state, &mut wakes);
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
    core: &'a SharedCore,
    inline: bool,
    calls_left: usize,
    /// The kind of the last step, if the writer said `Pending` to it: then it is not asked again for one of that kind. Any
    /// other answer voids an earlier `Pending`, with whose waker the writer may have done something since.
    pending_at: Option<mem::Discriminant<Step>>,
    /// The writer did not confirm a flush: newer bytes need not wait for it.
    flush_refused: bool,
    end: Option<CloseReason>,
    /// What is queued comes after what was borrowed, unless it was there before.
    may_take: bool,
    wakes: Wakes<'a>,
}

impl<'a> Progress<'a> {
    fn new(core: &'a SharedCore, role: &Role<'_>) -> Self {
        let (inline, calls_left) = match role {
            Role::Task(..) => (false, TASK_CALLS),
            Role::Producer => (true, PRODUCER_CALLS),
        };
        Self {
            core,
            inline,
            calls_left,
            pending_at: None,
            flush_refused: false,
            end: None,
            may_take: true,
            wakes: Wakes::new(core),
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
            (Outcome::Wrote(n), _) => state.advance(n, items, &self.core.written),
            (Outcome::Done, &Step::Flush { asked_before }) => {
                state.was_flushed(asked_before);
                seat.flushed = state.closing > Closing::No && state.written == state.accepted;
            }
            (Outcome::Done, _) => self.end = Some(CloseReason::Closed),
            (Outcome::Pending, step) => {
                self.pending_at = Some(mem::discriminant(step));
                match step {
                    Step::Flush { .. } => self.flush_refused = true,
                    _ => state.refused(),
                }
                // What a merge has made fewer.
                state.items -= items;
            }
            (Outcome::Failed { reason, in_doubt }, _) => {
                state.in_doubt = in_doubt as u64;
                self.end = Some(reason);
            }
        }
        if state.is_watched() {
            // Those that are left are told after the next call, or when the writer is released; those of a flush at once.
            state.collect(&mut self.wakes);
        }
    }
}

/// Polls the writer for as long as there is work and the role allows.
///
/// The caller has set the phase to `Busy` in the critical section that it hands over.
pub(crate) fn drive<'a, W: AsyncWrite + Unpin>(
    side: &'a Side<W>,
    mut state: StateGuard<'a>,
    role: Role<'_>,
    borrowed: Borrowed<'_>,
) -> Left {
    if state.items == 1 && state.is_quiet() {
        let only = if borrowed.is_empty() { state.queue.take_only() } else { None };
        if only.is_some() || !borrowed.is_empty() {
            return send_single(side, state, role, only, borrowed);
        }
    }
    let hold = Hold { core: &side.core, seat: Some(side.seat()) };
    let progress = Progress::new(&side.core, &role);
    proceed(hold, state, role, borrowed, progress)
}

/// Goes on after a call of the writer that was given the only entry there was, and perhaps one that flushed it for those who had
/// asked before.
pub(super) fn drive_on<'a, W: AsyncWrite + Unpin>(
    core: &'a SharedCore,
    seat: MutexGuard<'a, Seat<W>>,
    role: Role<'_>,
    borrowed: Borrowed<'_>,
    call: Call,
    flush: Option<(Outcome, u64)>,
) -> Left {
    let mut hold = Hold { core, seat: Some(seat) };
    let mut progress = Progress::new(core, &role);
    progress.may_take = !progress.inline;
    let mut state = core.lock();
    if let Some(seat) = hold.seat.as_deref_mut() {
        progress.note(&mut state, seat, &Step::Write, call);
        if let Some((outcome, asked_before)) = flush {
            let call = Call { outcome, items: 0, spare: None };
            progress.note(&mut state, seat, &Step::Flush { asked_before }, call);
        }
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
        while state.flush_is_news() {
            // Those that are left would look like new ones, for whom the writer is to be flushed again.
            drop(state);
            progress.wakes.wake();
            state = core.lock();
            state.collect(&mut progress.wakes);
        }
        if progress.may_take {
            state.items -= seat.batch.take(&mut state.queue);
            progress.may_take = !progress.inline;
        }
        let step = plan(&state, seat, &borrowed, progress.flush_refused);
        // What is to be done may have changed since: a flush can be asked for, or not be wanted any more.
        let pending = progress.pending_at == Some(mem::discriminant(&step));
        let stopping =
            progress.calls_left == 0 || pending || progress.end.is_some() || state.end_requested.is_some();
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
fn release<'a, W>(
    mut hold: Hold<'a, W>,
    mut state: StateGuard<'a>,
    role: Role<'_>,
    wakes: &mut Wakes<'_>,
    rest: Rest,
) -> Left {
    let core = hold.core;
    let Some(seat) = hold.seat.as_deref_mut() else { return Left::Nothing };
    let left = !seat.batch.is_empty() || !state.queue.is_empty();
    let detached = state.closing == Closing::Detach && seat.flushed && !left;
    let work = left || state.closing > Closing::No || state.flush_is_due() || state.is_unflushed();
    let end = match () {
        () if rest.end.is_some() => rest.end,
        () if state.end_requested.is_some() => state.end_requested.clone(),
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
        // The producer that has promised to send sees to it.
        (None, Role::Producer) if work && core.is_batching() => {
            state.stalled = rest.pending;
            state.phase = Phase::Held;
        }
        (None, Role::Producer) if work => {
            state.stalled = rest.pending;
            state.schedule();
            wakes.task(state.task.take());
        }
        (None, Role::Producer) => state.rest(),
        (None, Role::Task(_, waker)) => {
            state.belongs_here();
            if !rest.pending && work {
                state.schedule();
                wakes.task(Some(waker));
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
    core.tell(state, wakes);
    contain(|| drop(writer));
    drop(old_waker);
    behind
}

/// Runs `f` on the writer, if it is home.
pub(crate) fn with_writer<W, R>(side: &Side<W>, f: impl FnOnce(&mut W) -> R) -> Option<R> {
    /// Releases the writer also when `f` panics: that is no fault of the writer's.
    struct Visit<'a, W>(Option<Hold<'a, W>>);

    impl<W> Drop for Visit<'_, W> {
        fn drop(&mut self) {
            if let Some(hold) = self.0.take() {
                let core = hold.core;
                // A writer that was not ready is not so because it was looked at.
                let mut state = core.lock();
                let pending = state.stalled;
                state.stalled = false;
                let rest = Rest { pending, ..Rest::default() };
                release(hold, state, Role::Producer, &mut Wakes::new(core), rest);
            }
        }
    }

    let core = &side.core;
    let mut state = core.lock();
    if matches!(state.phase, Phase::Busy | Phase::Ended) {
        return None;
    }
    state.phase = Phase::Busy;
    let mut visit = Visit(Some(Hold { core, seat: Some(side.seat()) }));
    drop(state);
    let seat = visit.0.as_mut().and_then(|hold| hold.seat.as_deref_mut())?;
    seat.writer.as_mut().map(f)
}

/// What the holder does next. A flush that somebody waits for is asked for before newer bytes are written. They do not wait for its
/// confirmation, unless that has been missing for long.
fn plan<W>(state: &State, seat: &Seat<W>, borrowed: &Borrowed<'_>, flush_refused: bool) -> Step {
    let flush = Step::Flush { asked_before: state.last_id() };
    // A writer that has begun to close has nothing left to flush; those who wait for that are served by the end.
    let due = state.flush_is_due() && !(seat.flushed && state.closing == Closing::Close);
    if due && (!flush_refused || state.flush_is_overdue()) {
        return flush;
    }
    if !seat.batch.is_empty() || !borrowed.is_empty() {
        return Step::Write;
    }
    match state.closing {
        // A producer leaves what was queued meanwhile to the task.
        _ if !state.queue.is_empty() => Step::Rest,
        Closing::No if due || state.is_unflushed() => flush,
        Closing::No => Step::Rest,
        _ if !seat.flushed => flush,
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
        match step {
            Step::Write => self.write(cx, borrowed),
            Step::Flush { .. } => self.flush(cx),
            Step::Close => self.ask(|writer| writer.poll_close(cx)),
            Step::Rest => Outcome::Pending,
        }
    }

    fn write(&mut self, cx: &mut Context<'_>, borrowed: &mut Borrowed<'_>) -> Outcome {
        let Self { writer: Some(writer), batch, .. } = self else { return Outcome::Pending };
        let mut offered = 0;
        let polled = contain(|| {
            batch.offer(borrowed.as_slice(), |slices| {
                offered = slices.iter().map(|slice| slice.len()).sum();
                match slices {
                    [slice] => Pin::new(writer).poll_write(cx, slice),
                    slices => Pin::new(writer).poll_write_vectored(cx, slices),
                }
            })
        });
        let outcome = judge(polled, offered);
        if let Outcome::Wrote(n) = outcome {
            let beyond = batch.advance(n, offered);
            borrowed.advance(beyond);
        }
        outcome
    }

    #[inline]
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) -> Outcome {
        self.ask(|writer| writer.poll_flush(cx))
    }

    /// Asks the writer for what takes no bytes.
    #[inline]
    fn ask(&mut self, ask: impl FnOnce(Pin<&mut W>) -> Poll<io::Result<()>>) -> Outcome {
        let Some(writer) = &mut self.writer else { return Outcome::Pending };
        match contain(|| ask(Pin::new(writer))) {
            Some(Poll::Ready(Ok(()))) => Outcome::Done,
            Some(Poll::Ready(Err(error))) => Outcome::Failed { reason: error.into(), in_doubt: 0 },
            Some(Poll::Pending) => Outcome::Pending,
            None => Outcome::Failed { reason: CloseReason::Panicked, in_doubt: 0 },
        }
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

impl From<io::Error> for CloseReason {
    fn from(error: io::Error) -> Self {
        Self::Io(std::sync::Arc::new(error))
    }
}
