//! A second implementation of the protocol, written from docs/security.md without code of the
//! crate, against the crate.

use std::{future::pending, time::Instant};

use aes_gcm::Aes256Gcm;
use chacha20poly1305::{
    ChaCha20Poly1305,
    aead::{AeadInPlace, KeyInit},
};
use futures_executor::block_on;
use futures_handoff::{
    bytes::Bytes,
    fragment::{Fragmenter, Limits, PacketPool, Reassembler, Received, Stride},
    secure::{self, Config, Noise, PacketKeys, Session, StaticKey, Suite},
};
use futures_handoff_runtimes::{
    io::{Duplex, duplex},
    watched_tests,
};
use futures_util::{AsyncReadExt, AsyncWriteExt, future::join};
use hkdf::Hkdf;
use sha2::Sha256;

const NAMESPACE: &[u8] = b"wire";
const LONGEST_MESSAGE: usize = 1000;
const LONGEST_RECORD: usize = 64;
const RECORDS_FOR_A_KEY: u64 = 3;
const INITIATOR: [u8; 32] = [7; 32];
const RESPONDER: [u8; 32] = [9; 32];

/// One direction.
struct Direction {
    suite: Suite,
    secret: [u8; 32],
    record: u64,
}

fn expand(prk: &[u8], label: impl AsRef<[u8]>) -> [u8; 32] {
    let mut output = [0; 32];
    Hkdf::<Sha256>::from_prk(prk).unwrap().expand(label.as_ref(), &mut output).unwrap();
    output
}

impl Direction {
    /// The key and the nonce of the next record.
    fn next(&mut self) -> ([u8; 32], [u8; 12]) {
        if self.record > 0 && self.record % RECORDS_FOR_A_KEY == 0 {
            self.secret = expand(&self.secret, "next");
        }
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.record.to_le_bytes());
        self.record += 1;
        (expand(&self.secret, "key"), nonce)
    }

    fn seal(&mut self, kind: u8, plain: &[u8]) -> Vec<u8> {
        let (key, nonce) = self.next();
        let mut record = (plain.len() as u32).to_be_bytes().to_vec();
        record[0] = kind;
        let sealed = seal(self.suite, key, nonce, &record, plain);
        record.extend(sealed);
        record
    }

    /// The kind and the plaintext of the next record.
    async fn open(&mut self, stream: &mut Duplex) -> (u8, Vec<u8>) {
        let (key, nonce) = self.next();
        let mut header = [0; 4];
        stream.read_exact(&mut header).await.unwrap();
        let [kind, a, b, c] = header;
        let mut sealed = vec![0; u32::from_be_bytes([0, a, b, c]) as usize + 16];
        stream.read_exact(&mut sealed).await.unwrap();
        (kind, open(self.suite, key, nonce, &header, &sealed))
    }

    /// The keys for packets of this direction, before any record.
    fn packets(&self) -> PacketDirection {
        assert_eq!(self.record, 0);
        PacketDirection { suite: self.suite, secret: expand(&self.secret, "packets") }
    }
}

/// The bytes, encrypted, and the tag.
fn seal(suite: Suite, key: [u8; 32], nonce: [u8; 12], header: &[u8], plain: &[u8]) -> Vec<u8> {
    let (mut text, nonce) = (plain.to_vec(), nonce.into());
    let tag = match suite {
        Suite::Aes256Gcm => Aes256Gcm::new(&key.into()).encrypt_in_place_detached(&nonce, header, &mut text),
        _ => ChaCha20Poly1305::new(&key.into()).encrypt_in_place_detached(&nonce, header, &mut text),
    };
    text.extend(tag.unwrap());
    text
}

fn open(suite: Suite, key: [u8; 32], nonce: [u8; 12], header: &[u8], sealed: &[u8]) -> Vec<u8> {
    let ((text, tag), nonce) = (sealed.split_last_chunk::<16>().unwrap(), nonce.into());
    let (mut text, tag) = (text.to_vec(), tag.into());
    match suite {
        Suite::Aes256Gcm => {
            Aes256Gcm::new(&key.into()).decrypt_in_place_detached(&nonce, header, &mut text, tag)
        }
        _ => ChaCha20Poly1305::new(&key.into()).decrypt_in_place_detached(&nonce, header, &mut text, tag),
    }
    .expect("it is as docs/security.md says");
    text
}

