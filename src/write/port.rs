//! How a producer gets at a stream, with the writer's type or without it.

use super::{
    borrowed::Borrowed,
    config::{Inline, MAX_COPY},
    contain::contain,
    core::{Core, SharedCore, StateGuard},
    drive::{Role, Side, drive},
    error::{Never, Refusal, TryWriteError},
    permit::grant_rest,
    phase::{Caller, Next, Phase, Via},
    queue::Chunk,
    single::send_single,
    state::{Room, State, Want},
    ticket::WriteTicket,
    waiters::Waiters,
    wakes::Wakes,
};
use crate::sync::Arc;
use bytes::Bytes;
use futures_io::AsyncWrite;
use std::{
    ops::Range,
    task::{Context, Poll, Waker, ready},
};

/// A handle that writes are submitted through. Implemented by [`WriteHandoff`](crate::WriteHandoff), whose producers may
/// poll the writer, and by [`WriteSender`](crate::WriteSender), whose producers leave that to the task. Sealed.
pub trait Port {
    #[doc(hidden)]
    fn core(&self) -> &SharedCore;

    /// The producer that calls.
    #[doc(hidden)]
    fn caller(&self, via: Via) -> Caller;

    /// Polls the writer. The caller has set the phase to `Busy` in the section that it hands over. Never called for a
    /// [`caller`](Self::caller) that leaves the writer to the task.
    #[doc(hidden)]
    fn drive<'a>(&'a self, state: StateGuard<'a>, borrowed: Borrowed<'_>);

    /// Sends a chunk that was accepted to go past the queue. As for [`drive`](Self::drive).
    #[doc(hidden)]
    fn send<'a>(&'a self, mut state: StateGuard<'a>, bytes: Bytes) {
        state.queue.push(bytes);
        self.drive(state, Borrowed::default());
    }
}

impl<W: AsyncWrite + Unpin> Port for Side<W> {
    fn core(&self) -> &SharedCore {
        &self.core
    }

    fn caller(&self, via: Via) -> Caller {
        self.core.producer(via)
    }

    fn drive<'a>(&'a self, state: StateGuard<'a>, borrowed: Borrowed<'_>) {
        drive(self, state, Role::Producer, borrowed);
    }

    fn send<'a>(&'a self, state: StateGuard<'a>, bytes: Bytes) {
        let chunk = Some(Chunk::Owned(bytes));
        send_single(self, state, Role::Producer, chunk, Borrowed::default());
    }
}

/// The stream itself is a port, too: one whose producers leave the writer to the task.
impl Port for SharedCore {
    fn core(&self) -> &SharedCore {
        self
    }

    fn caller(&self, via: Via) -> Caller {
        Caller { inline: Inline::Never, ..self.producer(via) }
    }

    fn drive<'a>(&'a self, mut state: StateGuard<'a>, borrowed: Borrowed<'_>) {
        debug_assert!(borrowed.is_empty(), "the task has nothing to borrow it from");
        let next = state.schedule();
        go_on(self, state, next);
    }
}

/// Does what the state asked for and unlocks it on the way.
pub(crate) fn go_on<'a, P: Port + ?Sized>(port: &'a P, mut state: StateGuard<'a>, next: Next) {
    match next {
        Next::Nothing => {}
        Next::Wake => {
            let mut wakes = Wakes::new(port.core());
            wakes.task(state.task.take());
            drop(state);
            wakes.wake();
        }
        Next::Drive => port.drive(state, Borrowed::default()),
    }
}

/// Lets other tasks run before an operation that could be done at once.
#[cold]
pub(crate) fn yield_now<T>(state: StateGuard<'_>, cx: &Context<'_>) -> Poll<T> {
    drop(state);
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Accepts a chunk in a section that has admitted it.
pub(crate) fn accept<'a, P: Port + ?Sized>(
    port: &'a P,
    via: Via,
    mut state: StateGuard<'a>,
    bytes: Bytes,
) -> Range<u64> {
    let len = bytes.len();
    if let Some(range) = state.express(len, len, || port.caller(via)) {
        port.send(state, bytes);
        return range;
    }
    let caller = port.caller(via);
    let range = state.accept(len);
    let copied = state.push(bytes);
    let next = state.after_push(&caller);
    go_on(port, state, next);
    contain(|| drop(copied));
    range
}

/// Accepts chunks that have to stay together, in a section that has admitted them.
pub(crate) fn accept_all<'a, P: Port + ?Sized>(
    port: &'a P,
    via: Via,
    mut state: StateGuard<'a>,
    parts: &mut [Bytes],
) -> Range<u64> {
    let caller = port.caller(via);
    let range = state.accept(parts.iter().map(Bytes::len).sum());
    let mut copied = 0;
    for part in &mut *parts {
        // So much, and no more, is copied in one section.
        if state.copies(part.len()) && copied + part.len() <= MAX_COPY {
            copied += part.len();
            state.push_copy(part);
        } else {
            state.push_owned(std::mem::take(part));
        }
    }
    let next = state.after_push(&caller);
    go_on(port, state, next);
    // Those that were copied: dropped here and not under the lock.
    for part in parts {
        let copied = std::mem::take(part);
        contain(|| drop(copied));
    }
    range
}

