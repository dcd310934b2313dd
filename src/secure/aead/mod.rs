//! The ciphers of records: authenticated encryption with a key, a nonce that is used once, and a
//! header.

#[cfg(feature = "secure")]
mod aws_lc;
// With both features, it is built for the tests that compare the two.
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
///
/// # Examples
///
/// ```
/// use futures_handoff::secure::{Config, Suite};
///
/// // Servers have instructions for AES.
/// let config = Config::new("example.org/replication/1").with_suite(Suite::Aes256Gcm);
/// assert_eq!(config.suite(), Suite::Aes256Gcm);
/// assert_eq!(Suite::default(), Suite::ChaCha20Poly1305);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Suite {
    /// ChaCha20-Poly1305 ([RFC 8439](https://www.rfc-editor.org/rfc/rfc8439)). Its speed does not
    /// depend on special instructions.
    #[default]
    ChaCha20Poly1305,
    /// AES-256-GCM ([NIST SP 800-38D](https://csrc.nist.gov/pubs/sp/800/38/d/final)). Faster on a
    /// processor with instructions for AES, as nearly all servers have.
    Aes256Gcm,
}

/// A cipher failed. The bytes were not sealed with that key, nonce and header, or the lengths are
/// not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CipherError;

/// A key of a suite. `header` is authenticated with the bytes, but not encrypted. A nonce must not
/// be used twice.
///
/// - `seal` encrypts `plain` into `sealed`, which is [`TAG_LEN`] bytes longer.
/// - `seal_in_place` encrypts all but the last [`TAG_LEN`] bytes, which become the tag.
/// - `open` decrypts `sealed` into `plain`, which is [`TAG_LEN`] bytes shorter. After an error the
///   content of `plain` is unspecified.
pub(super) use backend::Key as CipherKey;

#[cfg(test)]
mod tests;
