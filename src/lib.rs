//! Move owned bytes across async I/O boundaries, on any runtime.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used)]

mod error;
mod read;

pub use bytes;
pub use error::ConfigError;
pub use read::{
    Delimiter, Filled, Found, FrameError, FrameFinder, Frames, HandoffBuffer, HandoffBufferConfig,
    HandoffReader, LengthPrefix, NextFrame, ParseCursor, ReadAvailable, ReadError, ReadReady, ReserveError,
    SplitError, TailError, Then,
};
