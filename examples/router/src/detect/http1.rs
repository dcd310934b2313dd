//! HTTP/1.0 and 1.1: the head of the first request, parsed by `httparse`.

use std::{mem::MaybeUninit, net::Ipv6Addr};

use httparse::{Error, Status};

use super::{Answer, LIMIT};

/// The most headers of a request.
pub const MAX_HEADERS: usize = 100;

/// The first request of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// The path of the target, as sent, up to a `?` or `#`. A target that names a scheme and a host
    /// but no path has the path `/`; that of `CONNECT` is a host and has the empty path;
    /// `OPTIONS *` has the path `*`.
    pub path: &'a str,
    /// The host of the target if it names one, or else that of the header `Host`; as sent, but
    /// without a port and without a dot at its end. An IPv6 address is in its brackets. None if
    /// there is none, or an empty one.
    pub host: Option<&'a str>,
}

/// The head of the request at the beginning of `view`, after any empty lines.
///
/// - `Yes` when the whole head is there: a header `Host` can be the last one, or the second one.
/// - `No` at the first byte that no request has there, at the version of an HTTP/2 request, and at
///   the end of a head whose target or host is malformed or which has two headers `Host`; also with
///   more than [`MAX_HEADERS`] headers, or with a head longer than [`LIMIT`].
/// - `Need` is always of one byte: the end of a head is not announced.
///
/// Does not allocate. Each call reads the head from its beginning. So a head that arrives byte by
/// byte is read as many times as it has bytes. [`LIMIT`] bounds this: 128 MiB are read for the
/// longest head.
pub fn request(view: &[u8]) -> Answer<Request<'_>> {
    let mut headers = [MaybeUninit::uninit(); MAX_HEADERS];
    let mut head = httparse::Request::new(&mut []);
    match head.parse_with_uninit_headers(&view[..view.len().min(LIMIT)], &mut headers) {
        Ok(Status::Complete(_)) => {}
        Ok(Status::Partial) if view.len() < LIMIT => return Answer::Need(1),
        Ok(Status::Partial) => return Answer::No("the head of the request is longer than 16 KiB"),
        Err(error) => return Answer::No(reason(error, head.method)),
    }
    match read(&head) {
        Ok(request) => Answer::Yes(request),
        Err(reason) => Answer::No(reason),
    }
}

fn reason(error: Error, method: Option<&str>) -> &'static str {
    match error {
        Error::Version if method == Some("PRI") => "it is HTTP/2",
        Error::Version => "not HTTP/1: another version",
        Error::TooManyHeaders => "the request has more than 100 headers",
        Error::HeaderName | Error::HeaderValue => "a header of the request is malformed",
        _ => "not HTTP/1",
    }
}

fn read<'a>(head: &httparse::Request<'_, 'a>) -> Result<Request<'a>, &'static str> {
    let method = head.method.unwrap_or_default();
    let (authority, path) = split(method, head.path.unwrap_or_default()).ok_or("the target is malformed")?;
    let mut hosts = head.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("host"));
    let header = hosts.next();
    if hosts.next().is_some() {
        return Err("the request has two headers Host");
    }
    let host = match (authority, header) {
        // The header must be ignored then (RFC 9112, section 3.2.2).
        (Some(authority), _) => {
            Some(host(authority.as_bytes()).ok_or("the host of the target is malformed")?)
        }
        (None, Some(header)) if !header.value.is_empty() => {
            Some(host(header.value).ok_or("the header Host is malformed")?)
        }
        (None, _) => None,
    };
    Ok(Request { method, path, host })
}

/// The authority and the path of a target (RFC 9112, section 3.2).
fn split<'a>(method: &str, target: &'a str) -> Option<(Option<&'a str>, &'a str)> {
    if method == "CONNECT" {
        return Some((Some(target), ""));
    }
    if target == "*" {
        return Some((None, target));
    }
    let target = target.split(['?', '#']).next().unwrap_or_default();
    if target.starts_with('/') {
        return Some((None, target));
    }
    let (scheme, rest) = target.split_once("://")?;
    let named = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    named.then_some((Some(authority), path))
}

/// The host of an authority, which is not empty. User information is not allowed there (RFC 9110,
/// section 4.2.4).
fn host(authority: &[u8]) -> Option<&str> {
    let authority = str::from_utf8(authority).ok()?;
    let (host, port) = if authority.starts_with('[') {
        let (host, port) = authority.split_at(authority.find(']')? + 1);
        host[1..host.len() - 1].parse::<Ipv6Addr>().ok()?;
        (host, port)
    } else {
        let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
        let host = host.strip_suffix('.').unwrap_or(host);
        let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte);
        if host.is_empty() || host.ends_with('.') || !host.bytes().all(named) {
            return None;
        }
        (host, port)
    };
    let digits = match port {
        "" => "",
        _ => port.strip_prefix(':')?,
    };
    let possible = digits.bytes().all(|byte| byte.is_ascii_digit());
    (possible && (digits.is_empty() || digits.parse::<u16>().is_ok())).then_some(host)
}
