//! The read half: a bounded buffer that is protocol state.
//!
//! | module | what it holds |
//! |---|---|
//! | `buffer`, `buf`, `config` | the buffer, its `Buf` implementation, and its limits |
//! | `storage` | the block that holds the unread bytes, and how bytes leave it |
//! | `fill`, `reading`, `fill_to` | reading once, reading while it pays, reading up to a length; the results and futures of reads |
//! | `pace` | how many bytes a read asks for |
//! | `find`, `search`, `long_needle` | finding a needle; searches that resume where the last one stopped |
//! | `frames`, `progress`, `skip` | reading frame by frame, the state of the search for a frame, and discarding a frame |
//! | `finders`, `length_prefix` | where a frame ends: after a delimiter, or after the announced length |
//! | `parse` | parsing that consumes all or nothing |
//! | `reader` | the buffer and its reader as one reader |
//! | `spares`, `pool`, `quiet` | memory: blocks handed out whole, blocks of waiting buffers, and the memory of large messages |
//! | `error` | the error types |

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
