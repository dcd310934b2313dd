//! Panics of producers that are part of a schedule.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{Context, Poll},
};

/// What a producer panics with as planned.
struct Planned;

/// A future that panics at the end of one of its polls, whatever came of that.
pub(super) struct Panicking<F> {
    future: F,
    /// The polls before that one; `None` where it never panics.
    polls_left: Option<usize>,
}

impl<F> Panicking<F> {
    pub(super) fn new(future: F, polls_left: Option<usize>) -> Self {
        Self { future, polls_left }
    }
}

impl<F: Future + Unpin> Future for Panicking<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, polls_left } = self.get_mut();
        let polled = Pin::new(future).poll(cx);
        match polls_left {
            // Without a message on the way: whoever polls it expects it.
            Some(0) => resume_unwind(Box::new(Planned)),
            Some(left) => *left -= 1,
            None => {}
        }
        polled
    }
}

/// Polls what may panic as planned: then it is over, with `None`. Any other panic is a finding.
pub(super) fn contained<T>(poll: impl FnOnce() -> Poll<T>) -> Poll<Option<T>> {
    match catch_unwind(AssertUnwindSafe(poll)) {
        Ok(polled) => polled.map(Some),
        Err(panic) if panic.is::<Planned>() => Poll::Ready(None),
        Err(panic) => resume_unwind(panic),
    }
}
