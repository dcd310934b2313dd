//! Reads and writes the PROXY header, versions 1 and 2, with which a proxy names its client.
//!
//! `ppp` parses the addresses, the TLVs and the bytes of version 2. This module corrects where
//! `ppp` deviates from the specification: `ppp` accepts signs before ports and undefined
//! transports, refuses `LOCAL` with an unknown family and `UNKNOWN` with many bytes after it, and
//! treats incomplete headers as invalid.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use ppp::{v1, v2};

use super::{Answer, LIMIT};

/// The longest header of version 1, with its line end.
pub const MAX_V1: usize = 107;

/// The reason if there is no PROXY header. Any other reason means a malformed one.
pub const ABSENT: &str = "not a PROXY header";

const V1: &[u8] = b"PROXY ";
const V2_FIXED: usize = v2::PROTOCOL_PREFIX.len() + 4;
const TLV_FIXED: usize = 3;

/// A PROXY header.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Header<'a> {
    /// The bytes of the header. Those of the client follow.
    pub len: usize,
    /// The addresses of the client and of its destination. None if the header has no IP addresses:
    /// `UNKNOWN` and `UNSPEC`, `LOCAL`, Unix sockets.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// The TLVs of a header of version 2.
    pub tlvs: Tlvs<'a>,
}

/// Types and values of the TLVs of a header, in its order. All of them are complete.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tlvs<'a>(v2::TypeLengthValues<'a>);

impl<'a> Iterator for Tlvs<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        match self.0.next()?.ok()? {
            v2::TypeLengthValue { kind, value: Cow::Borrowed(value) } => Some((kind, value)),
            _ => None,
        }
    }
}

/// The header at the beginning of `view`.
///
/// - `Yes` when the whole header is there.
/// - `No` with [`ABSENT`] at the first byte that differs from how both versions begin: `PROXY` and
///   a space, or the signature of version 2. With another reason at the first byte after it that
///   rules a header out, at the end of a header of version 1 whose addresses are malformed, and at
///   the end of one of version 2 whose TLVs exceed it or whose checksum is wrong. Version 1 has at
///   most [`MAX_V1`] bytes, version 2 at most [`LIMIT`].
/// - `Need` is what a header of version 2 lacks, or one byte: with less the answer stays `Need`.
///
/// Follows the specification of HAProxy. Bytes after `UNKNOWN`, and the content of a `LOCAL`
/// header, are ignored. A checksum (`PP2_TYPE_CRC32C`) is verified if it is there, and a header
/// with a wrong one is not valid. The content of an `UNSPEC` header is ignored, except for TLVs if
/// it has nothing else.
///
/// Does not allocate.
pub fn header(view: &[u8]) -> Answer<Header<'_>> {
    let prefix = |whole: &[u8]| view.starts_with(whole) || whole.starts_with(view);
    match view.first() {
        None => Answer::Need(1),
        Some(_) if prefix(V1) => version_1(view),
        Some(_) if prefix(v2::PROTOCOL_PREFIX) => version_2(view),
        Some(_) => Answer::No(ABSENT),
    }
}

fn version_1(view: &[u8]) -> Answer<Header<'_>> {
    const MALFORMED: Answer<Header<'_>> = Answer::No("a PROXY header of version 1 is malformed");
    let Some(behind) = view.get(V1.len()..) else { return Answer::Need(1) };
    let begins = |protocol: &[u8]| behind.starts_with(protocol) || protocol.starts_with(behind);
    let unknown = begins(b"UNKNOWN ") || begins(b"UNKNOWN\r");
    if !unknown && !begins(b"TCP4 ") && !begins(b"TCP6 ") {
        return MALFORMED;
    }
    // The line end must be within the limit too.
    let line = &view[..view.len().min(MAX_V1 - 1)];
    let possible = |byte: u8| unknown || byte.is_ascii_hexdigit() || b" :.".contains(&byte);
    let end = line.iter().position(|byte| b"\r\n".contains(byte)).unwrap_or(line.len());
    // The protocol has other letters.
    if !line[..end].iter().skip(V1.len() + 4).all(|byte| possible(*byte)) {
        return MALFORMED;
    }
    match &view[end..] {
        [] => Answer::Need(1),
        _ if end == line.len() => Answer::No("a PROXY header of version 1 is longer than 107 bytes"),
        [b'\r'] => Answer::Need(1),
        [b'\r', b'\n', ..] => {
            let len = end + 2;
            let addresses = if unknown { Ok(None) } else { addresses_1(&view[..len]).map(Some) };
            let tlvs = Tlvs(v2::TypeLengthValues::from(&[][..]));
            addresses.map_or(MALFORMED, |addresses| Answer::Yes(Header { len, addresses, tlvs }))
        }
        _ => MALFORMED,
    }
}

fn addresses_1(line: &[u8]) -> Result<(SocketAddr, SocketAddr), ()> {
    match v1::Header::try_from(line).map_err(drop)?.addresses {
        v1::Addresses::Tcp4(pair) => Ok(of_ipv4(pair)),
        v1::Addresses::Tcp6(pair) => Ok(of_ipv6(pair)),
        v1::Addresses::Unknown => Err(()),
    }
}

fn of_ipv4(pair: v1::IPv4) -> (SocketAddr, SocketAddr) {
    let source = (pair.source_address, pair.source_port);
    (source.into(), (pair.destination_address, pair.destination_port).into())
}

