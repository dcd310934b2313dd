//! Sealed packets, each independent of the others, in any order.

use std::fmt;

use super::{
    aead::{CipherError, CipherKey, NONCE_LEN, Nonce, Suite, TAG_LEN},
    handshake::Role,
    keys::{Secret, SessionKeys, expand},
    window::Window,
};
use crate::fragment::{HEADER_LEN, OpenPacket, PacketError, SealError, SealPacket};

/// The length of the number before the encrypted bytes.
const NUMBER_LEN: usize = 8;
const OVERHEAD: usize = NUMBER_LEN + TAG_LEN;
/// A key is used for 2^20 packets, an eighth of what RFC 9001, section 6.6, allows AES-GCM.
const PACKETS_PER_KEY_LOG2: u32 = 20;
/// After this many forged packets, no packet is opened: the limit of the same section for
/// ChaCha20-Poly1305, the lower one of the two ciphers.
const MAX_FORGED: u64 = 1 << 36;

/// Keys for packets between the two sides of a session, such as those of
/// [`fragment`](crate::fragment) over UDP. From [`Session::packets`](super::Session::packets) or
/// [`SessionKeys::into_packets`].
///
/// Each session has them once. They come from other secrets than the keys of its messages. Their
/// memory is cleared when they are dropped.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
///
/// use futures_handoff::{
///     bytes::Bytes,
///     fragment::{Fragmenter, Limits, PacketPool, Reassembler, Received, Stride},
/// };
/// use futures_handoff::secure::{PacketSealer, Role, SessionKeys, Suite};
///
/// // The keys of a handshake, of which each side takes its own once. A session has them in
/// // `Session::packets`.
/// let keys = || SessionKeys::derive(&[7; 32], b"a hash of the handshake");
/// let (mut seal, _) = keys().into_packets(Role::Initiator, Suite::default()).split();
/// let (_, mut open) = keys().into_packets(Role::Responder, Suite::default()).split();
///
/// let message = Fragmenter::new(1, Bytes::from("secret"), Stride::for_packets::<PacketSealer>(1_200)?)?;
/// let packets = message.pack(&mut (0..1), &mut seal, &mut PacketPool::default())?.unwrap();
/// let mut reassembler = Reassembler::new(Limits::default());
/// let received = reassembler.push(&(), packets.contents(), &mut open, Instant::now())?;
/// assert_eq!(received, Received::Complete { id: 1, payload: Bytes::from("secret") });
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct PacketKeys {
    suite: Suite,
    outgoing: Secret,
    incoming: Secret,
}

impl PacketKeys {
    /// Returns the sealer for packets that this side sends, and the opener for packets of the peer.
    #[must_use]
    pub fn split(self) -> (PacketSealer, PacketOpener) {
        let Self { suite, outgoing, incoming } = self;
        let seal =
            PacketSealer { key: PacketKey::new(suite, &outgoing, 0), suite, secret: outgoing, next: Some(0) };
        let open = PacketOpener {
            suite,
            secret: incoming,
            keys: [None, None],
            window: Box::new(Window::new()),
            forged: 0,
        };
        (seal, open)
    }
}

impl SessionKeys {
    /// Turns the keys into keys for packets, instead of keys for messages. For a program with its
    /// own handshake. Do not call it twice with the same secret and transcript. Do not call it with
    /// those of a session either, because [`packets`](super::Session::packets) has the same keys.
    /// Two sealers of a key would use each number twice, which shows what they seal.
    #[must_use]
    pub fn into_packets(self, role: Role, suite: Suite) -> PacketKeys {
        let (from_initiator, from_responder) = self.packet_secrets();
        let (outgoing, incoming) = match role {
            Role::Initiator => (from_initiator, from_responder),
            Role::Responder => (from_responder, from_initiator),
        };
        PacketKeys { suite, outgoing, incoming }
    }
}

/// The key of a range of numbers.
struct PacketKey {
    epoch: u64,
    cipher: CipherKey,
}

impl PacketKey {
    fn new(suite: Suite, secret: &Secret, epoch: u64) -> Self {
        let mut label = *b"packet key 00000000";
        label[11..].copy_from_slice(&epoch.to_be_bytes());
        Self { epoch, cipher: CipherKey::new(suite, &expand(secret, &label)) }
    }
}

#[inline]
fn epoch(number: u64) -> u64 {
    number >> PACKETS_PER_KEY_LOG2
}

#[inline]
fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - NUMBER_LEN..].copy_from_slice(&number.to_le_bytes());
    nonce
}

