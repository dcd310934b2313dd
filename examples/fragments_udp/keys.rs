//! What seals the packets of one side and opens those of the other.
//!
//! With `secure` the two sides shake hands over TCP, at the same address, and have keys from that.
//! Then the connection has done its work.

use std::{io, net::SocketAddr, time::Duration};

use futures_handoff::secure::{self, Config, Noise, PacketOpener, PacketSealer, PublicKey, StaticKey};
use futures_handoff_runtimes::Runtime;

/// For what one side sends, and for what the other sends.
pub(crate) type Pair = (PacketSealer, PacketOpener);

const HANDSHAKE: Duration = Duration::from_secs(10);

/// Both sides need the same one.
fn config() -> Config {
    Config::new("futures-handoff/examples/fragments_udp/1")
}

/// The sender's side. It knows whom it wants to reach.
pub(crate) async fn connect<R: Runtime>(address: SocketAddr, peer: PublicKey) -> io::Result<Pair> {
    let (reader, writer) = R::halves(R::connect(address).await?)?;
    let handshake = Noise::ik(StaticKey::generate(), Some(peer));
    let session = secure::connect(reader, writer, handshake, &config(), R::sleep(HANDSHAKE)).await?;
    Ok(session.packets.split())
}

/// The receiver's side. It takes messages from anyone; `Noise::admit` would choose.
pub(crate) async fn accept<R: Runtime>(listener: &mut R::Listener, key: StaticKey) -> io::Result<Pair> {
    let (reader, writer) = R::halves(R::accept(listener).await?)?;
    let session =
        secure::accept(reader, writer, Noise::ik(key, None), &config(), R::sleep(HANDSHAKE)).await?;
    Ok(session.packets.split())
}
