//! Letting other tasks run: how much may be done between two yields.

use std::task::{Context, Poll};

/// What may be spent before a future yields once. An operation costs one, and one more for each
/// [`BYTES`] that it moves.
///
/// Tokio gives a task 128 operations. These are smaller, and the chunks of 512 of them make one
/// write of a usual size.
const OPERATIONS: usize = 512;
const BYTES: usize = 4 * 1024;

/// What the owner of a loop may still do before it has to let other tasks run.
///
/// It lies in what the loop goes through, a stream or a buffer, and so needs no runtime that says
/// when a poll begins.
#[derive(Debug)]
pub(crate) struct Budget {
    /// 0 means that the next operation has to yield.
    left: usize,
    enabled: bool,
}

impl Budget {
    pub(crate) const fn new(enabled: bool) -> Self {
        Self { left: OPERATIONS, enabled }
    }

    /// Notes an operation that was done at once, and moved so many bytes.
    #[inline]
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(1 + bytes / BYTES);
    }

    /// Whether the next operation has to yield first: one that has done something already ends with
    /// that instead.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.left == 0 && self.enabled
    }

    /// Whether the next operation has to yield first. If so, the budget is full again, and the
    /// caller has to wake its task and to return `Pending`.
    #[inline]
    pub(crate) fn must_yield(&mut self, cx: &Context<'_>) -> bool {
        self.left == 0 && self.refill(cx)
    }

    /// The owner waits by itself, which lets others run.
    #[inline]
    pub(crate) fn waited(&mut self) {
        self.left = OPERATIONS;
    }

    /// [`must_yield`](Self::must_yield), for callers that hold no lock: wakes the task as well.
    #[inline]
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.must_yield(cx) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// A waker without data tells no task from another, as that of a future that is polled once and
    /// by hand. Then there is no task to come back to, and none to let run.
    #[cold]
    fn refill(&mut self, cx: &Context<'_>) -> bool {
        self.left = OPERATIONS;
        self.enabled && !cx.waker().data().is_null()
    }
}
