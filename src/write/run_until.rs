//! The task and a producer in one task of whatever runtime there is.

use super::{batching::Promise, core::Core, phase::Phase, task::WriteTask};
use crate::sync::thread;
use futures_io::AsyncWrite;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

pin_project! {
    /// Future of [`WriteTask::run_until`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct RunUntil<'a, W, F> {
        task: &'a mut WriteTask<W>,
        #[pin]
        future: F,
    }
}

impl<'a, W, F> RunUntil<'a, W, F> {
    pub(crate) fn new(task: &'a mut WriteTask<W>, future: F) -> Self {
        Self { task, future }
    }
}

impl<W: AsyncWrite + Unpin, F: Future> Future for RunUntil<'_, W, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let core = this.task.core();
        // What the future waits for may be what the task can do now.
        if is_task_due(core, cx.waker()) {
            let _ = this.task.poll_ended(cx);
        }
        let promise = Promise::new(core);
        let polled = this.future.poll(cx);
        promise.keep();
        if has_work(core) {
            let _ = this.task.poll_ended(cx);
        }
        polled
    }
}

/// Whether the task may have been woken, or has to learn whom to wake. From here on this thread is the task's.
fn is_task_due(core: &Core, waker: &Waker) -> bool {
    let mut state = core.lock();
    match state.phase {
        Phase::Unborn | Phase::Scheduled | Phase::Blocked => true,
        Phase::Idle | Phase::Held | Phase::Busy => {
            state.task_thread = thread::token();
            !state.task.as_ref().is_some_and(|known| known.will_wake(waker))
        }
        Phase::Ended => false,
    }
}

/// Whether the future has left something that the task can do at once.
fn has_work(core: &Core) -> bool {
    matches!(core.lock().phase, Phase::Unborn | Phase::Held | Phase::Scheduled)
}

impl<W, F> fmt::Debug for RunUntil<'_, W, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunUntil").finish_non_exhaustive()
    }
}
