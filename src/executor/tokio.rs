//! Tokio's executors.

use std::future::Future;

use tokio::{runtime::Handle, task::LocalSet};

use super::Executor;

/// The current Tokio runtime, as for [`tokio::spawn`].
///
/// To spawn outside of a runtime, use a [`Handle`]. For futures that are not `Send`, use a
/// [`LocalSet`]. All three detach the task. It runs until it completes, or until the shutdown of
/// its runtime drops it.
///
/// # Panics
///
/// `execute` panics outside of a Tokio runtime. A [`Handle`] does not panic.
///
/// # Examples
///
/// ```
/// use futures_handoff::{Executor, Tokio};
///
/// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// let (sender, receiver) = tokio::sync::oneshot::channel();
/// runtime.block_on(async {
///     Tokio.execute(async move { sender.send("done") });
///     assert_eq!(receiver.await, Ok("done"));
/// });
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Tokio;

impl<F> Executor<F> for Tokio
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        tokio::spawn(future);
    }
}

/// Spawns on the runtime of the handle, from any thread. After the shutdown of that runtime, the
/// future is dropped.
impl<F> Executor<F> for Handle
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.spawn(future);
    }
}

/// Spawns on this set. The future runs while the set is polled, and need not be `Send`.
impl<F> Executor<F> for LocalSet
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        self.spawn_local(future);
    }
}
