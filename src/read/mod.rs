//! The read half: a bounded buffer that is protocol state.

mod buffer;
mod config;
mod error;
mod fill;
mod finders;
mod frames;
mod long_needle;
mod pace;
mod parse;
mod pool;
mod quiet;
mod reader;
mod reading;
mod search;
mod skip;
mod spares;
mod storage;

pub use buffer::HandoffBuffer;
pub use config::HandoffBufferConfig;
pub use error::{FrameError, ReadError, ReserveError, SplitError, TailError};
pub use finders::{Delimiter, Found, FrameFinder, LengthPrefix};
pub use frames::{Frames, NextFrame};
pub use parse::ParseCursor;
pub use reader::HandoffReader;
pub use reading::{Filled, ReadAvailable, ReadReady, Then};
pub use skip::SkipFrame;
