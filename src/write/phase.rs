//! Where a stream stands and what a producer does next.

use super::config::Inline;

/// Where the writer is and who sees to it.
///
/// | phase | meaning | what wakes the task |
/// |---|---|---|
/// | `Unborn` | the task was never polled: chunks are only queued | its executor |
/// | `Idle` | the writer is home and there is nothing to do | whoever brings work |
/// | `Held` | the writer is home; a producer that is batching has promised to send | - |
/// | `Scheduled` | the writer is home, there is work, and the task was woken | (woken) |
/// | `Busy` | one party holds the writer | the holder, if it leaves work |
/// | `Blocked` | the writer is home; the task's own last poll of it returned `Pending` | the writer |
/// | `Ended` | the writer is gone or waits to be taken | - |
///
/// Invariants: the task never sleeps on a registration with the writer that it did not make in its own last poll;
/// whoever leaves work wakes the task; the writer's lock is free unless the phase is `Busy`; `Idle` means no work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Unborn,
    Idle,
    Held,
    Scheduled,
    Busy,
    Blocked,
    Ended,
}

/// How far a handoff has been closed. Ordered: it only ever rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Closing {
    /// Open.
    No,
    /// Nothing more is accepted; the writer is to be flushed and given back open.
    Detach,
    /// Nothing more is accepted; the writer is to be flushed and closed.
    Close,
}

/// How a producer came to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// By a plain function, from anywhere.
    Call,
    /// By a poll of one of this crate's futures.
    Poll,
}

/// The producer in whose name something is done.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    pub(crate) inline: Inline,
    pub(crate) thread: usize,
    /// It has promised to send when it is about to wait.
    pub(crate) batching: bool,
    /// It is polled by the executor at the moment, through a future of this crate. Then the writer finds what belongs to that
    /// executor's thread.
    pub(crate) in_poll: bool,
}

/// What a producer has to do when it has changed the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Nothing,
    /// Wake the task.
    Wake,
    /// Poll the writer: the phase is `Busy` and the caller is the holder.
    Drive,
}
