use futures_handoff_router::detect::proxy_header::{encode_v1, encode_v2};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::{Matcher, tls::post_quantum};

/// A typical beginning of a client, or arbitrary bytes.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let addresses = Some(("[::1]:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap()));
    let whole = vec![
        post_quantum("example.com", &["h2"]),
        b"GET http://a:80/b?c HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"*2\r\n$3\r\nGET\r\n$5\r\nuser:\r\n".to_vec(),
        b"*1\r\n$4\r\nPING\r\n".to_vec(),
        b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n".to_vec(),
        encode_v1(addresses),
        encode_v1(None),
        encode_v2(addresses, &[(1, b"h2"), (3, &[0; 4])]),
        b"\r\n".to_vec(),
    ];
    prop_oneof![6 => prop::sample::select(whole), 1 => vec(any::<u8>(), 0..40)]
}

/// Two pieces, each from the first byte or from anywhere, with some bytes changed.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let changes = vec(
        (any::<Index>(), prop_oneof![any::<u8>(), prop::sample::select(b"\0\r\n 019:*$".to_vec())]),
        0..3,
    );
    (piece(), piece(), prop_oneof![Just(None), any::<Index>().prop_map(Some)], changes).prop_map(
        |(mut bytes, behind, cut, changes)| {
            bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len() + 1)));
            bytes.extend(behind);
            for (at, value) in changes {
                if !bytes.is_empty() {
                    // Most of the bytes that decide are at the front.
                    let at = at.index(bytes.len().min(80));
                    bytes[at] = value;
                }
            }
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_answer_changes_and_none_comes_sooner_than_needed(bytes in bytes()) {
        for matcher in Matcher::ALL {
            matcher.decide(&bytes);
        }
    }
}
