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

/// Carries one stream and says how long it took.
pub type Connection = BoxFuture<'static, Result<Duration, Failure>>;
