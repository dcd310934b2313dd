//! The state behind its lock, and waking without it.

use std::{fmt, task::Waker};

use crate::{
    contain::contain,
    sync::{Arc, Mutex, MutexGuard},
    waiters::Wakers,
};

use super::{
    MessageHandoffConfig,
    error::{RejectReason, SendError},
    state::State,
};

/// What the ends, permits and received messages of one handoff share.
///
/// User code, that is wakers and the messages themselves, never runs under the lock.
pub(super) struct Shared<T> {
    state: Mutex<State<T>>,
}

/// Wakes a waiter, without the lock. A waker that panics does not keep the caller, which has nothing to
/// do with it, from going on.
#[inline]
pub(super) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        wake_now(waker);
    }
}

#[cold]
fn wake_now(waker: Waker) {
    contain(|| waker.wake());
}

impl<T> Shared<T> {
    pub(super) fn new(config: MessageHandoffConfig) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::new(config)) })
    }

    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock()
    }

    #[inline]
    pub(super) fn try_send(&self, message: T, bytes: usize) -> Result<(), SendError<T>> {
        let mut state = self.lock();
        if state.admits(bytes) {
            state.charge(bytes);
            let receiver = state.push((message, bytes));
            drop(state);
            wake(receiver);
            return Ok(());
        }
        let reason = state.rejection(bytes);
        drop(state);
        Err(SendError::new(message, reason))
    }

    pub(super) fn try_charge(&self, bytes: usize) -> Result<(), RejectReason> {
        let mut state = self.lock();
        if state.admits(bytes) {
            state.charge(bytes);
            return Ok(());
        }
        Err(state.rejection(bytes))
    }

    /// Queues a message that is charged. After the close it comes back, and is charged no more.
    pub(super) fn send_charged(&self, message: T, bytes: usize) -> Result<(), SendError<T>> {
        let mut state = self.lock();
        if state.is_closed() {
            state.release(bytes);
            drop(state);
            return Err(SendError::new(message, RejectReason::Closed));
        }
        let receiver = state.push((message, bytes));
        drop(state);
        wake(receiver);
        Ok(())
    }

    /// Ends the charge of a message, and gives its room to those that wait.
    #[inline]
    pub(super) fn release(&self, bytes: usize) {
        let mut state = self.lock();
        state.release(bytes);
        let is_awaited = !state.line.is_empty();
        drop(state);
        if is_awaited {
            self.grant();
        }
    }

    /// Gives room to those that wait, as many as there is room for.
    #[cold]
    pub(super) fn grant(&self) {
        self.in_pieces(State::grant);
    }

    /// Wakes those that `collect` names, some in each section, until it says that there are no more.
    fn in_pieces(&self, collect: impl Fn(&mut State<T>, &mut Wakers) -> bool) {
        loop {
            let mut wakers = Wakers::default();
            let more = collect(&mut self.lock(), &mut wakers);
            wakers.drain_waiters(|waker| wake(Some(waker)));
            if !more {
                return;
            }
        }
    }

    /// Takes the oldest message out of the queue and releases it.
    pub(super) fn evict(&self) -> Option<T> {
        let (message, bytes) = self.lock().pop()?;
        self.release(bytes);
        Some(message)
    }

    pub(super) fn close(&self) {
        self.lock().close();
        self.in_pieces(State::tell_closed);
    }

    pub(super) fn drop_sender(&self) {
        let mut state = self.lock();
        state.senders -= 1;
        let last = state.senders == 0;
        drop(state);
        if last {
            self.close();
        }
    }

    /// The last one closes the handoff, and nobody can receive what is queued.
    pub(super) fn drop_receiver(&self) {
        let mut state = self.lock();
        if !state.drop_receiver() {
            return;
        }
        state.close();
        let discarded = state.discard();
        drop(state);
        self.in_pieces(State::tell_closed);
        drop(discarded);
    }

    /// The view of an end, for its `Debug`.
    pub(super) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        let (queued, (items, bytes), closed) = (state.queued(), state.pending(), state.is_closed());
        drop(state);
        f.debug_struct(name)
            .field("len", &queued)
            .field("pending_items", &items)
            .field("pending_bytes", &bytes)
            .field("closed", &closed)
            .finish_non_exhaustive()
    }
}
