//! bytes-handoff in two versions. They spawn their tasks on Tokio themselves.

use std::io;

use bytes::Bytes;

use super::{
    discard::Discard,
    handle::{End, Handle, Limits},
};
use crate::Runtime;

macro_rules! peer {
    ($(#[$doc:meta])* $name:ident, $peer:ident, $end:expr) => {
        $(#[$doc])*
        pub(super) type $name = $peer::WriteHandoff;

        impl Handle for $name {
            type Ticket = $peer::WriteTicket;

            fn open<R: Runtime>(writer: Discard, limits: Limits) -> io::Result<(Self, End)> {
                let config = $peer::WriteHandoffConfig::new(limits.items, limits.bytes);
                let handoff = Self::spawn(writer, config);
                let last = handoff.clone();
                let end = async move { $end(last).await.map_err(io::Error::other) };
                Ok((handoff, Box::pin(end)))
            }

            async fn submit(&mut self, chunk: Bytes) -> io::Result<()> {
                self.write_fire_and_forget(chunk).await.map_err(io::Error::other)
            }

            async fn write(&mut self, chunk: Bytes) -> io::Result<Self::Ticket> {
                Self::write(self, chunk).await.map_err(io::Error::other)
            }

            async fn wait(ticket: Self::Ticket) -> io::Result<()> {
                ticket.wait().await.map_err(io::Error::other)
            }
        }
    };
}

peer! {
    /// bytes-handoff 1.0.0. An empty write is done after everything before it.
    Peer1, peer_1, async |last: peer_1::WriteHandoff| last.write(Bytes::new()).await?.wait().await
}

peer! {
    /// bytes-handoff 2.0.0.
    Peer2, peer_2, async |last: peer_2::WriteHandoff| last.drain().await
}
