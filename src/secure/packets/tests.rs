//! Tests of sealed packets that need private access: numbers too high to reach by counting.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use hkdf::Hkdf;
use sha2::Sha256;

use super::*;
use crate::secure::window::WINDOW;

const SUITES: [Suite; 2] = [Suite::ChaCha20Poly1305, Suite::Aes256Gcm];
const HEADER: [u8; HEADER_LEN] = [3; HEADER_LEN];
const PLAIN: [u8; 5] = *b"plain";
const SEALED: usize = PLAIN.len() + OVERHEAD;
const EPOCH: u64 = 1 << PACKETS_PER_KEY_LOG2;

fn keys(role: Role, suite: Suite) -> (PacketSealer, PacketOpener) {
    SessionKeys::derive(&[5; 32], &[6; 32]).into_packets(role, suite).split()
}

/// The sealer of one side and the opener of the other side.
fn pair(suite: Suite) -> (PacketSealer, PacketOpener) {
    (keys(Role::Initiator, suite).0, keys(Role::Responder, suite).1)
}

fn seal(seal: &mut PacketSealer) -> [u8; SEALED] {
    let mut sealed = [0; SEALED];
    seal.seal(&HEADER, &PLAIN, &mut sealed).unwrap();
    sealed
}

/// The packet with this number.
fn seal_at(sealer: &mut PacketSealer, number: u64) -> [u8; SEALED] {
    sealer.next = Some(number);
    seal(sealer)
}

fn open(open: &mut PacketOpener, sealed: &[u8]) -> Result<(), PacketError> {
    let mut plain = [0; PLAIN.len()];
    open.open(&HEADER, sealed, &mut plain)?;
    assert_eq!(plain, PLAIN);
    Ok(())
}

/// The epochs of the keys that are kept.
fn kept(open: &PacketOpener) -> [Option<u64>; 2] {
    open.keys.each_ref().map(|key| key.as_ref().map(|key| key.epoch))
}

fn expand(prk: &[u8], label: &[u8]) -> [u8; 32] {
    let mut output = [0; 32];
    Hkdf::<Sha256>::from_prk(prk).unwrap().expand(label, &mut output).unwrap();
    output
}

#[test]
fn keys_and_nonces_are_those_that_are_written_down() {
    let (prk, _) = Hkdf::<Sha256>::extract(Some(&[6; 32]), &[5; 32]);
    for suite in SUITES {
        for (role, side) in [(Role::Initiator, "initiator"), (Role::Responder, "responder")] {
            let secret = expand(&prk, format!("futures-handoff secure 1 from {side}").as_bytes());
            let secret = expand(&secret, b"packets");
            let mut sealer = keys(role, suite).0;
            for number in [0, 1, EPOCH - 1, EPOCH, 300 * EPOCH + 77, u64::MAX] {
                let label = [&b"packet key "[..], &(number / EPOCH).to_be_bytes()].concat();
                let mut nonce = [0; 12];
                nonce[4..].copy_from_slice(&number.to_le_bytes());
                let mut expected = [0; SEALED];
                expected[..8].copy_from_slice(&number.to_be_bytes());
                CipherKey::new(suite, &expand(&secret, &label))
                    .seal(nonce, &HEADER, &PLAIN, &mut expected[8..])
                    .unwrap();
                assert_eq!(seal_at(&mut sealer, number), expected, "{suite:?}, {side}, packet {number}");
            }
        }
    }
}

#[test]
fn packets_on_both_sides_of_a_change_of_keys_open_in_any_order() {
    for suite in SUITES {
        for border in [EPOCH, 2 * EPOCH, 5 * EPOCH] {
            let (mut sealer, _) = pair(suite);
            sealer.next = Some(border - 3);
            let packets: Vec<_> = (0..6).map(|_| seal(&mut sealer)).collect();
            for order in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 0, 4, 1, 5, 2]] {
                let (_, mut opener) = pair(suite);
                for at in order {
                    assert_eq!(open(&mut opener, &packets[at]), Ok(()), "packet {at} of {order:?}");
                }
                let (before, after) = (border / EPOCH - 1, border / EPOCH);
                let mut epochs = kept(&opener);
                epochs.sort_unstable();
                assert_eq!(epochs, [Some(before), Some(after)]);
            }
        }
    }
}

