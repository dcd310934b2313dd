//! In-memory pipes: a client, the proxy in the middle, and a receiving end.

use std::io;

use super::{Connection, ends};
use crate::{
    Runtime,
    io::Duplex,
    stream::{Metered, Payloads, Proxy, Settings},
};

/// Sets up one connection for each payload.
///
/// # Errors
///
/// None; the signature is that of the transports that open sockets.
pub async fn connections<R, P>(
    proxy: P,
    payloads: &Payloads,
    settings: &Settings,
) -> io::Result<Vec<Connection>>
where
    R: Runtime,
    P: Proxy<Metered<Duplex>, Metered<Duplex>>,
{
    let pair = async || Ok(R::duplex(settings.duplex_capacity));
    ends::connections::<R, _, _>(proxy, payloads, settings, pair).await
}
