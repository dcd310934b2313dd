use futures_handoff_router::detect::{
    Answer, LIMIT,
    http1::{MAX_HEADERS, Request},
};

use crate::{Matcher, matcher::text, need, no, yes};

const NOT_HTTP: &str = "not HTTP/1";
const HEADER: &str = "a header of the request is malformed";
const TARGET: &str = "the target is malformed";
const HOST: &str = "the header Host is malformed";
const AUTHORITY: &str = "the host of the target is malformed";

#[test]
fn the_method_the_path_and_the_host_of_a_request_are_found() {
    for (head, method, path, host) in [
        ("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", "GET", "/", Some("example.com")),
        (
            "POST /v1/a?b=/c#d HTTP/1.1\r\nA: 1\r\nhOST:\t A.example:8080 \r\nB: 2\r\n\r\n",
            "POST",
            "/v1/a",
            Some("A.example"),
        ),
        ("GET /a#b?c HTTP/1.0\r\n\r\n", "GET", "/a", None),
        ("\r\n\n\r\nGET /? HTTP/1.1\nHost:\n\n", "GET", "/", None),
        ("brew /%20\u{fc} HTTP/1.1\r\nHost: a.:\r\n\r\n", "brew", "/%20\u{fc}", Some("a")),
        ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET", "/", Some("[::1]")),
        ("GET / HTTP/1.1\r\nHost: [2001:DB8::1]\r\n\r\n", "GET", "/", Some("[2001:DB8::1]")),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS", "*", Some("a")),
        ("CONNECT a.example:443 HTTP/1.1\r\nHost: b\r\n\r\n", "CONNECT", "", Some("a.example")),
        ("GET http://a.example:80/b?c HTTP/1.1\r\nHost: d e\r\n\r\n", "GET", "/b", Some("a.example")),
        ("GET HTTPS://[::1] HTTP/1.1\r\n\r\n", "GET", "/", Some("[::1]")),
        ("GET ws://a?b/c HTTP/1.1\r\n\r\n", "GET", "/", Some("a")),
    ] {
        yes(Matcher::Http1, head, Request { method, path, host });
    }
}

#[test]
fn the_beginning_of_a_request_is_no_verdict() {
    for head in [
        "",
        "G",
        "GE",
        "GET",
        "GET ",
        "GET / HT",
        "PRI * HT",
        "\r",
        "\r\n",
        "*1",
        "SSH-2.0",
        "OPTIONS * HTTP/1.1\r\nHost: a",
    ] {
        need(Matcher::Http1, head, 1);
    }
}

#[test]
fn what_is_no_request_is_ruled_out_at_the_byte_that_shows_it() {
    for (head, reason) in [
        ("\x16", NOT_HTTP),
        ("\r\r", NOT_HTTP),
        ("\r\n\r\n\0", NOT_HTTP),
        (" ", NOT_HTTP),
        ("GET\r", NOT_HTTP),
        ("GET  ", NOT_HTTP),
        ("GET /\r", NOT_HTTP),
        ("*1\r", NOT_HTTP),
        ("PRI * HTTP/2", "it is HTTP/2"),
        ("GET / HTTP/2", "not HTTP/1: another version"),
        ("GET / h", "not HTTP/1: another version"),
        ("GET / HTTP/1.2", "not HTTP/1: another version"),
        ("GET / HTTP/1.1 ", NOT_HTTP),
        ("GET / HTTP/1.1\r\n ", HEADER),
        ("GET / HTTP/1.1\r\nHost ", HEADER),
        ("GET / HTTP/1.1\r\nA: b\0", HEADER),
        ("GET / HTTP/1.1\r\nA: b\r\n ", HEADER),
    ] {
        no(Matcher::Http1, head, reason);
    }
}

#[test]
fn a_request_whose_host_is_in_doubt_is_ruled_out_at_its_end() {
    for target in ["a", "a/b", "://a", "1a://b", "*a", "?a", "a_b://c"] {
        no(Matcher::Http1, format!("GET {target} HTTP/1.1\r\n\r\n"), TARGET);
    }
    for host in [
        "a b",
        "a:b",
        "a:80:80",
        "a:65536",
        "u@a",
        "a/b",
        "[::1",
        "[::1]a",
        "[a]",
        "[]",
        ".",
        "a..",
        ":80",
        "\u{fc}",
        "[fe80::1%25lo]",
    ] {
        no(Matcher::Http1, format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), HOST);
        if !host.contains([' ', '/']) {
            no(Matcher::Http1, format!("GET http://{host}/ HTTP/1.1\r\nHost: a\r\n\r\n"), AUTHORITY);
            no(Matcher::Http1, format!("CONNECT {host} HTTP/1.1\r\nHost: a\r\n\r\n"), AUTHORITY);
        }
    }
    no(Matcher::Http1, "CONNECT /a HTTP/1.1\r\n\r\n", AUTHORITY);
    no(Matcher::Http1, "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", AUTHORITY);
    for target in ["/", "http://a/"] {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nB: c\r\nhost: a\r\n\r\n");
        no(Matcher::Http1, head, "the request has two headers Host");
    }
}

#[test]
fn a_head_may_have_as_many_headers_and_bytes_as_the_limits() {
    let head = |headers: usize| format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(headers));
    let request = Request { method: "GET", path: "/", host: None };
    yes(Matcher::Http1, head(MAX_HEADERS) + "\r\n", request);
    no(Matcher::Http1, head(MAX_HEADERS + 1), "the request has more than 100 headers");

    const TOO_LONG: &str = "the head of the request is longer than 16 KiB";
    let padded = |len: usize| {
        let rest = head(0) + "A: " + "\r\n\r\n";
        format!("{}A: {}\r\n\r\n", head(0), "b".repeat(len - rest.len()))
    };
    // Each call reads all of it, so not every cut is tried.
    let answer = |bytes: &str| Matcher::Http1.answer(bytes.as_bytes());
    assert_eq!(answer(&padded(LIMIT)), Answer::Yes(text(&request)));
    assert_eq!(answer(&padded(LIMIT)[..LIMIT - 1]), Answer::Need(1));
    assert_eq!(answer(&padded(LIMIT + 1)), Answer::No(TOO_LONG));
    assert_eq!(answer(&padded(LIMIT + 1)[..LIMIT]), Answer::No(TOO_LONG));
    for endless in ["\r\n", "a"] {
        assert_eq!(answer(&endless.repeat(LIMIT)), Answer::No(TOO_LONG));
    }
}
