//! How bytes come to a proxy and leave it.
//!
//! Each transport sets up all connections first and gives one future for each, so that setting up is not measured.

pub mod cached;
pub mod duplex;
mod ends;
pub mod tcp;
#[cfg(feature = "peers")]
mod tokio;

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::Failure;

#[cfg(feature = "peers")]
pub use self::tokio::IntoTokio;

/// What one stream took.
#[derive(Debug, Clone)]
pub struct Carried {
    /// From the first byte in to the last byte out.
    pub latency: Duration,
    /// The nanoseconds of each line that was timed.
    pub lines: Vec<u64>,
}

/// Carries one stream.
pub type Connection = BoxFuture<'static, Result<Carried, Failure>>;
