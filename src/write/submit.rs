//! Submitting a write, now or after a wait for room.

use super::{
    drive::{carry_out, write_through},
    error::RejectReason,
    payload::{Owned, Payload},
    room::{Acquire, give_back, try_admit},
    shared::Shared,
    state::{Caller, Next, Phase, Room, State, Via},
    stream::{StateGuard, Waiting},
};
use crate::error::POLLED_AFTER_COMPLETION;
use futures_io::AsyncWrite;
use std::{
    future::Future,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Submits a payload without waiting. A rejected payload is unchanged.
#[inline]
pub(crate) fn try_submit<W: AsyncWrite + Unpin, P: Payload>(
    shared: &Shared<W>,
    payload: &mut P,
) -> Result<Range<u64>, RejectReason> {
    payload.check()?;
    let mut state = shared.stream.lock();
    if let Some(range) = append(shared, &mut state, payload) {
        drop(state);
        payload.discard();
        return Ok(range);
    }
    let state = try_admit(shared, state, |state| payload.room(state))?;
    accept(shared, Via::Call, state, payload)
}

/// Accepts a payload that only has to be copied into the open block, as in most bursts.
#[inline(always)]
fn append<W, P: Payload>(shared: &Shared<W>, state: &mut State, payload: &P) -> Option<Range<u64>> {
    let bytes = payload.as_slice();
    if bytes.len() > payload.copy_max(&state.limits) || !payload.is_one() {
        return None;
    }
    state.append(bytes, || shared.stream.is_batching())
}

/// Accepts a payload that was admitted under this lock, and decides where it goes.
#[inline(always)]
pub(crate) fn accept<'a, W: AsyncWrite + Unpin, P: Payload>(
    shared: &'a Shared<W>,
    via: Via,
    mut state: StateGuard<'a>,
    payload: &mut P,
) -> Result<Range<u64>, RejectReason> {
    let caller = shared.caller(via);
    let len = payload.len();
    let is_small = len <= state.limits.copy_max;
    let mut next = Next::Nothing;
    if len > 0 {
        // Enough to be sent: write it through. A small payload behind queued bytes joins them
        // instead.
        if payload.is_one() && sends(&state, payload, &caller) && (state.queue.is_empty() || !is_small) {
            let range = state.accept(len);
            (state.phase, state.entries) = (Phase::Busy, state.entries + 1);
            payload.accepted();
            write_through(shared, state, payload);
            return Ok(range);
        }
        if payload.is_one() && (is_small || len <= payload.copy_max(&state.limits)) {
            state.push_copy(payload.as_slice());
        } else if !payload.queue(&mut state) {
            return accept_owned(shared, via, state, payload);
        }
        next = state.after_push(&caller);
    }
    let range = state.accept(len);
    payload.accepted();
    carry_out(shared, state, next);
    payload.discard();
    Ok(range)
}

/// Whether the payload and the bytes queued before it are enough to be sent, and the caller may
/// poll the writer.
#[inline]
pub(crate) fn sends<P: Payload>(state: &State, payload: &P, caller: &Caller) -> bool {
    state.queue.bytes() + payload.counts_for(&state.limits) >= state.limits.send_at && state.may_drive(caller)
}

/// Reserves room for the payload, makes it owned outside of the lock, and then accepts it.
#[inline(never)]
fn accept_owned<'a, W: AsyncWrite + Unpin, P: Payload>(
    shared: &'a Shared<W>,
    via: Via,
    mut state: StateGuard<'a>,
    payload: &mut P,
) -> Result<Range<u64>, RejectReason> {
    let room = state.room_of(payload.len());
    state.reserve(room);
    drop(state);
    let mut owned = Owned(Some(payload.own()));
    let accepted = send_reserved(shared, via, room, &mut owned);
    if accepted.is_err() {
        // The stream was closed while the payload was made owned.
        payload.restore(owned.own());
    }
    accepted
}

