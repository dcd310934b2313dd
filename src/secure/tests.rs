//! Protocol violations by a peer with the right keys, and tests of the keys against the
//! documentation.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use hkdf::Hkdf;
use sha2::Sha256;

use super::{
    Config, ReceiveError, SessionKeys,
    aead::{CipherKey, Suite, TAG_LEN},
    keys::DirectionKey,
    open::{Opened, Opener},
    record::{HEADER_LEN, Header, Kind, u24},
};

const SECRET: [u8; 64] = [5; 64];
const TRANSCRIPT: [u8; 32] = [6; 32];
const SUITES: [Suite; 2] = [Suite::ChaCha20Poly1305, Suite::Aes256Gcm];

fn config() -> Config {
    Config::new("test").with_max_message_len(100).with_max_record_len(40)
}

fn keys(config: &Config) -> (DirectionKey, DirectionKey) {
    SessionKeys::derive(&SECRET, &TRANSCRIPT).directions(config.suite(), config.rekey_after())
}

/// A peer that seals any record.
struct Peer {
    key: DirectionKey,
    opener: Opener,
}

impl Peer {
    fn new(config: &Config) -> Self {
        Self { key: keys(config).0, opener: Opener::new(keys(config).0, config) }
    }

    /// The result of a receiver for such a record.
    fn says(&mut self, kind: Kind, body: &[u8]) -> Result<Vec<Vec<u8>>, ReceiveError> {
        let header = Header { kind, len: body.len() }.encode();
        let mut record = header.to_vec();
        record.resize(HEADER_LEN + body.len() + TAG_LEN, 0);
        self.key.seal(&header, body, &mut record[HEADER_LEN..]).unwrap();
        let header = self.opener.header(&record)?.unwrap();
        assert_eq!(header.wire_len(), record.len());
        let mut messages = Vec::new();
        if let Opened::Message(message) = self.opener.open(header, &record)? {
            messages.push(message.to_vec());
        }
        messages.extend(std::iter::from_fn(|| self.opener.next_of_batch()).map(|message| message.to_vec()));
        Ok(messages)
    }

    fn accepts(&mut self, kind: Kind, body: &[u8], expected: &[&[u8]]) {
        assert_eq!(self.says(kind, body).unwrap(), expected);
    }
}

/// The first records are valid. The last one is refused as malformed.
#[track_caller]
fn is_malformed(good: &[(Kind, &[u8])], (kind, body): (Kind, &[u8]), sentence: &str) {
    let mut peer = Peer::new(&config());
    good.iter().for_each(|(kind, body)| peer.accepts(*kind, body, &[]));
    let said = peer.says(kind, body);
    assert!(matches!(said, Err(ReceiveError::Malformed(what)) if what == sentence), "{said:?}");
}

fn batch_of(messages: &[(usize, &[u8])]) -> Vec<u8> {
    messages.iter().flat_map(|(len, bytes)| [&u24(*len)[..], bytes].concat()).collect()
}

#[test]
fn a_batch_with_lying_lengths_is_refused_whole() {
    for batch in [
        batch_of(&[(1, b"a"), (2, b"b")]),
        batch_of(&[(1, b"a"), (90, b"bcd")]),
        batch_of(&[(1, b"a"), (0xFF_FFFF, b"bcd")]),
        batch_of(&[(1, b"ab"), (0, b"")]),
        [&batch_of(&[(1, b"a")]), &b"\0"[..]].concat(),
        [&batch_of(&[(1, b"a")]), &b"\0\0"[..]].concat(),
        b"\0".to_vec(),
    ] {
        is_malformed(&[], (Kind::Batch, &batch), "a batch ends within a message");
    }
}

#[test]
fn a_message_of_a_batch_is_as_long_as_messages_may_be() {
    let config = config().with_max_message_len(5);
    let mut peer = Peer::new(&config);
    peer.accepts(Kind::Batch, &batch_of(&[(5, b"whole"), (0, b"")]), &[b"whole", b""]);
    let said = peer.says(Kind::Batch, &batch_of(&[(1, b"a"), (6, b"longer")]));
    assert!(matches!(said, Err(ReceiveError::TooLong { len: 6, limit: 5 })), "{said:?}");
}

#[test]
fn a_batch_without_messages_is_no_message() {
    let mut peer = Peer::new(&config());
    peer.accepts(Kind::Batch, b"", &[]);
    peer.accepts(Kind::Message, b"next", &[b"next"]);
}

#[test]
fn the_length_of_a_long_message_has_four_bytes() {
    for len in 0..4 {
        is_malformed(&[], (Kind::Begin, &[0; 4][..len]), "a begin record does not have 4 bytes");
    }
}

#[test]
fn a_long_message_is_as_long_as_messages_may_be_and_longer_than_a_record() {
    let begin = |total: u32| Peer::new(&config()).says(Kind::Begin, &total.to_be_bytes());
    for total in [101, u32::MAX] {
        let said = begin(total);
        let len = total as usize;
        assert!(matches!(said, Err(ReceiveError::TooLong { len: n, limit: 100 }) if n == len), "{said:?}");
    }
    begin(100).unwrap();
    begin(41).unwrap();
    for total in [0, 1, 40] {
        let sentence = "a message that fits in one record arrives in parts";
        is_malformed(&[], (Kind::Begin, &u32::to_be_bytes(total)), sentence);
    }
}