fn of_ipv6(pair: v1::IPv6) -> (SocketAddr, SocketAddr) {
    let source = (pair.source_address, pair.source_port);
    (source.into(), (pair.destination_address, pair.destination_port).into())
}

fn version_2(view: &[u8]) -> Answer<Header<'_>> {
    const PROXY: u8 = 0x21;
    const LOCAL: u8 = 0x20;
    const UNSPEC: u8 = 0x00;
    let Some(fixed) = view.get(v2::PROTOCOL_PREFIX.len()..) else { return Answer::Need(1) };
    let local = match fixed.first() {
        None => return Answer::Need(1),
        Some(&LOCAL) => true,
        Some(&PROXY) => false,
        Some(_) => return Answer::No("a PROXY header is not of version 2, or of no known command"),
    };
    let family = match fixed.get(1) {
        None => return Answer::Need(1),
        Some(&family) if local || matches!(family, UNSPEC | 0x11 | 0x12 | 0x21 | 0x22 | 0x31 | 0x32) => {
            family
        }
        Some(_) => return Answer::No("a PROXY header has an unknown family or transport"),
    };
    let Some(&[high, low]) = fixed.get(2..4) else { return Answer::Need(V2_FIXED - view.len()) };
    let len = V2_FIXED + usize::from(u16::from_be_bytes([high, low]));
    if len > LIMIT {
        return Answer::No("a PROXY header is longer than 16 KiB");
    }
    let Some(header) = view.get(..len) else { return Answer::Need(len - view.len()) };
    let nothing = Header { len, addresses: None, tlvs: Tlvs(v2::TypeLengthValues::from(&[][..])) };
    if local {
        return Answer::Yes(nothing);
    }
    let Ok(addresses) = v2::Header::try_from(header).map(|header| header.addresses) else {
        return Answer::No("a PROXY header is too short for its addresses");
    };
    let tlvs = v2::TypeLengthValues::from(&header[V2_FIXED + addresses.len()..]);
    if tlvs.into_iter().any(|tlv| tlv.is_err()) {
        return match family {
            UNSPEC => Answer::Yes(nothing),
            _ => Answer::No("a TLV of a PROXY header exceeds it"),
        };
    }
    let tlvs = Tlvs(tlvs);
    let mut at = V2_FIXED + addresses.len();
    for (kind, value) in tlvs {
        at += TLV_FIXED;
        if kind == v2::Type::CRC32C.into() && !verify(header, at, value) {
            return Answer::No("the checksum of a PROXY header is wrong");
        }
        at += value.len();
    }
    let addresses = match addresses {
        v2::Addresses::IPv4(pair) => Some(of_ipv4(pair)),
        v2::Addresses::IPv6(pair) => Some(of_ipv6(pair)),
        v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
    };
    Answer::Yes(Header { len, addresses, tlvs })
}

/// Whether the checksum at `at` is that of the header with zeros in its place.
fn verify(header: &[u8], at: usize, received: &[u8]) -> bool {
    let Ok(received) = received.try_into() else { return false };
    let (before, after) = (&header[..at], &header[at + 4..]);
    u32::from_be_bytes(received) == crc32c([before, &[0; 4], after].into_iter().flatten())
}

/// CRC-32C (RFC 4960, appendix B), bit by bit: a header is short, and few have one.
fn crc32c<'a>(bytes: impl Iterator<Item = &'a u8>) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    !bytes.fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (POLYNOMIAL * (sum & 1)))
    })
}

/// A header of version 1 with the addresses of the client and of its destination; without them it
/// says `UNKNOWN`. With one IPv4 and one IPv6 address, the first is given as an IPv6 address.
pub fn encode_v1(addresses: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let addresses = addresses.map_or(v1::Addresses::Unknown, |pair| same_family(pair).into());
    addresses.to_string().into_bytes()
}

/// A header of version 2 with the addresses of the client and of its destination, and with TLVs.
/// Without addresses it says `UNSPEC`. With one IPv4 and one IPv6 address, the first is given as an
/// IPv6 address. A checksum is not added.
///
/// # Panics
///
/// If the header is longer than [`LIMIT`].
pub fn encode_v2(addresses: Option<(SocketAddr, SocketAddr)>, tlvs: &[(u8, &[u8])]) -> Vec<u8> {
    let len: usize = tlvs.iter().map(|(_, value)| TLV_FIXED + value.len()).sum();
    let addresses = addresses.map_or(v2::Addresses::Unspecified, |pair| same_family(pair).into());
    let protocol = match addresses {
        v2::Addresses::Unspecified => v2::Protocol::Unspecified,
        _ => v2::Protocol::Stream,
    };
    let total = V2_FIXED + addresses.len() + len;
    assert!(total <= LIMIT, "a PROXY header has at most {LIMIT} bytes, this one has {total}");
    v2::Builder::with_addresses(v2::Version::Two | v2::Command::Proxy, protocol, addresses)
        .reserve_capacity(len)
        .write_payloads(tlvs.iter().copied())
        .and_then(v2::Builder::build)
        .expect("within the limit, which is less than the one of the format")
}

fn same_family((source, destination): (SocketAddr, SocketAddr)) -> (SocketAddr, SocketAddr) {
    let mapped = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => (ip.to_ipv6_mapped(), address.port()).into(),
        IpAddr::V6(_) => address,
    };
    if source.is_ipv4() == destination.is_ipv4() {
        (source, destination)
    } else {
        (mapped(source), mapped(destination))
    }
}
