//! The steps of Freenet's transport between a message and its packets, both ways, at its commit
//! 80603fc8b, with the same copies, cleared memory and allocations. Where this differs, it does
//! less:
//!
//! - Headers are written and read by hand, in the layout of bincode 1 (integers of a fixed length,
//!   the least significant byte first), which is no longer maintained.
//! - Packets take their numbers from a variable and not from one of the thread.
//! - No task is woken, and the second of the two reassemblers gets nothing.

use aes_gcm::{Aes128Gcm, aead::AeadInPlace};
use futures_handoff::bytes::Bytes;

use crate::copied;

/// The longest datagram, and an array for one.
pub const ROOM: usize = 1500;
const NONCE: usize = 12;
const TAG: usize = 16;
/// How many bytes of a packet of 1,200 are encrypted.
const DATA: usize = 1200 - 1 - NONCE - TAG;
/// The bytes before the content, and 1 byte after it.
const AROUND: usize = 41;
/// How many bytes of a message a packet carries.
pub const PIECE: usize = DATA - AROUND;
const ENCRYPTED: u8 = 2;
const STREAM_FRAGMENT: u32 = 2;

#[inline]
fn copy(to: &mut [u8], from: &[u8]) {
    to.copy_from_slice(copied(from));
}

/// Encrypts in place, without associated data.
pub trait Cipher {
    fn seal(&self, nonce: [u8; NONCE], bytes: &mut [u8]) -> [u8; TAG];
    fn open(&self, nonce: [u8; NONCE], bytes: &mut [u8], tag: [u8; TAG]);
}

/// What it uses.
impl Cipher for Aes128Gcm {
    #[inline]
    fn seal(&self, nonce: [u8; NONCE], bytes: &mut [u8]) -> [u8; TAG] {
        self.encrypt_in_place_detached(&nonce.into(), &[], bytes).expect("the packet is short enough").into()
    }

    #[inline]
    fn open(&self, nonce: [u8; NONCE], bytes: &mut [u8], tag: [u8; TAG]) {
        self.decrypt_in_place_detached(&nonce.into(), &[], bytes, &tag.into())
            .expect("the packet is genuine");
    }
}

/// The cipher of this crate's packets.
#[cfg(feature = "secure")]
impl Cipher for aws_lc_rs::aead::LessSafeKey {
    #[inline]
    fn seal(&self, nonce: [u8; NONCE], bytes: &mut [u8]) -> [u8; TAG] {
        use aws_lc_rs::aead::{Aad, Nonce};

        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag =
            self.seal_in_place_separate_tag(nonce, Aad::empty(), bytes).expect("the packet is short enough");
        tag.as_ref().try_into().expect("a tag has 16 bytes")
    }

    #[inline]
    fn open(&self, nonce: [u8; NONCE], bytes: &mut [u8], tag: [u8; TAG]) {
        use aws_lc_rs::aead::{Aad, Nonce};

        let nonce = Nonce::assume_unique_for_key(nonce);
        self.open_in_place_separate_tag(nonce, Aad::empty(), &tag, bytes).expect("the packet is genuine");
    }
}

/// A datagram in an array.
struct Packet {
    data: [u8; ROOM],
    len: usize,
}

impl Packet {
    fn copy_of(bytes: &[u8]) -> Self {
        let mut data = [0; ROOM];
        copy(&mut data[..bytes.len()], bytes);
        Self { data, len: bytes.len() }
    }

    fn seal(&self, cipher: &impl Cipher, nonce: [u8; NONCE]) -> Self {
        let mut data = [0; ROOM];
        data[0] = ENCRYPTED;
        data[1..][..NONCE].copy_from_slice(&nonce);
        let text = &mut data[1 + NONCE..][..self.len];
        copy(text, &self.data[..self.len]);
        let tag = cipher.seal(nonce, text);
        data[1 + NONCE + self.len..][..TAG].copy_from_slice(&tag);
        Self { data, len: 1 + NONCE + self.len + TAG }
    }

    fn open(&self, cipher: &impl Cipher) -> Self {
        assert_eq!(self.data[0], ENCRYPTED);
        let packet = &self.data[1..self.len];
        let (nonce, packet) = packet.split_first_chunk::<NONCE>().expect("the packet is long enough");
        let (text, tag) = packet.split_last_chunk::<TAG>().expect("the packet is long enough");
        let mut data = [0; ROOM];
        let plain = &mut data[..text.len()];
        copy(plain, text);
        cipher.open(*nonce, plain, *tag);
        Self { data, len: text.len() }
    }
}

