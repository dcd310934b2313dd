//! The write half: one byte stream with cursors.
//!
//! Accepting a chunk advances `accepted`, writing it `written`, a flush `flushed`. A ticket is a
//! position that `written` has to pass; the budget is `accepted - written` and what is reserved.
//!
//! A write goes through `writes` (the methods), `submit` (accepting, now or after a wait, and the
//! decision: copy, write through or queue), `room` (is there room?) and `drive` (the loop that
//! polls the writer). What the state offers for that stands where its subject is: in `state`, room
//! in `room`, tickets and flushes in `ticket`.
//!
//! | module | what it holds |
//! |---|---|
//! | `handle`, `weak`, `adapter` | the handles: strong, weak, as a `Sink` and as an `AsyncWrite` |
//! | `writes`, `permit`, `sending` | what is done through a handle: write, reserve room, send and flush |
//! | `submit`, `payload` | where a write goes, now or later; what is written |
//! | `state` | the phases and positions behind the stream's lock, and what follows from a change |
//! | `room` | back pressure: the room there is, and the line for it |
//! | `stream`, `shared` | the stream with its lock and its wakers, and the writer with its calls |
//! | `drive` | the one loop that polls the writer, for the task and for producers |
//! | `queue`, `batch` | chunks that wait, and chunks that are being written |
//! | `task`, `lifecycle` | the writer task; how a stream ends, and what it leaves |
//! | `ticket`, `flush` | what became of a write, flushes, and whom progress wakes |
//! | `config`, `error` | plain data |

mod adapter;
mod batch;
mod config;
mod drive;
mod error;
mod flush;
mod handle;
mod lifecycle;
mod payload;
mod permit;
mod queue;
mod room;
mod sending;
mod shared;
mod state;
mod stream;
mod submit;
mod task;
mod ticket;
mod weak;
mod writes;

pub use adapter::{HandoffSink, HandoffWriter};
pub use config::{Inline, WriteHandoffConfig, WriteStats};
pub use error::{CloseReason, RejectReason, TicketError, WriteError};
pub use handle::WriteHandoff;
pub use lifecycle::WriterFailure;
pub use permit::{OwnedPermit, Permit};
pub use shared::BoxWriter;
pub use task::{DetachedWriteTask, WriteTask};
pub use ticket::{Accepted, WriteTicket};
pub use weak::WeakWriteHandoff;

/// What other modules of this crate submit, and wait for, by.
#[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
pub(crate) mod internals {
    pub(crate) use super::{
        drive::send_locked,
        flush::FlushWaiter,
        lifecycle::EndWaiter,
        payload::{Chunks, Ordered, Owned},
        permit::{poll_reserve_room, reserve_room, try_reserve_room},
        room::Acquire,
        state::{Room, Via},
        stream::Waiting,
    };
}
