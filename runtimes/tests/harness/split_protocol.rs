//! Each end of the two processes, started by hand, against one that the test plays.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
};

use futures_handoff_runtimes::harness::Usage;
use serde_json::{Value, json};

use super::binary::*;

/// A connection on which a test speaks line by line.
struct Peer(BufReader<TcpStream>);

impl Peer {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        Self(BufReader::new(stream))
    }

    fn accept(listener: &TcpListener) -> Self {
        Self::new(listener.accept().unwrap().0)
    }

    fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).unwrap())
    }

    fn say(&self, message: impl ToString) {
        self.0.get_ref().write_all(format!("{}\n", message.to_string()).as_bytes()).unwrap();
    }

    fn hear(&mut self, name: &str) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let heard: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        assert_eq!(heard["type"], name, "{heard}");
        heard
    }
}

/// A service by hand, and where it listens.
fn service(name: &str, line: &str) -> (Harness, SocketAddr) {
    let ready = results(&format!("{name}.ready"));
    let line =
        format!("run --role tcp-service --service-addr 127.0.0.1:0 --ready-file {} {line}", ready.display());
    let mut command = command(&line);
    fs::create_dir_all(ready.parent().unwrap()).unwrap();
    fs::write(&ready, "of an earlier service").unwrap();
    let service = Harness::of(&mut command);
    let mut address = None;
    until("a service is ready", || {
        // The file is there as a whole or not at all.
        address = fs::read_to_string(&ready).ok().and_then(|text| text.strip_suffix('\n')?.parse().ok());
        address.is_some()
    });
    (service, address.unwrap())
}

const RAW: &str = "--runtime local --implementation raw_copy --idle-timeout-millis 0";

fn hello(version: u64, sink: &TcpListener) -> Value {
    json!({
        "type": "hello", "protocol": "futures-handoff-split", "version": version, "session": 7,
        "sink": sink.local_addr().unwrap(), "frame_len": 63, "stall": {"secs": 60, "nanos": 0},
    })
}

/// A driver at a service, greeted, and its sink.
fn greeted(service: SocketAddr) -> (Peer, TcpListener) {
    let sink = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut control = Peer::connect(service);
    control.say(hello(2, &sink));
    assert_eq!(control.hear("welcome")["identity"]["implementation"], "raw_copy");
    (control, sink)
}

#[test]
fn a_service_counts_from_start_to_stop_and_refuses_strangers() {
    let (service, address) = service("counts", RAW);
    let (mut control, sink) = greeted(address);
    for (said, answer) in [
        ("GET / HTTP/1.1\r\n".to_owned(), "which is not a message of futures-handoff-split version 2"),
        (hello(9, &sink).to_string(), "it speaks version 9 of futures-handoff-split, here is version 2"),
        (hello(2, &sink).to_string(), "the service is busy with another driver"),
        (
            json!({"type": "stream", "session": 8, "stream": 0}).to_string(),
            "it is not stream 0 of the driver",
        ),
    ] {
        let mut stranger = Peer::connect(address);
        stranger.say(said);
        contains(&stranger.hear("failed")["reason"].to_string(), answer);
    }
    // All that has not harmed the first.
    let first = json!({"type": "stream", "session": 7, "stream": 0});
    let client = Peer::connect(address);
    client.say(&first);
    let mut end = Peer::accept(&sink);
    assert_eq!(end.hear("stream"), first);
    control.say(json!({"type": "start", "streams": 1}));
    control.hear("started");
    client.say("some bytes");
    client.0.get_ref().shutdown(Shutdown::Write).unwrap();
    let mut carried = String::new();
    end.0.read_to_string(&mut carried).unwrap();
    assert_eq!(carried, "some bytes\n");
    control.say(json!({"type": "stop"}));
    let stopped = control.hear("stopped");
    assert_eq!(stopped["faults"], json!([]));
    assert!(stopped["usage"]["read_calls"].as_u64() >= Some(2), "{stopped}");
    control.say(json!({"type": "end"}));
    control.hear("end");
    assert!(service.end().status.success());
}

#[test]
fn a_service_misses_its_driver() {
    let (gone, address) = service("gone", RAW);
    let (control, sink) = greeted(address);
    let sink = sink.local_addr().unwrap();
    drop(control);
    contains(
        &stderr(&gone.end()),
        &format!("harness: the driver with its sink at {sink} is gone before the end"),
    );
}

#[test]
fn a_driver_records_what_its_service_is() {
    let line = "--runtime local --implementation manual_vec --read-reserve 4321 --worker-threads 3";
    let (service, address) = service("records", line);
    let driver =
        "run --role tcp-driver --sink-addr 127.0.0.1:0 --runs 3 --implementation handoff --frame-len 5000";
    let text = printed(&format!("{driver} --service-addr {address} {SMALL}"));
    for (name, value) in [("runtime", "local"), ("implementation", "manual_vec"), ("read_reserve", "4321")] {
        assert_eq!(field(&text, name), value);
    }
    assert_eq!(text.matches("\ntotal_streams=2\n").count(), 3);
    assert!(service.end().status.success());
}

