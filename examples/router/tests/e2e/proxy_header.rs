//! PROXY headers that clients send, and that the router sends.

use std::net::{Shutdown, SocketAddr};

use crate::support::{
    Greeter, Mode, Program,
    client::{cut_everywhere, read_exact},
    connect, exchange, free_port, local, nginx, read_all,
    servers::{haproxy, mirror},
    tls::{self, Certificate},
    write_all,
};

const V4: &[u8] = &[192, 0, 2, 7, 198, 51, 100, 9, 0x10, 0xe1, 0x01, 0xbb];
const TLVS: &[u8] = b"\x01\x00\x02h2\x02\x00\x06a.test\x05\x00\x04\x00\x01\x02\x03\xe0\x00\x03own";
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";

fn v2(command: u8, family: u8, rest: &[&[u8]]) -> Vec<u8> {
    let rest = rest.concat();
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[0x20 | command, family][..], &length, &rest].concat()
}

fn v6() -> Vec<u8> {
    let [from, to] =
        ["2001:db8::7", "2001:db8::9"].map(|a| a.parse::<std::net::Ipv6Addr>().unwrap().octets());
    [&from[..], &to, &V4[8..]].concat()
}

/// Headers, and the address that each names, if it names one.
fn headers() -> Vec<(Vec<u8>, Option<&'static str>)> {
    let [four, six] = ["192.0.2.7 4321", "2001:db8::7 4321"].map(Some);
    vec![
        (b"PROXY TCP4 192.0.2.7 198.51.100.9 4321 443\r\n".to_vec(), four),
        (b"PROXY TCP6 2001:db8::7 2001:db8::9 4321 443\r\n".to_vec(), six),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN what comes here does not matter\r\n".to_vec(), None),
        (v2(1, 0x11, &[V4]), four),
        (v2(1, 0x21, &[&v6()]), six),
        (v2(1, 0x11, &[V4, TLVS]), four),
        (v2(0, 0x00, &[]), None),
        (v2(0, 0x11, &[V4, TLVS]), None),
    ]
}

/// An nginx that returns the content of the header, and one that gets none.
fn told() -> (Program, [SocketAddr; 2]) {
    let ports = [free_port(), free_port()];
    let http = format!(
        "server {{ listen 127.0.0.1:{} proxy_protocol; \
         location / {{ return 200 '<$proxy_protocol_addr $proxy_protocol_port'; }} }} \
         server {{ listen 127.0.0.1:{}; location / {{ return 200 '<$remote_addr $remote_port'; }} }}",
        ports[0], ports[1]
    );
    (nginx(&http, "", &ports, &[]), ports.map(local))
}

/// The body of the answer.
fn body(answer: &[u8]) -> String {
    let answer = String::from_utf8_lossy(answer);
    answer.split_once('<').unwrap_or_else(|| panic!("{answer:?}")).1.into()
}