/// A fragment of a message. The first one has the number 1.
pub struct Fragment {
    stream: u32,
    total: u64,
    pub number: u32,
    pub payload: Bytes,
}

impl Fragment {
    fn serialize(&self, packet: u32, data: &mut [u8; DATA]) -> usize {
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            copy(&mut data[at..at + bytes.len()], bytes);
            at += bytes.len();
        };
        put(&packet.to_le_bytes());
        // How many receipts there are.
        put(&0u64.to_le_bytes());
        put(&STREAM_FRAGMENT.to_le_bytes());
        put(&self.stream.to_le_bytes());
        put(&self.total.to_le_bytes());
        put(&self.number.to_le_bytes());
        put(&(self.payload.len() as u64).to_le_bytes());
        put(&self.payload);
        // No metadata.
        put(&[0]);
        at
    }

    fn deserialize(data: &[u8]) -> Self {
        let mut left = data;
        let mut get = |n| {
            let (bytes, rest) = left.split_at(n);
            left = rest;
            bytes
        };
        let int = |bytes: &[u8]| bytes.iter().rev().fold(0, |int: u64, byte| int << 8 | u64::from(*byte));
        let _packet = int(get(4));
        assert_eq!(int(get(8)), 0);
        assert_eq!(int(get(4)), u64::from(STREAM_FRAGMENT));
        let stream = int(get(4)) as u32;
        let total = int(get(8));
        let number = int(get(4)) as u32;
        let len = int(get(8)) as usize;
        let payload = Bytes::from(copied(get(len)).to_vec());
        assert_eq!(get(1), [0]);
        Self { stream, total, number, payload }
    }
}

/// The sending side.
pub struct Sender<C> {
    cipher: C,
    packets: u32,
}

impl<C: Cipher> Sender<C> {
    pub fn new(cipher: C) -> Self {
        Self { cipher, packets: 0 }
    }

    /// Cuts a message, and passes each packet to `send`.
    pub fn send(&mut self, message: &Bytes, mut send: impl FnMut(Box<[u8]>)) {
        let mut left = message.clone();
        let mut number = 0;
        while !left.is_empty() {
            number += 1;
            let payload = if left.len() > PIECE {
                let payload = left.slice(..PIECE);
                left = left.slice(PIECE..);
                payload
            } else {
                std::mem::take(&mut left)
            };
            let fragment = Fragment { stream: 1, total: message.len() as u64, number, payload };
            send(self.prepare(&fragment));
        }
    }

    fn prepare(&mut self, fragment: &Fragment) -> Box<[u8]> {
        let mut data = [0; DATA];
        let len = fragment.serialize(self.packets, &mut data);
        let mut nonce = [7; NONCE];
        nonce[4..].copy_from_slice(&u64::from(self.packets).to_le_bytes());
        self.packets = self.packets.wrapping_add(1);
        let packet = Packet::copy_of(&data[..len]).seal(&self.cipher, nonce);
        copied(&packet.data[..packet.len]).into()
    }
}

/// The content of a datagram.
pub fn receive(cipher: &impl Cipher, datagram: &[u8]) -> Fragment {
    let packet = Packet::copy_of(datagram).open(cipher);
    Fragment::deserialize(&packet.data[..packet.len])
}

/// The steps of Freenet's bench `packet_preparation`: a packet is encrypted in an existing array,
/// and the result is copied out of it.
pub fn prepare<'a>(cipher: &impl Cipher, plain: &[u8], room: &'a mut [u8; ROOM]) -> &'a [u8] {
    let nonce = [0; NONCE];
    let text = &mut room[NONCE..][..plain.len()];
    text.copy_from_slice(plain);
    let tag = cipher.seal(nonce, text);
    room[..NONCE].copy_from_slice(&nonce);
    room[NONCE + plain.len()..][..TAG].copy_from_slice(&tag);
    &room[..NONCE + plain.len() + TAG]
}

/// The content of such a packet.
pub fn unprepare(cipher: &impl Cipher, mut packet: Vec<u8>) -> Vec<u8> {
    let tag = packet.split_off(packet.len() - TAG).try_into().expect("a tag has 16 bytes");
    cipher.open([0; NONCE], &mut packet[NONCE..], tag);
    packet.split_off(NONCE)
}

pub fn aes128() -> Aes128Gcm {
    use aes_gcm::KeyInit;

    Aes128Gcm::new(&[0x42; 16].into())
}

#[cfg(feature = "secure")]
pub fn aes256_of_aws_lc() -> aws_lc_rs::aead::LessSafeKey {
    use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};

    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[0x42; 32]).expect("it has keys of 32 bytes"))
}
