//! TLS: the ClientHello, the first message of a client.
//!
//! This module parses the records and the lists of names. `tls-parser` parses the fields of the
//! hello before its extensions. Its list of extensions is not used: it ends without an error at an
//! extension that it does not understand, and a server name after that would be lost.

use tls_parser::{TlsExtension, parse_tls_extension_unknown, parse_tls_handshake_client_hello};

use super::{Answer, LIMIT};

/// The longest server name, in bytes: the longest name that DNS has.
pub const MAX_SERVER_NAME: usize = 255;

/// The most bytes of a record that TLS allows.
const MAX_RECORD: usize = 1 << 14;
const RECORD_HEADER: usize = 5;
const MESSAGE_HEADER: usize = 4;

const HANDSHAKE: u8 = 22;
const MAJOR_VERSION: u8 = 3;
const CLIENT_HELLO: u8 = 1;

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const HOST_NAME: u8 = 0;

/// The unencrypted request of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHello {
    /// The server that the client asks for, in lower case and without a dot at its end. If the
    /// hello encrypts another one (ECH), it is the outer name, which is the one for routing.
    pub server_name: Option<String>,
    /// The protocols that the client offers, in its order.
    pub alpn: Vec<Vec<u8>>,
}

/// The ClientHello at the beginning of `view`, in one record or in several.
///
/// - `Yes` as soon as the last byte of the hello is there. A hello without a server name is one.
/// - `No` at the first byte if it is not the one of a handshake, at the second one if the version
///   is not 3.x; later if the hello is malformed, if a record is empty or continues after the
///   hello, or if the hello with all its record headers is longer than [`LIMIT`], which the lengths
///   show before the bytes arrive.
/// - `Need` is the missing part of the record, or of its header: with less the answer stays `Need`.
///
/// Only a complete hello allocates: the result, and at most [`LIMIT`] bytes during the call. Each
/// call reads the headers of all earlier records again; the bytes of the hello are read once it is
/// complete.
pub fn client_hello(view: &[u8]) -> Answer<ClientHello> {
    let mut at = 0;
    let mut message = Message::default();
    loop {
        let body_len = match record(&view[at..], at == 0) {
            Answer::Yes(len) => len,
            Answer::Need(more) => return Answer::Need(more),
            Answer::No(reason) => return Answer::No(reason),
        };
        let start = at + RECORD_HEADER;
        let arrived = &view[start..view.len().min(start + body_len)];
        let before = message.len;
        message.add(arrived);
        let missing = body_len - arrived.len();
        match message.announced() {
            Some((kind, _)) if kind != CLIENT_HELLO => {
                return Answer::No("the handshake is not a ClientHello");
            }
            Some((_, len)) if start + (len - before) > LIMIT => {
                return Answer::No("the ClientHello is longer than 16 KiB");
            }
            Some((_, len)) if body_len > len - before => {
                return Answer::No("a record continues after the ClientHello");
            }
            Some((_, len)) if message.len == len => return hello(&collect(view, len)),
            Some(_) if missing > 0 => return Answer::Need(missing),
            // The header of the message comes first.
            None if missing > 0 => return Answer::Need(missing.min(MESSAGE_HEADER - message.len)),
            _ => at = start + body_len,
        }
    }
}

/// The length of the record at the beginning of `view`.
fn record(view: &[u8], first: bool) -> Answer<usize> {
    match view.first() {
        Some(&HANDSHAKE) => {}
        Some(_) if first => return Answer::No("not TLS: the first byte is not that of a handshake"),
        Some(_) => return Answer::No("a record inside the ClientHello is not a handshake record"),
        None => return Answer::Need(1),
    }
    match view.get(1) {
        Some(&MAJOR_VERSION) => {}
        Some(_) => return Answer::No("not TLS: the version is not 3.x"),
        None => return Answer::Need(1),
    }
    let Some(&[high, low]) = view.get(3..RECORD_HEADER) else {
        return Answer::Need(RECORD_HEADER - view.len());
    };
    match usize::from(u16::from_be_bytes([high, low])) {
        0 => Answer::No("an empty record of a handshake"),
        len if len > MAX_RECORD => Answer::No("a record is longer than 16 KiB"),
        len => Answer::Yes(len),
    }
}

/// The first handshake message, of which only the header is kept.
#[derive(Default)]
struct Message {
    header: [u8; MESSAGE_HEADER],
    len: usize,
}

