//! The page with the counters, and the log.

use crate::support::{Greeter, Mode, client::noise, curl, exchange, free_port, local};

/// The sum of all counters with this name and these labels.
fn sum(metrics: &str, name: &str, labels: &[&str]) -> u64 {
    let start = format!("router_{name}{{");
    let lines =
        metrics.lines().filter(|line| line.starts_with(&start) && labels.iter().all(|l| line.contains(l)));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

also_spliced! {
    fn counters_and_log_agree_with_what_was_sent(mode) needs ["curl"] {
        let [one, two] = ["one", "four"].map(Greeter::new);
        let router = mode
            .router()
            .upstream("one", &[one.address])
            .upstream("two", &[local(free_port()), two.address])
            .upstream("dead", &[local(free_port())])
            .route("one", r#"match.http.host = ["one.test"]"#)
            .route("two", r#"match.http.host = ["two.test"]"#)
            .route("dead", r#"match.http.host = ["dead.test"]"#)
            .start();
        let body = noise(100_000);
        let ask = |name: &str, body: &[u8]| {
            let request = [format!("GET / HTTP/1.1\r\nHost: {name}.test\r\n\r\n").as_bytes(), body].concat();
            (request.len(), exchange(router.address, &request).len())
        };
        let (up, down) = ask("one", b"");
        let (long_up, long_down) = ask("one", &body);
        for _ in 0..3 {
            ask("two", b"");
        }
        ask("dead", b"");
        ask("none", b"");
        assert_eq!((down, long_down), (up + 3, long_up + 3));

        let lines = router.log.wait_for(7, &["client=127.0.0.1:", "listener=127.0.0.1:", "route="]);
        assert_eq!(lines.len(), 7, "{lines:#?}");
        let whole = |up: usize, down: usize, route: &str, server: &Greeter| {
            [format!("route={route} server={} ", server.address), format!("to_server={up} to_client={down} "), "end=closed".into()]
        };
        for (count, parts) in [
            (1, whole(up, down, "one", &one)),
            (1, whole(long_up, long_down, "one", &one)),
            (3, whole(up, up + 4, "two", &two)),
        ] {
            let parts = parts.each_ref().map(String::as_str);
            assert_eq!(router.log.with(&parts).len(), count, "{parts:?} {lines:#?}");
        }
        assert_eq!(router.log.with(&["route=dead server=- ", "to_server=0 to_client=0 ", "end=unreachable"]).len(), 1);
        assert_eq!(router.log.with(&["route=- server=- ", "to_server=0 to_client=0 ", "end=no_route"]).len(), 1);

        let answer = curl(router.admin, &["http://admin.test/metrics"]);
        let metrics = String::from_utf8(answer).unwrap();
        assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n") && metrics.ends_with("# EOF\n"), "{metrics}");
        let cases: &[(u64, &str, &[&str])] = &[
            (7, "accepted_total", &[&format!("listener=\"{}\"", router.address)]),
            (0, "open", &[]),
            (0, "upstream_open", &[]),
            (2, "ended_total", &["route=\"one\"", "reason=\"closed\""]),
            (3, "ended_total", &["route=\"two\"", "reason=\"closed\""]),
            (1, "ended_total", &["route=\"dead\"", "reason=\"unreachable\""]),
            (1, "ended_total", &["reason=\"no_route\""]),
            (7, "ended_total", &[]),
            ((up + long_up) as u64, "bytes_total", &["route=\"one\"", "to=\"upstream\""]),
            ((down + long_down) as u64, "bytes_total", &["route=\"one\"", "to=\"client\""]),
            (3 * up as u64, "bytes_total", &["route=\"two\"", "to=\"upstream\""]),
            (2, "upstream_connected_total", &["upstream=\"one\""]),
            (3, "upstream_connected_total", &["upstream=\"two\""]),
            // Its turn came twice.
            (2, "upstream_failed_total", &["upstream=\"two\""]),
            (1, "upstream_failed_total", &["upstream=\"dead\""]),
        ];
        for &(value, name, labels) in cases {
            assert_eq!(sum(&metrics, name, labels), value, "{name} {labels:?}\n{metrics}");
        }

        let page = String::from_utf8(curl(router.admin, &["http://admin.test/"])).unwrap();
        assert!(page.contains("text/html") && page.contains("7 accepted"), "{page}");
        assert!(page.contains(&format!("<td>{}<td>{}", up + long_up, down + long_down)), "{page}");
        for (arguments, status) in [
            (&["http://admin.test/other"][..], "404"),
            (&["-d", "x", "http://admin.test/"], "405"),
            (&["--head", "http://admin.test/metrics"], "200"),
        ] {
            let answer = curl(router.admin, arguments);
            assert!(answer.starts_with(format!("HTTP/1.1 {status} ").as_bytes()), "{arguments:?}");
        }
    }
}
