//! The read half: a bounded buffer that is protocol state.
//!
//! | module | what it holds |
//! |---|---|
//! | `buffer`, `buf`, `config` | the buffer, what it is to others that read bytes, and its limits |
//! | `storage` | the block that the unread bytes lie in, and how bytes leave it |
//! | `fill`, `reading`, `fill_to`, `pace` | reading: once or while it pays, its answers and futures, up to so many bytes, and how much is asked for |
//! | `find`, `search`, `long_needle` | where a needle is; searches that resume where the last ones stopped |
//! | `frames`, `progress`, `skip` | reading frame by frame, how far the search for one has come, and leaving one behind |
//! | `finders`, `length_prefix` | where a frame ends: behind a delimiter, or where its length says |
//! | `parse`, `reader` | parsing that consumes all or nothing; the buffer in front of its reader, as one reader |
//! | `spares`, `pool`, `quiet` | memory: blocks that left whole, blocks of buffers that wait, and what large messages needed |
//! | `error` | plain data |

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
