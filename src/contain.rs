//! Catching panics of user code.

use std::{
    any::Any,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Runs user code (a writer, a waker, the owner of a buffer). Returns `None` if it panicked, after
/// the panic hook has reported the panic. The panic does not propagate, because the calling task
/// did not cause it.
#[inline(always)]
pub(crate) fn contain<R>(code: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(result) => Some(result),
        Err(payload) => {
            drop_caught(payload);
            None
        }
    }
}

/// Drops the payload of a panic. If that panics too, the second payload is leaked.
#[cold]
fn drop_caught(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(again);
    }
}
