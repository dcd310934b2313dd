//! Which route takes a connection, and when that is certain.
#![cfg(unix)]

use futures_handoff_router::{
    config::Name,
    rule::{Rule, Seen, Verdict, decide},
};

fn name(text: &str) -> Name {
    Name::try_from(text.to_owned()).unwrap()
}

fn tls(names: &[&str], alpn: &[&str]) -> Rule {
    Rule::Tls {
        names: names.iter().copied().map(name).collect(),
        alpn: alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect(),
    }
}

fn http(hosts: &[&str], paths: &[&str]) -> Rule {
    Rule::Http {
        hosts: hosts.iter().copied().map(name).collect(),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    }
}

fn resp(commands: &[&str], keys: &[&str]) -> Rule {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Rule::Resp { commands: owned(commands), keys: owned(keys) }
}

/// A ClientHello with these names and protocols.
fn hello(server: &str, alpn: &[&str]) -> Vec<u8> {
    let prefixed = |bytes: Vec<u8>| [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], &bytes].concat();
    let extension = |kind: u16, body: Vec<u8>| [&kind.to_be_bytes()[..], &prefixed(body)].concat();
    let names = prefixed([&[0][..], &prefixed(server.as_bytes().to_vec())].concat());
    let protocols: Vec<u8> = alpn
        .iter()
        .flat_map(|protocol| [&[u8::try_from(protocol.len()).unwrap()][..], protocol.as_bytes()].concat())
        .collect();
    let mut extensions = extension(0, names);
    if !alpn.is_empty() {
        extensions.extend(extension(16, prefixed(protocols)));
    }
    let mut body = [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0x13, 1], &[1, 0]].concat();
    body.extend(prefixed(extensions));
    let len = u32::try_from(body.len()).unwrap().to_be_bytes();
    let message = [&[1, len[1], len[2], len[3]][..], &body].concat();
    [&[22, 3, 1][..], &prefixed(message)].concat()
}

/// The verdict of all rules about each beginning of `bytes`: none before `certain` bytes, and the
/// same from then on.
fn decided(rules: &[Rule], bytes: &[u8]) -> (usize, Option<usize>) {
    let mut certain = None;
    for len in 0..=bytes.len() {
        let place = match decide(rules, &bytes[..len], false) {
            Verdict::Need(more) => {
                assert!(certain.is_none(), "{len}: it was certain before");
                assert!(more > 0);
                continue;
            }
            Verdict::Decided(place, _) => place,
        };
        match &certain {
            None => certain = Some((len, place)),
            Some((_, before)) => assert_eq!(place, *before, "at {len}"),
        }
    }
    certain.expect("the end decides")
}

/// The purpose, the rules, the bytes, and after how many bytes which route is taken.
type Case<'a> = (&'a str, &'a [Rule], &'a [u8], (usize, Option<usize>));

