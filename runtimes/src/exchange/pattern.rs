//! What is sent, and how it is known again.

use bytes::Bytes;

/// A prime, so that frames of no usual length begin twice at the same place soon.
const PERIOD: usize = 65_521;

/// Bytes that count: each offset of the stream has a byte of its own, and what is out of place differs soon.
#[derive(Debug, Clone)]
pub struct Pattern {
    bytes: Bytes,
}

impl Pattern {
    /// A pattern that up to `longest` bytes are looked at of at a time.
    #[must_use]
    pub fn new(longest: usize) -> Self {
        let byte = |place: usize| {
            let place = place % PERIOD;
            ((place / 4) as u32).to_le_bytes()[place % 4]
        };
        Self { bytes: (0..PERIOD + longest).map(byte).collect() }
    }

    /// The `len` bytes at `offset`, as the pattern's own.
    #[must_use]
    pub fn at(&self, offset: u64, len: usize) -> &[u8] {
        let start = (offset % PERIOD as u64) as usize;
        &self.bytes[start..start + len]
    }

    /// The same, owned. Nothing is copied.
    #[must_use]
    pub fn owned(&self, offset: u64, len: usize) -> Bytes {
        let start = (offset % PERIOD as u64) as usize;
        self.bytes.slice(start..start + len)
    }

    /// Where `received` differs first, if it does: the offset, what was sent there, and what was received.
    #[must_use]
    pub fn differs(&self, offset: u64, received: &[u8]) -> Option<(u64, u8, u8)> {
        let sent = self.at(offset, received.len());
        if sent == received {
            return None;
        }
        let mut both = (offset..).zip(sent.iter().zip(received));
        both.find_map(|(at, (&sent, &received))| (sent != received).then_some((at, sent, received)))
    }
}
