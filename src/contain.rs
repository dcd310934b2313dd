//! Catching panics of user code.

use std::{
    any::Any,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Runs user code (a writer, a waker, the owner of a buffer); `None` if it panicked. The panic hook
/// has reported the panic by then. It goes no further, because the caller of this code is not its
/// cause.
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

/// Drops what a panic left. That may panic as well; what comes out of that is leaked.
#[cold]
fn drop_caught(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(again);
    }
}
