//! A barrier that a test opens by hand.

use std::{
    future::{Future, poll_fn},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// Holds up every task that waits for it until it is opened. A gate that is never opened stalls its
/// waiters for ever.
///
/// Clones are the same gate.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    open: bool,
    /// Whether a task has been held up yet.
    reached: bool,
    held: Vec<Waker>,
    watching: Vec<Waker>,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets every task through, from now on.
    pub fn open(&self) {
        let held = {
            let mut state = self.state();
            state.open = true;
            mem::take(&mut state.held)
        };
        held.into_iter().for_each(Waker::wake);
    }

    /// Pending until the gate is open; the latest waker of each task is woken then.
    pub fn poll_pass(&self, cx: &mut Context<'_>) -> Poll<()> {
        let watching = {
            let mut state = self.state();
            if state.open {
                return Poll::Ready(());
            }
            add(&mut state.held, cx.waker());
            state.reached = true;
            mem::take(&mut state.watching)
        };
        watching.into_iter().for_each(Waker::wake);
        Poll::Pending
    }

    /// Waits until the gate is open.
    pub fn pass(&self) -> impl Future<Output = ()> + Send + '_ {
        poll_fn(|cx| self.poll_pass(cx))
    }

    /// Waits until a task has been held up.
    pub fn reached(&self) -> impl Future<Output = ()> + Send + '_ {
        poll_fn(|cx| {
            let mut state = self.state();
            if state.reached {
                return Poll::Ready(());
            }
            add(&mut state.watching, cx.waker());
            Poll::Pending
        })
    }

    /// Whether a task has been held up.
    pub fn is_reached(&self) -> bool {
        self.state().reached
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn add(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|known| known.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}
