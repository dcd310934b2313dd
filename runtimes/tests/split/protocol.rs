//! Each end of the two processes against one that the test plays.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
};

use super::processes::{Harness, LIMIT, SMALL, printed, said, service, stderr};
use clap::Parser;
use futures_handoff_runtimes::stream::{Settings, Usage};
use serde_json::{Value, json};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
}

/// A connection on which a test speaks line by line.
struct Peer {
    stream: BufReader<TcpStream>,
}

impl Peer {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    fn accept(listener: &TcpListener) -> Self {
        Self::new(listener.accept().unwrap().0)
    }

    fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).unwrap())
    }

    fn say(&self, message: &Value) {
        self.say_raw(format!("{message}\n").as_bytes());
    }

    fn say_raw(&self, bytes: &[u8]) {
        self.stream.get_ref().write_all(bytes).unwrap();
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }

    fn hear_type(&mut self, name: &str) -> Value {
        let heard = self.hear();
        assert_eq!(heard["type"], name, "{heard}");
        heard
    }
}

const SERVICE: &str = "--runtime local --implementation raw_copy --idle-timeout-millis 0";

fn hello(version: u64, sink: SocketAddr) -> Value {
    json!({
        "type": "hello", "protocol": "futures-handoff-split", "version": version, "session": 7, "sink": sink,
        "frame_len": 63, "stall": {"secs": 60, "nanos": 0},
    })
}

/// A driver at a service, greeted, and where its sink is.
fn greeted(service: SocketAddr) -> (Peer, TcpListener) {
    let sink = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut control = Peer::connect(service);
    control.say(&hello(1, sink.local_addr().unwrap()));
    let welcome = control.hear_type("welcome");
    assert_eq!(welcome["version"], 1);
    assert_eq!(welcome["identity"]["implementation"], "raw_copy");
    (control, sink)
}

/// A stream through a service, both ends.
fn stream(service: SocketAddr, sink: &TcpListener, stream: usize) -> (Peer, Peer) {
    let first = json!({"type": "stream", "session": 7, "stream": stream});
    let client = Peer::connect(service);
    client.say(&first);
    let mut sink = Peer::accept(sink);
    assert_eq!(sink.hear(), first);
    (client, sink)
}

#[test]
fn a_service_counts_from_start_to_stop() {
    let (service, address) = service(SERVICE);
    let (mut control, sink) = greeted(address);
    let mut streams = [stream(address, &sink, 0), stream(address, &sink, 1)];
    control.say(&json!({"type": "start", "streams": 2}));
    control.hear_type("started");
    for (client, sink) in &mut streams {
        client.say_raw(b"some bytes\n");
        client.stream.get_ref().shutdown(Shutdown::Write).unwrap();
        let mut carried = String::new();
        sink.stream.read_to_string(&mut carried).unwrap();
        assert_eq!(carried, "some bytes\n");
    }
    control.say(&json!({"type": "stop"}));
    let stopped = control.hear_type("stopped");
    assert_eq!(stopped["faults"], json!([]));
    // The bytes and the end, for each of them.
    assert!(stopped["usage"]["tally"]["read_calls"].as_u64() >= Some(4), "{stopped}");
    control.say(&json!({"type": "end"}));
    control.hear_type("end");
    service.succeed();
}

#[test]
fn a_service_misses_its_driver_wherever_it_dies() {
    for rounds in 0..2 {
        let (service, address) = service(SERVICE);
        let (mut control, sink) = greeted(address);
        let stream = stream(address, &sink, 0);
        if rounds == 1 {
            control.say(&json!({"type": "start", "streams": 1}));
            control.hear_type("started");
        }
        drop((control, stream));
        let sink = sink.local_addr().unwrap();
        said(&service.fail(), &format!("harness: the driver with its sink at {sink} is gone before the end"));
    }
}

#[test]
fn a_service_refuses_what_it_does_not_understand_and_goes_on() {
    let (service, address) = service(SERVICE);
    let sink = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let later = format!("{}\n", hello(2, sink));
    for (said_to_it, answer) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "which is no message of futures-handoff-split version 1"),
        (later.as_bytes(), "it speaks version 2 of futures-handoff-split, here is version 1"),
        (&b"{\"type\":\"end\"}\n"[..], "it does not begin with a greeting"),
    ] {
        let mut stranger = Peer::connect(address);
        stranger.say_raw(said_to_it);
        let reason = stranger.hear_type("failed")["reason"].to_string();
        said(&reason, "refused: ");
        said(&reason, answer);
    }
    let (mut control, sink) = greeted(address);
    // Another driver, and a stream of another one.
    let mut second = Peer::connect(address);
    second.say(&hello(1, sink.local_addr().unwrap()));
    said(&second.hear_type("failed")["reason"].to_string(), "the service is busy with another driver");
    let mut other = Peer::connect(address);
    other.say(&json!({"type": "stream", "session": 8, "stream": 0}));
    said(&other.hear_type("failed")["reason"].to_string(), "it is not stream 0 of the driver");
    // All that has not harmed the first.
    drop(stream(address, &sink, 0));
    control.say(&json!({"type": "start", "streams": 1}));
    control.hear_type("started");
    control.say(&json!({"type": "stop"}));
    control.hear_type("stopped");
    control.say(&json!({"type": "end"}));
    control.hear_type("end");
    let output = service.end();
    assert!(output.status.success());
    let text = stderr(&output);
    said(&text, "harness: the service refused a connection: it says \"GET / HTTP/1.1\\r\\n\\r");
    said(&text, "harness: the service refused a connection: it speaks version 2 of futures-handoff-split");
}

