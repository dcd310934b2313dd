//! The write half: one byte stream with cursors.
//!
//! Accepting a chunk advances `accepted`, writing it `written`, a flush `flushed`. A ticket is a position that `written` has
//! to pass; the budget is `accepted - written` and what is reserved.
//!
//! | module | what it holds |
//! |---|---|
//! | `state` | the phases and positions behind the stream's lock, and what follows from each change |
//! | `core`, `port` | that lock; how producers submit and wait, with and without the writer's type |
//! | `drive`, `single` | the one loop that polls the writer, for the task and for producers; most often one call is all |
//! | `queue` | chunks on their way: gathering, vectored writes, partial writes |
//! | `waiters`, `wakes`, `contain` | sorted wakers, wakers on their way out of the lock, and panics of user code |
//! | `task`, `handoff`, `sender`, `ends` | the task and the kinds of handles |
//! | `submit`, `prefix`, `permit`, `ticket`, `flush`, `batching` | one operation each |
//! | `adapter`, `sink`, `writer` | a handle as a `Sink` and as an `AsyncWrite` |
//! | `config`, `error`, `outcome`, `stats` | plain data |

mod adapter;
mod batching;
mod borrowed;
mod config;
mod contain;
mod core;
mod drive;
mod ends;
mod error;
mod flush;
mod handoff;
mod outcome;
mod permit;
mod phase;
mod port;
mod prefix;
mod queue;
mod run_until;
mod sender;
mod shelf;
mod single;
mod sink;
mod state;
mod stats;
mod submit;
mod task;
mod ticket;
mod waiters;
mod wakes;
mod writer;

pub use batching::Batching;
pub use config::{Inline, WriteHandoffConfig};
pub use ends::{AbortHandle, Close, Closed, IntoParts, WeakWriteHandoff};
pub use error::{CloseReason, PermitError, TryWriteError, WriteError, WritePrefixError};
pub use flush::Flush;
pub use handoff::WriteHandoff;
pub use outcome::{TicketError, WriterFailure};
pub use permit::Permit;
pub use prefix::{WritePrefix, WritePrefixFireAndForget};
pub use run_until::RunUntil;
pub use sender::WriteSender;
pub use sink::HandoffSink;
pub use stats::WriteStats;
pub use submit::{Reserve, Write, WriteAll, WriteFireAndForget};
pub use task::{DetachedWriteTask, WriteTask};
pub use ticket::{Flushed, WriteTicket};
pub use writer::HandoffWriter;
