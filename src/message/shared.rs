//! The state behind its lock, and wake-ups without the lock.

use std::fmt;

use crate::{
    sync::{Arc, Mutex, MutexGuard},
    waiters::Wakers,
    waking::wake_all,
};

use super::{
    MessageHandoffConfig,
    error::{RejectReason, SendError},
    state::{State, Told},
};

/// The data that the ends, permits and received messages of one handoff share.
///
/// User code (wakers and the messages themselves) never runs under the lock.
pub(super) struct Shared<T> {
    state: Mutex<State<T>>,
}

/// Wakes the collected waiters, without the lock.
fn wake(wakers: &mut Wakers) {
    // None of the wakers belongs to a writer task.
    wake_all(wakers, drop, |_| Box::new(|| ()));
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
            let told = state.push((message, bytes));
            drop(state);
            self.tell(told);
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

    /// Queues a charged message. After the close, ends the charge and returns the message.
    pub(super) fn send_charged(&self, message: T, bytes: usize) -> Result<(), SendError<T>> {
        let mut state = self.lock();
        if state.is_closed() {
            state.release(bytes);
            drop(state);
            return Err(SendError::new(message, RejectReason::Closed));
        }
        let told = state.push((message, bytes));
        drop(state);
        self.tell(told);
        Ok(())
    }

    /// Ends the charge of a message and grants its room to waiting senders.
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

    /// Wakes receivers for a message, without the lock.
    #[inline]
    pub(super) fn tell(&self, told: Told) {
        if told.first.is_some() {
            self.wake_told(told);
        }
    }

    #[cold]
    fn wake_told(&self, told: Told) {
        let mut wakers = Wakers::default();
        wakers.waiter(told.first);
        wake(&mut wakers);
        if told.more {
            self.in_pieces(State::tell_more_receivers);
        }
    }

    /// Grants room to waiting senders, for as long as they fit.
    #[cold]
    pub(super) fn grant(&self) {
        self.in_pieces(State::grant);
    }

    /// Wakes the waiters that `collect` returns, a limited number for each lock, until `collect`
    /// reports that no more remain.
    fn in_pieces(&self, collect: impl Fn(&mut State<T>, &mut Wakers) -> bool) {
        loop {
            let mut wakers = Wakers::default();
            let more = collect(&mut self.lock(), &mut wakers);
            wake(&mut wakers);
            if !more {
                return;
            }
        }
    }

    /// Takes the oldest message out of the queue and ends its charge.
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

    /// Drops a receiver. The last one closes the handoff and discards the queue, which no receiver
    /// can take from now.
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

    /// Formats an end for its `Debug`.
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
