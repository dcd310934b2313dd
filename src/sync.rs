//! The synchronisation primitives of the write side: the standard library's, or a model checker's.

use std::{fmt, ops};

#[cfg(handoff_loom)]
use loom::sync as primitives;
#[cfg(handoff_shuttle)]
use shuttle::sync as primitives;
#[cfg(not(any(handoff_loom, handoff_shuttle)))]
use std::sync as primitives;

// Some 32-bit targets have no 64-bit atomics. There, portable-atomic uses a lock. The flag turns
// that on elsewhere, for checks.
#[cfg(any(not(target_has_atomic = "64"), handoff_portable_atomic))]
pub(crate) use portable_atomic::AtomicU64;
#[cfg(not(any(not(target_has_atomic = "64"), handoff_portable_atomic)))]
pub(crate) use primitives::atomic::AtomicU64;
pub(crate) use primitives::atomic::AtomicUsize;
use primitives::{Mutex as Inner, MutexGuard as InnerGuard};
pub(crate) use std::sync::atomic::Ordering;
use std::sync::{PoisonError, TryLockError};
// `Arc` is not under test, and loom's `Arc` has no weak references.
pub(crate) use std::sync::{Arc, Weak};

/// A mutex that ignores poisoning. Its data is consistent wherever user code may panic.
pub(crate) struct Mutex<T>(Inner<T>);

pub(crate) struct MutexGuard<'a, T>(InnerGuard<'a, T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Inner::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Locks a mutex that the caller knows to be free. Under a model checker, panics if it is not.
    #[inline]
    pub(crate) fn lock_free(&self) -> MutexGuard<'_, T> {
        match self.0.try_lock() {
            Ok(guard) => MutexGuard(guard),
            Err(TryLockError::Poisoned(error)) => MutexGuard(error.into_inner()),
            Err(TryLockError::WouldBlock) if cfg!(any(handoff_loom, handoff_shuttle)) => {
                panic!("the lock is not free")
            }
            Err(TryLockError::WouldBlock) => self.lock(),
        }
    }
}

impl<T> ops::Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> ops::DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MutexGuard { .. }")
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mutex { .. }")
    }
}

/// The identity of this thread, and the streams that it is batching for.
pub(crate) mod thread {
    use std::{
        cell::Cell,
        sync::atomic::{AtomicUsize, Ordering},
    };

    /// How many nested batches are recorded. In a deeper one, the task sends instead of the
    /// producer.
    const PROMISES_MAX: usize = 8;

    struct This {
        /// 0 until the first call of `token`.
        token: Cell<usize>,
        /// How many batches are open.
        depth: Cell<usize>,
        /// The streams of the open batches, the innermost last. None of this needs `Drop`, so it is
        /// accessible until the thread has ended.
        streams: [Cell<usize>; PROMISES_MAX],
    }

    impl This {
        const fn new() -> Self {
            Self { token: Cell::new(0), depth: Cell::new(0), streams: [const { Cell::new(0) }; PROMISES_MAX] }
        }

        #[inline]
        fn is_batching(&self, stream: usize) -> bool {
            match self.depth.get() {
                0 => false,
                1 => self.streams[0].get() == stream,
                depth => self.is_among(depth, stream),
            }
        }

        #[cold]
        fn is_among(&self, depth: usize, stream: usize) -> bool {
            self.streams.iter().take(depth).any(|known| known.get() == stream)
        }

        #[inline]
        fn token(&self) -> usize {
            match self.token.get() {
                0 => self.assign(),
                token => token,
            }
        }

        #[cold]
        fn assign(&self) -> usize {
            static LAST: AtomicUsize = AtomicUsize::new(0);
            self.token.set(LAST.fetch_add(1, Ordering::Relaxed) + 1);
            self.token.get()
        }
    }

    #[cfg(not(any(handoff_loom, handoff_shuttle)))]
    std::thread_local! { static THIS: This = const { This::new() } }
    #[cfg(handoff_loom)]
    loom::thread_local! { static THIS: This = This::new() }
    #[cfg(handoff_shuttle)]
    shuttle::thread_local! { static THIS: This = This::new() }

    /// The unique number of this thread. No other thread has or had it. Never 0.
    pub(crate) fn token() -> usize {
        THIS.with(This::token)
    }

    /// The token of this thread, whether it is batching for this stream, and whether it is batching
    /// for any stream, in one access.
    #[inline]
    pub(crate) fn standing(stream: usize) -> (usize, bool, bool) {
        THIS.with(|this| (this.token(), this.is_batching(stream), this.depth.get() > 0))
    }

    /// Whether this thread is batching for this stream.
    #[inline]
    pub(crate) fn is_batching(stream: usize) -> bool {
        THIS.with(|this| this.is_batching(stream))
    }

    /// Opens a batch for this stream on this thread, until [`end_batching`] ends it.
    pub(crate) fn begin_batching(stream: usize) {
        THIS.with(|this| {
            let depth = this.depth.get();
            if let Some(place) = this.streams.get(depth) {
                place.set(stream);
            }
            this.depth.set(depth + 1);
        });
    }

    /// Ends the batch that was opened last.
    pub(crate) fn end_batching() {
        THIS.with(|this| this.depth.set(this.depth.get() - 1));
    }
}