#[test]
fn the_first_route_that_matches_takes_it_and_only_when_those_in_front_are_ruled_out() {
    let whole = hello("www.example.com", &["h2", "http/1.1"]);
    let all = whole.len();
    let dotted = hello("a.test..", &[]);
    let get = b"GET /v1/things HTTP/1.1\r\nHost: api.example.com:80\r\n\r\n";
    let dots = b"GET / HTTP/1.1\r\nHost: api.example.com..\r\n\r\n";
    let set = b"*3\r\n$3\r\nset\r\n$6\r\nuser:1\r\n$1\r\nx\r\n";
    let cases: &[Case<'_>] = &[
        ("nothing has to be there for a default", &[Rule::Any], b"", (0, Some(0))),
        ("a default waits for those in front of it", &[tls(&[], &[]), Rule::Any], &whole, (all, Some(0))),
        ("one byte rules TLS out", &[tls(&[], &[]), Rule::Any], get, (1, Some(1))),
        ("a wildcard", &[tls(&["*.example.com"], &[])], &whole, (all, Some(0))),
        ("another name", &[tls(&["example.com"], &[]), Rule::Any], &whole, (all, Some(1))),
        ("name and protocol", &[tls(&["www.example.com"], &["h3", "h2"])], &whole, (all, Some(0))),
        ("name without protocol", &[tls(&["www.example.com"], &["h3"])], &whole, (all, None)),
        (
            "the first of two",
            &[tls(&["*.example.com"], &[]), tls(&["www.example.com"], &[])],
            &whole,
            (all, Some(0)),
        ),
        (
            "many matchers",
            &[http(&[], &[]), resp(&[], &[]), Rule::Ssh, tls(&[], &["h2"])],
            &whole,
            (all, Some(3)),
        ),
        ("a host, port or not", &[tls(&[], &[]), http(&["API.example.com"], &[])], get, (get.len(), Some(1))),
        ("a host with two dots", &[http(&["api.example.com"], &[]), Rule::Any], dots, (dots.len(), Some(1))),
        ("a server name with two", &[tls(&["a.test"], &[]), Rule::Any], &dotted, (dotted.len(), Some(1))),
        ("a path", &[http(&[], &["/v2/"]), http(&[], &["/v2/", "/v1/"])], get, (get.len(), Some(1))),
        ("host and path", &[http(&["api.example.com"], &["/v2/"]), Rule::Any], get, (get.len(), Some(1))),
        ("a key", &[resp(&[], &["session:"]), resp(&[], &["user:"])], set, (25, Some(1))),
        ("a command in any case", &[resp(&["GET"], &[]), resp(&["SET"], &["user:"])], set, (25, Some(1))),
        ("no rule", &[resp(&["GET"], &[]), Rule::Ssh, http(&[], &[])], b"\0\0", (1, None)),
        ("a banner", &[tls(&[], &[]), Rule::Ssh], b"SSH-2.0-x\r\n", (11, Some(1))),
    ];
    for (what, rules, bytes, expected) in cases {
        assert_eq!(decided(rules, bytes), *expected, "{what}");
    }
}

#[test]
fn when_no_more_bytes_come_what_is_undecided_does_not_match() {
    let whole = hello("example.com", &[]);
    let rules = [tls(&["example.com"], &[]), resp(&[], &[]), Rule::Any];
    for len in 0..whole.len() {
        assert_eq!(decide(&rules, &whole[..len], true), Verdict::Decided(Some(2), Seen::Nothing), "{len}");
        assert_eq!(decide(&rules[..2], &whole[..len], true), Verdict::Decided(None, Seen::Nothing), "{len}");
    }
    let name = Some("example.com".to_owned());
    assert_eq!(decide(&rules, &whole, true), Verdict::Decided(Some(0), Seen::Tls { name }));
}

#[test]
fn the_log_shows_what_has_decided_and_nothing_that_would_break_its_line() {
    let seen = |bytes: &[u8]| match decide(&[tls(&[], &[]), http(&[], &[]), resp(&[], &[])], bytes, true) {
        Verdict::Decided(Some(_), seen) => seen.to_string(),
        verdict => panic!("{verdict:?}"),
    };
    assert_eq!(seen(&hello("example.com", &[])), "tls:example.com");
    assert_eq!(seen(b"GET / HTTP/1.0\r\n\r\n"), "http:-");
    assert_eq!(seen(b"GET / HTTP/1.1\r\nHost: a.b\r\n\r\n"), "http:a.b");
    assert_eq!(seen(b"*1\r\n$6\r\nP\r\n\x1bNG\r\n"), "resp:P\\r\\n\\x1bNG");
    // Nor text that looks like another field, or is much longer than a name.
    assert_eq!(seen(b"*1\r\n$13\r\nPING end=idle\r\n"), "resp:PING\\x20end=idle");
    assert_eq!(
        seen(&[b"*1\r\n$500\r\n", &[0xff; 500][..], b"\r\n"].concat()),
        format!("resp:{}...", "\\xff".repeat(32))
    );
    let long = "a".repeat(500);
    let request = format!("GET / HTTP/1.1\r\nHost: {long}\r\n\r\n");
    assert_eq!(seen(request.as_bytes()), format!("http:{}...", &long[..255]));
}
