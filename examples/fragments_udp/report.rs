//! Reports of the receiver to the sender: which parts of a message are missing, or that it is
//! complete.
//!
//! | bytes | |
//! |---|---|
//! | 0 to 3 | the id of the message |
//! | 4 | 0: fragments are missing; 1: the message is complete |
//! | 5 on | ranges of indices that are missing, 8 bytes each; or the SHA-256 of the message |
//!
//! A report is itself a message of one packet. So it is sealed like the data, and duplicates are
//! detected.

use std::ops::Range;

use futures_handoff::bytes::{Buf, BufMut, Bytes, BytesMut};
use sha2::{Digest as _, Sha256};

const HEAD_LEN: usize = 5;
const RANGE_LEN: usize = 8;

pub(crate) type Digest = [u8; 32];

pub(crate) fn digest(message: &[u8]) -> Digest {
    Sha256::digest(message).into()
}

/// A report on the message with this id.
pub(crate) struct Report {
    pub(crate) message: u32,
    pub(crate) state: State,
}

pub(crate) enum State {
    Missing(Vec<Range<u32>>),
    Complete(Digest),
}

impl Report {
    /// The missing ranges, or as many of them as fit in `len` bytes. A later report has the rest,
    /// once these have arrived.
    pub(crate) fn missing(message: u32, ranges: impl Iterator<Item = Range<u32>>, len: usize) -> Self {
        let most = len.saturating_sub(HEAD_LEN) / RANGE_LEN;
        Self { message, state: State::Missing(ranges.take(most).collect()) }
    }

    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::new();
        bytes.put_u32(self.message);
        match &self.state {
            State::Missing(ranges) => {
                bytes.put_u8(0);
                for range in ranges {
                    bytes.put_u32(range.start);
                    bytes.put_u32(range.end);
                }
            }
            State::Complete(digest) => {
                bytes.put_u8(1);
                bytes.put_slice(digest);
            }
        }
        bytes.freeze()
    }

    /// `None` if the bytes are not a report. Ranges must be in order: a short report must not ask
    /// for the same fragments many times.
    pub(crate) fn decode(mut bytes: Bytes) -> Option<Self> {
        let message = bytes.try_get_u32().ok()?;
        let state = match bytes.try_get_u8().ok()? {
            0 => {
                let (mut ranges, mut from) = (Vec::new(), 0);
                while bytes.has_remaining() {
                    let (start, end) = (bytes.try_get_u32().ok()?, bytes.try_get_u32().ok()?);
                    if start < from || end <= start {
                        return None;
                    }
                    from = end;
                    ranges.push(start..end);
                }
                State::Missing(ranges)
            }
            1 => State::Complete(bytes.as_ref().try_into().ok()?),
            _ => return None,
        };
        Some(Self { message, state })
    }
}
