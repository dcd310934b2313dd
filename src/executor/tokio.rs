//! Tokio's executors.

use std::future::Future;

use tokio::{runtime::Handle, task::LocalSet};

use super::Executor;

/// The Tokio runtime in whose context [`execute`](Executor::execute) is called.
///
/// To spawn from elsewhere, use a [`Handle`]; for futures that are not `Send`, a [`LocalSet`]. All
/// three detach the task: it runs until it completes or its runtime is shut down, which drops it.
///
/// # Panics
///
/// `execute` panics outside the context of a Tokio runtime. A [`Handle`] never does.
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

/// Spawns on the runtime of the handle, from any thread. After that runtime has shut down, the
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

/// Spawns on this set, which runs the future whenever it is polled itself. The future need not be
/// `Send`.
impl<F> Executor<F> for LocalSet
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        self.spawn_local(future);
    }
}