#[test]
fn a_part_has_the_length_that_is_due() {
    let begin: (Kind, &[u8]) = (Kind::Begin, &[0, 0, 0, 50]);
    let sentence = "a part of a message is too long or too short";
    for len in 0..40 {
        is_malformed(&[begin], (Kind::Part, &[7; 40][..len]), sentence);
    }
    for len in (0..=40).filter(|len| *len != 10) {
        is_malformed(&[begin, (Kind::Part, &[7; 40])], (Kind::Part, &[7; 40][..len]), sentence);
    }
    let mut peer = Peer::new(&config());
    peer.accepts(Kind::Begin, begin.1, &[]);
    peer.accepts(Kind::Part, &[7; 40], &[]);
    peer.accepts(Kind::Part, &[8; 10], &[&[&[7; 40][..], &[8; 10]].concat()]);
    peer.accepts(Kind::Message, b"next", &[b"next"]);
}

#[test]
fn a_part_comes_behind_the_length_of_its_message_and_nothing_else_does() {
    let begin: (Kind, &[u8]) = (Kind::Begin, &[0, 0, 0, 80]);
    let alone = "a part of a message arrives without a begin record";
    is_malformed(&[], (Kind::Part, b"part"), alone);
    let parts: [(Kind, &[u8]); 3] = [begin, (Kind::Part, &[7; 40]), (Kind::Part, &[7; 40])];
    let mut peer = Peer::new(&config());
    peer.accepts(Kind::Begin, begin.1, &[]);
    peer.accepts(Kind::Part, &[7; 40], &[]);
    peer.accepts(Kind::Part, &[7; 40], &[&[7; 80]]);
    assert!(matches!(peer.says(Kind::Part, &[7; 40]), Err(ReceiveError::Malformed(what)) if what == alone));
    for sent in [&parts[..1], &parts[..2]] {
        for other in [begin, (Kind::Message, b"message"), (Kind::Batch, b""), (Kind::Close, b"")] {
            is_malformed(sent, other, "another record arrives between the parts of a message");
        }
    }
}

#[test]
fn a_record_of_another_kind_does_not_open_although_its_length_is_right() {
    for kind in [Kind::Batch, Kind::Message] {
        let config = config();
        let (mut key, mut opener) = (keys(&config).0, Opener::new(keys(&config).0, &config));
        let header = Header { kind, len: 4 }.encode();
        let mut record = [&header[..], &[0; 4 + TAG_LEN]].concat();
        key.seal(&header, &u24(1).into_iter().chain([9]).collect::<Vec<_>>(), &mut record[HEADER_LEN..])
            .unwrap();
        record[0] ^= 1;
        let header = opener.header(&record).unwrap().unwrap();
        assert!(matches!(opener.open(header, &record), Err(ReceiveError::Unauthentic)));
    }
}

/// HKDF-SHA-256 as the documentation of the keys describes it.
fn expand(hkdf: &Hkdf<Sha256>, label: &str) -> [u8; 32] {
    let mut key = [0; 32];
    hkdf.expand(label.as_bytes(), &mut key).unwrap();
    key
}

#[test]
fn the_keys_are_those_that_are_written_down() {
    for suite in SUITES {
        for rekey_after in [1, 2, 3] {
            let config = config().with_suite(suite).with_rekey_after(rekey_after);
            let session = SessionKeys::derive(&SECRET, &TRANSCRIPT);
            let hkdf = Hkdf::<Sha256>::new(Some(&TRANSCRIPT), &SECRET);
            assert_eq!(session.binding, expand(&hkdf, "futures-handoff secure 1 channel binding"));
            let (from_initiator, from_responder) = keys(&config);
            for (mut direction, label) in [
                (from_initiator, "futures-handoff secure 1 from initiator"),
                (from_responder, "futures-handoff secure 1 from responder"),
            ] {
                let mut secret = expand(&hkdf, label);
                for record in 0..10_u64 {
                    if record > 0 && record % rekey_after == 0 {
                        secret = expand(&Hkdf::from_prk(&secret).unwrap(), "next");
                    }
                    let key = expand(&Hkdf::from_prk(&secret).unwrap(), "key");
                    let mut nonce = [0; 12];
                    nonce[4..].copy_from_slice(&record.to_le_bytes());
                    let mut expected = [0; 5 + TAG_LEN];
                    CipherKey::new(suite, &key).seal(nonce, b"head", b"plain", &mut expected).unwrap();
                    let mut sealed = [0; 5 + TAG_LEN];
                    direction.seal(b"head", b"plain", &mut sealed).unwrap();
                    assert_eq!(sealed, expected, "{label}: record {record}, after {rekey_after}");
                }
            }
        }
    }
}

#[test]
fn a_number_is_used_up_whatever_comes_of_its_record() {
    let config = config().with_rekey_after(2);
    let (mut near, mut far) = (keys(&config).0, keys(&config).0);
    let mut sealed = [[0; 1 + TAG_LEN]; 5];
    for record in &mut sealed {
        near.seal(b"", b"x", record).unwrap();
    }
    let mut plain = [0; 1];
    far.open(b"", &sealed[1], &mut plain).unwrap_err();
    far.open(b"", &sealed[0], &mut plain).unwrap_err();
    for record in &sealed[2..] {
        far.open(b"", record, &mut plain).unwrap();
    }
}
