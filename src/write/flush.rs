//! Waiting for the writer to pass on what it was given.

use super::{
    contain::contain,
    core::SharedCore,
    error::CloseReason,
    phase::{Phase, Via},
    port::{Port, go_on, wait_until, yield_now},
    state::State,
    wakes::Wakes,
};
use crate::error::POLLED_AFTER_COMPLETION;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A place among those who wait for a flush.
///
/// Must be [`leave`](Self::leave)d before it is dropped.
#[derive(Debug, Default)]
pub(crate) struct FlushTurn {
    /// The position to be flushed and a number; `None` while not waiting.
    key: Option<(u64, u64)>,
}

impl FlushTurn {
    /// Waits for a flush of the bytes below `position`, or of all that is accepted at the first call where none is given.
    pub(crate) fn poll<P: Port + ?Sized>(
        &mut self,
        port: &P,
        cx: &mut Context<'_>,
        position: Option<u64>,
    ) -> Poll<Result<(), CloseReason>> {
        let core = port.core();
        if self.key.is_none() {
            let caller = port.caller(Via::Poll);
            let mut state = core.lock();
            if state.budget.must_yield(cx) {
                return yield_now(state, cx);
            }
            state.budget.spend(0);
            let done = position.is_some_and(|position| position <= state.flushed);
            match &state.end {
                _ if done => return Poll::Ready(Ok(())),
                Some(CloseReason::Closed) => return Poll::Ready(Ok(())),
                Some(reason) => return Poll::Ready(Err(reason.clone())),
                None => {}
            }
            let key = (position.unwrap_or(state.accepted), state.new_id());
            self.key = Some(key);
            state.flushes.put(key, (), None);
            let next = state.hurry(&caller);
            go_on(port, state, next);
        }
        let Some(key) = self.key else { return Poll::Pending };
        let answer = |state: &State| match &state.end {
            _ if state.is_flushed(key) => Some(Ok(())),
            Some(CloseReason::Closed) => Some(Ok(())),
            Some(reason) => Some(Err(reason.clone())),
            None => None,
        };
        let wait = wait_until(core, cx, (key, ()), |state| &mut state.flushes, answer);
        let (mut state, result) = ready!(wait);
        // It may be served and not have been told yet.
        let waker = state.flushes.remove(key);
        drop(state);
        drop(waker);
        self.key = None;
        Poll::Ready(result)
    }

    /// Stops waiting. A flush that is not waited for any more may not hold up the writes behind it.
    pub(crate) fn leave(&mut self, core: &SharedCore) {
        let Some(key) = self.key.take() else { return };
        let mut wakes = Wakes::new(core);
        let mut state = core.lock();
        let waker = state.flushes.remove(key);
        let held_up = state.phase == Phase::Blocked && state.blocked_on_flush && state.items > 0;
        if held_up && !state.flush_is_overdue() {
            state.schedule();
            wakes.task(state.task.take());
        }
        drop(state);
        wakes.wake();
        contain(|| drop(waker));
    }
}

/// Future of [`WriteHandoff::flush`](crate::WriteHandoff::flush).
///
/// # Panics
///
/// When it is polled after it has completed.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Flush<'a, P: Port> {
    port: &'a P,
    turn: FlushTurn,
    done: bool,
}

impl<'a, P: Port> Flush<'a, P> {
    pub(crate) fn new(port: &'a P) -> Self {
        Self { port, turn: FlushTurn::default(), done: false }
    }
}

impl<P: Port> Future for Flush<'_, P> {
    type Output = Result<(), CloseReason>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        assert!(!this.done, "{POLLED_AFTER_COMPLETION}");
        let result = ready!(this.turn.poll(this.port, cx, None));
        this.done = true;
        Poll::Ready(result)
    }
}

impl<P: Port> Drop for Flush<'_, P> {
    fn drop(&mut self) {
        self.turn.leave(self.port.core());
    }
}

impl<P: Port> fmt::Debug for Flush<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flush").field("waiting", &(self.turn.key.is_some())).finish()
    }
}
