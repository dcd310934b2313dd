//! Cooperative yielding: how many operations a future may do between two yields.

use std::task::{Context, Poll};

/// The budget of a future between two yields. An operation costs 1, plus 1 for each
/// [`BYTES`] bytes that it moves.
///
/// Tokio gives a task 128 operations. The operations here are smaller: 512 small chunks fill one
/// write of the usual size.
const OPERATIONS: usize = 512;
const BYTES: usize = 4 * 1024;

/// How many operations the loop over a stream or a buffer may do before it has to yield.
///
/// The stream or the buffer holds the budget, so no runtime is needed that announces when a poll
/// starts.
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

    /// Charges an operation that did not wait and moved this many bytes.
    #[inline]
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(1 + bytes / BYTES);
    }

    /// Whether the next operation has to yield first. An operation that has already moved bytes
    /// returns these instead.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.left == 0 && self.enabled
    }

    /// Whether the next operation has to yield first. If so, this refills the budget, and the
    /// caller has to wake its task and return `Pending`.
    #[inline]
    pub(crate) fn must_yield(&mut self, cx: &Context<'_>) -> bool {
        self.left == 0 && self.refill(cx)
    }

    /// Refills the budget, because the operation returns `Pending` anyway.
    #[inline]
    pub(crate) fn waited(&mut self) {
        self.left = OPERATIONS;
    }

    /// [`must_yield`](Self::must_yield) for callers that hold no lock. Also wakes the task.
    #[inline]
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.must_yield(cx) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Refills the budget, and returns whether to yield. A waker without data belongs to no task,
    /// such as that of a future that is polled once by hand. There is no task to wake then, so this
    /// returns `false`.
    #[cold]
    fn refill(&mut self, cx: &Context<'_>) -> bool {
        self.left = OPERATIONS;
        self.enabled && !cx.waker().data().is_null()
    }
}
