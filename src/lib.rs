//! Move owned bytes across async I/O boundaries, on any runtime.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used)]

mod error;
mod executor;
#[cfg(feature = "tokio")]
mod tokio_io;

#[cfg(feature = "async-std")]
pub use crate::executor::AsyncStd;
pub use crate::executor::Executor;
#[cfg(feature = "smol")]
pub use crate::executor::Smol;
#[cfg(feature = "tokio")]
pub use crate::{executor::Tokio, tokio_io::TokioIo};
pub use bytes;
pub use error::ConfigError;
