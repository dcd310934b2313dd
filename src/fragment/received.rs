//! What a reassembler reports: the result of a packet, and its statistics.

use bytes::Bytes;

/// What became of a packet that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// The message is complete: every byte of it has arrived.
    Complete {
        /// Its id.
        id: u32,
        /// Its bytes, without what [`Reassembler::take_prefix`](super::Reassembler::take_prefix)
        /// gave before.
        payload: Bytes,
    },
    /// The fragment was new. Others of the message are missing.
    Fragment {
        /// The id of the message.
        id: u32,
        /// How many of its fragments have arrived.
        arrived: u32,
        /// How many there are.
        count: u32,
    },
    /// The fragment, or its whole message, had arrived before: the sender has sent it again, or the
    /// network has made a copy. Nothing has changed. A copy of a sealed packet is
    /// [`PacketError::Replayed`](super::PacketError::Replayed) instead: only what was sealed again
    /// is a duplicate.
    Duplicate {
        /// The id of the message.
        id: u32,
    },
}

/// What a reassembler holds, and what it has seen since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReassemblerStats {
    /// How many messages are incomplete.
    pub in_flight: usize,
    /// What they take of [`Limits::max_bytes`](super::Limits::max_bytes).
    pub bytes: usize,
    /// Messages that were completed.
    pub completed: u64,
    /// Fragments that had arrived before. Copies of sealed packets are refused, and count there.
    pub duplicates: u64,
    /// Those of them whose bytes were others than those of the first copy, which stays.
    pub conflicts: u64,
    /// Packets that were refused: the calls of [`Reassembler::push`](super::Reassembler::push) that
    /// gave an error.
    pub refused: u64,
    /// Those of them that were sealed and had been opened before, or were too old: what a network
    /// that repeats packets makes of them.
    pub replayed: u64,
    /// Messages that expired before they were complete.
    pub expired: u64,
}