/// The room that parts take: an entry each, however many of them are copied into one block.
pub(crate) fn room_of_parts(parts: &[Bytes]) -> Room {
    let bytes = parts.iter().map(Bytes::len).fold(0, usize::saturating_add);
    Room { bytes, items: parts.iter().filter(|part| !part.is_empty()).count() }
}

/// Accepts a small chunk where copying it is all there is to do, as nearly always in a burst. Otherwise nothing happens.
#[inline]
pub(crate) fn join(core: &Core, state: &mut State, bytes: &[u8]) -> Option<Range<u64>> {
    if state.copies(bytes.len()) { state.join(bytes, || core.is_batching()) } else { None }
}

/// Accepts a chunk with nothing before it: one that is enough to be sent goes past the queue, a small one that its producer holds
/// is copied. Otherwise nothing happens, and both come back.
#[inline]
pub(crate) fn accept_first<'a, P: Port + ?Sized>(
    port: &'a P,
    via: Via,
    mut state: StateGuard<'a>,
    bytes: Bytes,
) -> Result<Range<u64>, (StateGuard<'a>, Bytes)> {
    let len = bytes.len();
    if let Some(range) = state.express(len, len, || port.caller(via)) {
        port.send(state, bytes);
        return Ok(range);
    }
    let copies = state.copies(len);
    let held = if copies { state.hold(&bytes, || port.core().is_batching()) } else { None };
    let Some(range) = held else { return Err((state, bytes)) };
    drop(state);
    contain(|| drop(bytes));
    Ok(range)
}

/// Admits a write of a producer that does not wait. Where it may poll the writer, that makes room first.
pub(crate) fn try_admit<'a, P: Port + ?Sized>(
    port: &'a P,
    mut state: StateGuard<'a>,
    room_of: impl Fn(&State) -> Room,
) -> Result<StateGuard<'a>, Refusal> {
    match state.admit(room_of(&state)) {
        Ok(()) => return Ok(state),
        Err(Refusal::Full { .. }) if state.items > 0 && state.may_drive(&port.caller(Via::Call)) => {}
        Err(refusal) => return Err(refusal),
    }
    state.phase = Phase::Busy;
    port.drive(state, Borrowed::default());
    let state = port.core().lock();
    state.admit(room_of(&state)).map(|()| state)
}

pub(crate) fn try_submit<P: Port + ?Sized>(port: &P, bytes: Bytes) -> Result<Range<u64>, TryWriteError> {
    let mut state = port.core().lock();
    if let Some(range) = join(port.core(), &mut state, &bytes) {
        drop(state);
        contain(|| drop(bytes));
        return Ok(range);
    }
    let (state, bytes) = match accept_first(port, Via::Call, state, bytes) {
        Ok(range) => return Ok(range),
        Err(refused) => refused,
    };
    match try_admit(port, state, |state| state.room_of(bytes.len())) {
        Ok(state) => Ok(accept(port, Via::Call, state, bytes)),
        Err(refusal) => Err(TryWriteError::new(bytes, refusal)),
    }
}

pub(crate) fn try_submit_all<P: Port + ?Sized, B: AsMut<[Bytes]>>(
    port: &P,
    mut parts: B,
) -> Result<WriteTicket, TryWriteError<B>> {
    // Looked at before the lock is taken: this is user code.
    let slice = parts.as_mut();
    let room = room_of_parts(slice);
    match try_admit(port, port.core().lock(), |_| room) {
        Ok(state) => Ok(ticket(port, accept_all(port, Via::Call, state, slice))),
        Err(refusal) => Err(TryWriteError::new(parts, refusal)),
    }
}

pub(crate) fn ticket<P: Port + ?Sized>(port: &P, range: Range<u64>) -> WriteTicket {
    WriteTicket::new(Arc::clone(port.core()), range)
}

/// Has what is accepted written now, if this producer may poll the writer, or else by the task.
pub(crate) fn hurry<P: Port + ?Sized>(port: &P, via: Via) {
    let caller = port.caller(via);
    let mut state = port.core().lock();
    let next = state.hurry(&caller);
    go_on(port, state, next);
}

/// Sleeps in a list of waiters until `check` finds an answer, which is returned with the section that it was found in.
pub(crate) fn wait_until<'a, K: Ord + Copy, T: Copy, R>(
    core: &'a Core,
    cx: &Context<'_>,
    (key, wants): (K, T),
    list: impl Fn(&mut State) -> &mut Waiters<K, T>,
    check: impl Fn(&State) -> Option<R>,
) -> Poll<(StateGuard<'a>, R)> {
    let mut waker: Option<Waker> = None;
    loop {
        let mut state = core.lock();
        if let Some(answer) = check(&state) {
            // Answers do not change; a waker that is not needed may not be dropped under the lock.
            if waker.is_some() {
                drop(state);
                waker = None;
                continue;
            }
            return Poll::Ready((state, answer));
        }
        if list(&mut state).is_set(key, cx.waker()) {
            return Poll::Pending;
        }
        if waker.is_some() {
            state.budget.waited();
            let old = list(&mut state).put(key, wants, waker);
            drop(state);
            drop(old);
            return Poll::Pending;
        }
        drop(state);
        waker = Some(cx.waker().clone());
    }
}

