//! Loopback TCP sockets: a client, the proxy in the middle, and a receiving end.

use std::io;

use super::{Connection, ends};
use crate::{
    Runtime,
    stream::{Metered, Payloads, Proxy, Settings},
};

/// Sets up one connection for each payload.
///
/// # Errors
///
/// If a socket cannot be opened.
pub async fn connections<R, P>(
    proxy: P,
    payloads: &Payloads,
    settings: &Settings,
) -> io::Result<Vec<Connection>>
where
    R: Runtime,
    P: Proxy<Metered<R::Tcp>, Metered<R::Tcp>>,
{
    let mut listener = R::bind(([127, 0, 0, 1], 0).into()).await?;
    ends::connections::<R, _, _>(proxy, payloads, settings, async || R::tcp_pair(&mut listener).await).await
}
