//! Keys: the long-lived ones that say who a peer is, and those of a session.

use std::{error, fmt, str::FromStr};

use hkdf::Hkdf;
use sha2::Sha256;
use snow::{
    params::DHChoice,
    resolvers::{CryptoResolver, DefaultResolver},
    types::Dh,
};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::aead::{CipherError, CipherKey, KEY_LEN, NONCE_LEN, Nonce, Suite};

/// The secret half of a peer's identity: an X25519 key.
///
/// Its memory is cleared when it is dropped. `Debug` shows the public half.
///
/// # Examples
///
/// ```
/// use futures_handoff::secure::StaticKey;
///
/// let key = StaticKey::from_bytes([7; 32]);
/// assert_eq!(key.public(), StaticKey::from_bytes([7; 32]).public());
/// assert_ne!(StaticKey::generate().public(), StaticKey::generate().public());
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct StaticKey([u8; KEY_LEN]);

impl StaticKey {
    /// A new key from the random numbers of the operating system.
    ///
    /// # Panics
    ///
    /// If it has none to give.
    #[must_use]
    pub fn generate() -> Self {
        let mut random = DefaultResolver.resolve_rng().expect("the resolver is built with random numbers");
        let mut dh = curve();
        dh.generate(&mut *random).expect("the operating system gives random numbers");
        Self::from_slice(dh.privkey())
    }

    /// The key with these 32 secret bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    fn from_slice(bytes: &[u8]) -> Self {
        let mut key = [0; KEY_LEN];
        key.copy_from_slice(bytes);
        Self(key)
    }

    /// The secret bytes, to be stored.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; KEY_LEN]> {
        Zeroizing::new(self.0)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut dh = curve();
        dh.set(&self.0);
        let mut public = [0; KEY_LEN];
        public.copy_from_slice(dh.pubkey());
        PublicKey(public)
    }

    pub(super) fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }
}

fn curve() -> Box<dyn Dh> {
    DefaultResolver.resolve_dh(&DHChoice::Curve25519).expect("the resolver is built with X25519")
}

impl fmt::Debug for StaticKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticKey").field("public", &self.public()).finish_non_exhaustive()
    }
}

/// The public half of a peer's identity: an X25519 key. `Display` writes its 64 hexadecimal digits,
/// and `FromStr` reads them.
///
/// # Examples
///
/// ```
/// use futures_handoff::secure::PublicKey;
///
/// let key = PublicKey::from([0xAB; 32]);
/// assert_eq!(key.to_string(), "ab".repeat(32));
/// assert_eq!(key.to_string().parse(), Ok(key));
/// assert_eq!("ab".parse::<PublicKey>().unwrap_err().to_string(), "a public key has 64 hexadecimal digits");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; KEY_LEN]);

impl PublicKey {
    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// Whether the bytes are the only ones for their key, a number below 2^255 - 19, and only its
    /// holder can prove it. X25519 takes others for it as well, and gives the same result to all
    /// for a key of low order.
    pub(super) fn is_provable(&self) -> bool {
        let [low, middle @ .., high] = self.0;
        let beyond = low >= 0xED && middle == [0xFF; KEY_LEN - 2] && high == 0x7F;
        high < 0x80 && !beyond && !LOW_ORDER.contains(&self.0)
    }
}

/// The points of X25519 whose order divides 8, [as far as they are below 2^255 -
/// 19](https://cr.yp.to/ecdh.html#validate).
pub(super) const LOW_ORDER: [[u8; KEY_LEN]; 5] = [
    [0; KEY_LEN],
    {
        let mut one = [0; KEY_LEN];
        one[0] = 1;
        one
    },
    [
        0xE0, 0xEB, 0x7A, 0x7C, 0x3B, 0x41, 0xB8, 0xAE, 0x16, 0x56, 0xE3, 0xFA, 0xF1, 0x9F, 0xC4, 0x6A, 0xDA,
        0x09, 0x8D, 0xEB, 0x9C, 0x32, 0xB1, 0xFD, 0x86, 0x62, 0x05, 0x16, 0x5F, 0x49, 0xB8, 0x00,
    ],
    [
        0x5F, 0x9C, 0x95, 0xBC, 0xA3, 0x50, 0x8C, 0x24, 0xB1, 0xD0, 0xB1, 0x55, 0x9C, 0x83, 0xEF, 0x5B, 0x04,
        0x44, 0x5C, 0xC4, 0x58, 0x1C, 0x8E, 0x86, 0xD8, 0x22, 0x4E, 0xDD, 0xD0, 0x9F, 0x11, 0x57,
    ],
    {
        let mut minus_one = [0xFF; KEY_LEN];
        minus_one[0] = 0xEC;
        minus_one[KEY_LEN - 1] = 0x7F;
        minus_one
    },
];

impl From<[u8; KEY_LEN]> for PublicKey {
    fn from(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }
}

impl FromStr for PublicKey {
    type Err = ParseKeyError;

    fn from_str(digits: &str) -> Result<Self, ParseKeyError> {
        let mut key = [0; KEY_LEN];
        if digits.len() != 2 * KEY_LEN {
            return Err(ParseKeyError(()));
        }
        for (byte, pair) in key.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16).ok_or(ParseKeyError(()));
            *byte = u8::try_from(digit(0)? << 4 | digit(1)?).map_err(|_| ParseKeyError(()))?;
        }
        Ok(Self(key))
    }
}

