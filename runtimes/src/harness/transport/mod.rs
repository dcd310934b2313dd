//! How bytes come to a proxy and leave it.
//!
//! Each transport sets up all connections first and gives one future for each, so that setting up
//! is not measured.

mod cached;
mod sockets;
#[cfg(feature = "peers")]
mod tokio;

use std::{io, time::Duration};

use futures_util::future::BoxFuture;

#[cfg(feature = "peers")]
pub use self::tokio::IntoTokio;
pub use cached::{Sink, Source};
pub(super) use sockets::carry;

use super::{Failure, Metered, Payloads, Proxy, Settings, TransportName};
use crate::{Runtime, io::Duplex};

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

/// A proxy that works over every transport of a runtime.
pub trait Implementation<R: Runtime>:
    Proxy<Metered<Source>, Metered<Sink>>
    + Proxy<Metered<Duplex>, Metered<Duplex>>
    + Proxy<Metered<R::Tcp>, Metered<R::Tcp>>
    + OverUnix<R>
    + Default
{
}

impl<R: Runtime, P> Implementation<R> for P where
    P: Proxy<Metered<Source>, Metered<Sink>>
        + Proxy<Metered<Duplex>, Metered<Duplex>>
        + Proxy<Metered<R::Tcp>, Metered<R::Tcp>>
        + OverUnix<R>
        + Default
{
}

/// A proxy that works over Unix sockets, where there are any.
#[cfg(unix)]
pub trait OverUnix<R: Runtime>: Proxy<Metered<R::Unix>, Metered<R::Unix>> {}

#[cfg(unix)]
impl<R: Runtime, P: Proxy<Metered<R::Unix>, Metered<R::Unix>>> OverUnix<R> for P {}

/// A proxy that works over Unix sockets, where there are any.
#[cfg(not(unix))]
pub trait OverUnix<R: Runtime> {}

#[cfg(not(unix))]
impl<R: Runtime, P> OverUnix<R> for P {}

/// Sets up one connection for each payload.
pub(super) async fn connections<R: Runtime, P: Implementation<R>>(
    proxy: P,
    payloads: &Payloads,
    settings: &Settings,
) -> io::Result<Vec<Connection>> {
    match settings.transport {
        TransportName::Cached => Ok(cached::connections::<R>(proxy, payloads, settings)),
        TransportName::Duplex => {
            let pair = async || Ok(R::duplex(settings.duplex_capacity));
            sockets::connections::<R, _, _>(proxy, payloads, settings, pair).await
        }
        TransportName::Tcp => {
            let mut listener = R::bind(([127, 0, 0, 1], 0).into()).await?;
            let pair = async || R::tcp_pair(&mut listener).await;
            sockets::connections::<R, _, _>(proxy, payloads, settings, pair).await
        }
        #[cfg(unix)]
        TransportName::Unix => {
            let pair = async || R::unix_pair();
            sockets::connections::<R, _, _>(proxy, payloads, settings, pair).await
        }
    }
}
