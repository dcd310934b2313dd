#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashMap;

use futures_executor::block_on;
use snow::{
    Builder, HandshakeState,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::{CryptoResolver, DefaultResolver},
    types::{Cipher, Dh, Hash, Random},
};

use super::{Exchange, KEY, MESSAGE_MAX, Noise, Pattern, TAG, ready};
use crate::{
    HandoffBuffer,
    secure::{
        Handshake, HandshakeError, HandshakeIo, PublicKey, Role, StaticKey, Suite, aead::CipherKey,
        keys::LOW_ORDER,
    },
};

/// The messages that one side writes and reads.
type Io<'a> = HandshakeIo<&'a [u8], Vec<u8>>;

fn io(reader: &[u8]) -> Io<'_> {
    HandshakeIo { reader, writer: Vec::new(), buffer: HandoffBuffer::new(2 * MESSAGE_MAX) }
}

fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

struct Vector {
    values: HashMap<String, String>,
    /// Payloads and their bytes on the wire.
    messages: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Vector {
    fn all() -> Vec<Self> {
        let parse = |text: &str| {
            let lines =
                || text.lines().filter_map(|line| line.split_once(' ')).filter(|(name, _)| *name != "#");
            let values = lines().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let messages = lines().filter(|(name, _)| *name == "message").map(|(_, message)| {
                let (payload, wire) = message.split_once(' ').unwrap();
                (unhex(payload), unhex(wire))
            });
            Self { values, messages: messages.collect() }
        };
        let blocks = include_str!("vectors.txt").split("\n\n");
        blocks.filter(|text| text.contains("protocol ")).map(parse).collect()
    }

    fn value(&self, name: &str) -> Vec<u8> {
        self.values.get(name).map(|digits| unhex(digits)).unwrap_or_default()
    }

    fn state(&self, side: &str) -> HandshakeState {
        let value = |name: &str| self.value(&format!("{side}_{name}"));
        let (local, ephemeral, remote) = (value("static"), value("ephemeral"), value("remote_static"));
        let prologue = value("prologue");
        let builder = Builder::new(self.values["protocol"].parse().unwrap())
            .prologue(&prologue)
            .and_then(|builder| builder.local_private_key(&local))
            .unwrap()
            .fixed_ephemeral_key_for_testing_only(&ephemeral);
        let builder = if remote.is_empty() { builder } else { builder.remote_public_key(&remote).unwrap() };
        if side == "init" { builder.build_initiator() } else { builder.build_responder() }.unwrap()
    }
}

#[test]
fn the_public_vectors_of_xx_ik_and_kk_come_out_of_the_exchange() {
    let vectors = Vector::all();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let name = &vector.values["protocol"];
        let mut sides = ["init", "resp"].map(|side| Exchange { state: vector.state(side), message: 0 });
        let mut messages = vector.messages.iter();
        let mut sends = 0;
        while !sides[0].state.is_handshake_finished() {
            let (payload, wire) = messages.next().unwrap();
            let mut sending = io(&[]);
            block_on(sides[sends].send(&mut sending, payload)).unwrap();
            assert_eq!(sending.writer[2..], *wire, "{name}");
            let read = block_on(sides[1 - sends].receive(&mut io(&sending.writer), wire.len())).unwrap();
            assert_eq!(read, (payload.clone().into(), wire.len()), "{name}");
            sends = 1 - sends;
        }

        for side in &mut sides {
            assert_eq!(side.state.get_handshake_hash(), vector.value("handshake_hash"), "{name}");
        }
        let (from_initiator, from_responder) = sides[0].state.dangerously_get_raw_split();
        assert_eq!(sides[1].state.dangerously_get_raw_split(), (from_initiator, from_responder));
        let keys = [from_initiator, from_responder].map(|key| CipherKey::new(Suite::ChaCha20Poly1305, &key));
        let mut sent = [0_u64; 2];
        for (payload, wire) in messages {
            let mut nonce = [0; 12];
            nonce[4..].copy_from_slice(&sent[sends].to_le_bytes());
            let mut sealed = vec![0; payload.len() + TAG];
            keys[sends].seal(nonce, &[], payload, &mut sealed).unwrap();
            assert_eq!(sealed, *wire, "{name}");
            sent[sends] += 1;
            sends = 1 - sends;
        }
    }
}

