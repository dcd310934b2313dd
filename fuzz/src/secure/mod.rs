//! Encrypted sessions with an attacker in between, and with a peer that sends arbitrary bytes.

mod handshake;
mod packets;
mod records;
mod stream;
mod wire;

pub use handshake::Meddled;
pub use packets::Meddling;
pub use records::Transfer;
pub use stream::Forged;

use arbitrary::Arbitrary;
use futures_handoff::{
    WriteHandoffConfig,
    secure::{Config, Noise, PublicKey, StaticKey, Suite},
};

/// What an attacker does to one session.
#[derive(Debug, Arbitrary)]
pub enum Middle {
    /// It attacks the handshake.
    Handshake(Meddled),
    /// It attacks the records after it.
    Records(Transfer),
}

/// Runs a session with an attacker in between.
///
/// # Panics
///
/// If a side misses a change, or reports one that was not made.
pub fn meddle(middle: &Middle) {
    match middle {
        Middle::Handshake(meddled) => meddled.check(),
        Middle::Records(transfer) => transfer.check(),
    }
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Pattern {
    Xx,
    Ik,
    Kk,
}

impl Pattern {
    /// The handshakes of both sides, with keys that are always the same.
    fn sides(self) -> (Noise, Noise) {
        let [a, b] = [7, 9].map(|byte| StaticKey::from_bytes([byte; 32]));
        let [a_public, b_public] = [&a, &b].map(StaticKey::public);
        match self {
            Self::Xx => (Noise::xx(a), Noise::xx(b)),
            Self::Ik => (Noise::ik(a, Some(b_public)), Noise::ik(b, None)),
            Self::Kk => (Noise::kk(a, b_public), Noise::kk(b, a_public)),
        }
    }

    /// The public keys of both sides.
    fn names() -> (PublicKey, PublicKey) {
        let public = |byte| StaticKey::from_bytes([byte; 32]).public();
        (public(7), public(9))
    }
}

/// A configuration in which few bytes make several records, and few records several keys.
#[derive(Debug, Clone, Copy, Arbitrary)]
struct Limits {
    aes: bool,
    record: u8,
    rekey: u8,
}

impl Limits {
    const MESSAGE: usize = 1000;

    fn config(self) -> Config {
        Config::new("fuzz")
            .with_suite(if self.aes { Suite::Aes256Gcm } else { Suite::ChaCha20Poly1305 })
            .with_max_message_len(Self::MESSAGE)
            .with_max_record_len(1 + usize::from(self.record))
            .with_rekey_after(1 + u64::from(self.rekey % 8))
            // Any batch has room, in however many records.
            .with_write(WriteHandoffConfig::default().with_max_items(8 * 1024))
    }
}
