//! Move owned bytes across async I/O boundaries, on any runtime.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used)]

mod error;

pub use bytes;
pub use error::ConfigError;