/// Seals packets. A sealed packet is 24 bytes longer than its header and its bytes: its number and
/// the tag of the cipher.
///
/// Each packet takes the next number, even if its fragment was sealed before. The packet is bound
/// to its header and number. The key changes after each 2^20 packets.
///
/// # Examples
///
/// ```
/// use futures_handoff::{
///     bytes::Bytes,
///     fragment::{Fragmenter, HEADER_LEN, PacketPool, SealPacket, Stride},
/// };
/// use futures_handoff::secure::{PacketSealer, Role, SessionKeys, Suite};
///
/// # let keys = SessionKeys::derive(&[7; 32], b"a hash of the handshake");
/// # let packets = keys.into_packets(Role::Initiator, Suite::default());
/// // `packets` is that of a session.
/// let (mut seal, _) = packets.split();
/// let stride = Stride::for_packets::<PacketSealer>(1_200)?;
/// assert_eq!(stride.get(), 1_200 - HEADER_LEN - PacketSealer::OVERHEAD);
///
/// let message = Fragmenter::new(1, Bytes::from("secret"), stride)?;
/// let mut pool = PacketPool::default();
/// let first = message.pack(&mut (0..1), &mut seal, &mut pool)?.unwrap();
/// let again = message.pack(&mut (0..1), &mut seal, &mut pool)?.unwrap();
/// assert_eq!(first.contents().len(), HEADER_LEN + 8 + 6 + 16);
/// assert_ne!(first, again);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct PacketSealer {
    suite: Suite,
    secret: Secret,
    key: PacketKey,
    /// `None` when all numbers are used up.
    next: Option<u64>,
}

impl SealPacket for PacketSealer {
    const OVERHEAD: usize = OVERHEAD;

    #[inline]
    fn seal(&mut self, header: &[u8; HEADER_LEN], plain: &[u8], sealed: &mut [u8]) -> Result<(), SealError> {
        let number = self.next.ok_or(SealError)?;
        // The number is used up, even if the packet fails.
        self.next = number.checked_add(1);
        if epoch(number) != self.key.epoch {
            self.key = PacketKey::new(self.suite, &self.secret, epoch(number));
        }
        let (place, sealed) = sealed.split_first_chunk_mut::<NUMBER_LEN>().ok_or(SealError)?;
        *place = number.to_be_bytes();
        self.key.cipher.seal(nonce(number), header, plain, sealed).map_err(|CipherError| SealError)
    }
}

impl fmt::Debug for PacketSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketSealer")
            .field("suite", &self.suite)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// Opens the packets of a peer, in any order, each once.
///
/// A packet that was opened before, or is more than 4,032 numbers behind the newest one, is
/// [`PacketError::Replayed`]. After 2^36 packets that were not genuine, it opens no packet.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
///
/// use futures_handoff::{
///     bytes::Bytes,
///     fragment::{Fragmenter, Limits, PacketError, PacketPool, Reassembler, Stride},
/// };
/// use futures_handoff::secure::{PacketSealer, Role, SessionKeys, Suite};
///
/// # let keys = || SessionKeys::derive(&[7; 32], b"a hash of the handshake");
/// # let (mut seal, _) = keys().into_packets(Role::Initiator, Suite::default()).split();
/// # let packets = keys().into_packets(Role::Responder, Suite::default());
/// # let message = Fragmenter::new(1, Bytes::from("secret"), Stride::for_packets::<PacketSealer>(1_200)?)?;
/// # let sent = message.pack(&mut (0..1), &mut seal, &mut PacketPool::default())?.unwrap();
/// # let packet = sent.contents();
/// // `packets` is that of a session, and `packet` has arrived.
/// let (_, mut open) = packets.split();
/// let mut reassembler = Reassembler::new(Limits::default());
/// let mut forged = packet.to_vec();
/// forged[30] ^= 1;
/// let mut push = |packet: &[u8]| reassembler.push(&"peer", packet, &mut open, Instant::now());
/// assert_eq!(push(&forged), Err(PacketError::Unauthentic));
/// assert!(push(packet).is_ok());
/// assert_eq!(push(packet), Err(PacketError::Replayed { number: 0 }));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct PacketOpener {
    suite: Suite,
    secret: Secret,
    /// The keys that opened the latest packets, each at its epoch modulo 2.
    keys: [Option<PacketKey>; 2],
    window: Box<Window>,
    forged: u64,
}

impl OpenPacket for PacketOpener {
    const OVERHEAD: usize = OVERHEAD;

    #[inline]
    fn open(
        &mut self,
        header: &[u8; HEADER_LEN],
        sealed: &[u8],
        plain: &mut [u8],
    ) -> Result<(), PacketError> {
        let (number, sealed) = sealed.split_first_chunk::<NUMBER_LEN>().ok_or(PacketError::Unauthentic)?;
        let number = u64::from_be_bytes(*number);
        if !self.window.is_new(number) {
            return Err(PacketError::Replayed { number });
        }
        if self.forged >= MAX_FORGED {
            return Err(PacketError::Unauthentic);
        }
        let (epoch, nonce) = (epoch(number), nonce(number));
        let place = (epoch % 2) as usize;
        let opened = match &self.keys[place] {
            Some(key) if key.epoch == epoch => key.cipher.open(nonce, header, sealed, plain),
            _ => {
                let key = PacketKey::new(self.suite, &self.secret, epoch);
                // A forged number replaces no key.
                let opened = key.cipher.open(nonce, header, sealed, plain);
                if opened.is_ok() {
                    self.keys[place] = Some(key);
                }
                opened
            }
        };
        if opened.is_err() {
            self.forged += 1;
            return Err(PacketError::Unauthentic);
        }
        self.window.see(number);
        Ok(())
    }
}

impl fmt::Debug for PacketOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketOpener")
            .field("suite", &self.suite)
            .field("forged", &self.forged)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PacketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketKeys").field("suite", &self.suite).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
