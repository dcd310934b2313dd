//! smol's executors.

use std::future::Future;

use smol::{Executor as SmolExecutor, LocalExecutor};

use super::Executor;

/// The global executor behind [`smol::spawn`].
///
/// It starts its threads at the first use: one, or as many as the environment variable
/// `SMOL_THREADS` says. Any thread may call [`execute`](Executor::execute). The executor never
/// shuts down: tasks that still run when the process exits are **not** dropped. If the tasks have
/// to be dropped, use a [`smol::Executor`] of your own, which drops its tasks when it is dropped.
/// For futures that are not `Send`, use a [`smol::LocalExecutor`].
///
/// All three detach the task, so it runs without a handle to it.
///
/// # Examples
///
/// ```
/// use futures_handoff::{Executor, Smol};
///
/// let (sender, receiver) = smol::channel::bounded(1);
/// Smol.execute(async move { sender.send("done").await });
/// assert_eq!(smol::block_on(receiver.recv()), Ok("done"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Smol;

impl<F> Executor<F> for Smol
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        smol::spawn(future).detach();
    }
}

/// Spawns on this executor. The future runs on the threads that run the executor, and is dropped
/// with it.
impl<'a, F> Executor<F> for SmolExecutor<'a>
where
    F: Future + Send + 'a,
    F::Output: Send + 'a,
{
    fn execute(&self, future: F) {
        self.spawn(future).detach();
    }
}

/// Spawns on this executor, whose thread runs the future. The future need not be `Send`.
impl<'a, F> Executor<F> for LocalExecutor<'a>
where
    F: Future + 'a,
    F::Output: 'a,
{
    fn execute(&self, future: F) {
        self.spawn(future).detach();
    }
}
