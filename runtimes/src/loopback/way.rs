//! A stream that can be ended once, by whoever comes first.

use std::{mem, time::Duration};

use futures_util::AsyncWrite;

use super::outlet::{Outcome, Outlet, Parting};
use crate::{Runtime, Task};

/// A stream that is open, or on its way to an end. The latter goes on whoever waits for it.
pub(super) enum Way<W> {
    Open(Outlet<W>),
    Parting(Task<Result<Outcome, String>>),
    /// Between the two, for no longer than a call.
    Between,
}

impl<W: AsyncWrite + Unpin + Send + 'static> Way<W> {
    pub(super) fn new(outlet: Outlet<W>) -> Self {
        Self::Open(outlet)
    }

    /// The stream, which is open.
    pub(super) fn open(&mut self) -> &mut Outlet<W> {
        match self {
            Self::Open(outlet) => outlet,
            _ => panic!("the stream is written to after its end was asked for"),
        }
    }

    /// Has it ended, unless that has been asked for already.
    pub(super) fn part<R: Runtime>(&mut self, parting: Parting, patience: Duration) {
        *self = match mem::replace(self, Self::Between) {
            Self::Open(outlet) => Self::Parting(R::task(outlet.part::<R>(parting, patience))),
            other => other,
        };
    }

    /// Waits until it has ended.
    pub(super) async fn outcome(self) -> Result<Outcome, String> {
        match self {
            Self::Parting(task) => {
                task.outcome().await.unwrap_or_else(|| Err("ending a stream panicked".to_owned()))
            }
            _ => panic!("the stream is waited for before its end was asked for"),
        }
    }
}
