//! Flushes: the futures that wait for a flush, and whether one is due.

use super::{
    error::CloseReason,
    state::{Phase, State},
    stream::{StateGuard, Stream, Waiting, WakeList, wait_until},
};
use crate::{contain::contain, sync::Arc, waiters::Wakers};
use std::task::{Context, Poll, ready};

/// A waiter for a flush.
///
/// Must be [`leave`](Self::leave)d before it is dropped.
#[derive(Debug, Default)]
pub(crate) struct FlushWaiter {
    /// The position to be flushed and the waiter's number; `None` while it does not wait.
    key: Option<(u64, u64)>,
}

impl FlushWaiter {
    /// Waits for a flush of the bytes below `position`, or of all bytes accepted at the first call
    /// if it is `None`. `request` starts the flush.
    pub(crate) fn poll<'a>(
        &mut self,
        stream: &'a Arc<Stream>,
        cx: &Context<'_>,
        position: Option<u64>,
        request: impl FnOnce(StateGuard<'a>),
    ) -> Poll<Result<(), CloseReason>> {
        let ended = |state: &State| match &state.end {
            Some(CloseReason::Closed) => Some(Ok(())),
            Some(reason) => Some(Err(reason.clone())),
            None => None,
        };
        let key = match self.key {
            Some(key) => key,
            None => {
                let mut state = stream.lock();
                if state.budget.must_yield(cx) {
                    return stream.yield_now(state, cx);
                }
                state.budget.spend(0);
                if position.is_some_and(|position| position <= state.flushed) {
                    return Poll::Ready(Ok(()));
                }
                if let Some(result) = ended(&state) {
                    return Poll::Ready(result);
                }
                let key = (position.unwrap_or(state.accepted), state.new_id());
                self.key = Some(key);
                state.flushes.put(key, (), None);
                request(state);
                key
            }
        };
        let answer = |state: &State| if state.is_flushed(key) { Some(Ok(())) } else { ended(state) };
        let wait = wait_until(stream, cx, (key, ()), |state| &mut state.flushes, answer);
        let (mut state, result) = ready!(wait);
        // The flush may be confirmed, and the waiter not removed from the list yet.
        let waker = state.flushes.remove(key);
        drop(state);
        drop(waker);
        self.key = None;
        Poll::Ready(result)
    }
}

impl Waiting for FlushWaiter {
    /// Stops waiting. A flush that no future waits for must not hold up the writes behind it.
    fn leave(&mut self, stream: &Arc<Stream>) {
        let Some(key) = self.key.take() else { return };
        let mut wakes = WakeList::new(stream);
        let mut state = stream.lock();
        let waker = state.flushes.remove(key);
        if state.phase == Phase::Blocked && state.entries > 0 && state.may_pass_flush() {
            state.schedule();
            wakes.task(state.task.take());
        }
        drop(state);
        wakes.wake();
        contain(|| drop(waker));
    }
}

/// Flushes.
impl State {
    /// Records that the writer has flushed everything it was given, for the waiters up to number
    /// `asked_before`.
    #[inline]
    pub(crate) fn was_flushed(&mut self, asked_before: u64) {
        self.flushed = self.written;
        self.served_before = asked_before;
        self.flush_is_news = !self.flushes.is_empty();
        self.settled += 1;
    }

    pub(super) fn collect_flushed(&mut self, wakes: &mut Wakers) -> bool {
        let mut next = self.flushes.first().map(|(key, ())| key);
        while let Some(key) = next.filter(|(position, _)| *position <= self.flushed) {
            next = self.flushes.next_after(key);
            if self.is_flushed(key) {
                if wakes.is_full() {
                    return true;
                }
                wakes.waiter(self.flushes.remove(key).flatten());
            }
        }
        self.flush_is_news = false;
        false
    }

    /// Whether the flush of the waiter with this position and number is confirmed.
    pub(crate) fn is_flushed(&self, (position, id): (u64, u64)) -> bool {
        position <= self.flushed && id <= self.served_before
    }

    /// Whether a waiter asks for a flush whose bytes are written. The flush is made before newer
    /// bytes are written.
    #[inline]
    pub(crate) fn flush_is_due(&self) -> bool {
        self.flushes.first().is_some_and(|((position, _), ())| position <= self.written)
    }

    /// Whether as many bytes as the byte budget were written since the oldest such flush became
    /// due. Then nothing more is written before the flush, so that writes cannot starve it.
    #[inline]
    pub(crate) fn flush_is_overdue(&self) -> bool {
        let overdue = |position: u64| position.saturating_add(self.limits.bytes as u64) <= self.written;
        self.flushes.first().is_some_and(|((position, _), ())| overdue(position))
    }

    /// Whether the writer has to be flushed when there is nothing more to write, because it may
    /// hold bytes in a buffer of its own.
    #[inline]
    pub(crate) fn is_unflushed(&self) -> bool {
        self.written > self.flushed && self.limits.flush_when_idle
    }
}
