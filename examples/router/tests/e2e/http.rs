//! HTTP by host and path to nginx: each response equals the one of nginx without the router.

use std::{net::SocketAddr, sync::LazyLock};

use crate::support::{
    Mode, Program, Router, client::noise, curl, exchange, free_port, local, nginx, program::undated, run,
};

/// 10 MiB.
pub(crate) static BODY: LazyLock<Vec<u8>> = LazyLock::new(|| noise(10 << 20));

/// An nginx with its name in a header, a big file, a place for uploads, and chunked answers.
pub(crate) fn site(name: &str, listen: &str, more: &[(&str, &[u8])]) -> (Program, SocketAddr) {
    let port = free_port();
    let server = format!(
        "server {{ listen 127.0.0.1:{port} {listen}; root files; add_header X-Server {name} always; \
         location /put/ {{ dav_methods PUT; create_full_put_path on; }} \
         location /small/ {{ client_max_body_size 1k; }} \
         location /chunked {{ ssi on; ssi_types *; try_files /chunked.txt =404; }} \
         location /told {{ return 200 '{name} $request_method $http_host $request_uri $http_x_test'; }} }}"
    );
    let chunked = "<!--# echo var='request_uri' -->\n".repeat(2_000);
    let files: &[(&str, &[u8])] = &[("files/big", &BODY), ("files/chunked.txt", chunked.as_bytes())];
    (nginx(&server, "", &[port], &[files, more].concat()), local(port))
}

/// `one` by its host, `two` by paths.
fn routed(mode: Mode) -> (Router, [(Program, SocketAddr); 2]) {
    let sites = ["one", "two"].map(|name| site(name, "", &[]));
    let router = mode
        .router()
        .upstream("one", &[sites[0].1])
        .upstream("two", &[sites[1].1])
        .route("one", r#"match.http.host = ["one.test"]"#)
        .route("two", r#"match.http.path = ["/told/two", "/put/", "/big"]"#)
        .start();
    (router, sites)
}

also_spliced! {
    fn responses_are_those_of_nginx(mode) needs ["nginx", "curl"] {
        let (router, sites) = routed(mode);
        let cases: &[(usize, &[&str])] = &[
            (0, &["http://one.test/told"]),
            (0, &["http://one.test/told/two"]),
            (0, &["http://One.TEST:8080/told?a=b"]),
            (0, &["--http1.0", "http://one.test/told"]),
            (0, &["--head", "http://one.test/big"]),
            (0, &["-H", "X-Test: yes", "-d", "a=b", "http://one.test/told"]),
            (0, &["http://one.test/no-such-file"]),
            (0, &["http://one.test/chunked"]),
            (0, &["-r", "1000000-3000000", "http://one.test/big"]),
            (0, &["http://one.test/told", "http://one.test/chunked", "http://one.test/big"]),
            (1, &["http://two.test/told/two"]),
            (1, &["http://two.test/told/two/further?x"]),
            (1, &["http://127.0.0.1/big"]),
        ];
        for &(site, arguments) in cases {
            let direct = curl(sites[site].1, arguments);
            assert!(!direct.is_empty());
            // Does not print the bytes, which are megabytes.
            assert!(curl(router.address, arguments) == direct, "{arguments:?}");
        }
    }

    fn uploads_arrive_as_they_were_sent(mode) needs ["nginx", "curl"] {
        let (router, [(_one, _), (two, _)]) = routed(mode);
        std::fs::write(two.path().join("sent"), &*BODY).unwrap();
        let sent = two.path().join("sent");
        let sent = sent.to_str().unwrap();
        for (name, how) in [("sized", "Expect: 100-continue"), ("chunked", "Transfer-Encoding: chunked")] {
            let url = format!("http://two.test/put/{name}");
            let answer = curl(router.address, &["-H", how, "-T", sent, &url]);
            assert!(String::from_utf8_lossy(&answer).contains(" 201 Created"), "{name}");
            let path = two.path().join(format!("files/put/{name}"));
            assert!(std::fs::read(path).unwrap() == *BODY, "{name}");
        }
        // An answer that comes before everything is sent.
        let early = ["-H", "Expect:", "-T", sent, "http://one.test/small/x"];
        let early = curl(router.address, &early);
        assert!(String::from_utf8_lossy(&early).starts_with("HTTP/1.1 413 "));
    }
}

on_each_runtime! {
    fn connections_are_kept(mode) needs ["nginx", "curl"] {
        let (router, _sites) = routed(mode);
        let connect = format!("::{}", router.address);
        let url = "http://one.test/told";
        let each = ["-sS", "--connect-to", &connect, "-w", "%{num_connects}", "-o", "/dev/null", url];
        let output = run("curl", &[&each[..], &["-o", "/dev/null", url, "-o", "/dev/null", url]].concat(), b"");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "100");
        router.log.wait_for(1, &["one"]);
    }

    /// Later requests go where the first one went.
    fn pipelined_requests_are_answered_in_order(mode) needs ["nginx"] {
        let (router, sites) = routed(mode);
        let mut requests: Vec<u8> = (0..100)
            .flat_map(|n| format!("GET /told?{n} HTTP/1.1\r\nHost: one.test\r\n\r\n").into_bytes())
            .collect();
        requests.extend(b"GET /told HTTP/1.1\r\nHost: two.test\r\nConnection: close\r\n\r\n");
        let direct = undated(&exchange(sites[0].1, &requests));
        assert!(direct.ends_with(b"one GET two.test /told "));
        assert_eq!(undated(&exchange(router.address, &requests)), direct);
    }

    fn a_request_may_be_cut_anywhere(mode) needs ["nginx"] {
        let (router, _sites) = routed(mode);
        let request = b"GET /told/two HTTP/1.1\r\nX: y\r\nHost: one.test\r\nConnection: close\r\n\r\n";
        crate::support::client::cut_everywhere(router.address, request, |stream| {
            let (answer, end) = crate::support::read_all(&stream);
            end.unwrap();
            assert!(answer.ends_with(b"one GET one.test /told/two "));
        });
    }

    fn what_no_route_matches_is_closed(mode) needs ["nginx", "curl"] {
        let (router, _sites) = routed(mode);
        assert_eq!(exchange(router.address, b"GET / HTTP/1.1\r\nHost: other.test\r\n\r\n"), b"");
        assert_eq!(router.log.wait_for(1, &["end=no_route", "server=-"]).len(), 1);
        curl(router.address, &["http://one.test/told"]);
    }
}