/// Submits a payload on reserved room. The room is used up whether the payload is accepted or not.
pub(super) fn send_reserved<W: AsyncWrite + Unpin, P: Payload>(
    shared: &Shared<W>,
    via: Via,
    room: Room,
    payload: &mut P,
) -> Result<Range<u64>, RejectReason> {
    let stream = &shared.stream;
    let mut state = stream.lock();
    state.release(room);
    if let Some(reason) = state.closed() {
        drop(state);
        return Err(RejectReason::Closed(reason));
    }
    let used = payload.room(&state);
    let is_left = used.bytes < room.bytes || used.entries < room.entries;
    let accepted = accept(shared, via, state, payload);
    if is_left {
        // Last, because the writer may have been polled for this write: the writes that this lets
        // in come behind it.
        give_back(stream, Room::default());
    }
    accepted
}

/// Waits for room for a payload and submits it. `finish` turns the result into the future's output.
pub(crate) struct Submit<'a, W, P, F> {
    shared: &'a Shared<W>,
    payload: P,
    acquire: Acquire,
    finish: F,
}

impl<'a, W, P, F, T> Submit<'a, W, P, F>
where
    W: AsyncWrite + Unpin,
    P: Payload,
    F: Fn(&'a Shared<W>, &mut P, Result<Range<u64>, RejectReason>) -> T,
{
    #[inline]
    pub(crate) fn new(shared: &'a Shared<W>, payload: P, finish: F) -> Self {
        Self { shared, payload, acquire: Acquire::Begun, finish }
    }

    /// Tries to submit under the lock, and otherwise joins the line.
    #[inline(never)]
    fn submit(&mut self, cx: &Context<'_>, state: StateGuard<'a>) -> Poll<T> {
        let Self { shared, payload, .. } = self;
        if !state.admits(payload.room(&state)) {
            return self.wait(cx, Some(state));
        }
        let accepted = accept(shared, Via::Poll, state, payload);
        self.conclude(accepted)
    }

    /// Joins the line, or waits in it.
    #[cold]
    fn wait(&mut self, cx: &Context<'_>, state: Option<StateGuard<'a>>) -> Poll<T> {
        let Self { shared, payload, acquire, .. } = self;
        let was_in_line = state.is_none();
        let admitted = match state {
            Some(state) => ready!(acquire.enter(shared, cx, state, |state| payload.room(state))),
            None => ready!(acquire.poll_in_line(&shared.stream, cx)),
        };
        let accepted = admitted.and_then(|state| accept(shared, Via::Poll, state, payload));
        if was_in_line {
            // The next in line gets the room that was granted and not used: an entry, if the chunk
            // fitted into the open block.
            give_back(&shared.stream, Room::default());
        }
        self.conclude(accepted)
    }

    #[inline]
    fn conclude(&mut self, accepted: Result<Range<u64>, RejectReason>) -> Poll<T> {
        self.acquire = Acquire::Done;
        Poll::Ready((self.finish)(self.shared, &mut self.payload, accepted))
    }
}

impl<'a, W, P, F, T> Future for Submit<'a, W, P, F>
where
    W: AsyncWrite + Unpin,
    P: Payload + Unpin,
    F: Fn(&'a Shared<W>, &mut P, Result<Range<u64>, RejectReason>) -> T + Unpin,
{
    type Output = T;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        match this.acquire {
            Acquire::Begun => {}
            Acquire::InLine { .. } => return this.wait(cx, None),
            Acquire::Done => panic!("{POLLED_AFTER_COMPLETION}"),
        }
        if let Err(reason) = this.payload.check() {
            return this.conclude(Err(reason));
        }
        let stream = &this.shared.stream;
        let mut state = stream.lock();
        if state.budget.must_yield(cx) {
            return stream.yield_now(state, cx);
        }
        match append(this.shared, &mut state, &this.payload) {
            Some(range) => {
                drop(state);
                this.payload.discard();
                this.conclude(Ok(range))
            }
            None => this.submit(cx, state),
        }
    }
}

impl<W, P, F> Drop for Submit<'_, W, P, F> {
    #[inline]
    fn drop(&mut self) {
        self.acquire.leave(&self.shared.stream);
    }
}
