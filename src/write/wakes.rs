//! Wakers on their way out of a critical section.

use super::contain::contain;
use std::{cell::Cell, mem, task::Waker};

thread_local! {
    /// The vector of the last list that had more than one waker, kept so that the next one allocates nothing.
    static SPARE: Cell<Vec<Waker>> = const { Cell::new(Vec::new()) };
}

/// The most wakers for which memory is kept per thread.
const SPARE_MAX: usize = 4096;

/// Collects wakers under the state lock and wakes them, in order, when dropped after unlocking.
///
/// One waker, by far the most frequent number, is kept in place.
#[derive(Default)]
pub(crate) struct Wakes {
    first: Option<Waker>,
    rest: Vec<Waker>,
}

impl Wakes {
    pub(crate) fn push(&mut self, waker: Waker) {
        if self.first.is_none() {
            self.first = Some(waker);
            return;
        }
        if self.rest.capacity() == 0 {
            self.rest = SPARE.try_with(Cell::take).unwrap_or_default();
        }
        self.rest.push(waker);
    }

    pub(crate) fn extend(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            self.push(waker);
        }
    }

    /// Wakes all of them and leaves the list empty. Most often there are none: then this is one comparison.
    #[inline]
    pub(crate) fn wake(&mut self) {
        if let Some(first) = self.first.take() {
            self.wake_all(first);
        }
    }

    /// A waker that panics keeps neither the others asleep nor the caller, who has nothing to do with it, from going on.
    #[inline(never)]
    fn wake_all(&mut self, first: Waker) {
        contain(|| first.wake());
        if self.rest.capacity() == 0 {
            return;
        }
        let mut rest = mem::take(&mut self.rest);
        for waker in rest.drain(..) {
            contain(|| waker.wake());
        }
        if rest.capacity() <= SPARE_MAX {
            // A thread that is ending has nowhere to keep it.
            let _ = SPARE.try_with(|spare| spare.set(rest));
        }
    }
}

impl Drop for Wakes {
    #[inline]
    fn drop(&mut self) {
        self.wake();
    }
}
