use std::net::SocketAddr;

use futures_handoff_router::detect::{
    Answer, LIMIT,
    proxy_header::{ABSENT, encode_v1, encode_v2, header},
};
use proptest::{collection::vec, prelude::*};

use crate::{Matcher, need, no, yes};

const V1: &str = "a PROXY header of version 1 is malformed";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const CHECKSUM: &str = "the checksum of a PROXY header is wrong";
const NO_TLVS: [(u8, &[u8]); 0] = [];

fn pair(source: &str, destination: &str) -> Option<(SocketAddr, SocketAddr)> {
    Some((source.parse().unwrap(), destination.parse().unwrap()))
}

fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let len = u16::try_from(block.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &len, block].concat()
}

/// Addresses and ports of IPv4: 1.2.3.4:258 and 5.6.7.8:772.
const IPV4: [u8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4];

#[test]
fn a_header_of_version_1_is_found() {
    let v6 = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let longest = format!("PROXY TCP6 {v6} {v6} 65535 65535\r\n");
    let unknown = format!("PROXY UNKNOWN {}\r\n", "a b".repeat(30));
    assert_eq!(unknown.len(), 106);
    for (line, addresses) in [
        ("PROXY TCP4 192.0.2.1 198.51.100.2 1 65535\r\n", pair("192.0.2.1:1", "198.51.100.2:65535")),
        ("PROXY TCP6 2001:DB8::1 ::ffff:1.2.3.4 0 443\r\n", pair("[2001:db8::1]:0", "[::ffff:1.2.3.4]:443")),
        (&longest, pair(&format!("[{v6}]:65535"), &format!("[{v6}]:65535"))),
        ("PROXY UNKNOWN\r\n", None),
        ("PROXY UNKNOWN 1 2 3 4 5 6 7 \0\u{fc}\r\n", None),
        (&unknown, None),
    ] {
        yes(Matcher::ProxyHeader, line, (line.len(), addresses, NO_TLVS));
    }
}

#[test]
fn a_malformed_header_of_version_1_is_ruled_out_and_not_taken_for_none() {
    for line in [
        "PROXY \r",
        "PROXY  ",
        "PROXY t",
        "PROXY TCP5",
        "PROXY TCP4\r",
        "PROXY UNKNOWNS",
        "PROXY UNKNOWN\n",
        "PROXY UNKNOWN \n",
        "PROXY UNKNOWN \r ",
        "PROXY UNKNOWN \r\r",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\ra",
        "PROXY TCP4 1.1.1.1 2.2.2.2 +",
        "PROXY TCP4 1.1.1.1 2.2.2.2 -",
        "PROXY TCP4 1.1.1.1\t",
        "PROXY TCP4 \r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n",
        "PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.256 1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 a\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP6 ::1 ::1::1 1 2\r\n",
    ] {
        no(Matcher::ProxyHeader, line, V1);
    }
    const TOO_LONG: &str = "a PROXY header of version 1 is longer than 107 bytes";
    for protocol in ["UNKNOWN", "TCP4"] {
        let line = format!("PROXY {protocol} {}\r\n", "1".repeat(100));
        no(Matcher::ProxyHeader, &line[..107], TOO_LONG);
        no(Matcher::ProxyHeader, format!("{}\r", &line[..106]), TOO_LONG);
    }
}

#[test]
fn a_header_of_version_2_is_found() {
    let v6 = [[0x20; 16], [0x21; 16]].concat();
    let v6_pair =
        pair("[2020:2020:2020:2020:2020:2020:2020:2020]:1", "[2121:2121:2121:2121:2121:2121:2121:2121]:2");
    let tlvs = [&[0x20, 0, 0][..], &[0xe0, 0, 2, 5, 6]].concat();
    let seen = [(0x20, &[][..]), (0xe0, &[5, 6])];
    let v4_pair = pair("1.2.3.4:258", "5.6.7.8:772");
    for (command, family, addresses, expected) in [
        (0x21, 0x11, &IPV4[..], v4_pair),
        (0x21, 0x12, &IPV4, v4_pair),
        (0x21, 0x21, &[&v6[..], &[0, 1, 0, 2]].concat(), v6_pair),
        (0x21, 0x31, &[1; 216], None),
        (0x21, 0x32, &[1; 216], None),
        (0x21, 0x00, &[], None),
    ] {
        let bytes = v2(command, family, addresses);
        yes(Matcher::ProxyHeader, &bytes, (bytes.len(), expected, NO_TLVS));
        let bytes = v2(command, family, &[addresses, &tlvs].concat());
        yes(Matcher::ProxyHeader, &bytes, (bytes.len(), expected, seen));
        need(Matcher::ProxyHeader, &bytes[..16], bytes.len() - 16);
    }
    // The content of such headers must be ignored.
    for (command, family) in [(0x20, 0x00), (0x20, 0x11), (0x20, 0x99), (0x21, 0x00)] {
        let bytes = v2(command, family, &[3, 0, 9, 1]);
        yes(Matcher::ProxyHeader, &bytes, (20, None::<()>, NO_TLVS));
    }
}

