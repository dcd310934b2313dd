//! Move owned bytes across async I/O boundaries, on any runtime.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used)]

mod error;
mod executor;
mod read;
mod sync;
#[cfg(feature = "tokio")]
mod tokio_io;
mod write;

#[cfg(feature = "async-std")]
pub use crate::executor::AsyncStd;
pub use crate::executor::Executor;
#[cfg(feature = "smol")]
pub use crate::executor::Smol;
#[cfg(feature = "tokio")]
pub use crate::{executor::Tokio, tokio_io::TokioIo};
pub use bytes;
pub use error::ConfigError;
pub use read::{
    Delimiter, Filled, Found, FrameError, FrameFinder, Frames, HandoffBuffer, HandoffBufferConfig,
    HandoffReader, LengthPrefix, NextFrame, ParseCursor, ReadAvailable, ReadError, ReadReady, ReserveError,
    SplitError, TailError, Then,
};
pub use write::{
    AbortHandle, Batching, Close, CloseReason, Closed, DetachedWriteTask, Flush, Flushed, Inline, IntoParts,
    Permit, PermitError, Reserve, TicketError, TryWriteError, WeakWriteHandoff, Write, WriteAll, WriteError,
    WriteFireAndForget, WriteHandoff, WriteHandoffConfig, WritePrefix, WritePrefixError, WriteSender,
    WriteStats, WriteTask, WriteTicket, WriterFailure,
};
