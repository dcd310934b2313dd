//! TLS that the router passes on, and TLS that it terminates.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr},
    sync::mpsc,
};

use futures_rustls::rustls::Stream;
use rustix::process::Signal;

use crate::{
    http::{BODY, site},
    support::{
        DEADLINE, Mode, Program,
        client::{noise, read_exact, reset},
        connect, curl, exchange as plain, read_all, run, serve,
        servers::mirror,
        tls::{Certificate, exchange, hello},
        write_all,
    },
};

const TERMINATED: &str =
    "match.tls.sni = [\"a.test\"]\nterminate = { certificate = \"cert.pem\", key = \"key.pem\" }";

fn tls_site(name: &str, names: &[&str]) -> (Program, SocketAddr, Certificate) {
    let certificate = Certificate::of(names);
    let listen =
        "ssl http2; ssl_certificate cert.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.2 TLSv1.3";
    let files: &[(&str, &[u8])] =
        &[("cert.pem", certificate.pem.as_bytes()), ("key.pem", certificate.key.as_bytes())];
    let (program, address) = site(name, listen, files);
    (program, address, certificate)
}

/// The report of `openssl s_client` about a connection.
fn s_client(address: SocketAddr, arguments: &[&str]) -> String {
    let address = address.to_string();
    let output =
        run("openssl", &[&["s_client", "-connect", &address, "-showcerts"], arguments].concat(), b"");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

also_spliced! {
    fn server_names_and_protocols_choose_the_server(mode) needs ["nginx", "curl", "openssl"] {
        let sites = [
            tls_site("exact", &["a.test"]),
            tls_site("wildcard", &["*.b.test"]),
            tls_site("two", &["c.test"]),
            tls_site("one", &["c.test"]),
        ];
        let mut router = mode.router();
        for (name, site) in ["exact", "wildcard", "two", "one"].iter().zip(&sites) {
            router = router.upstream(name, &[site.1]);
        }
        let router = router
            .route("exact", r#"match.tls.sni = ["a.test"]"#)
            .route("wildcard", r#"match.tls.sni = ["*.b.test"]"#)
            .route("two", "match.tls.sni = [\"c.test\"]\nmatch.tls.alpn = [\"h2\"]")
            .route("one", r#"match.tls.alpn = ["http/1.1"]"#)
            .start();
        let cases: [(usize, &str, &str, Option<&str>); 7] = [
            (0, "a.test", "-tls1_3", None),
            (0, "A.Test", "-tls1_2", Some("h2")),
            (1, "x.b.test", "-tls1_3", None),
            (1, "y.b.test", "-tls1_2", None),
            (2, "c.test", "-tls1_3", Some("h2,http/1.1")),
            (3, "c.test", "-tls1_3", Some("http/1.1")),
            (3, "other.test", "-tls1_2", Some("http/1.1")),
        ];
        for (number, name, version, alpn) in cases {
            let mut arguments = vec!["-servername", name, version];
            if let Some(alpn) = alpn {
                arguments.extend(["-alpn", alpn]);
            }
            let said = s_client(router.address, &arguments);
            let certificate = &sites[number].2.pem.replace('\r', "");
            assert!(said.contains(certificate.trim()), "{name} {alpn:?}: {said}");
            let protocol = alpn.map(|all| all.split(',').next().unwrap());
            assert_eq!(protocol, said.lines().find_map(|line| line.strip_prefix("ALPN protocol: ")));
        }
        for (number, name, version) in [(0, "a.test", "--http2"), (1, "x.b.test", "--http1.1"), (2, "c.test", "--http2")] {
            let certificate = sites[number].0.path().join("cert.pem");
            for path in ["told", "big"] {
                let url = format!("https://{name}/{path}");
                let arguments = ["--cacert", certificate.to_str().unwrap(), version, &url];
                let direct = curl(sites[number].1, &arguments);
                assert!(curl(router.address, &arguments) == direct, "{name} {path}");
            }
        }
        // Exactly one label, so not the name itself.
        for name in ["b.test", "x.y.b.test", "a.test.b"] {
            assert!(s_client(router.address, &["-servername", name]).contains("no peer certificate available"));
        }
        assert_eq!(router.log.wait_for(3, &["end=no_route"]).len(), 3);
    }
}

on_each_runtime! {
    /// A hello with a post-quantum key share is longer than a packet.
    fn a_hello_may_be_cut_anywhere(mode) needs ["nginx"] {
        let (_program, address, certificate) = tls_site("site", &["a.test"]);
        let router = mode
            .router()
            .upstream("site", &[address])
            .route("site", "match.tls.sni = [\"a.test\"]\nmatch.tls.alpn = [\"http/1.1\"]")
            .start();
        let request = b"GET /told HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
        // Whole, and in many TLS records, which are cut again.
        for (fragment, step) in [(None, 1), (Some(64), 7)] {
            let length = hello(&mut certificate.client("a.test", &["http/1.1"], fragment)).len();
            assert!(length > 1_400, "{length}");
            crate::support::client::in_parallel(length / step, |number| {
                let mut client = certificate.client("a.test", &["http/1.1"], fragment);
                let bytes = hello(&mut client);
                let (front, rest) = bytes.split_at((number * step).clamp(1, bytes.len() - 1));
                let stream = connect(router.address);
                write_all(&stream, front);
                std::thread::sleep(std::time::Duration::from_millis(15));
                write_all(&stream, rest);
                let answer = exchange(&mut client, &stream, request, false);
                assert!(answer.ends_with(b"site GET a.test /told "), "cut at {}", front.len());
            });
        }
    }

    fn tls_ends_at_the_router(mode) needs ["nginx", "curl", "openssl"] {
        let (site, address) = site("site", "", &[]);
        let certificate = Certificate::of(&["a.test"]);
        let router = mode
            .router()
            .upstream("site", &[address])
            .file("cert.pem", &certificate.pem)
            .file("key.pem", &certificate.key)
            .route("site", "match.tls.sni = [\"a.test\"]\n\
                terminate = { certificate = \"cert.pem\", key = \"key.pem\", alpn = [\"http/1.1\"] }")
            .start();
        let trusted = router.path().join("cert.pem");
        let trusted = ["--cacert", trusted.to_str().unwrap()];
        for path in ["told", "chunked", "big", "no-such-file"] {
            let direct = curl(address, &[&format!("http://a.test/{path}")]);
            for version in ["--tlsv1.3", "--tls-max=1.2"] {
                let version = version.split_once('=').map_or(vec![version], |(key, value)| vec![key, value]);
                let url = format!("https://a.test/{path}");
                let over_tls = curl(router.address, &[&trusted[..], &version, &[&url]].concat());
                assert!(over_tls == direct, "{path} {version:?}");
            }
        }
        let sent = router.path().join("sent");
        std::fs::write(&sent, &*BODY).unwrap();
        let upload = ["-T", sent.to_str().unwrap(), "https://a.test/put/sent"];
        curl(router.address, &[&trusted[..], &upload].concat());
        assert!(std::fs::read(site.path().join("files/put/sent")).unwrap() == *BODY);

        for (offered, chosen) in [("h2,http/1.1", Some("http/1.1")), ("http/1.1", Some("http/1.1"))] {
            let said = s_client(router.address, &["-servername", "a.test", "-alpn", offered]);
            assert!(said.contains(certificate.pem.replace('\r', "").trim()), "{said}");
            assert_eq!(chosen, said.lines().find_map(|line| line.strip_prefix("ALPN protocol: ")));
        }
        let said = s_client(router.address, &["-servername", "a.test", "-alpn", "h2"]);
        assert!(said.contains("no peer certificate available"), "{said}");
    }

    /// The client's end of sending does not end what it receives.
    fn a_half_close_goes_through_the_end_of_tls(mode) needs [] {
        let certificate = Certificate::of(&["a.test"]);
        let router = mode
            .router()
            .upstream("mirror", &[mirror()])
            .file("cert.pem", &certificate.pem)
            .file("key.pem", &certificate.key)
            .route("mirror", TERMINATED)
            .start();
        let mut client = certificate.client("a.test", &[], None);
        let sent = noise(1 << 20);
        assert!(exchange(&mut client, &connect(router.address), &sent, true) == sent);
        // And without TLS the route does not match.
        assert_eq!(plain(router.address, b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"), b"");
    }

    /// An orderly end of the server becomes an end of TLS, and no other end does.
    fn ends_of_the_server_go_through_tls(mode) needs [] {
        let (sender, accepted) = mpsc::channel();
        let certificate = Certificate::of(&["a.test"]);
        let router = mode
            .router()
            .upstream("server", &[serve(move |stream| sender.send(stream).unwrap())])
            .file("cert.pem", &certificate.pem)
            .file("key.pem", &certificate.key)
            .route("server", TERMINATED)
            .start();
        for clean in [true, false] {
            let mut client = certificate.client("a.test", &[], None);
            let stream = connect(router.address);
            let mut stream = &stream;
            let mut tls = Stream::new(&mut client, &mut stream);
            tls.write_all(b"x").unwrap();
            let server = accepted.recv_timeout(DEADLINE).unwrap();
            assert_eq!(read_exact(&server, 1), b"x");
            let sent = noise(10 << 10);
            write_all(&server, &sent);
            let mut answer = Vec::new();
            if clean {
                server.shutdown(Shutdown::Write).unwrap();
                tls.read_to_end(&mut answer).unwrap();
                // The server still listens.
                tls.write_all(b"more").unwrap();
                assert_eq!(read_exact(&server, 4), b"more");
            } else {
                reset(server);
                tls.read_to_end(&mut answer).unwrap_err();
            }
            assert!(answer == sent, "{clean}: {} bytes", answer.len());
        }
    }

    fn a_certificate_is_read_again(mode) needs ["openssl"] {
        let certificates = [(); 2].map(|()| Certificate::of(&["a.test"]));
        let router = mode
            .router()
            .upstream("mirror", &[mirror()])
            .file("cert.pem", &certificates[0].pem)
            .file("key.pem", &certificates[0].key)
            .route("mirror", TERMINATED)
            .start();
        let shown = |certificate: &Certificate| {
            s_client(router.address, &["-servername", "a.test"]).contains(certificate.pem.replace('\r', "").trim())
        };
        assert!(shown(&certificates[0]));
        // A certificate with another key is an error.
        std::fs::write(router.path().join("cert.pem"), &certificates[1].pem).unwrap();
        router.signal(Signal::HUP);
        router.log.wait_for(1, &["the configuration is unchanged", "cert.pem"]);
        assert!(shown(&certificates[0]));
        std::fs::write(router.path().join("key.pem"), &certificates[1].key).unwrap();
        router.signal(Signal::HUP);
        router.log.wait_for(1, &["the configuration was read again"]);
        assert!(shown(&certificates[1]));
    }

    fn a_handshake_that_does_not_end_is_cut(mode) needs [] {
        let certificate = Certificate::of(&["a.test"]);
        let mut router = mode
            .router()
            .general("drain_timeout = \"200ms\"")
            .upstream("mirror", &[mirror()])
            .file("cert.pem", &certificate.pem)
            .file("key.pem", &certificate.key)
            .route("mirror", TERMINATED)
            .start();
        let stream = connect(router.address);
        write_all(&stream, &hello(&mut certificate.client("a.test", &[], None)));
        // The answer to the hello.
        read_exact(&stream, 1);
        router.signal(Signal::TERM);
        router.ended();
        router.log.wait_for(1, &["route=mirror", "end=cut"]);
    }

    /// A failed handshake has one log line.
    fn a_handshake_that_fails_is_told(mode) needs [] {
        let certificate = Certificate::of(&["a.test"]);
        let router = mode
            .router()
            .upstream("mirror", &[mirror()])
            .file("cert.pem", &certificate.pem)
            .file("key.pem", &certificate.key)
            .route("mirror", TERMINATED)
            .start();
        let hello = hello(&mut certificate.client("a.test", &[], None));
        let stream = connect(router.address);
        write_all(&stream, &[&hello[..], b"no TLS at all, and more than a header of it"].concat());
        stream.shutdown(Shutdown::Write).unwrap();
        _ = read_all(&stream);
        assert_eq!(router.log.wait_for(1, &["route=mirror", "end=tls_failed"]).len(), 1);
    }
}
