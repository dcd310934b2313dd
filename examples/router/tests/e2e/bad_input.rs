//! Bad input, by mistake or on purpose: bounded memory, one log line each, and no effect on other
//! connections.

use std::{io::Write as _, net::TcpStream, thread, time::Duration};

use crate::support::{
    Greeter, Mode, Router,
    client::noise,
    connect, exchange, free_port, local, read_all,
    tls::{self, Certificate},
};

/// How many at a time.
const MANY: usize = 200;
/// The most memory that each may cost: twice the 16 KiB that a matcher reads.
const EACH: usize = 32 << 10;

/// How the bytes are sent: at once, or one at a time until the router has enough.
#[derive(Clone, Copy)]
enum Pace {
    AtOnce,
    Dripping,
}

fn cases(ended: &Certificate) -> Vec<(&'static str, Pace, Vec<u8>)> {
    let http = |rest: &str| format!("GET / HTTP/1.1\r\n{rest}").into_bytes();
    let hello = |rest: &[u8]| [&b"\x16\x03\x01\x3f\xff\x01\x00\x3f\xfb\x03\x03"[..], rest].concat();
    vec![
        ("endless headers", Pace::AtOnce, http(&"X-A: 0123456789\r\n".repeat(4_000))),
        ("an endless header", Pace::AtOnce, http(&format!("X-A: {}", "a".repeat(64 << 10)))),
        ("an endless path", Pace::AtOnce, format!("GET /{}", "a".repeat(64 << 10)).into_bytes()),
        ("an endless host", Pace::AtOnce, http(&format!("Host: {}\r\n\r\n", "a".repeat(15_000)))),
        ("slow headers", Pace::Dripping, http("X-A: 0123456789\r\n").repeat(100)),
        ("a slow hello", Pace::Dripping, hello(&[1; 4_000])),
        ("slow nothing", Pace::Dripping, Vec::new()),
        ("most of a hello", Pace::AtOnce, hello(&noise(16_000))),
        ("many headers", Pace::AtOnce, http(&"X-A: 0123456789\r\n".repeat(900))),
        ("a hello of nonsense", Pace::AtOnce, hello(&noise(16 << 10))),
        ("records without end", Pace::AtOnce, b"\x16\x03\x01\x00\x01\x01".repeat(10_000)),
        ("garbage", Pace::AtOnce, noise(64 << 10)),
        ("zeros", Pace::AtOnce, vec![0; 64 << 10]),
        ("many arguments", Pace::AtOnce, b"*4294967295\r\n".into()),
        ("too many arguments", Pace::AtOnce, b"*99999999999999999999\r\n".into()),
        ("a negative count", Pace::AtOnce, b"*-7\r\n".into()),
        ("a long key", Pace::AtOnce, b"*2\r\n$3\r\nGET\r\n$4294967295\r\nwrong".into()),
        ("a long command", Pace::AtOnce, [&b"*2\r\n$65536\r\n"[..], &[b'A'; 65_536]].concat()),
        ("nesting", Pace::AtOnce, b"*1\r\n".repeat(20_000)),
        ("half a handshake", Pace::AtOnce, tls::hello(&mut ended.client("ended.test", &[], None))),
        ("a dead server", Pace::AtOnce, b"*2\r\n$3\r\nGET\r\n$4\r\ndead\r\n".into()),
    ]
}

fn send(mut streams: Vec<TcpStream>, pace: Pace, bytes: &[u8]) {
    match pace {
        // The router may refuse it before all of it is sent.
        Pace::AtOnce => streams.iter_mut().for_each(|stream| _ = stream.write_all(bytes)),
        Pace::Dripping => {
            for byte in bytes {
                streams.retain_mut(|stream| stream.write_all(&[*byte]).is_ok());
                if streams.is_empty() {
                    break;
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
    // No server has sent anything.
    streams.iter().for_each(|stream| assert!(!read_all(stream).0.starts_with(b"good")));
}

fn routed(mode: Mode, good: &Greeter, ended: &Certificate) -> Router {
    let router = mode
        .router()
        .upstream("dead", &[local(free_port())])
        .upstream("good", &[good.address])
        .listener("detect_timeout = \"600ms\"")
        .route("dead", r#"match.resp.key = ["dead"]"#)
        .route("good", r#"match.http.host = ["good.test"]"#)
        .route("good", r#"match.tls.sni = ["good.test"]"#)
        .file("cert.pem", &ended.pem)
        .file("key.pem", &ended.key)
        .route(
            "good",
            "match.tls.sni = [\"ended.test\"]\nterminate = { certificate = \"cert.pem\", key = \"key.pem\" }",
        )
        .route("good", r#"match.resp.key = ["good"]"#);
    router.start()
}

fn beside(router: &Router) {
    let request = b"GET / HTTP/1.1\r\nHost: good.test\r\n\r\n";
    assert_eq!(exchange(router.address, request), [b"good", &request[..]].concat());
}

on_each_runtime! {
    fn memory_is_bounded_and_each_has_one_line(mode) needs [] {
        let good = Greeter::new("good");
        let certificate = Certificate::of(&["ended.test"]);
        let router = routed(mode, &good, &certificate);
        // The router keeps the memory that as many good connections need.
        thread::scope(|scope| (0..MANY).for_each(|_| _ = scope.spawn(|| beside(&router))));
        let mut lines = router.log.wait_for(MANY, &["route="]).len();
        let before = router.memory();
        for (name, pace, bytes) in cases(&certificate) {
            thread::scope(|scope| {
                let streams: Vec<_> = (0..MANY).map(|_| connect(router.address)).collect();
                let sent = scope.spawn(|| send(streams, pace, &bytes));
                while !sent.is_finished() {
                    beside(&router);
                    lines += 1;
                    let grown = router.memory().saturating_sub(before); assert!(grown < MANY * EACH, "{name}: {grown} bytes");
                    thread::sleep(Duration::from_millis(20));
                }
                sent.join().unwrap();
            });
            lines += MANY;
            let logged = router.log.wait_for(lines, &["route="]);
            assert_eq!(logged.len(), lines, "{name}: {:#?}", logged.last());
        }
        let all = router.log.with(&[]);
        let other: Vec<_> = all.iter().filter(|line| !line.contains("route=") && !line.contains("listening")).collect();
        assert!(other.is_empty(), "{other:#?}");
    }
}
