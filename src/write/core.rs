//! The part of a stream that knows nothing of the writer's type. Tickets and senders hold only this.

use super::{
    config::{Limits, WriteHandoffConfig},
    phase::{Caller, Closing, Phase},
    state::State,
    wakes::Wakes,
};
use crate::sync::{Arc, AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering, thread};
use std::fmt;

/// The state lock in the caller's hands. Sections are short and run no user code: no waker, `Bytes`, writer or error is
/// cloned, dropped or woken in them.
pub(crate) type StateGuard<'a> = MutexGuard<'a, State>;

#[derive(Debug)]
pub struct Core {
    state: Mutex<State>,
    /// A copy of `State::written` that tickets read without the lock.
    pub(crate) written: AtomicU64,
    /// Handles and senders. The last one closes the stream.
    handles: AtomicUsize,
    config: WriteHandoffConfig,
}

impl Core {
    pub(crate) fn new(config: WriteHandoffConfig) -> Self {
        Self {
            state: Mutex::new(State::new(Limits::from(&config))),
            written: AtomicU64::new(0),
            handles: AtomicUsize::new(1),
            config,
        }
    }

    pub(crate) fn config(&self) -> &WriteHandoffConfig {
        &self.config
    }

    #[inline]
    pub(crate) fn lock(&self) -> StateGuard<'_> {
        self.state.lock()
    }

    /// The producer that runs on this thread, with all the rights that the configuration gives it.
    #[inline]
    pub(crate) fn producer(&self) -> Caller {
        let (thread, batching) = thread::token_and_batching(self.address());
        Caller { inline: self.config.inline(), thread, batching }
    }

    /// Whether the producer on this thread has promised to send when it is about to wait.
    #[inline]
    pub(crate) fn is_batching(&self) -> bool {
        thread::is_batching(self.address())
    }

    /// What tells this stream from all others.
    #[inline]
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    pub(crate) fn add_handle(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds a handle unless the last one is gone.
    pub(crate) fn try_add_handle(&self) -> bool {
        let add = |handles: usize| (handles > 0).then_some(handles + 1);
        self.handles.fetch_update(Ordering::AcqRel, Ordering::Acquire, add).is_ok()
    }

    /// Drops a handle; the last one closes the stream. Never polls the writer: this runs in `Drop`.
    pub(crate) fn drop_handle(&self) {
        if self.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close(Closing::Close);
        }
    }

    /// Accepts nothing more and leaves the rest to the task.
    pub(crate) fn close(&self, how: Closing) {
        let mut wakes = Wakes::default();
        let mut state = self.lock();
        state.close(how, &mut wakes);
        if matches!(state.phase, Phase::Idle | Phase::Held) {
            state.schedule();
            wakes.extend(state.task.take());
        }
    }

    /// A handle's view of the stream, for its `Debug`.
    pub(crate) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        let (pending_bytes, pending_items, closed) = (state.pending(), state.pending_items(), state.closed());
        drop(state);
        f.debug_struct(name)
            .field("pending_bytes", &pending_bytes)
            .field("pending_items", &pending_items)
            .field("closed", &closed)
            .finish_non_exhaustive()
    }
}

pub(crate) type SharedCore = Arc<Core>;
