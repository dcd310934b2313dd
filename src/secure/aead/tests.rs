#![expect(clippy::unwrap_used, reason = "a test may panic")]

use super::{CipherError, CipherKey, Suite, TAG_LEN};

const SUITES: [Suite; 2] = [Suite::ChaCha20Poly1305, Suite::Aes256Gcm];
const KEY: [u8; 32] = [7; 32];
const NONCE: [u8; 12] = [9; 12];

fn sealed(suite: Suite, header: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut sealed = vec![0; plain.len() + TAG_LEN];
    CipherKey::new(suite, &KEY).seal(NONCE, header, plain, &mut sealed).unwrap();
    sealed
}

fn open(
    suite: Suite,
    key: [u8; 32],
    nonce: [u8; 12],
    header: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, CipherError> {
    let mut plain = vec![0; sealed.len().saturating_sub(TAG_LEN)];
    CipherKey::new(suite, &key).open(nonce, header, sealed, &mut plain).map(|()| plain)
}

#[test]
fn what_was_sealed_opens_whatever_its_length() {
    for suite in SUITES {
        for len in [0, 1, 15, 16, 17, 64, 1000, 70_000] {
            let plain = vec![0xAB; len];
            let sealed = sealed(suite, b"header", &plain);
            assert_eq!(open(suite, KEY, NONCE, b"header", &sealed), Ok(plain), "{suite:?}, {len} bytes");
        }
    }
}

#[test]
fn sealing_in_place_gives_the_same_bytes() {
    for suite in SUITES {
        let plain = [3; 100];
        let mut bytes = [0; 100 + TAG_LEN];
        bytes[..100].copy_from_slice(&plain);
        CipherKey::new(suite, &KEY).seal_in_place(NONCE, b"h", &mut bytes).unwrap();
        assert_eq!(bytes[..], sealed(suite, b"h", &plain), "{suite:?}");
    }
}

#[test]
fn another_key_number_header_or_a_changed_bit_does_not_open() {
    for suite in SUITES {
        let sealed = sealed(suite, b"header", b"twenty bytes of text");
        assert!(open(suite, [8; 32], NONCE, b"header", &sealed).is_err(), "{suite:?}: key");
        assert!(open(suite, KEY, [8; 12], b"header", &sealed).is_err(), "{suite:?}: number");
        assert!(open(suite, KEY, NONCE, b"Header", &sealed).is_err(), "{suite:?}: header");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(open(suite, KEY, NONCE, b"header", &changed).is_err(), "{suite:?}: bit {bit}");
        }
    }
}

#[test]
fn what_is_shorter_than_a_tag_does_not_open() {
    for suite in SUITES {
        for len in 0..TAG_LEN {
            assert!(open(suite, KEY, NONCE, b"", &vec![0; len]).is_err(), "{suite:?}, {len} bytes");
        }
    }
}

#[test]
fn a_place_of_the_wrong_length_is_an_error() {
    for suite in SUITES {
        let key = CipherKey::new(suite, &KEY);
        for len in [0, 3, TAG_LEN + 3, TAG_LEN + 5] {
            assert!(key.seal(NONCE, b"", b"text", &mut vec![0; len]).is_err(), "{suite:?}, {len} bytes");
        }
    }
}

/// Section 2.8.2 of RFC 8439. Appendix A.5 has a longer vector.
#[test]
fn chacha20_poly1305_gives_what_rfc_8439_says() {
    let key: [u8; 32] = std::array::from_fn(|i| 0x80 + u8::try_from(i).unwrap());
    let nonce = [7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47];
    let header = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
    let plain = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    let mut sealed = vec![0; plain.len() + TAG_LEN];
    CipherKey::new(Suite::ChaCha20Poly1305, &key).seal(nonce, &header, plain, &mut sealed).unwrap();
    assert_eq!(sealed[..8], [0xd3, 0x1a, 0x8d, 0x34, 0x64, 0x8e, 0x60, 0xdb]);
    let tag =
        [0x1a, 0xe1, 0x0b, 0x59, 0x4f, 0x09, 0xe2, 0x6a, 0x7e, 0x90, 0x2e, 0xcb, 0xd0, 0x60, 0x06, 0x91];
    assert_eq!(sealed[plain.len()..], tag);
}

#[cfg(all(feature = "secure", feature = "secure-rustcrypto"))]
#[test]
fn both_backends_give_the_same_bytes() {
    for suite in SUITES {
        for len in [0, 1, 16, 333, 16_384] {
            let plain = vec![0x5A; len];
            let mut by_rust = vec![0; len + TAG_LEN];
            let key = super::rustcrypto::Key::new(suite, &KEY);
            key.seal(NONCE, b"head", &plain, &mut by_rust).unwrap();
            assert_eq!(by_rust, sealed(suite, b"head", &plain), "{suite:?}, {len} bytes");
            let mut opened = vec![0; len];
            key.open(NONCE, b"head", &by_rust, &mut opened).unwrap();
            assert_eq!(opened, plain);
            by_rust[len] ^= 1;
            assert!(key.open(NONCE, b"head", &by_rust, &mut opened).is_err());
        }
    }
}
