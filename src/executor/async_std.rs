//! async-std's executor.

use std::future::Future;

use super::Executor;

/// The global executor behind [`async_std::task::spawn`].
///
/// async-std is discontinued upstream (RUSTSEC-2025-0052). This type is for programs that still use
/// it. New programs should use the feature `smol`.
///
/// The task is detached. Any thread may call [`execute`](Executor::execute). The executor never
/// shuts down: tasks that still run when the process exits are **not** dropped.
///
/// # Examples
///
/// ```
/// use futures_handoff::{AsyncStd, Executor};
///
/// let (sender, receiver) = std::sync::mpsc::channel();
/// AsyncStd.execute(async move { sender.send("done") });
/// assert_eq!(receiver.recv(), Ok("done"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct AsyncStd;

impl<F> Executor<F> for AsyncStd
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        async_std::task::spawn(future);
    }
}