/// A driver of the binary, with one stream of 1199 bytes, at a service that the test plays.
struct Fake {
    driver: Harness,
    control: Peer,
    listener: TcpListener,
    hello: Value,
}

impl Fake {
    fn connected() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let line = "run --role tcp-driver --sink-addr 127.0.0.1:0 --connections 1 --route-frames 3 --tunnel-bytes 1000";
        let driver = Harness::start(&format!("{line} --service-addr {address}"));
        let mut control = Peer::accept(&listener);
        let hello = control.hear("hello");
        Self { driver, control, listener, hello }
    }

    fn greeted() -> Self {
        let fake = Self::connected();
        fake.control.say(json!({
            "type": "welcome", "protocol": "futures-handoff-split", "version": 2,
            "identity": {"runtime": "smol", "implementation": "handoff_owned", "settings": settings(""), "cores": "0"},
        }));
        fake
    }

    /// Carries the stream once, damaged.
    fn round(&mut self, damage: Damage) {
        let mut inbound = Peer::accept(&self.listener);
        let first = inbound.hear("stream");
        assert_eq!(first["session"], self.hello["session"]);
        let outbound = Peer::connect(self.hello["sink"].as_str().unwrap().parse().unwrap());
        outbound.say(&first);
        self.control.hear("start");
        self.control.say(json!({"type": "started"}));
        let mut bytes = Vec::new();
        inbound.0.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len(), 1199);
        damage(&mut bytes);
        // A driver that has found the damage does not wait for the rest.
        let _ = outbound.0.get_ref().write_all(&bytes);
    }

    fn stopped(&mut self, faults: Value) {
        self.control.hear("stop");
        self.control.say(json!({"type": "stopped", "usage": Usage::default(), "faults": faults}));
    }

    fn fails(self, sentence: &str) {
        contains(&stderr(&self.driver.end()), &format!("harness: {sentence}"));
    }
}

/// What a service does to the bytes of a stream.
type Damage = fn(&mut Vec<u8>);

#[test]
fn a_driver_takes_what_is_right_and_finds_damage() {
    let mut fake = Fake::greeted();
    for _ in 0..2 {
        fake.round(|_| {});
        fake.stopped(json!([]));
    }
    fake.control.hear("end");
    fake.control.say(json!({"type": "end"}));
    let text = stdout(&fake.driver.end());
    assert_eq!(
        ["runtime", "service_cores", "total_bytes"].map(|name| field(&text, name)),
        ["smol", "0", "1199"]
    );

    let cases: [(Damage, &str); 5] = [
        (|bytes| bytes[700] ^= 1, "stream 0 differs at offset 700: sent "),
        (|bytes| bytes[..64].reverse(), "stream 0 differs at offset 0: sent 0x47, received 0x0a"),
        (|bytes| bytes.splice(600..601, []).for_each(drop), "stream 0 differs at offset 600: sent "),
        (|bytes| bytes.insert(500, bytes[500]), "stream 0 differs at offset 501: sent "),
        (|bytes| bytes.push(0), "stream 0 goes on at offset 1199, where what was sent ends"),
    ];
    for (damage, sentence) in cases {
        let mut fake = Fake::greeted();
        fake.round(damage);
        contains(&fake.control.hear("failed")["reason"].to_string(), sentence);
        fake.fails(sentence);
    }
    // A proxy that fails after the last byte has also failed.
    for (kept, reason) in [(321, "the proxy has lost it"), (1199, "no good end")] {
        let mut fake = Fake::greeted();
        if kept == 321 {
            fake.round(|bytes| bytes.truncate(321))
        } else {
            fake.round(|_| {})
        }
        fake.stopped(json!([[0, reason]]));
        fake.fails(&format!("stream 0 ends at offset {kept} of 1199: {reason}"));
    }
}

#[test]
fn a_driver_misses_its_service_and_what_it_does_not_understand() {
    let mut fake = Fake::connected();
    fake.control.say("garbage");
    contains(
        &fake.control.hear("failed")["reason"].to_string(),
        "does not keep to the protocol: it says \\\"garbage",
    );
    fake.fails("the service at ");
    // A port that was free a moment ago may be another test's by now; nothing listens on this one.
    let closed = "127.0.0.1:1";
    let line = format!("run --role tcp-driver --service-addr {closed} --sink-addr 127.0.0.1:0");
    contains(&failed(&line), &format!("the driver cannot reach the service at {closed}: "));
}
