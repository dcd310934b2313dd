use std::sync::Arc;

use futures_handoff_router::detect::{
    Answer, LIMIT,
    tls::{ClientHello, client_hello},
};
use futures_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    crypto::{CryptoProvider, aws_lc_rs},
};

use crate::{Matcher, need, no, yes};

const MALFORMED: &str = "the ClientHello is malformed";
const EXTENSION: &str = "an extension of the ClientHello is malformed";
const TWICE: &str = "an extension of the ClientHello is there twice";
const NAMES: &str = "the list of server names is malformed";
const NAME: &str = "the server name is empty or not printable ASCII";
const PROTOCOLS: &str = "the list of protocols is malformed";

/// The first message of rustls, with a post-quantum key share.
pub fn post_quantum(name: &str, alpn: &[&str]) -> Vec<u8> {
    let provider = CryptoProvider {
        kx_groups: vec![aws_lc_rs::kx_group::X25519MLKEM768, aws_lc_rs::kx_group::X25519],
        ..aws_lc_rs::default_provider()
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let mut client = ClientConnection::new(Arc::new(config), name.to_owned().try_into().unwrap()).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}

fn found(server_name: Option<&str>, alpn: &[&str]) -> ClientHello {
    ClientHello {
        server_name: server_name.map(str::to_owned),
        alpn: alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect(),
    }
}

fn opaque8(bytes: &[u8]) -> Vec<u8> {
    [&[bytes.len().try_into().unwrap()], bytes].concat()
}

fn opaque16(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &opaque16(data)].concat()
}

fn server_name(name: &str) -> Vec<u8> {
    extension(0, &opaque16(&[&[0], &opaque16(name.as_bytes())[..]].concat()))
}

fn protocols(names: &[&str]) -> Vec<u8> {
    let list: Vec<u8> = names.iter().flat_map(|name| opaque8(name.as_bytes())).collect();
    extension(16, &opaque16(&list))
}

/// The fields before the extensions.
fn fields() -> Vec<u8> {
    [&[3, 3], &[7; 32][..], &opaque8(&[9; 32]), &opaque16(&[0x13, 1, 0x13, 2]), &opaque8(&[0])].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0], &opaque16(body)[..]].concat()
}

/// A message in records of `len` bytes.
fn records(message: &[u8], len: usize) -> Vec<u8> {
    let record = |body: &[u8]| [&[22, 3, 1], &opaque16(body)[..]].concat();
    message.chunks(len).flat_map(record).collect()
}

fn hello(extensions: &[Vec<u8>]) -> Vec<u8> {
    let body = [fields(), opaque16(&extensions.concat())].concat();
    records(&message(1, &body), 1 << 14)
}

#[test]
fn a_post_quantum_hello_is_found_however_it_is_cut_and_split() {
    let alpn = ["h2", "http/1.1", "\u{fc}", &"x".repeat(100)];
    let name = format!("Shop.{}EXAMPLE.com", "label.".repeat(35));
    let hello = post_quantum(&name, &alpn);
    assert!(hello.len() > 1741, "{}", hello.len());
    let expected = found(Some(&name.to_lowercase()), &alpn);
    yes(Matcher::Tls, &hello, &expected);
    for len in [1, 2, 100, 1000] {
        yes(Matcher::Tls, records(&hello[5..], len), &expected);
    }
    yes(Matcher::Tls, post_quantum("192.0.2.1", &[]), found(None, &[]));
}

#[test]
fn other_matchers_rule_a_hello_out_at_once_and_it_is_still_waited_for() {
    let hello = post_quantum("example.com", &[]);
    for matcher in Matcher::ALL.into_iter().filter(|matcher| *matcher != Matcher::Tls) {
        assert!(matches!(matcher.decide(&hello), Some((1, Answer::No(_)))), "{matcher:?}");
    }
}

#[test]
fn a_hello_says_which_names_and_protocols_whatever_else_it_says() {
    // tls-parser cannot read such a versions extension, and would drop the ones after it.
    let strange =
        [extension(43, &[5, 0]), extension(51, &[]), extension(0x0a0a, &[]), extension(0xfe0d, &[1])];
    let long = ["a"; 255].concat();
    for (name, expected) in [
        ("example.com", "example.com"),
        ("EXAMPLE.com.", "example.com"),
        ("127.0.0.1", "127.0.0.1"),
        ("a_b.*-", "a_b.*-"),
        (&long, &long),
    ] {
        yes(Matcher::Tls, hello(&[server_name(name)]), found(Some(expected), &[]));
        let all = [&strange[..], &[protocols(&["x", "h2"]), server_name(name)]].concat();
        yes(Matcher::Tls, hello(&all), found(Some(expected), &["x", "h2"]));
    }
    yes(Matcher::Tls, hello(&[]), found(None, &[]));
    // Without a list of extensions, as in SSL 3.0.
    yes(Matcher::Tls, records(&message(1, &fields()), 1 << 14), found(None, &[]));
}

