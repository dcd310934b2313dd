//! async-std's executor.

use std::future::Future;

use super::Executor;

/// The global executor behind [`async_std::task::spawn`].
///
/// async-std is discontinued upstream (RUSTSEC-2025-0052). Programs that still use it are served;
/// prefer the feature `smol` in new ones.
///
/// The task is detached. The executor needs no context and is never shut down: what still runs when
/// the process exits is **not** dropped.
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