/// The text is no public key. From the `FromStr` of [`PublicKey`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseKeyError(());

impl fmt::Display for ParseKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a public key has {} hexadecimal digits", 2 * KEY_LEN)
    }
}

impl error::Error for ParseKeyError {}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// What a handshake leaves to both sides: a secret of each direction, and a value that names the
/// session.
///
/// Its memory is cleared when it is dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SessionKeys {
    from_initiator: [u8; KEY_LEN],
    from_responder: [u8; KEY_LEN],
    pub(super) binding: [u8; KEY_LEN],
}

impl SessionKeys {
    /// The keys of a session by HKDF-SHA-256 ([RFC 5869](https://www.rfc-editor.org/rfc/rfc5869)).
    ///
    /// `secret` is what only the two sides know, at least 32 bytes that are as good as random.
    /// `transcript` is a hash of all that was said in the handshake, identities and prologue
    /// included: so keys of two handshakes are alike only if those were.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the lengths that are asked for are never too many")]
    pub fn derive(secret: &[u8], transcript: &[u8]) -> Self {
        let hkdf = Hkdf::<Sha256>::new(Some(transcript), secret);
        let key = |label: &str| {
            let mut key = [0; KEY_LEN];
            hkdf.expand(label.as_bytes(), &mut key).expect("32 bytes are not too many for HKDF");
            key
        };
        Self {
            from_initiator: key("futures-handoff secure 1 from initiator"),
            from_responder: key("futures-handoff secure 1 from responder"),
            binding: key("futures-handoff secure 1 channel binding"),
        }
    }

    /// The keys for what an initiator sends, and for what it receives.
    pub(super) fn directions(&self, suite: Suite, rekey_after: u64) -> (DirectionKey, DirectionKey) {
        let new = |secret| DirectionKey::new(suite, secret, rekey_after);
        (new(self.from_initiator), new(self.from_responder))
    }

    /// The secrets for packets that an initiator sends, and for those that it receives.
    #[cfg(feature = "fragment")]
    pub(super) fn packet_secrets(&self) -> (Secret, Secret) {
        (expand(&self.from_initiator, b"packets"), expand(&self.from_responder, b"packets"))
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionKeys").finish_non_exhaustive()
    }
}

/// What keys come from. Its memory is cleared when it is dropped.
pub(super) type Secret = Zeroizing<[u8; KEY_LEN]>;

/// The keys of one direction, one after the other, and the number of the next record.
pub(super) struct DirectionKey {
    suite: Suite,
    /// What the key and the next secret come from.
    secret: Secret,
    cipher: CipherKey,
    /// The number of the next record, which no key sees twice.
    record: u64,
    /// How many records are left to this key.
    left: u64,
    rekey_after: u64,
}

impl DirectionKey {
    fn new(suite: Suite, secret: [u8; KEY_LEN], rekey_after: u64) -> Self {
        let secret = Zeroizing::new(secret);
        let cipher = CipherKey::new(suite, &expand(&secret, b"key"));
        Self { suite, secret, cipher, record: 0, left: rekey_after, rekey_after }
    }

    /// The number of the next record, which is used up by this, whatever comes of the record.
    #[inline]
    fn next_nonce(&mut self) -> Result<Nonce, CipherError> {
        if self.left == 0 {
            self.rekey();
        }
        let record = self.record;
        self.record = record.checked_add(1).ok_or(CipherError)?;
        self.left -= 1;
        let mut nonce = [0; NONCE_LEN];
        nonce[NONCE_LEN - 8..].copy_from_slice(&record.to_le_bytes());
        Ok(nonce)
    }

    #[cold]
    fn rekey(&mut self) {
        self.secret = expand(&self.secret, b"next");
        self.cipher = CipherKey::new(self.suite, &expand(&self.secret, b"key"));
        self.left = self.rekey_after;
    }

    #[inline]
    pub(super) fn seal(&mut self, header: &[u8], plain: &[u8], sealed: &mut [u8]) -> Result<(), CipherError> {
        let nonce = self.next_nonce()?;
        self.cipher.seal(nonce, header, plain, sealed)
    }

    pub(super) fn seal_in_place(&mut self, header: &[u8], bytes: &mut [u8]) -> Result<(), CipherError> {
        let nonce = self.next_nonce()?;
        self.cipher.seal_in_place(nonce, header, bytes)
    }

    #[inline]
    pub(super) fn open(&mut self, header: &[u8], sealed: &[u8], plain: &mut [u8]) -> Result<(), CipherError> {
        let nonce = self.next_nonce()?;
        self.cipher.open(nonce, header, sealed, plain)
    }
}

pub(super) fn expand(secret: &[u8; KEY_LEN], label: &[u8]) -> Secret {
    let mut key = Zeroizing::new([0; KEY_LEN]);
    let hkdf = Hkdf::<Sha256>::from_prk(secret).expect("a secret has the length of a hash");
    hkdf.expand(label, &mut *key).expect("32 bytes are not too many for HKDF");
    key
}
