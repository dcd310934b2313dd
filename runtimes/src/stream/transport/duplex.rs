//! In-memory pipes: a client, the proxy in the middle, and a receiving end.

use super::{
    Connection,
    ends::{Streams, connection},
};
use crate::{
    Runtime,
    io::Duplex,
    stream::{Metered, Payloads, Proxy, Settings},
};

/// Sets up one connection for each payload.
pub fn connections<R, P>(proxy: P, payloads: &Payloads, settings: &Settings) -> Vec<Connection>
where
    R: Runtime,
    P: Proxy<Metered<Duplex>, Metered<Duplex>>,
{
    let connect = |(stream, payload): (usize, &bytes::Bytes)| {
        let (client, inbound) = R::duplex(settings.duplex_capacity);
        let (outbound, sink) = R::duplex(settings.duplex_capacity);
        let streams = Streams { client, inbound, outbound, sink };
        connection::<R, _, _>(proxy, streams, stream, payload.clone(), *settings)
    };
    payloads.streams().iter().enumerate().map(connect).collect()
}
