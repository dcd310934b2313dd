//! Keeping other people's panics where they belong.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Runs user code; `None` if it panicked. The panic has been reported by the hook and goes no further: whoever happens to run
/// this code is not the one who is to blame.
pub(crate) fn contain<R>(code: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(result) => Some(result),
        Err(payload) => {
            // Its drop might panic again. That of what comes out of there is not tried.
            if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                mem::forget(again);
            }
            None
        }
    }
}
