//! Unix sockets: a client, the proxy in the middle, and a receiving end.

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
    P: Proxy<Metered<R::Unix>, Metered<R::Unix>>,
{
    ends::connections::<R, _, _>(proxy, payloads, settings, async || R::unix_pair()).await
}
