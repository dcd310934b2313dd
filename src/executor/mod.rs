//! Executors, which run a writer task in the background.
//!
//! Nothing in this crate needs an executor: [`WriteHandoff::new`](crate::WriteHandoff::new) returns
//! the task as a plain future, to be spawned, joined or polled. With an [`Executor`],
//! [`WriteHandoff::spawn`](crate::WriteHandoff::spawn) does both in one call.

use std::sync::Arc;

#[cfg(feature = "async-std")]
mod async_std;
#[cfg(feature = "smol")]
mod smol;
#[cfg(feature = "tokio")]
mod tokio;

#[cfg(feature = "async-std")]
pub use self::async_std::AsyncStd;
#[cfg(feature = "smol")]
pub use self::smol::Smol;
#[cfg(feature = "tokio")]
pub use self::tokio::Tokio;

/// Runs a future in the background, such as the task of a
/// [`WriteHandoff`](crate::WriteHandoff::spawn).
///
/// An implementation polls the future until it completes, or drops it. It may drop the future at
/// any time and on any thread that may own it. The producers that wait for the task then get an
/// error. So `execute` returns no error, and an executor that has been shut down drops the future.
///
/// The trait does not require `Send`. Each implementation requires what it needs, so the trait fits
/// both thread pools and single-threaded executors. It can be used as `dyn Executor<F>`. A
/// reference, an `Arc` and a `Box` of an executor are executors too, and [`executor_fn`] turns a
/// closure into one.
///
/// # Available implementations
///
/// | feature | ambient | by handle |
/// |---|---|---|
/// | `tokio` | `Tokio` | `tokio::runtime::Handle`, `tokio::task::LocalSet` |
/// | `smol` | `Smol` | `smol::Executor`, `smol::LocalExecutor` |
/// | `async-std` | `AsyncStd` | |
///
/// # Examples
///
/// An executor that runs each task on a thread of its own:
///
/// ```
/// use std::{future::Future, sync::mpsc, thread};
///
/// use futures_handoff::Executor;
///
/// struct Threads;
///
/// impl<F> Executor<F> for Threads
/// where
///     F: Future<Output = ()> + Send + 'static,
/// {
///     fn execute(&self, future: F) {
///         thread::spawn(move || futures_executor::block_on(future));
///     }
/// }
///
/// let (sender, receiver) = mpsc::channel();
/// Threads.execute(async move { sender.send("done").expect("the receiver waits") });
/// assert_eq!(receiver.recv(), Ok("done"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an executor for `{F}`",
    note = "enable the feature `tokio`, `smol` or `async-std` for executors of these runtimes, or implement `Executor` for your own type"
)]
pub trait Executor<F> {
    /// Takes `future` and returns without waiting for it.
    ///
    /// # Panics
    ///
    /// Each implementation documents when it panics. A panic drops `future`.
    fn execute(&self, future: F);
}

impl<F, E: Executor<F> + ?Sized> Executor<F> for &E {
    fn execute(&self, future: F) {
        (**self).execute(future);
    }
}

impl<F, E: Executor<F> + ?Sized> Executor<F> for Arc<E> {
    fn execute(&self, future: F) {
        (**self).execute(future);
    }
}

impl<F, E: Executor<F> + ?Sized> Executor<F> for Box<E> {
    fn execute(&self, future: F) {
        (**self).execute(future);
    }
}

/// An executor that passes each future to `spawn`.
///
/// # Examples
///
/// ```
/// use std::thread;
///
/// use futures_handoff::{WriteHandoff, WriteHandoffConfig, executor_fn};
///
/// let threads = executor_fn(|task| {
///     thread::spawn(move || futures_executor::block_on(task));
/// });
/// let handoff = WriteHandoff::spawn(Vec::new(), WriteHandoffConfig::default(), &threads);
/// # futures_executor::block_on(async {
/// let ticket = handoff.write("on a thread of its own".into()).await?;
/// ticket.await?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn executor_fn<F>(spawn: impl Fn(F)) -> impl Executor<F> {
    FnExecutor(spawn)
}

struct FnExecutor<S>(S);

impl<F, S: Fn(F)> Executor<F> for FnExecutor<S> {
    fn execute(&self, future: F) {
        (self.0)(future);
    }
}
