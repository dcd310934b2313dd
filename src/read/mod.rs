//! The read half: a bounded buffer that is protocol state.

mod buf;
mod buffer;
mod config;
mod error;
mod fill;
mod fill_to;
mod find;
mod finders;
mod frames;
mod length_prefix;
mod long_needle;
mod pace;
mod parse;
mod pool;
mod progress;
mod quiet;
mod reader;
mod reading;
mod search;
mod skip;
mod spares;
mod storage;

pub use buffer::HandoffBuffer;
pub use config::HandoffBufferConfig;
pub use error::{BufferError, FrameError};
pub use finders::{Delimiter, Found, FrameFinder};
pub use frames::Frames;
pub use length_prefix::LengthPrefix;
pub use parse::ParseCursor;
pub use reader::HandoffReader;
pub use reading::{Filled, Then};
