//! The ciphers of records: authenticated encryption with a key, a number that is used once, and a
//! header.

#[cfg(feature = "secure")]
mod aws_lc;
// With both, it is there to be compared with.
#[cfg(all(feature = "secure-rustcrypto", any(test, not(feature = "secure"))))]
mod rustcrypto;

#[cfg(feature = "secure")]
use aws_lc as backend;
#[cfg(not(feature = "secure"))]
use rustcrypto as backend;

pub(super) const KEY_LEN: usize = 32;
pub(super) const NONCE_LEN: usize = 12;
pub(super) const TAG_LEN: usize = 16;

pub(super) type Nonce = [u8; NONCE_LEN];

/// The cipher of the records. Both sides of a connection have to use the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Suite {
    /// ChaCha20-Poly1305 ([RFC 8439](https://www.rfc-editor.org/rfc/rfc8439)). As fast on every
    /// processor.
    #[default]
    ChaCha20Poly1305,
    /// AES-256-GCM ([NIST SP 800-38D](https://csrc.nist.gov/pubs/sp/800/38/d/final)). The faster
    /// one where the processor has instructions for it, as nearly all servers do.
    Aes256Gcm,
}

/// What a cipher did not do: the bytes are not what was sealed with that key, number and header, or
/// the lengths are beyond what it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CipherError;

/// A key of a suite. `header` is authenticated with the bytes, and not encrypted. A number must not
/// serve twice.
///
/// - `seal` encrypts `plain` into `sealed`, which is [`TAG_LEN`] bytes longer.
/// - `seal_in_place` encrypts all but the last [`TAG_LEN`] bytes, which become the tag.
/// - `open` decrypts `sealed` into `plain`, which is [`TAG_LEN`] bytes shorter. After an error
///   `plain` holds nothing of use.
pub(super) use backend::Key as CipherKey;

#[cfg(test)]
mod tests;
