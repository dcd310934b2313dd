//! Waking waiters without a lock, with a bound on how deep wakers nest.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    task::Waker,
};

use crate::{contain::contain, waiters::Wakers};

/// How deep wakers may nest. A waker that runs its task inside of `wake` may call this module
/// again.
const WAKE_DEPTH_MAX: usize = 16;

// A model checker runs many threads on one thread, and gives each its own value.
#[cfg(not(any(handoff_loom, handoff_shuttle)))]
thread_local! { static NESTING: Nesting = const { Nesting::new() } }
#[cfg(handoff_loom)]
loom::thread_local! { static NESTING: Nesting = Nesting::new() }
#[cfg(handoff_shuttle)]
shuttle::thread_local! { static NESTING: Nesting = Nesting::new() }

/// What this thread is waking.
struct Nesting {
    depth: Cell<usize>,
    /// Wake-ups from deeper than [`WAKE_DEPTH_MAX`]. The call at that depth does them.
    later: RefCell<VecDeque<Later>>,
}

impl Nesting {
    const fn new() -> Self {
        Self { depth: Cell::new(0), later: RefCell::new(VecDeque::new()) }
    }
}

enum Later {
    Waiter(Waker),
    Task(Box<dyn FnOnce()>),
}

impl Later {
    fn wake(self) {
        match self {
            Self::Waiter(waker) => wake_waiter(waker),
            Self::Task(wake) => wake(),
        }
    }
}

/// Wakes a waiter. If the waker panics, the other waiters are still woken, and the caller
/// continues.
fn wake_waiter(waker: Waker) {
    contain(|| waker.wake());
}

/// Wakes all waiters in order, then the task, and leaves the list empty. `task` wakes the task. If
/// that has to be put off, the closure from `task_later` wakes it.
#[inline(never)]
pub(crate) fn wake_all(
    wakers: &mut Wakers,
    task: impl FnOnce(Waker),
    task_later: impl FnOnce(Waker) -> Box<dyn FnOnce()>,
) {
    let depth = NESTING.try_with(|nesting| nesting.depth.replace(nesting.depth.get() + 1)).unwrap_or(0);
    if depth < WAKE_DEPTH_MAX {
        wakers.drain_waiters(wake_waiter);
        if let Some(waker) = wakers.take_task() {
            task(waker);
        }
    } else {
        put_off(wakers, task_later);
    }
    if depth + 1 == WAKE_DEPTH_MAX {
        while let Some(later) = next_put_off() {
            later.wake();
        }
    }
    // A thread that is ending has no depth to restore.
    let _ = NESTING.try_with(|nesting| nesting.depth.set(depth));
}

#[cold]
fn put_off(wakers: &mut Wakers, task_later: impl FnOnce(Waker) -> Box<dyn FnOnce()>) {
    let mut put_off = Vec::new();
    wakers.drain_waiters(|waker| put_off.push(Later::Waiter(waker)));
    put_off.extend(wakers.take_task().map(|waker| Later::Task(task_later(waker))));
    let _ = NESTING.try_with(|nesting| nesting.later.borrow_mut().extend(put_off));
}

#[cold]
fn next_put_off() -> Option<Later> {
    NESTING.try_with(|nesting| nesting.later.borrow_mut().pop_front()).ok().flatten()
}