/// One direction of packets.
struct PacketDirection {
    suite: Suite,
    secret: [u8; 32],
}

impl PacketDirection {
    /// The key and the nonce of the packet with this number.
    fn key(&self, number: u64) -> ([u8; 32], [u8; 12]) {
        let mut label = b"packet key ".to_vec();
        label.extend((number >> 20).to_be_bytes());
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&number.to_le_bytes());
        (expand(&self.secret, label), nonce)
    }

    /// A fragment of a message that is cut after each `stride` bytes.
    fn seal(&self, number: u64, message: u32, stride: usize, index: usize, bytes: &[u8]) -> Vec<u8> {
        let mut packet = vec![0xF1, 0];
        packet.extend((stride as u16).to_be_bytes());
        for field in [message, index as u32, bytes.len() as u32] {
            packet.extend(field.to_be_bytes());
        }
        let plain = &bytes[index * stride..bytes.len().min((index + 1) * stride)];
        let (key, nonce) = self.key(number);
        let sealed = seal(self.suite, key, nonce, &packet, plain);
        packet.extend(number.to_be_bytes());
        packet.extend(sealed);
        packet
    }

    /// The bytes of a packet that has to have this number and header.
    fn open(&self, packet: &[u8], number: u64, header: [u8; 16]) -> Vec<u8> {
        assert_eq!(packet[..16], header);
        assert_eq!(packet[16..24], number.to_be_bytes());
        let (key, nonce) = self.key(number);
        open(self.suite, key, nonce, &header, &packet[24..])
    }
}

/// Packets of both sides, with skipped numbers, in another order.
fn exchange_packets(ours: PacketKeys, [from_initiator, from_responder]: [PacketDirection; 2]) {
    let (mut seal, mut open) = ours.split();
    let mut reassembler = Reassembler::new(Limits::default());
    let last = [(2, 3), (0, (1 << 20) - 1), (1, 1 << 20)].map(|(index, number)| {
        let packet = from_responder.seal(number, 0x0102_0304, 64, index, &long());
        reassembler.push(&(), &packet, &mut open, Instant::now()).unwrap()
    });
    assert_eq!(last[2], Received::Complete { id: 0x0102_0304, payload: long().into() });
    let empty = from_responder.seal(7 << 20, 5, 64, 0, b"");
    let received = reassembler.push(&(), &empty, &mut open, Instant::now());
    assert_eq!(received, Ok(Received::Complete { id: 5, payload: Bytes::new() }));

    let message = Fragmenter::new(0x0506_0708, long().into(), Stride::new(80).unwrap()).unwrap();
    let packets = message.pack(&mut (0..2), &mut seal, &mut PacketPool::default()).unwrap().unwrap();
    let mut received = Vec::new();
    for (number, packet) in (0_u8..).zip(packets.iter()) {
        let header = [0xF1, 0, 0, 80, 5, 6, 7, 8, 0, 0, 0, number, 0, 0, 0, 150];
        received.extend(from_initiator.open(&packet, number.into(), header));
    }
    assert_eq!(received, long());
}

