//! The long-lived keys that identify peers, and the keys of a session.

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
/// let key = StaticKey::generate();
/// // Store the secret bytes, and load them again.
/// let stored = key.to_bytes();
/// let loaded = StaticKey::from_bytes(*stored);
/// assert_eq!(loaded.public(), key.public());
/// assert_ne!(StaticKey::generate().public(), key.public());
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct StaticKey([u8; KEY_LEN]);

impl StaticKey {
    /// Makes a key from random numbers of the operating system.
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers.
    #[must_use]
    pub fn generate() -> Self {
        let mut random = DefaultResolver.resolve_rng().expect("the resolver is built with random numbers");
        let mut dh = curve();
        dh.generate(&mut *random).expect("the operating system gives random numbers");
        Self::from_slice(dh.privkey())
    }

    /// Makes a key from 32 secret bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    fn from_slice(bytes: &[u8]) -> Self {
        let mut key = [0; KEY_LEN];
        key.copy_from_slice(bytes);
        Self(key)
    }

    /// The secret bytes, for storage.
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

/// The public half of a peer's identity: an X25519 key. `Display` writes it as 64 hexadecimal
/// digits, and `FromStr` parses them.
///
/// # Examples
///
/// ```
/// use futures_handoff::secure::PublicKey;
///
/// let key = PublicKey::from([0xAB; 32]);
/// assert_eq!(key.as_bytes(), &[0xAB; 32]);
/// assert_eq!(key.to_string(), "ab".repeat(32));
/// assert_eq!(key.to_string().parse(), Ok(key));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; KEY_LEN]);

impl PublicKey {
    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// Whether this is the only encoding of its key (a number below 2^255 - 19) and only its holder
    /// can prove it. X25519 accepts other encodings, and its result for a key of low order is the
    /// same for all.
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

/// The error of parsing a [`PublicKey`].
///
/// # Examples
///
/// ```
/// use futures_handoff::secure::{ParseKeyError, PublicKey};
///
/// let lines = ["# peers", &"07".repeat(32), "0707"];
/// let parse = |line: &str| line.parse().map_err(|error: ParseKeyError| error.to_string());
/// let keys: Vec<Result<PublicKey, String>> =
///     lines.into_iter().filter(|line| !line.starts_with('#')).map(parse).collect();
/// assert_eq!(keys[0], Ok(PublicKey::from([7; 32])));
/// assert_eq!(keys[1], Err("a public key has 64 hexadecimal digits".to_owned()));
/// ```
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

/// The result of a handshake: a secret for each direction, and a value that identifies the session.
///
/// Its memory is cleared when it is dropped. `Debug` shows none of it.
///
/// # Examples
///
/// ```
/// use futures_handoff::secure::SessionKeys;
///
/// // A handshake has agreed on a secret and hashed all of its messages.
/// let keys = SessionKeys::derive(&[7; 32], &[9; 32]);
/// assert_eq!(format!("{keys:?}"), "SessionKeys { .. }");
/// ```
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SessionKeys {
    from_initiator: [u8; KEY_LEN],
    from_responder: [u8; KEY_LEN],
    pub(super) binding: [u8; KEY_LEN],
}

impl SessionKeys {
    /// Derives the keys of a session by HKDF-SHA-256 ([RFC
    /// 5869](https://www.rfc-editor.org/rfc/rfc5869)).
    ///
    /// `secret` is known to the two sides only: at least 32 bytes that are as good as random.
    /// `transcript` is a hash of the whole handshake, including identities and prologue. So the
    /// keys of two handshakes are equal only if both inputs are.
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

    /// The keys for records that an initiator sends, and for records that it receives.
    pub(super) fn directions(&self, suite: Suite, rekey_after: u64) -> (DirectionKey, DirectionKey) {
        let new = |secret| DirectionKey::new(suite, secret, rekey_after);
        (new(self.from_initiator), new(self.from_responder))
    }

    /// The secrets for packets that an initiator sends, and for packets that it receives.
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

/// A secret that keys are derived from. Its memory is cleared when it is dropped.
pub(super) type Secret = Zeroizing<[u8; KEY_LEN]>;

/// The current key of one direction, and the number of the next record.
pub(super) struct DirectionKey {
    suite: Suite,
    /// The secret that the key and the next secret are derived from.
    secret: Secret,
    cipher: CipherKey,
    /// The number of the next record. No key is used with a number twice.
    record: u64,
    /// How many more records this key is used for.
    left: u64,
    rekey_after: u64,
}

impl DirectionKey {
    fn new(suite: Suite, secret: [u8; KEY_LEN], rekey_after: u64) -> Self {
        let secret = Zeroizing::new(secret);
        let cipher = CipherKey::new(suite, &expand(&secret, b"key"));
        Self { suite, secret, cipher, record: 0, left: rekey_after, rekey_after }
    }

    /// Takes the number of the next record. It is used up, even if the record then fails.
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
