//! smol's executors.

use std::future::Future;

use smol::{Executor as SmolExecutor, LocalExecutor};

use super::Executor;

/// The global executor behind [`smol::spawn`].
///
/// It starts its threads at the first use (one, or as many as the environment variable
/// `SMOL_THREADS` says) and needs no context, so any thread may call
/// [`execute`](Executor::execute). It is never shut down: what still runs when the process exits is
/// **not** dropped. Where the end matters, use a [`smol::Executor`] of your own, which drops its
/// tasks when it is dropped; for futures that are not `Send`, a [`smol::LocalExecutor`].
///
/// All of them detach the task, so it keeps running although no handle is kept.
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

/// Spawns on this executor, which runs the future on whichever threads run it, and drops it when it
/// is dropped.
impl<'a, F> Executor<F> for SmolExecutor<'a>
where
    F: Future + Send + 'a,
    F::Output: Send + 'a,
{
    fn execute(&self, future: F) {
        self.spawn(future).detach();
    }
}

/// Spawns on this executor, on its own thread. The future need not be `Send`.
impl<'a, F> Executor<F> for LocalExecutor<'a>
where
    F: Future + 'a,
    F::Output: 'a,
{
    fn execute(&self, future: F) {
        self.spawn(future).detach();
    }
}