#[test]
fn a_forged_number_displaces_no_key_and_makes_nothing_old() {
    let (mut sealer, mut opener) = pair(Suite::default());
    open(&mut opener, &seal_at(&mut sealer, EPOCH - 1)).unwrap();
    open(&mut opener, &seal_at(&mut sealer, EPOCH)).unwrap();
    let genuine = seal_at(&mut sealer, EPOCH - WINDOW);
    for ahead in [1, WINDOW, EPOCH, 2 * EPOCH, 1 << 40, u64::MAX - EPOCH] {
        let mut forged = seal(&mut sealer);
        forged[..NUMBER_LEN].copy_from_slice(&(EPOCH + ahead).to_be_bytes());
        assert_eq!(open(&mut opener, &forged), Err(PacketError::Unauthentic), "{ahead} ahead");
        assert_eq!(kept(&opener), [Some(0), Some(1)]);
    }
    assert_eq!(opener.forged, 6);
    open(&mut opener, &genuine).unwrap();
}

#[test]
fn a_jump_forward_keeps_the_window_and_drops_the_keys_behind_it() {
    let (mut sealer, mut opener) = pair(Suite::default());
    let late = [0, 2 * EPOCH - 1, 7 * EPOCH - 1].map(|number| seal_at(&mut sealer, number));
    open(&mut opener, &seal_at(&mut sealer, 1)).unwrap();
    open(&mut opener, &seal_at(&mut sealer, 7 * EPOCH)).unwrap();
    for (packet, number) in late.iter().zip([0, 2 * EPOCH - 1]) {
        assert_eq!(open(&mut opener, packet), Err(PacketError::Replayed { number }));
    }
    open(&mut opener, &late[2]).unwrap();
    assert_eq!(kept(&opener), [Some(6), Some(7)]);
}

#[test]
fn the_last_number_is_used_once_on_both_sides() {
    for suite in SUITES {
        let (mut sealer, mut opener) = pair(suite);
        let last = [u64::MAX - 1, u64::MAX].map(|number| seal_at(&mut sealer, number));
        for _ in 0..2 {
            assert_eq!(sealer.seal(&HEADER, &PLAIN, &mut [0; SEALED]), Err(SealError));
        }
        open(&mut opener, &last[1]).unwrap();
        open(&mut opener, &last[0]).unwrap();
        for (packet, number) in last.iter().zip([u64::MAX - 1, u64::MAX]) {
            assert_eq!(open(&mut opener, packet), Err(PacketError::Replayed { number }));
        }
    }
}

#[test]
fn a_number_is_used_up_whatever_comes_of_its_packet() {
    let (mut sealer, mut opener) = pair(Suite::default());
    // No room for the number; for the tag.
    for len in [0, NUMBER_LEN - 1, NUMBER_LEN, SEALED - 1] {
        assert_eq!(sealer.seal(&HEADER, &PLAIN, &mut vec![0; len]), Err(SealError), "{len} bytes");
    }
    let sealed = seal(&mut sealer);
    assert_eq!(sealed[..NUMBER_LEN], 4_u64.to_be_bytes());
    open(&mut opener, &sealed).unwrap();
}

#[test]
fn a_packet_that_fails_is_not_noted_and_opens_later() {
    let (mut sealer, mut opener) = pair(Suite::default());
    let sealed = seal(&mut sealer);
    for len in 0..SEALED {
        let mut plain = vec![0; len.saturating_sub(OVERHEAD)];
        assert_eq!(opener.open(&HEADER, &sealed[..len], &mut plain), Err(PacketError::Unauthentic), "{len}");
    }
    open(&mut opener, &sealed).unwrap();
    assert_eq!(open(&mut opener, &sealed), Err(PacketError::Replayed { number: 0 }));
}

#[test]
fn after_the_last_forgery_nothing_opens() {
    let (mut sealer, mut opener) = pair(Suite::default());
    opener.forged = MAX_FORGED - 1;
    open(&mut opener, &seal(&mut sealer)).unwrap();
    assert_eq!(open(&mut opener, &[0xFF; SEALED]), Err(PacketError::Unauthentic));
    for _ in 0..2 {
        assert_eq!(open(&mut opener, &seal(&mut sealer)), Err(PacketError::Unauthentic));
    }
    assert_eq!(opener.forged, MAX_FORGED);
}

#[test]
fn what_is_printed_has_no_secrets() {
    let packets = SessionKeys::derive(&[5; 32], &[6; 32]).into_packets(Role::Initiator, Suite::default());
    assert_eq!(format!("{packets:?}"), "PacketKeys { suite: ChaCha20Poly1305, .. }");
    let (sealer, opener) = packets.split();
    assert_eq!(format!("{sealer:?}"), "PacketSealer { suite: ChaCha20Poly1305, next: Some(0), .. }");
    assert_eq!(format!("{opener:?}"), "PacketOpener { suite: ChaCha20Poly1305, forged: 0, .. }");
}