impl Message {
    fn add(&mut self, bytes: &[u8]) {
        for (to, from) in self.header.iter_mut().skip(self.len).zip(bytes) {
            *to = *from;
        }
        self.len += bytes.len();
    }

    /// Its type and its length with the header, once the header has arrived.
    fn announced(&self) -> Option<(u8, usize)> {
        let [kind, high, middle, low] = self.header;
        let len = u32::from_be_bytes([0, high, middle, low]) as usize;
        (self.len >= MESSAGE_HEADER).then_some((kind, MESSAGE_HEADER + len))
    }
}

/// The message of `len` bytes from its records, which have all arrived.
fn collect(mut view: &[u8], len: usize) -> Vec<u8> {
    let mut message = Vec::with_capacity(len);
    while message.len() < len {
        let end = RECORD_HEADER + usize::from(u16::from_be_bytes([view[3], view[4]]));
        message.extend_from_slice(&view[RECORD_HEADER..end]);
        view = &view[end..];
    }
    message
}

fn hello(message: &[u8]) -> Answer<ClientHello> {
    match parse(message) {
        Ok(hello) => Answer::Yes(hello),
        Err(reason) => Answer::No(reason),
    }
}

fn parse(message: &[u8]) -> Result<ClientHello, &'static str> {
    const MALFORMED: &str = "the ClientHello is malformed";
    let (rest, fields) =
        parse_tls_handshake_client_hello(&message[MESSAGE_HEADER..]).map_err(|_| MALFORMED)?;
    // Bytes that are not complete extensions are left over.
    let possible = rest.is_empty() && !fields.ciphers.is_empty() && !fields.comp.is_empty();
    if !possible || fields.version.0 >> 8 != u16::from(MAJOR_VERSION) {
        return Err(MALFORMED);
    }
    let (mut server_name, mut alpn) = (None, None);
    let mut extensions = fields.ext.unwrap_or_default();
    while !extensions.is_empty() {
        let Ok((rest, TlsExtension::Unknown(kind, data))) = parse_tls_extension_unknown(extensions) else {
            return Err("an extension of the ClientHello is malformed");
        };
        extensions = rest;
        let again = match kind.0 {
            SERVER_NAME => server_name.replace(host_name(data)?).is_some(),
            ALPN => alpn.replace(protocols(data)?).is_some(),
            _ => false,
        };
        if again {
            return Err("an extension of the ClientHello is there twice");
        }
    }
    Ok(ClientHello { server_name, alpn: alpn.unwrap_or_default() })
}

/// The only name of a list of server names (RFC 6066, section 3).
fn host_name(data: &[u8]) -> Result<String, &'static str> {
    const MALFORMED: &str = "the list of server names is malformed";
    let (list, rest) = opaque16(data).ok_or(MALFORMED)?;
    let (&kind, name) = list.split_first().ok_or(MALFORMED)?;
    let (name, names) = opaque16(name).ok_or(MALFORMED)?;
    if !rest.is_empty() || !names.is_empty() || kind != HOST_NAME {
        return Err(MALFORMED);
    }
    if name.len() > MAX_SERVER_NAME {
        return Err("the server name is longer than 255 bytes");
    }
    let name = name.strip_suffix(b".").unwrap_or(name);
    match str::from_utf8(name) {
        Ok(text) if !text.is_empty() && name.iter().all(u8::is_ascii_graphic) => {
            Ok(text.to_ascii_lowercase())
        }
        _ => Err("the server name is empty or not printable ASCII"),
    }
}

/// A list of protocols (RFC 7301, section 3.1).
fn protocols(data: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    const MALFORMED: &str = "the list of protocols is malformed";
    let (mut list, rest) = opaque16(data).ok_or(MALFORMED)?;
    if !rest.is_empty() || list.is_empty() {
        return Err(MALFORMED);
    }
    let mut protocols = Vec::new();
    while let Some((&len, rest)) = list.split_first() {
        let (protocol, rest) = rest.split_at_checked(len.into()).ok_or(MALFORMED)?;
        if protocol.is_empty() {
            return Err(MALFORMED);
        }
        protocols.push(protocol.to_vec());
        list = rest;
    }
    Ok(protocols)
}

/// Bytes with a 16-bit length prefix, and the rest after them.
fn opaque16(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*len).into())
}
