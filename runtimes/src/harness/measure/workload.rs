//! What the connections carry, and the comparison of what comes out with what went in.

use bytes::Bytes;
use fastrand::Rng;

use super::Settings;
use crate::harness::Failure;

/// The line after which a stream is a tunnel.
pub const TUNNEL: &[u8] = b"TUNNEL\n";

/// One stream for each connection, no two alike. Clones share them.
#[derive(Debug, Clone)]
pub struct Payloads {
    streams: Vec<Bytes>,
}

impl Payloads {
    /// Makes the streams of a workload.
    pub fn new(settings: &Settings) -> Self {
        Self { streams: (0..settings.connections).map(|stream| payload(stream, settings)).collect() }
    }

    /// The streams, by connection.
    pub fn streams(&self) -> &[Bytes] {
        &self.streams
    }

    /// The length of each stream.
    pub fn lengths(&self) -> impl Iterator<Item = usize> {
        self.streams.iter().map(Bytes::len)
    }
}

fn payload(stream: usize, settings: &Settings) -> Bytes {
    let mut bytes = Vec::with_capacity(settings.bytes_per_connection() + 8);
    for frame in 0..settings.route_frames {
        let start = bytes.len();
        let line = format!("GET /tenant/{stream:04}/object/{frame:08}");
        // A line that is too short for that still identifies itself.
        let line =
            if line.len() <= settings.frame_len { line } else { format!("G {stream:04x}/{frame:08x}") };
        bytes.extend_from_slice(line.as_bytes());
        bytes.resize(start + settings.frame_len, b'x');
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(TUNNEL);
    let end = bytes.len() + settings.tunnel_bytes;
    // Random words never repeat in step, so a missing, repeated or moved byte shows anywhere.
    let mut rng = Rng::with_seed(stream as u64);
    while bytes.len() < end {
        bytes.extend_from_slice(&rng.u64(..).to_le_bytes());
    }
    bytes.truncate(end);
    bytes.into()
}

/// What the buffered bytes begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// A line of this many bytes, to be routed.
    Frame(usize),
    /// The mark: it and everything after it passes as it is.
    Tunnel,
    /// The beginning of a line.
    More,
}

/// The parser of all hand-written implementations.
pub fn next(buffered: &[u8]) -> Next {
    match memchr::memchr(b'\n', buffered) {
        None => Next::More,
        Some(end) if &buffered[..=end] == TUNNEL => Next::Tunnel,
        Some(end) => Next::Frame(end + 1),
    }
}

/// How far a stream has been checked.
#[derive(Debug)]
pub struct Verifier {
    stream: usize,
    sent: Bytes,
    checked: usize,
}

impl Verifier {
    /// Expects `sent` from the connection with the number `stream`.
    pub fn new(stream: usize, sent: Bytes) -> Self {
        Self { stream, sent, checked: 0 }
    }

    /// Checks the next bytes: one comparison of memory as long as they are right.
    pub fn check(&mut self, received: &[u8]) -> Result<(), Failure> {
        let left = &self.sent[self.checked..];
        if left.get(..received.len()) == Some(received) {
            self.checked += received.len();
            return Ok(());
        }
        let differs = left.iter().zip(received).position(|(sent, received)| sent != received);
        Err(match differs {
            Some(at) => Failure::Mismatch {
                stream: self.stream,
                offset: self.checked + at,
                sent: left[at],
                received: received[at],
            },
            None => Failure::Surplus { stream: self.stream, len: self.sent.len() },
        })
    }

    /// How much has been checked.
    pub fn checked(&self) -> usize {
        self.checked
    }

    /// Whether the last byte has been checked.
    pub fn is_complete(&self) -> bool {
        self.checked == self.sent.len()
    }
}
