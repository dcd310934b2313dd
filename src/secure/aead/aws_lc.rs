//! The ciphers of AWS-LC. They encrypt from one buffer into another, in one pass over the bytes.

use aws_lc_rs::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce as RawNonce, UnboundKey};

use super::{CipherError, KEY_LEN, Nonce, Suite, TAG_LEN};

pub(in crate::secure) struct Key(LessSafeKey);

impl Key {
    pub(in crate::secure) fn new(suite: Suite, key: &[u8; KEY_LEN]) -> Self {
        let algorithm = match suite {
            Suite::ChaCha20Poly1305 => &CHACHA20_POLY1305,
            Suite::Aes256Gcm => &AES_256_GCM,
        };
        Self(LessSafeKey::new(UnboundKey::new(algorithm, key).expect("both ciphers have keys of 32 bytes")))
    }

    #[inline]
    pub(in crate::secure) fn seal(
        &self,
        nonce: Nonce,
        header: &[u8],
        plain: &[u8],
        sealed: &mut [u8],
    ) -> Result<(), CipherError> {
        let (text, tag) = sealed.split_at_mut_checked(plain.len()).ok_or(CipherError)?;
        let nonce = RawNonce::assume_unique_for_key(nonce);
        self.0
            .seal_out_of_place_scatter(nonce, Aad::from(header), plain, text, &[], tag)
            .map_err(|_| CipherError)
    }

    pub(in crate::secure) fn seal_in_place(
        &self,
        nonce: Nonce,
        header: &[u8],
        bytes: &mut [u8],
    ) -> Result<(), CipherError> {
        let at = bytes.len().checked_sub(TAG_LEN).ok_or(CipherError)?;
        let (text, tag) = bytes.split_at_mut(at);
        let nonce = RawNonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_scatter(nonce, Aad::from(header), text, &[], tag).map_err(|_| CipherError)
    }

    #[inline]
    pub(in crate::secure) fn open(
        &self,
        nonce: Nonce,
        header: &[u8],
        sealed: &[u8],
        plain: &mut [u8],
    ) -> Result<(), CipherError> {
        let (text, tag) = sealed.split_at_checked(plain.len()).ok_or(CipherError)?;
        let nonce = RawNonce::assume_unique_for_key(nonce);
        self.0.open_separate_gather(nonce, Aad::from(header), text, tag, plain).map_err(|_| CipherError)
    }
}
