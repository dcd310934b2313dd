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

use super::{Failure, Proxy};
use crate::Runtime;

#[cfg(feature = "peers")]
pub use self::tokio::IntoTokio;

/// Carries one stream and says how long it took.
pub type Connection = BoxFuture<'static, Result<Duration, Failure>>;

/// A proxy that works over all sockets of a runtime.
#[cfg(unix)]
pub trait OverSockets<R: Runtime>: Proxy<R::Tcp, R::Tcp> + Proxy<R::Unix, R::Unix> {}

#[cfg(unix)]
impl<R: Runtime, P> OverSockets<R> for P where P: Proxy<R::Tcp, R::Tcp> + Proxy<R::Unix, R::Unix> {}

/// A proxy that works over all sockets of a runtime.
#[cfg(not(unix))]
pub trait OverSockets<R: Runtime>: Proxy<R::Tcp, R::Tcp> {}

#[cfg(not(unix))]
impl<R: Runtime, P> OverSockets<R> for P where P: Proxy<R::Tcp, R::Tcp> {}
