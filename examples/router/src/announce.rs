//! The PROXY header that tells a server the client's address, before all bytes of the client.

use std::{mem, net::SocketAddr};

use futures_handoff::bytes::Bytes;
use rustix::net::getsockname;

use crate::{config::SendProxy, detect::proxy_header, net::{Socket, canonical}, record::Record, rule::Seen};

/// The TLV with the name of the server that the client asks for, in section 2.2 of the PROXY
/// protocol.
const AUTHORITY: u8 = 0x02;

/// The header for a server. Drops the header that the client sent, as it may be long, and an idle
/// connection should keep little.
pub fn header(send: SendProxy, record: &mut Record<'_>, client: &impl Socket) -> Option<Bytes> {
    let sent = record.announced.as_mut().map(|announced| mem::take(&mut announced.header));
    let record = &*record;
    let addresses = || match &record.announced {
        Some(announced) => announced.addresses,
        None => local_address(client).map(|local| (record.peer, local)),
    };
    match (send, sent) {
        (SendProxy::None, _) => None,
        (SendProxy::Forward, Some(sent)) => Some(sent),
        (SendProxy::V1, _) => Some(proxy_header::encode_v1(addresses()).into()),
        (SendProxy::V2 | SendProxy::Forward, _) => {
            let name = match &record.seen {
                Seen::Tls { name: Some(name) } => vec![(AUTHORITY, name.as_bytes())],
                _ => Vec::new(),
            };
            Some(proxy_header::encode_v2(addresses(), &name).into())
        }
    }
}

fn local_address(socket: &impl Socket) -> Option<SocketAddr> {
    getsockname(socket.fd()).ok()?.try_into().ok().map(canonical)
}