#[test]
fn a_sink_that_cannot_be_reached_is_named_to_both() {
    let (service, address) = service(SERVICE);
    let sink = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut control = Peer::connect(address);
    control.say(&hello(1, sink));
    control.hear_type("welcome");
    let client = Peer::connect(address);
    client.say(&json!({"type": "stream", "session": 7, "stream": 0}));
    let sentence = format!("the service cannot reach the sink at {sink}: ");
    said(&control.hear_type("failed")["reason"].to_string(), &sentence);
    said(&service.fail(), &format!("harness: {sentence}"));
}

/// What a service does to the bytes of a stream.
type Damage = fn(&mut Vec<u8>);

/// A service that the test plays, and a driver of the binary at it.
struct Fake {
    driver: Harness,
    control: Peer,
    listener: TcpListener,
    sink: SocketAddr,
    session: Value,
}

impl Fake {
    fn connected() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let one = SMALL.replace("--connections 2", "--connections 1");
        let driver = Harness::start(&format!(
            "run --role tcp-driver --service-addr {address} --sink-addr 127.0.0.1:0 {one}"
        ));
        let mut control = Peer::accept(&listener);
        let hello = control.hear_type("hello");
        let sink = hello["sink"].as_str().unwrap().parse().unwrap();
        Self { driver, control, listener, sink, session: hello["session"].clone() }
    }

    fn greeted() -> Self {
        let fake = Self::connected();
        let Line { settings } = Line::parse_from(["test"]);
        fake.control.say(&json!({
            "type": "welcome", "protocol": "futures-handoff-split", "version": 1,
            "identity": {
                "runtime": "smol", "implementation": "handoff_owned", "settings": settings, "cores": "0",
            },
        }));
        fake
    }

    /// The two sides of the one stream, started.
    fn started(&mut self) -> (Peer, Peer) {
        let mut inbound = Peer::accept(&self.listener);
        let first = inbound.hear_type("stream");
        assert_eq!((&first["session"], &first["stream"]), (&self.session, &json!(0)));
        let outbound = Peer::connect(self.sink);
        outbound.say(&first);
        assert_eq!(self.control.hear_type("start")["streams"], 1);
        self.control.say(&json!({"type": "started"}));
        (inbound, outbound)
    }

    /// Carries the stream once, damaged.
    fn round(&mut self, damage: Damage) {
        let (mut inbound, outbound) = self.started();
        let mut bytes = Vec::new();
        inbound.stream.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len(), 1199);
        damage(&mut bytes);
        // A driver that has found the damage does not wait for the rest.
        let _ = outbound.stream.get_ref().write_all(&bytes);
    }

    fn stopped(&mut self, faults: Value) {
        self.control.hear_type("stop");
        self.control.say(&json!({"type": "stopped", "usage": Usage::default(), "faults": faults}));
    }
}

#[test]
fn a_driver_takes_what_is_right() {
    let mut fake = Fake::greeted();
    for _ in 0..2 {
        fake.round(|_| {});
        fake.stopped(json!([]));
    }
    fake.control.hear_type("end");
    fake.control.say(&json!({"type": "end"}));
    let text = fake.driver.succeed();
    for line in ["runtime=smol", "implementation=handoff_owned", "service_cores=0", "total_bytes=1199"] {
        printed(&text, line);
    }
}

#[test]
fn a_driver_finds_damage() {
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
        let reason = fake.control.hear_type("failed")["reason"].to_string();
        said(&reason, sentence);
        said(&fake.driver.fail(), &format!("harness: {sentence}"));
    }
}

#[test]
fn a_driver_says_why_a_proxy_failed() {
    let mut fake = Fake::greeted();
    fake.round(|bytes| bytes.truncate(321));
    fake.stopped(json!([{"stream": 0, "reason": "the proxy has lost it"}]));
    said(&fake.driver.fail(), "harness: stream 0 ends at offset 321 of 1199: the proxy has lost it\n");

    // One that fails after the last byte has failed, too.
    let mut fake = Fake::greeted();
    fake.round(|_| {});
    fake.stopped(json!([{"stream": 0, "reason": "no good end"}]));
    said(&fake.driver.fail(), "harness: stream 0 ends at offset 1199 of 1199: no good end\n");
}

#[test]
fn a_driver_misses_its_service_wherever_it_dies() {
    for step in 0..4 {
        let mut fake = if step == 0 { Fake::connected() } else { Fake::greeted() };
        let streams = (step >= 2).then(|| fake.started());
        let Fake { driver, control, listener, .. } = fake;
        let service = listener.local_addr().unwrap();
        if step == 1 {
            // The stream that the driver opens has nobody to take it further.
            drop(Peer::accept(&listener));
        }
        drop((control, listener));
        // In the end the streams stay where they are.
        let streams = streams.filter(|_| step == 3);
        said(&driver.fail(), &format!("harness: the service at {service} is gone before the end"));
        drop(streams);
    }
}

#[test]
fn a_driver_refuses_what_it_does_not_understand() {
    let cases = [
        ("garbage\n", "it says \"garbage\", which is no message of futures-handoff-split version 1"),
        (
            "{\"type\":\"welcome\",\"protocol\":\"futures-handoff-split\",\"version\":9}\n",
            "it speaks version 9 of futures-handoff-split, here is version 1",
        ),
        ("{\"type\":\"stop\"}\n", "it answered Stop to a greeting"),
    ];
    for (answer, sentence) in cases {
        let mut fake = Fake::connected();
        fake.control.say_raw(answer.as_bytes());
        said(&fake.control.hear_type("failed")["reason"].to_string(), "does not keep to the protocol: ");
        let service = fake.listener.local_addr().unwrap();
        let text = fake.driver.fail();
        said(&text, &format!("harness: the service at {service} does not keep to the protocol: {sentence}"));
    }
}