/// A place in the line for room.
///
/// Must be [`leave`](Self::leave)d before it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// 0 while not in line.
    id: u64,
    room: Option<Room>,
    /// It was granted what it waited for, and what is left of that has not been passed on.
    granted: bool,
}

impl Turn {
    /// Whether it is in line.
    #[inline]
    pub(crate) fn is_waiting(&self) -> bool {
        self.id != 0
    }

    /// Waits for room for `len` bytes, or for `parts` where they are given. The section returned has admitted them; what
    /// they take has to be accepted or reserved in it.
    pub(crate) fn poll<'a, P: Port + ?Sized>(
        &mut self,
        port: &'a P,
        cx: &mut Context<'_>,
        room_of: impl Fn(&StateGuard<'_>) -> Room,
    ) -> Poll<Result<StateGuard<'a>, Never>> {
        if self.is_waiting() {
            return self.poll_in_line(port.core(), cx);
        }
        let mut state = port.core().lock();
        if state.budget.must_yield(cx) {
            return yield_now(state, cx);
        }
        self.enter(port, cx, state, room_of)
    }

    /// As [`poll`](Self::poll), from a section in which it is not in line.
    pub(crate) fn enter<'a, P: Port + ?Sized>(
        &mut self,
        port: &'a P,
        cx: &mut Context<'_>,
        state: StateGuard<'a>,
        room_of: impl Fn(&StateGuard<'_>) -> Room,
    ) -> Poll<Result<StateGuard<'a>, Never>> {
        let core = port.core();
        let mut begun = Some(state);
        let mut hurried = false;
        let mut waker = None;
        loop {
            let mut state = begun.take().unwrap_or_else(|| core.lock());
            let room = room_of(&state);
            match state.admit(room) {
                // A waker that is not needed may not be dropped under the lock.
                Ok(()) if waker.is_some() => {
                    drop(state);
                    waker = None;
                    continue;
                }
                Ok(()) => return Poll::Ready(Ok(state)),
                Err(Refusal::Never(never)) => return Poll::Ready(Err(never)),
                Err(Refusal::Full { .. }) => {}
            }
            if !hurried {
                // A producer that is about to wait sends first: that may make the room.
                hurried = true;
                let caller = port.caller(Via::Poll);
                let next = state.hurry(&caller);
                go_on(port, state, next);
                continue;
            }
            let Some(waker) = waker.take() else {
                drop(state);
                waker = Some(cx.waker().clone());
                continue;
            };
            // A chunk that needed no entry of its own while a block was open may need one by the time it is granted.
            let room = Room { bytes: room.bytes, items: room.items.max(1) };
            self.id = state.new_id();
            self.room = Some(room);
            state.budget.waited();
            state.rooms.put(self.id, Want::Room(room), Some(waker));
            return Poll::Pending;
        }
    }

    pub(crate) fn poll_in_line<'a>(
        &mut self,
        core: &'a Core,
        cx: &mut Context<'_>,
    ) -> Poll<Result<StateGuard<'a>, Never>> {
        let Self { id, room: Some(room), .. } = *self else { return Poll::Pending };
        let granted = |state: &State| (!state.rooms.contains(id)).then_some(());
        let place = (id, Want::Room(room));
        let mut state = ready!(wait_until(core, cx, place, |state| &mut state.rooms, granted)).0;
        *self = Self { granted: true, ..Self::default() };
        // Others have run since it got into line.
        state.budget.waited();
        state.release(room);
        match state.closed() {
            Some(reason) => Poll::Ready(Err(Never::Closed(reason))),
            None => Poll::Ready(Ok(state)),
        }
    }

    /// Those behind get what was granted and not needed: an entry, where a chunk was copied into a block that has become
    /// open in the meantime. To be called when the write is accepted.
    pub(crate) fn pass_on(&mut self, core: &SharedCore) {
        if std::mem::take(&mut self.granted) {
            grant_rest(core);
        }
    }

    /// The room that is waited for.
    pub(crate) fn room(&self) -> Option<Room> {
        self.room
    }

    /// Steps out of the line, or returns what was granted; those behind may fit now.
    #[inline]
    pub(crate) fn leave(&mut self, core: &SharedCore) {
        if self.id != 0 {
            self.step_out(core);
        }
    }

    fn step_out(&mut self, core: &SharedCore) {
        let Self { id, room, .. } = std::mem::take(self);
        let mut state = core.lock();
        let waker = state.rooms.remove(id);
        if let (None, Some(room)) = (&waker, room) {
            state.release(room);
        }
        core.tell(state, &mut Wakes::new(core));
        contain(|| drop(waker));
    }
}
