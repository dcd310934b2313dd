//! What the fuzzer varies.

use std::io;

use arbitrary::Arbitrary;
use futures_handoff::HandoffBufferConfig;
use futures_handoff_runtimes::io::{ReadStep, ScriptReader};

use super::finder::Kind;

/// Bytes, how they arrive, and how they are cut into frames.
#[derive(Debug, Arbitrary)]
pub struct Case<'a> {
    pub(super) kind: Kind,
    max_len: u16,
    read_size: (u8, u16),
    small_copy_max: u8,
    /// How the next frames are taken; used again from the start when all were.
    pub(super) takes: Vec<Take>,
    /// After this many frames the rest is read as one stream.
    pub(super) frames: u8,
    /// The room of the reads of that stream; none: by its buffer.
    pub(super) rooms: Vec<u8>,
    pieces: Vec<Piece>,
    /// All bytes that arrive.
    pub(super) bytes: &'a [u8],
}

/// How a frame is taken.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) enum Take {
    /// By a future that is polled until it is done.
    Whole,
    /// By a future that is dropped where it waits, and made again.
    Dropped,
    /// By a stream of frames, which is kept for this many frames, and perhaps dropped when it
    /// waits.
    Stream { frames: u8, dropped: bool },
}

/// What the reader does at a call.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Piece {
    /// Gives one more byte than that.
    Few(u8),
    /// Gives one more byte than that.
    Many(u16),
    Pending,
    Fails,
    Ends,
    /// Reports more bytes than fit.
    Lies,
}

impl Case<'_> {
    pub(super) fn config(&self) -> HandoffBufferConfig {
        // Mostly less than there are bytes.
        let max_len = 1 + usize::from(self.max_len) % if self.max_len > u16::MAX / 2 { 5000 } else { 40 };
        let min = 1 + usize::from(self.read_size.0) % max_len;
        let max = min + usize::from(self.read_size.1) % (max_len - min + 1);
        let small = usize::from(self.small_copy_max) % (max_len + 1);
        HandoffBufferConfig::new(max_len).with_read_size(min..=max).with_small_copy_max(small)
    }

    /// A reader of all the bytes, and how often it reports an end too early.
    pub(super) fn reader(&self) -> (ScriptReader, usize) {
        let mut left = self.bytes;
        let mut ends = 0;
        let mut steps = Vec::with_capacity(self.pieces.len() + 1);
        for piece in &self.pieces {
            let most = match piece {
                Piece::Few(most) => usize::from(*most),
                Piece::Many(most) => usize::from(*most),
                other => {
                    ends += usize::from(matches!(other, Piece::Ends));
                    steps.push(match other {
                        Piece::Fails => ReadStep::Error(io::ErrorKind::ConnectionReset),
                        Piece::Ends => ReadStep::End,
                        Piece::Lies => ReadStep::OverReport(1),
                        _ => ReadStep::Pending,
                    });
                    continue;
                }
            };
            let (given, rest) = left.split_at(left.len().min(most + 1));
            left = rest;
            // A reader that returns no bytes reports its end.
            if !given.is_empty() {
                steps.push(ReadStep::data(given));
            }
        }
        if !left.is_empty() {
            steps.push(ReadStep::data(left));
        }
        (ScriptReader::new(steps), ends)
    }

    /// More calls than can be needed.
    pub(super) fn calls(&self) -> usize {
        2 * (self.bytes.len() + self.pieces.len()) + 4
    }
}
