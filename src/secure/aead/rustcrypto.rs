//! The ciphers of RustCrypto. They work in place only, so the bytes are copied first.

use aes_gcm::Aes256Gcm;
use chacha20poly1305::{
    ChaCha20Poly1305,
    aead::{AeadInPlace, KeyInit},
};

use super::{CipherError, KEY_LEN, Nonce, Suite, TAG_LEN};

pub(in crate::secure) enum Key {
    ChaCha20Poly1305(ChaCha20Poly1305),
    /// Boxed because its tables are large.
    Aes256Gcm(Box<Aes256Gcm>),
}

impl Key {
    pub(in crate::secure) fn new(suite: Suite, key: &[u8; KEY_LEN]) -> Self {
        match suite {
            Suite::ChaCha20Poly1305 => Self::ChaCha20Poly1305(ChaCha20Poly1305::new(key.into())),
            Suite::Aes256Gcm => Self::Aes256Gcm(Box::new(Aes256Gcm::new(key.into()))),
        }
    }

    pub(in crate::secure) fn seal(
        &self,
        nonce: Nonce,
        header: &[u8],
        plain: &[u8],
        sealed: &mut [u8],
    ) -> Result<(), CipherError> {
        if sealed.len() != plain.len() + TAG_LEN {
            return Err(CipherError);
        }
        sealed[..plain.len()].copy_from_slice(plain);
        self.seal_in_place(nonce, header, sealed)
    }

    pub(in crate::secure) fn seal_in_place(
        &self,
        nonce: Nonce,
        header: &[u8],
        bytes: &mut [u8],
    ) -> Result<(), CipherError> {
        let at = bytes.len().checked_sub(TAG_LEN).ok_or(CipherError)?;
        let (text, tag) = bytes.split_at_mut(at);
        let nonce = &nonce.into();
        let made = match self {
            Self::ChaCha20Poly1305(key) => key.encrypt_in_place_detached(nonce, header, text),
            Self::Aes256Gcm(key) => key.encrypt_in_place_detached(nonce, header, text),
        };
        tag.copy_from_slice(&made.map_err(|_| CipherError)?);
        Ok(())
    }

    pub(in crate::secure) fn open(
        &self,
        nonce: Nonce,
        header: &[u8],
        sealed: &[u8],
        plain: &mut [u8],
    ) -> Result<(), CipherError> {
        let (text, tag) = sealed.split_at_checked(plain.len()).ok_or(CipherError)?;
        let tag: &[u8; TAG_LEN] = tag.try_into().map_err(|_| CipherError)?;
        plain.copy_from_slice(text);
        let nonce = &nonce.into();
        let opened = match self {
            Self::ChaCha20Poly1305(key) => key.decrypt_in_place_detached(nonce, header, plain, tag.into()),
            Self::Aes256Gcm(key) => key.decrypt_in_place_detached(nonce, header, plain, tag.into()),
        };
        opened.map_err(|_| CipherError)
    }
}
