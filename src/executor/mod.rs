//! What runs a writer task in the background.
//!
//! Nothing in this crate needs an executor: [`WriteHandoff::new`](crate::WriteHandoff::new) returns
//! the task as a plain future, to be spawned, joined or driven by hand. [`Executor`] is the short
//! way for programs that have one.

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
/// An implementation polls the future until it completes, or drops it. Dropping it is always safe,
/// at any time and from any thread that may own it: what waits for its work ends with an error. So
/// `execute` reports no error; an executor that has been shut down just drops what it is given.
///
/// `Send` is not asked of the future here. Each implementation asks for what it needs, which is how
/// one trait serves thread pools and single-threaded executors. The trait can be used as `dyn
/// Executor<F>`. References to an executor, `Arc` and `Box` are executors too, and [`executor_fn`]
/// makes one of a closure.
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
/// A thread for every task is an executor, too:
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
/// Threads.execute(async move { sender.send("done").unwrap() });
/// assert_eq!(receiver.recv(), Ok("done"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an executor for `{F}`",
    note = "enable the feature `tokio`, `smol` or `async-std` for ready-made executors, or implement `Executor` for your own"
)]
pub trait Executor<F> {
    /// Takes ownership of `future` and returns without waiting for it.
    ///
    /// # Panics
    ///
    /// Implementations document when they panic; a panic drops `future`.
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

/// An executor that gives each future to `spawn`.
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
/// handoff.write("on a thread of its own".into()).await.unwrap().await.unwrap();
/// # });
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
