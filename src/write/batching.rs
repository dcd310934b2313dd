//! Sending exactly when a producer is about to wait.

use super::{
    core::SharedCore,
    phase::Via,
    port::{Port, go_on, hurry},
};
use crate::sync::thread;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    /// Future of [`WriteHandoff::batching`](crate::WriteHandoff::batching).
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Batching<'a, P, F> {
        port: &'a P,
        #[pin]
        future: F,
    }
}

impl<'a, P: Port, F> Batching<'a, P, F> {
    pub(crate) fn new(port: &'a P, future: F) -> Self {
        Self { port, future }
    }
}

/// For as long as it lives, this thread has promised to send what it writes to the stream.
pub(crate) struct Promise<'a> {
    core: &'a SharedCore,
    kept: bool,
}

impl<'a> Promise<'a> {
    pub(crate) fn new(core: &'a SharedCore) -> Self {
        thread::begin_batching(core.address());
        Self { core, kept: false }
    }

    /// Ends it. What was held meanwhile is for the caller to see to.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Promise<'_> {
    fn drop(&mut self) {
        thread::end_batching();
        if !self.kept {
            // The future panicked: what it has written is left to the task.
            let mut state = self.core.lock();
            let next = state.break_promise();
            go_on(self.core, state, next);
        }
    }
}

impl<P: Port, F: Future> Future for Batching<'_, P, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let promise = Promise::new(this.port.core());
        let polled = this.future.poll(cx);
        promise.keep();
        hurry(*this.port, Via::Poll);
        polled
    }
}

impl<P, F> fmt::Debug for Batching<'_, P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batching").finish_non_exhaustive()
    }
}