/// X25519 that sets the highest bit of its public keys and ignores that bit in the peer's keys.
struct Disguised(Box<dyn Dh>, [u8; KEY]);

impl Disguised {
    fn put_on(&mut self) {
        self.1.copy_from_slice(self.0.pubkey());
        self.1[KEY - 1] |= 0x80;
    }
}

impl Dh for Disguised {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn pub_len(&self) -> usize {
        KEY
    }

    fn priv_len(&self) -> usize {
        KEY
    }

    fn set(&mut self, privkey: &[u8]) {
        self.0.set(privkey);
        self.put_on();
    }

    fn generate(&mut self, random: &mut dyn Random) -> Result<(), snow::Error> {
        self.0.generate(random)?;
        self.put_on();
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        &self.1
    }

    fn privkey(&self) -> &[u8] {
        self.0.privkey()
    }

    fn dh(&self, pubkey: &[u8], out: &mut [u8]) -> Result<(), snow::Error> {
        self.0.dh(pubkey, out)
    }
}

struct Disguise;

impl CryptoResolver for Disguise {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        DefaultResolver.resolve_rng()
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice).map(|dh| Box::new(Disguised(dh, [0; KEY])) as Box<dyn Dh>)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

#[test]
fn a_key_that_was_withdrawn_does_not_come_back_under_another_name() {
    let (thief, bob) = (StaticKey::generate(), StaticKey::generate());
    let (withdrawn, named) = (thief.public(), bob.public());
    let mut state = Builder::with_resolver(Pattern::Ik.protocol().parse().unwrap(), Box::new(Disguise))
        .prologue(b"prologue")
        .and_then(|builder| builder.local_private_key(thief.as_bytes()))
        .and_then(|builder| builder.remote_public_key(named.as_bytes()))
        .and_then(Builder::build_initiator)
        .unwrap();
    let mut wire = vec![0, 96];
    wire.resize(2 + 96, 0);
    assert_eq!(state.write_message(&[], &mut wire[2..]).unwrap(), 96);
    let noise = Noise::ik(bob, None).admit(|peer| ready(peer != withdrawn));
    let answer = block_on(noise.run(Role::Responder, b"prologue", &mut io(&wire))).map(|(peer, _)| peer);
    assert!(matches!(answer, Err(HandshakeError::Failed { message: 1 })), "{answer:?}");
}

#[test]
fn a_named_key_has_to_be_a_public_key() {
    for (bytes, is_valid) in [
        (edge(0xEB, 0x7F), true),
        (edge(0xED, 0x7F), false),
        (edge(0xFF, 0x7F), false),
        (edge(0, 0xFF), false),
    ] {
        assert_eq!(PublicKey::from(bytes).is_provable(), is_valid, "{bytes:x?}");
        let noise = Noise::kk(StaticKey::generate(), PublicKey::from(bytes));
        assert_eq!(noise.build(Role::Initiator, b"").is_ok(), is_valid, "{bytes:x?}");
    }
}

/// A number with these lowest and highest bytes. All other bytes are 0xFF.
fn edge(low: u8, high: u8) -> [u8; KEY] {
    let mut bytes = [0xFF; KEY];
    (bytes[0], bytes[KEY - 1]) = (low, high);
    bytes
}

#[test]
fn a_key_that_anyone_could_prove_is_no_name() {
    for low in LOW_ORDER {
        let mut dh = DefaultResolver.resolve_dh(&DHChoice::Curve25519).unwrap();
        dh.set(&[7; KEY]);
        let mut shared = [1; KEY];
        // The result is the same for every other key.
        assert!(dh.dh(&low, &mut shared).is_err() || shared == [0; KEY], "{low:02x?}");

        let noise = Noise::kk(StaticKey::from_bytes([1; KEY]), PublicKey::from(low));
        let mut io = io(&[]);
        let outcome = block_on(noise.run(Role::Initiator, b"", &mut io));
        assert!(matches!(outcome, Err(HandshakeError::Invalid(_))), "{low:02x?}");
        assert_eq!(io.writer, b"");
    }
}
