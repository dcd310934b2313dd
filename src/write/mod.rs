//! The write half: one byte stream with three positions.
//!
//! Accepting a chunk advances `accepted`, writing it advances `written`, and a flush advances
//! `flushed`. A ticket completes when `written` has passed its position. The byte budget limits
//! `accepted - written` plus the reserved bytes.
//!
//! A write begins in `writes` (the methods). `submit` accepts it, now or after a wait, and decides
//! whether to copy, write through or queue it. `room` checks and waits for room. `drive` polls the
//! writer. The `State` behind the lock has its methods in the module of their subject: `state`,
//! `room`, `ticket` and `flush`.
//!
//! | module | contents |
//! |---|---|
//! | `handle`, `weak`, `sink`, `writer` | the handles: strong, weak, as a `Sink` and as an `AsyncWrite` |
//! | `adapter` | the poll methods that the last two share |
//! | `writes`, `permit`, `sending`, `ending` | the methods of a handle that write, reserve room, send or flush, and end |
//! | `stalled` | noticing that a writer makes no progress |
//! | `submit`, `payload` | how a write is submitted, and what is submitted |
//! | `state` | the phases and positions behind the stream's lock, and what follows from a change |
//! | `room` | back pressure: room and the line of waiters for it |
//! | `stream`, `shared` | the stream with its lock and wakers; the writer and its calls |
//! | `drive` | the one loop that polls the writer, for the task and for producers |
//! | `queue`, `batch` | chunks that wait, and chunks that are being written |
//! | `task`, `lifecycle` | the writer task; how a stream ends, and what remains |
//! | `ticket`, `flush` | waiting until a write is written, and until it is flushed |
//! | `config`, `error` | settings and counters; reasons and errors |

mod adapter;
mod batch;
mod config;
mod drive;
mod ending;
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
mod sink;
mod stalled;
mod state;
mod stream;
mod submit;
mod task;
mod ticket;
mod weak;
mod writer;
mod writes;

pub use config::{Inline, WriteHandoffConfig, WriteStats};
pub use error::{CloseReason, RejectReason, TicketError, WriteError};
pub use handle::WriteHandoff;
pub use lifecycle::WriterFailure;
pub use permit::{OwnedPermit, Permit};
pub use shared::BoxWriter;
pub use sink::HandoffSink;
pub use task::{DetachedWriteTask, WriteTask};
pub use ticket::{Accepted, WriteTicket};
pub use weak::WeakWriteHandoff;
pub use writer::HandoffWriter;

/// What other modules of this crate use to submit and to wait.
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
