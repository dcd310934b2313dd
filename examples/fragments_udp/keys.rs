//! The keys that seal the packets of one side and open those of the other.
//!
//! With `secure` the two sides make a handshake over TCP at the same address, which gives them the
//! keys. Then the TCP connection is closed.

use std::{io, net::SocketAddr, time::Duration};

use futures_handoff::secure::{self, Config, Noise, PacketOpener, PacketSealer, PublicKey, StaticKey};
use futures_handoff_runtimes::Runtime;

/// The keys for sending and for receiving.
pub(crate) type Pair = (PacketSealer, PacketOpener);

const HANDSHAKE: Duration = Duration::from_secs(10);

/// Both sides need the same namespace.
fn config() -> Config {
    Config::new("futures-handoff/examples/fragments_udp/1")
}

/// The sender's side. It knows the key of its peer.
pub(crate) async fn connect<R: Runtime>(address: SocketAddr, peer: PublicKey) -> io::Result<Pair> {
    let (reader, writer) = R::halves(R::connect(address).await?)?;
    let handshake = Noise::ik(StaticKey::generate(), Some(peer));
    let session = secure::connect(reader, writer, handshake, &config(), R::sleep(HANDSHAKE)).await?;
    Ok(session.packets.split())
}

/// The receiver's side. It accepts any peer; use `Noise::admit` to choose.
pub(crate) async fn accept<R: Runtime>(listener: &mut R::Listener, key: StaticKey) -> io::Result<Pair> {
    let (reader, writer) = R::halves(R::accept(listener).await?)?;
    let session =
        secure::accept(reader, writer, Noise::ik(key, None), &config(), R::sleep(HANDSHAKE)).await?;
    Ok(session.packets.split())
}