/// The responder: answers the handshake with messages of the documented lengths. Returns both
/// directions and the binding.
async fn respond(
    stream: &mut Duplex,
    pattern: &str,
    lens: &[usize],
    suite: Suite,
) -> ([Direction; 2], [u8; 32]) {
    let mut prologue = b"futures-handoff secure 1".to_vec();
    prologue.push(if suite == Suite::Aes256Gcm { 2 } else { 1 });
    for number in [LONGEST_MESSAGE as u64, LONGEST_RECORD as u64, RECORDS_FOR_A_KEY, NAMESPACE.len() as u64] {
        prologue.extend(number.to_be_bytes());
    }
    prologue.extend(NAMESPACE);
    let known = StaticKey::from_bytes(INITIATOR).public();
    let protocol = format!("Noise_{pattern}_25519_ChaChaPoly_SHA256").parse().unwrap();
    let mut builder =
        snow::Builder::new(protocol).prologue(&prologue).unwrap().local_private_key(&RESPONDER).unwrap();
    if pattern == "KK" {
        builder = builder.remote_public_key(known.as_bytes()).unwrap();
    }
    let mut state = builder.build_responder().unwrap();
    for &len in lens {
        let mut message = vec![0; 2 + len];
        if state.is_my_turn() {
            assert_eq!(state.write_message(&[], &mut message[2..]).unwrap(), len);
            message[..2].copy_from_slice(&(len as u16).to_be_bytes());
            stream.write_all(&message).await.unwrap();
        } else {
            stream.read_exact(&mut message).await.unwrap();
            assert_eq!(message[..2], (len as u16).to_be_bytes());
            assert_eq!(state.read_message(&message[2..], &mut [0; 128]).unwrap(), 0);
        }
    }
    let (k1, k2) = state.dangerously_get_raw_split();
    let (prk, _) = Hkdf::<Sha256>::extract(Some(state.get_handshake_hash()), &[k1, k2].concat());
    let direction = |label| Direction { suite, secret: expand(&prk, label), record: 0 };
    let directions = [
        direction("futures-handoff secure 1 from initiator"),
        direction("futures-handoff secure 1 from responder"),
    ];
    (directions, expand(&prk, "futures-handoff secure 1 channel binding"))
}

/// A message of three records.
fn long() -> Vec<u8> {
    (0..150).collect()
}

/// The kinds and plaintexts of an empty message, a long one, a batch and the close.
fn records() -> Vec<(u8, Vec<u8>)> {
    let long = long();
    vec![
        (0, vec![]),
        (2, vec![0, 0, 0, 150]),
        (3, long[..64].to_vec()),
        (3, long[64..128].to_vec()),
        (3, long[128..].to_vec()),
        (1, b"\0\0\x01a\0\0\0\0\0\x02bb".to_vec()),
        (4, vec![]),
    ]
}

async fn exchange(pattern: &str, lens: &[usize], suite: Suite) {
    let (near, mut far) = duplex(64 * 1024);
    let config = Config::new(NAMESPACE)
        .with_suite(suite)
        .with_max_message_len(LONGEST_MESSAGE)
        .with_max_record_len(LONGEST_RECORD)
        .with_rekey_after(RECORDS_FOR_A_KEY);
    let (key, peer) = (StaticKey::from_bytes(INITIATOR), StaticKey::from_bytes(RESPONDER).public());
    let noise = match pattern {
        "XX" => Noise::xx(key),
        "IK" => Noise::ik(key, Some(peer)),
        _ => Noise::kk(key, peer),
    };
    let ours = async {
        let (reader, writer) = near.split();
        let Session { binding, sender, mut receiver, mut task, packets, .. } =
            secure::connect(reader, writer, noise, &config, pending()).await.unwrap();
        let talk = async {
            sender.send(b"").await.unwrap();
            sender.send(&long()).await.unwrap();
            sender.send_batch(&["a", "", "bb"]).await.unwrap();
            sender.close().await.unwrap();
            let mut received = Vec::new();
            while let Some(message) = receiver.recv().await.unwrap() {
                received.push(message);
            }
            received
        };
        (binding, packets, task.run_until(talk).await)
    };
    let theirs = async {
        let ([mut from_initiator, mut from_responder], binding) =
            respond(&mut far, pattern, lens, suite).await;
        let packets = [from_initiator.packets(), from_responder.packets()];
        let mut received = Vec::new();
        for (kind, plain) in records() {
            received.push(from_initiator.open(&mut far).await);
            far.write_all(&from_responder.seal(kind, &plain)).await.unwrap();
        }
        (binding, packets, received)
    };
    let ((binding, packets, messages), (other_binding, other_packets, received)) = join(ours, theirs).await;
    assert_eq!(binding, other_binding);
    assert_eq!(messages, [&b""[..], &long(), b"a", b"", b"bb"]);
    assert_eq!(received, records());
    exchange_packets(packets, other_packets);
}

watched_tests! {
    fn an_implementation_after_the_documentation_understands_this_one_and_is_understood() {
        for suite in [Suite::ChaCha20Poly1305, Suite::Aes256Gcm] {
            block_on(exchange("XX", &[32, 96, 64], suite));
            block_on(exchange("IK", &[96, 48], suite));
            block_on(exchange("KK", &[48, 48], suite));
        }
    }
}