on_each_runtime! {
    fn headers_may_be_cut_anywhere(mode) needs ["nginx"] {
        let (_nginx, [with, _]) = told();
        for accept in ["always", "optional"] {
            let router = mode
                .router()
                .upstream_with("nginx", &[with], "send_proxy = \"forward\"")
                .listener(&format!("accept_proxy = \"{accept}\""))
                .route("nginx", r#"match.http.host = ["a.test"]"#)
                .start();
            for (header, named) in headers() {
                let bytes = [&header, REQUEST].concat();
                // Without the router, nginx answers the same.
                let direct = body(&exchange(with, &bytes));
                assert_eq!(named.unwrap_or(&direct), direct);
                cut_everywhere(router.address, &bytes, |stream| {
                    let (answer, end) = read_all(&stream);
                    end.unwrap();
                    assert_eq!(body(&answer), direct, "{}", header.escape_ascii());
                });
            }
        }
    }

    fn each_version_tells_the_address(mode) needs ["nginx"] {
        let (_nginx, [with, without]) = told();
        let mut router = mode.router().listener("accept_proxy = \"optional\"");
        for send in ["v1", "v2", "forward", "none"] {
            let server = if send == "none" { without } else { with };
            let keys = format!("send_proxy = \"{send}\"");
            router = router.upstream_with(send, &[server], &keys);
            router = router.route(send, &format!("match.http.path = [\"/{send}\"]"));
        }
        let router = router.start();
        for send in ["v1", "v2", "forward", "none"] {
            let request = format!("GET /{send} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
            for (header, named) in headers().into_iter().chain([(Vec::new(), None)]) {
                let stream = connect(router.address);
                write_all(&stream, &[&header, request.as_bytes()].concat());
                stream.shutdown(Shutdown::Write).unwrap();
                let said = body(&read_all(&stream).0);
                let own = format!("127.0.0.1 {}", stream.local_addr().unwrap().port());
                match (send, named) {
                    // Its own connection from the router.
                    ("none", _) => assert!(said.starts_with("127.0.0.1 ") && said != own, "{said}"),
                    (_, Some(named)) => assert_eq!(said, named, "{send}"),
                    (_, None) if header.is_empty() => assert_eq!(said, own, "{send}"),
                    // A header without addresses stays without.
                    (_, None) => assert_eq!(said, " ", "{send} {}", header.escape_ascii()),
                }
            }
        }
        router.log.wait_for(12, &["client=192.0.2.7:4321 "]);
        router.log.wait_for(4, &["client=[2001:db8::7]:4321 "]);
    }
}

on_each_runtime! {
    /// On a dual-stack socket, IPv4 addresses stay IPv4 addresses.
    fn an_address_is_of_the_kind_that_the_client_uses(mode) needs [] {
        if std::net::TcpListener::bind("[::]:0").is_err() {
            return;
        }
        let mut router = mode.router().everywhere();
        for send in ["v1", "v2"] {
            router = router.upstream_with(send, &[mirror()], &format!("send_proxy = \"{send}\""));
            router = router.route(send, &format!("match.http.path = [\"/{send}\"]"));
        }
        let router = router.start();
        let told = exchange(router.address, b"GET /v1 HTTP/1.1\r\n\r\n");
        assert!(told.starts_with(b"PROXY TCP4 127.0.0.1 127.0.0.1 "), "{}", told.escape_ascii());
        let told = exchange(router.address, b"GET /v2 HTTP/1.1\r\n\r\n");
        assert_eq!((told[13], &told[16..24]), (0x11, &[127, 0, 0, 1, 127, 0, 0, 1][..]));
        router.log.wait_for(2, &["client=127.0.0.1:"]);
    }
}

also_spliced! {
    fn a_header_is_passed_on_as_it_was(mode) needs [] {
        let router = mode
            .router()
            .upstream_with("mirror", &[mirror()], "send_proxy = \"forward\"")
            .upstream_with("bare", &[mirror()], "send_proxy = \"none\"")
            .listener("accept_proxy = \"always\"")
            .route("mirror", r#"match.http.host = ["a.test"]"#)
            .route("bare", "")
            .start();
        for (header, _) in headers() {
            let sent = [&header, REQUEST].concat();
            assert_eq!(exchange(router.address, &sent), sent);
            // And it is not part of the bytes after it.
            assert_eq!(exchange(router.address, &[&header, &b"rest"[..]].concat()), b"rest");
        }
    }
}

on_each_runtime! {
    fn haproxy_understands_it_behind_the_router(mode) needs ["haproxy"] {
        let port = free_port();
        let _haproxy = haproxy(&format!(
            "frontend f\n mode http\n bind 127.0.0.1:{port} accept-proxy\n http-request return status 200 \
             content-type text/plain lf-string \"<%[src] %[src_port] %[fc_pp_authority]\""), &[port]);
        let mut router = mode.router().listener("accept_proxy = \"optional\"");
        for send in ["v1", "v2", "forward"] {
            router = router.upstream_with(send, &[local(port)], &format!("send_proxy = \"{send}\""));
            router = router.route(send, &format!("match.http.path = [\"/{send}\"]"));
        }
        let certificate = Certificate::of(&["b.test"]);
        let router = router
            .file("cert.pem", &certificate.pem)
            .file("key.pem", &certificate.key)
            .route("v2", "terminate = { certificate = \"cert.pem\", key = \"key.pem\" }\nmatch.tls.sni = [\"b.test\"]")
            .start();
        for (send, authority) in [("v1", ""), ("v2", ""), ("forward", "a.test")] {
            let request = format!("GET /{send} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
            let bytes = [&v2(1, 0x11, &[V4, TLVS]), request.as_bytes()].concat();
            assert_eq!(body(&exchange(router.address, &bytes)), format!("192.0.2.7 4321 {authority}"));
        }
        // The header of the router contains the name that the TLS client asked for.
        let stream = connect(router.address);
        write_all(&stream, &v2(1, 0x11, &[V4]));
        let mut client = certificate.client("b.test", &[], None);
        let said = body(&tls::exchange(&mut client, &stream, REQUEST, false));
        assert_eq!(said, "192.0.2.7 4321 b.test");
    }

    fn others_may_send_it_in_front_of_the_router(mode) needs ["haproxy", "nginx"] {
        let (_nginx, [with, _]) = told();
        let router = mode
            .router()
            .upstream_with("nginx", &[with], "send_proxy = \"forward\"")
            .listener("accept_proxy = \"always\"")
            .route("nginx", r#"match.http.host = ["a.test"]"#)
            .start();
        let ports = [free_port(), free_port(), free_port()];
        let [v1, v2, ids] = ports;
        let target = router.address;
        let _haproxy = haproxy(&format!(
            "listen v2\n mode tcp\n bind 127.0.0.1:{v2}\n server r {target} send-proxy-v2\n\
             listen ids\n mode tcp\n bind 127.0.0.1:{ids}\n unique-id-format own-%ci\n\
             \x20server r {target} send-proxy-v2 proxy-v2-options unique-id,crc32c"), &ports[1..]);
        let stream =
            format!("stream {{ server {{ listen 127.0.0.1:{v1}; proxy_pass {target}; proxy_protocol on; }} }}");
        let _front = nginx("", &stream, &ports[..1], &[]);
        for port in ports {
            let stream = connect(local(port));
            write_all(&stream, REQUEST);
            let said = body(&read_all(&stream).0);
            assert_eq!(said, format!("127.0.0.1 {}", stream.local_addr().unwrap().port()));
        }
    }

    fn a_header_has_to_come_in_time(mode) needs [] {
        let greeter = Greeter::new("hello");
        for (accept, first, answer) in [
            ("always", &b""[..], &b""[..]),
            ("always", b"PROXY TCP4 ", b""),
            ("always", &v2(1, 0x11, &[V4])[..20], b""),
            ("always", &v2(1, 0x11, &[V4]), b"hello"),
            ("optional", b"", b"hello"),
            ("optional", b"PROX", b"hello"),
        ] {
            let router = mode
                .router()
                .upstream("greeter", &[greeter.address])
                .listener(&format!("accept_proxy = \"{accept}\"\ndetect_timeout = \"200ms\""))
                .route("greeter", r#"match.http.host = ["a.test"]"#)
                .route("greeter", "")
                .start();
            let stream = connect(router.address);
            write_all(&stream, first);
            assert_eq!(read_exact(&stream, answer.len()), answer, "{accept} {}", first.escape_ascii());
            if answer.is_empty() {
                assert_eq!(read_all(&stream).0, b"");
                assert_eq!(router.log.wait_for(1, &["end=bad_proxy_header"]).len(), 1);
            }
        }
    }

    fn what_is_no_header_is_refused_in_one_line(mode) needs [] {
        let long = [&b"PROXY TCP4 "[..], &[b'1'; 200]].concat();
        let cases: [(&str, Vec<u8>); 9] = [
            ("always", REQUEST.into()),
            ("always", b"PROXY TCP4 nonsense\r\n".into()),
            ("always", b"PROXY TCP4 192.0.2.7 198.51.100.9 99999 443\r\n".into()),
            ("always", long.clone()),
            ("optional", long),
            ("optional", v2(2, 0x11, &[V4])),
            ("optional", v2(1, 0x11, &[&V4[..8]])),
            ("optional", v2(1, 0x11, &[V4, b"\x01\xff\xff"])),
            ("optional", v2(1, 0x11, &[V4]).into_iter().map(|byte| if byte == 0x21 { 0x31 } else { byte }).collect()),
        ];
        for accept in ["always", "optional"] {
            let router = mode
                .router()
                .upstream("mirror", &[mirror()])
                .listener(&format!("accept_proxy = \"{accept}\""))
                .route("mirror", "")
                .start();
            let mut refused = 0;
            for (_, bytes) in cases.iter().filter(|case| case.0 == accept) {
                let stream = connect(router.address);
                write_all(&stream, bytes);
                assert_eq!(read_all(&stream).0, b"", "{}", bytes.escape_ascii());
                refused += 1;
                let lines = router.log.wait_for(refused, &["end=bad_proxy_header"]);
                assert_eq!(lines.len(), refused, "{lines:#?}");
            }
            let good = [&v2(1, 0x11, &[V4]), REQUEST].concat();
            assert_eq!(exchange(router.address, &good), REQUEST);
        }
    }
}
