//! A time limit for what runs in a task.

use std::{future::Future, pin::pin, time::Duration};

use futures_util::future::{Either, select};

use crate::Runtime;

/// The output of `future`, or `None` if it takes longer than `duration`. Other than [`Runtime::timeout`], it can be part of
/// a task, for any runtime: it is `Send` where the future is.
pub async fn within<R: Runtime, F: Future>(duration: Duration, future: F) -> Option<F::Output> {
    match select(pin!(future), pin!(R::sleep(duration))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}