#[test]
fn a_malformed_header_of_version_2_is_ruled_out_and_not_taken_for_none() {
    const COMMAND: &str = "a PROXY header is not of version 2, or of no known command";
    const FAMILY: &str = "a PROXY header has an unknown family or transport";
    const TLV: &str = "a TLV of a PROXY header exceeds it";
    for command in [0x00, 0x11, 0x22, 0x2f, 0x31] {
        no(Matcher::ProxyHeader, [SIGNATURE, &[command]].concat(), COMMAND);
    }
    for family in [0x01, 0x02, 0x10, 0x13, 0x20, 0x30, 0x41, 0xff] {
        no(Matcher::ProxyHeader, [SIGNATURE, &[0x21, family]].concat(), FAMILY);
    }
    for (family, len) in [(0x11, 11), (0x21, 35), (0x31, 215)] {
        no(
            Matcher::ProxyHeader,
            v2(0x21, family, &vec![0; len]),
            "a PROXY header is too short for its addresses",
        );
    }
    for tlvs in [&[4][..], &[4, 0], &[4, 0, 1], &[4, 0, 0, 4, 0, 2, 1]] {
        no(Matcher::ProxyHeader, v2(0x21, 0x11, &[&IPV4, tlvs].concat()), TLV);
    }
    no(
        Matcher::ProxyHeader,
        [SIGNATURE, &[0x20, 0, 0x3f, 0xf1]].concat(),
        "a PROXY header is longer than 16 KiB",
    );
    need(Matcher::ProxyHeader, [SIGNATURE, &[0x20, 0, 0x3f, 0xf0]].concat(), LIMIT - 16);
}

#[test]
fn a_checksum_of_a_header_is_verified() {
    // The checksum of the bytes below with zeros in its place, by another implementation.
    const SUM: u32 = 0xed49_ed0f;
    let checked = |sum: &[u8]| {
        let len = u16::try_from(sum.len()).unwrap().to_be_bytes();
        v2(0x21, 0x11, &[&IPV4, &[3][..], &len, sum, &[4, 0, 1, 0xaa]].concat())
    };
    let sum = SUM.to_be_bytes();
    let right = checked(&sum);
    let tlvs = [(3, &sum[..]), (4, &[0xaa])];
    yes(Matcher::ProxyHeader, &right, (right.len(), pair("1.2.3.4:258", "5.6.7.8:772"), tlvs));
    for wrong in [&(SUM ^ 1).to_be_bytes()[..], &SUM.to_le_bytes(), &[], &[0; 4], &[0; 5]] {
        no(Matcher::ProxyHeader, checked(wrong), CHECKSUM);
    }
    for at in [16, 27, 38] {
        let mut changed = right.clone();
        changed[at] ^= 1;
        no(Matcher::ProxyHeader, changed, CHECKSUM);
    }
}

#[test]
fn other_bytes_are_no_header_from_the_first_one_that_differs() {
    for bytes in [&b"G"[..], b"\x16", b"PU", b"PROP", b"PROXYS", b"p", b"\r\n\r\nG", b"\r\n\r\n\0\r\nQUIT\r"]
    {
        no(Matcher::ProxyHeader, bytes, ABSENT);
    }
    need(Matcher::ProxyHeader, "", 1);
    need(Matcher::ProxyHeader, "P", 1);
    need(Matcher::ProxyHeader, "\r", 1);
}

#[test]
fn headers_are_written_as_the_specification_has_them() {
    let v4 = pair("1.2.3.4:258", "5.6.7.8:772");
    let mixed = pair("1.2.3.4:1", "[2001:db8::1]:2");
    for (addresses, line) in [
        (None, "PROXY UNKNOWN\r\n"),
        (v4, "PROXY TCP4 1.2.3.4 5.6.7.8 258 772\r\n"),
        (mixed, "PROXY TCP6 ::ffff:1.2.3.4 2001:db8::1 1 2\r\n"),
    ] {
        assert_eq!(encode_v1(addresses), line.as_bytes());
    }
    assert_eq!(encode_v2(None, &[]), v2(0x21, 0, &[]));
    assert_eq!(encode_v2(None, &[(1, b"h2")]), v2(0x21, 0, b"\x01\0\x02h2"));
    assert_eq!(encode_v2(v4, &[(4, b"")]), v2(0x21, 0x11, &[&IPV4[..], &[4, 0, 0]].concat()));
    let longest = vec![0; LIMIT - 16 - 3];
    assert_eq!(encode_v2(None, &[(4, &longest)]).len(), LIMIT);
}

#[test]
#[should_panic = "a PROXY header has at most 16384 bytes, this one has 16385"]
fn a_header_beyond_the_limit_is_not_written() {
    encode_v2(None, &[(4, &vec![0; LIMIT - 16 - 2])]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(
        addresses in any::<Option<(SocketAddr, SocketAddr)>>(),
        // A checksum of arbitrary bytes is wrong.
        tlvs in vec((any::<u8>().prop_filter("a checksum", |kind| *kind != 3), vec(any::<u8>(), 0..40)), 0..4),
        following in vec(any::<u8>(), 0..40),
    ) {
        // An IPv4 address beside an IPv6 address is mapped; neither header has scopes and flows.
        let mixed = addresses.is_some_and(|(source, destination)| source.is_ipv4() != destination.is_ipv4());
        let plain = |address: SocketAddr| match address {
            SocketAddr::V4(v4) if mixed => (v4.ip().to_ipv6_mapped(), v4.port()).into(),
            _ => SocketAddr::new(address.ip(), address.port()),
        };
        let expected = addresses.map(|(source, destination)| (plain(source), plain(destination)));
        let borrowed: Vec<_> = tlvs.iter().map(|(kind, value)| (*kind, &value[..])).collect();
        for (bytes, tlvs) in [(encode_v1(addresses), &[][..]), (encode_v2(addresses, &borrowed), &borrowed)] {
            let all = [&bytes[..], &following].concat();
            let Answer::Yes(found) = header(&all) else { panic!("{:?}", header(&all)) };
            prop_assert_eq!((found.len, found.addresses), (bytes.len(), expected));
            prop_assert_eq!(found.tlvs.collect::<Vec<_>>(), tlvs);
        }
    }
}
