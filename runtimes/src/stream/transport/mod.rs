//! How bytes come to a proxy and leave it.
//!
//! Each transport sets up all connections first and gives one future for each, so that setting up is not measured.

pub mod cached;
pub mod duplex;
mod ends;
pub mod tcp;
#[cfg(feature = "peers")]
mod tokio;
#[cfg(unix)]
pub mod unix;

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{Failure, Metered, Proxy};
use crate::Runtime;

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

/// A proxy that works over all sockets of a runtime.
#[cfg(unix)]
pub trait OverSockets<R: Runtime>:
    Proxy<Metered<R::Tcp>, Metered<R::Tcp>> + Proxy<Metered<R::Unix>, Metered<R::Unix>>
{
}

#[cfg(unix)]
impl<R: Runtime, P> OverSockets<R> for P where
    P: Proxy<Metered<R::Tcp>, Metered<R::Tcp>> + Proxy<Metered<R::Unix>, Metered<R::Unix>>
{
}

/// A proxy that works over all sockets of a runtime.
#[cfg(not(unix))]
pub trait OverSockets<R: Runtime>: Proxy<Metered<R::Tcp>, Metered<R::Tcp>> {}

#[cfg(not(unix))]
impl<R: Runtime, P> OverSockets<R> for P where P: Proxy<Metered<R::Tcp>, Metered<R::Tcp>> {}
