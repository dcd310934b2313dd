//! Wakers on their way out of a critical section.

use super::{contain::contain, core::SharedCore};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    mem,
    task::Waker,
};

/// The most wakers of waiters that one critical section collects. The next section goes on with the others.
const PIECE: usize = 32;

/// How deep wakers may wake each other. One that runs its task inside of `wake` may come back here from there.
const DEPTH_MAX: usize = 16;

thread_local! {
    /// The vector of the last list that had more than one waker, kept so that the next one allocates nothing.
    static SPARE: Cell<Vec<Waker>> = const { Cell::new(Vec::new()) };
}

// A model checker runs many threads on one, each with what it is waking.
#[cfg(not(any(handoff_loom, handoff_shuttle)))]
thread_local! { static NESTING: Nesting = const { Nesting::new() } }
#[cfg(handoff_loom)]
loom::thread_local! { static NESTING: Nesting = Nesting::new() }
#[cfg(handoff_shuttle)]
shuttle::thread_local! { static NESTING: Nesting = Nesting::new() }

/// What this thread is waking.
struct Nesting {
    depth: Cell<usize>,
    /// What was to be woken deeper than [`DEPTH_MAX`]: the call at that depth does it.
    later: RefCell<VecDeque<Later>>,
}

impl Nesting {
    const fn new() -> Self {
        Self { depth: Cell::new(0), later: RefCell::new(VecDeque::new()) }
    }
}

enum Later {
    Waiter(Waker),
    Task(Waker, SharedCore),
}

impl Later {
    fn wake(self) {
        match self {
            Self::Waiter(waker) => wake_waiter(waker),
            Self::Task(waker, core) => wake_task(waker, &core),
        }
    }
}

/// A waker that panics keeps neither the others asleep nor the caller, which has nothing to do with it, from going on.
fn wake_waiter(waker: Waker) {
    contain(|| waker.wake());
}

/// Nobody else would wake the task: if its waker fails, the stream ends.
fn wake_task(waker: Waker, core: &SharedCore) {
    if contain(|| waker.wake()).is_none() {
        core.task_is_lost();
    }
}

/// Collects wakers under the state lock and wakes them, in order, when dropped after unlocking.
///
/// One waiter, by far the most frequent number, is kept in place.
pub(crate) struct Wakes<'a> {
    core: &'a SharedCore,
    task: Option<Waker>,
    first: Option<Waker>,
    rest: Vec<Waker>,
}

impl<'a> Wakes<'a> {
    pub(crate) fn new(core: &'a SharedCore) -> Self {
        Self { core, task: None, first: None, rest: Vec::new() }
    }

    /// Whether this is as much as one section may collect.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.rest.len() >= PIECE
    }

    /// Adds the waker of the writer task, which is woken last.
    pub(crate) fn task(&mut self, waker: Option<Waker>) {
        debug_assert!(waker.is_none() || self.task.is_none(), "the task has one waker");
        if waker.is_some() {
            self.task = waker;
        }
    }

    /// Adds the waker of a waiter.
    pub(crate) fn waiter(&mut self, waker: Option<Waker>) {
        let Some(waker) = waker else { return };
        if self.first.is_none() {
            self.first = Some(waker);
            return;
        }
        if self.rest.capacity() == 0 {
            self.rest = SPARE.try_with(Cell::take).unwrap_or_default();
        }
        self.rest.push(waker);
    }

    /// Wakes all of them and leaves the list empty. Most often there are none: then this is two comparisons.
    #[inline]
    pub(crate) fn wake(&mut self) {
        if self.first.is_some() || self.task.is_some() {
            self.wake_all();
        }
    }

    #[inline(never)]
    fn wake_all(&mut self) {
        let depth = NESTING.try_with(|nesting| nesting.depth.replace(nesting.depth.get() + 1)).unwrap_or(0);
        if depth < DEPTH_MAX {
            self.wake_now();
        } else {
            self.put_off();
        }
        if depth + 1 == DEPTH_MAX {
            while let Some(later) = next_put_off() {
                later.wake();
            }
        }
        // A thread that is ending has no depth.
        let _ = NESTING.try_with(|nesting| nesting.depth.set(depth));
    }

    fn wake_now(&mut self) {
        self.first.take().into_iter().for_each(wake_waiter);
        if self.rest.capacity() > 0 {
            let mut rest = mem::take(&mut self.rest);
            rest.drain(..).for_each(wake_waiter);
            let _ = SPARE.try_with(|spare| spare.set(rest));
        }
        if let Some(task) = self.task.take() {
            wake_task(task, self.core);
        }
    }

    #[cold]
    fn put_off(&mut self) {
        let waiters = self.first.take().into_iter().chain(self.rest.drain(..)).map(Later::Waiter);
        let task = self.task.take().map(|waker| Later::Task(waker, SharedCore::clone(self.core)));
        let put_off = waiters.chain(task);
        let _ = NESTING.try_with(|nesting| nesting.later.borrow_mut().extend(put_off));
    }
}

#[cold]
fn next_put_off() -> Option<Later> {
    NESTING.try_with(|nesting| nesting.later.borrow_mut().pop_front()).ok().flatten()
}

impl Drop for Wakes<'_> {
    #[inline]
    fn drop(&mut self) {
        self.wake();
    }
}