#[test]
fn a_malformed_hello_is_ruled_out_when_it_is_there() {
    for (extension, reason) in [
        (server_name(""), NAME),
        (server_name("."), NAME),
        (server_name("a b"), NAME),
        (server_name("b\u{fc}cher.example"), NAME),
        (server_name("a\0.example"), NAME),
        (server_name(&["a"; 256].concat()), "the server name is longer than 255 bytes"),
        (extension(0, &[]), NAMES),
        (extension(0, &[0, 0]), NAMES),
        (extension(0, &opaque16(&[0, 0, 2, b'a'])), NAMES),
        (extension(0, &opaque16(&[1, 0, 1, b'a'])), NAMES),
        (extension(0, &opaque16(&[0, 0, 1, b'a', 0, 0, 1, b'b'])), NAMES),
        (extension(0, &[&opaque16(&[0, 0, 1, b'a'])[..], &[0]].concat()), NAMES),
        (extension(16, &[]), PROTOCOLS),
        (extension(16, &[0, 0]), PROTOCOLS),
        (extension(16, &opaque16(&[0])), PROTOCOLS),
        (extension(16, &opaque16(&[2, b'h'])), PROTOCOLS),
        (extension(16, &[&opaque16(&[1, b'h'])[..], &[0]].concat()), PROTOCOLS),
        ([server_name("a"), server_name("a")].concat(), TWICE),
        ([protocols(&["a"]), protocols(&["a"])].concat(), TWICE),
        (vec![0, 0, 0], EXTENSION),
        (vec![0, 99, 0, 1], EXTENSION),
    ] {
        no(Matcher::Tls, hello(&[extension]), reason);
    }
    let all = [fields(), opaque16(&server_name("a"))].concat();
    for body in [
        &[][..],
        &all[..all.len() - 1],
        &[&all[..], &[0]].concat(),
        // Another version, a session of 33 bytes, no ciphers, half a cipher, no compression.
        &[&[2, 3], &all[2..]].concat(),
        &[&all[..34], &opaque8(&[0; 33]), &all[67..]].concat(),
        &[&all[..67], &[0, 0], &all[73..]].concat(),
        &[&all[..67], &[0, 3, 0, 0, 0], &all[73..]].concat(),
        &[&all[..73], &[0], &all[75..]].concat(),
    ] {
        no(Matcher::Tls, records(&message(1, body), 1 << 14), MALFORMED);
    }
}

#[test]
fn records_that_no_hello_has_are_ruled_out_at_their_header() {
    let small = records(&message(1, &fields()), 20);
    for (bytes, reason) in [
        (&b"\x15"[..], "not TLS: the first byte is not that of a handshake"),
        (b"\x80", "not TLS: the first byte is not that of a handshake"),
        (b"\x16\x02", "not TLS: the version is not 3.x"),
        (b"\x16\x03\x01\0\0", "an empty record of a handshake"),
        (b"\x16\x03\x01\x40\x01", "a record is longer than 16 KiB"),
        (b"\x16\x03\x01\0\x50\x02\0\0\x4c", "the handshake is not a ClientHello"),
        (b"\x16\x03\x01\0\x09\x01\0\0\x04", "a record continues after the ClientHello"),
        (&[&small[..25], &[21]].concat(), "a record inside the ClientHello is not a handshake record"),
        (&[&small[..25], &[22, 3, 1, 0, 0]].concat(), "an empty record of a handshake"),
        (&[&small[..25], &[22, 3, 1, 0, 60]].concat(), "a record continues after the ClientHello"),
    ] {
        no(Matcher::Tls, bytes, reason);
    }
    // Many bytes that are not TLS are not reported as a hello that is too long.
    let large = vec![b'x'; 64 << 10];
    assert_eq!(client_hello(&large), Answer::No("not TLS: the first byte is not that of a handshake"));
}

#[test]
fn a_hello_may_be_as_long_as_the_limit_with_the_headers_of_its_records() {
    const TOO_LONG: &str = "the ClientHello is longer than 16 KiB";
    let expected = found(Some("example.com"), &[]);
    let padded = |len: usize| {
        let base = [fields(), vec![0, 0], server_name("example.com"), extension(21, &[])].concat();
        let padding = extension(21, &vec![0; len - 4 - base.len()]);
        message(1, &[fields(), opaque16(&[server_name("example.com"), padding].concat())].concat())
    };
    assert_eq!(padded(1000).len(), 1000);
    yes(Matcher::Tls, records(&padded(10 << 10), 1 << 14), &expected);
    yes(Matcher::Tls, records(&padded(LIMIT - 5), 1 << 14), &expected);
    no(Matcher::Tls, &records(&padded(LIMIT - 4), 1 << 14)[..9], TOO_LONG);
    no(Matcher::Tls, b"\x16\x03\x01\x40\0\x01\xff\xff\xff", TOO_LONG);
    // Three records have three headers; only the last one shows that the hello exceeds the limit.
    yes(Matcher::Tls, records(&padded(LIMIT - 15), 6000), &expected);
    no(Matcher::Tls, &records(&padded(LIMIT - 14), 6000)[..2 * 6005 + 5], TOO_LONG);
}

#[test]
fn what_a_record_lacks_is_asked_for_at_once() {
    let split = records(&message(1, &fields()), 20);
    for (len, more) in
        [(0, 1), (1, 1), (2, 3), (4, 1), (5, 4), (8, 1), (9, 16), (25, 1), (26, 1), (27, 3), (30, 20)]
    {
        need(Matcher::Tls, &split[..len], more);
    }
    need(Matcher::Tls, b"\x16\x03\x01\0\x02", 2);
    need(Matcher::Tls, b"\x16\x03\x01\0\x02\x01\0", 1);
}
