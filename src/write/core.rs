//! The part of a stream that knows nothing of the writer's type. Tickets and senders hold only this.

use super::{
    config::{Limits, WriteHandoffConfig},
    error::CloseReason,
    phase::{Caller, Closing, Phase, Via},
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
            state: Mutex::new(State::new(Limits::from(&config), config.cooperative())),
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

    /// The producer that runs on this thread, with all the rights that the configuration gives it. `via` tells how it came here.
    #[inline]
    pub(crate) fn producer(&self, via: Via) -> Caller {
        let (thread, batching, in_poll) = thread::standing(self.address());
        Caller { inline: self.config.inline(), thread, batching, in_poll: in_poll || via == Via::Poll }
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

    /// Drops a handle; the last one closes the stream. Returns whether it was the last. Never polls the writer: this runs in
    /// `Drop`.
    pub(crate) fn drop_handle(self: &SharedCore) -> bool {
        let last = self.handles.fetch_sub(1, Ordering::AcqRel) == 1;
        if last {
            self.close(Closing::Close);
        }
        last
    }

    /// Accepts nothing more and leaves the rest to the task.
    pub(crate) fn close(self: &SharedCore, how: Closing) {
        let mut wakes = Wakes::new(self);
        let mut state = self.lock();
        state.close(how, &mut wakes);
        if matches!(state.phase, Phase::Idle | Phase::Held) {
            state.schedule();
            wakes.task(state.task.take());
        }
        self.tell(state, &mut wakes);
    }

    /// Ends the stream, or has the holder of the writer do it.
    pub(crate) fn end(self: &SharedCore, reason: CloseReason) {
        let mut wakes = Wakes::new(self);
        let mut state = self.lock();
        match state.phase {
            Phase::Ended => return,
            Phase::Busy => {
                state.end_requested.get_or_insert(reason);
            }
            _ => state.finish(reason, &mut wakes),
        }
        self.tell(state, &mut wakes);
    }

    /// The task's waker has panicked: nothing would wake it any more.
    pub(crate) fn task_is_lost(self: &SharedCore) {
        self.end(CloseReason::Panicked);
    }

    /// Wakes all who have what they wait for, some in each section.
    #[inline]
    pub(crate) fn tell<'a>(&'a self, mut state: StateGuard<'a>, wakes: &mut Wakes<'_>) {
        while (state.is_watched() || state.end.is_some()) && state.collect(wakes) {
            drop(state);
            wakes.wake();
            state = self.lock();
        }
        drop(state);
        wakes.wake();
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
