//! Arbitrary bytes for the matchers of the router. No answer changes with more bytes, and none
//! comes before the number of bytes that the matcher asked for. What a matcher finds it finds again
//! once it is written out.

use futures_handoff_router::detect::{
    Answer,
    http1::{self, Request},
    proxy_header,
    resp::{self, Command},
    ssh,
};

use crate::matcher::Matcher;

/// After a zero, the bytes as they are. After another byte, they are the body of a hello in records
/// of that many bytes, and the answer must equal that for one record.
pub fn tls(bytes: &[u8]) {
    let (len, body) = match bytes.split_first() {
        Some((0, bytes)) => return drop(Matcher::Tls.decide(bytes)),
        Some((len, body)) => (usize::from(*len), body),
        None => return,
    };
    let Ok(body_len) = u16::try_from(body.len()) else { return };
    let message = [&[1, 0], &body_len.to_be_bytes(), body].concat();
    // Few enough records to cut everywhere quickly.
    let len = len.max(message.len() / 16 + 1);
    let split = Matcher::Tls.decide(&records(&message, len)).map(|(_, answer)| answer);
    let whole = Matcher::Tls.decide(&records(&message, 1 << 14)).map(|(_, answer)| answer);
    assert_eq!(split, whole);
}

fn records(message: &[u8], len: usize) -> Vec<u8> {
    let record = |body: &[u8]| [&[22, 3, 1, (body.len() >> 8) as u8, body.len() as u8], body].concat();
    message.chunks(len).flat_map(record).collect()
}

/// A request of only what was found gives the same result.
pub fn http1(bytes: &[u8]) {
    Matcher::Http1.decide(bytes);
    let Answer::Yes(found) = http1::request(bytes) else { return };
    let target = match found {
        Request { path: "", host: Some(host), .. } => host,
        Request { path, .. } => path,
    };
    let host = found.host.unwrap_or_default();
    let again = format!("{} {target} HTTP/1.1\nHost:{host}\n\n", found.method);
    assert_eq!(http1::request(again.as_bytes()), Answer::Yes(found));
}

/// A command of only what was found gives the same result.
pub fn resp(bytes: &[u8]) {
    Matcher::Resp.decide(bytes);
    let Answer::Yes(found) = resp::command(bytes) else { return };
    let strings = [Some(found.name), found.key];
    let mut again = format!("*{}\r\n", strings.iter().flatten().count()).into_bytes();
    for string in strings.into_iter().flatten() {
        again.extend_from_slice(format!("${}\r\n", string.len()).as_bytes());
        again.extend_from_slice(string);
        again.extend_from_slice(b"\r\n");
    }
    let Command { name, key } = found;
    assert_eq!(resp::command(&again), Answer::Yes(Command { name, key }));
}

/// A line with only this version gives the same result.
pub fn ssh(bytes: &[u8]) {
    Matcher::Ssh.decide(bytes);
    if let Answer::Yes(found) = ssh::banner(bytes) {
        let again = format!("SSH-2.0-{}\r\n", found.version);
        assert_eq!(ssh::banner(again.as_bytes()), Answer::Yes(found));
    }
}

/// Headers written from what was found give the same result.
pub fn proxy_header(bytes: &[u8]) {
    Matcher::ProxyHeader.decide(bytes);
    let Answer::Yes(found) = proxy_header::header(bytes) else { return };
    // The checksum is of the original bytes.
    let tlvs: Vec<_> = found.tlvs.filter(|(kind, _)| *kind != 3).collect();
    for (again, tlvs) in [
        (proxy_header::encode_v1(found.addresses), &[][..]),
        (proxy_header::encode_v2(found.addresses, &tlvs), &tlvs),
    ] {
        let Answer::Yes(header) = proxy_header::header(&again) else { panic!("{}", again.escape_ascii()) };
        assert_eq!((header.len, header.addresses), (again.len(), found.addresses));
        assert_eq!(header.tlvs.collect::<Vec<_>>(), tlvs);
    }
    // These headers have only one form.
    if bytes[0] == b'\r' && matches!(bytes[12..14], [0x21, 0x11 | 0x21]) && found.tlvs.count() == tlvs.len() {
        assert_eq!(proxy_header::encode_v2(found.addresses, &tlvs), bytes[..found.len]);
    }
}
