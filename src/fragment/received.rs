//! What a reassembler reports: the result of a packet, and its statistics.

use bytes::Bytes;

/// The result of a packet that was accepted.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
///
/// use futures_handoff::{
///     bytes::Bytes,
///     fragment::{Fragmenter, Limits, PacketPool, Plain, Reassembler, Received, Stride},
/// };
///
/// let message = Fragmenter::new(7, Bytes::from(vec![1; 2_000]), Stride::for_packets::<Plain>(1_200)?)?;
/// let packets = message.pack(&mut (0..2), &mut Plain, &mut PacketPool::default())?.unwrap();
/// let mut reassembler = Reassembler::new(Limits::default());
/// for packet in packets.iter().chain(packets.iter()) {
///     match reassembler.push(&(), &packet, &mut Plain, Instant::now())? {
///         Received::Complete { id, payload } => assert_eq!((id, payload.len()), (7, 2_000)),
///         Received::Fragment { arrived, count, .. } => assert_eq!((arrived, count), (1, 2)),
///         // The sender should hear that the message is complete.
///         Received::Duplicate { id } => assert_eq!(id, 7),
///     }
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// The message is complete: every byte of it has arrived.
    Complete {
        /// Its id.
        id: u32,
        /// Its bytes, without those that
        /// [`Reassembler::take_prefix`](super::Reassembler::take_prefix) has returned.
        payload: Bytes,
    },
    /// The fragment was new. Other fragments of the message are missing.
    Fragment {
        /// The id of the message.
        id: u32,
        /// The number of its fragments that have arrived.
        arrived: u32,
        /// The number of its fragments.
        count: u32,
    },
    /// The fragment or its whole message has arrived before: the sender sent it again, or the
    /// network made a copy. Nothing has changed. A copy of a sealed packet is
    /// [`PacketError::Replayed`](super::PacketError::Replayed) instead. Only a fragment that was
    /// sealed again is a duplicate.
    Duplicate {
        /// The id of the message.
        id: u32,
    },
}

/// What a reassembler holds, and what it has counted since it was made.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
///
/// use futures_handoff::fragment::{Limits, Plain, Reassembler};
///
/// let mut reassembler = Reassembler::new(Limits::default());
/// assert!(reassembler.push(&"peer", b"noise", &mut Plain, Instant::now()).is_err());
/// let stats = reassembler.stats();
/// assert_eq!((stats.refused, stats.completed, stats.in_flight), (1, 0, 0));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReassemblerStats {
    /// The number of incomplete messages.
    pub in_flight: usize,
    /// The part of [`Limits::max_bytes`](super::Limits::max_bytes) that they take.
    pub bytes: usize,
    /// The number of completed messages.
    pub completed: u64,
    /// The number of duplicate fragments. Copies of sealed packets count as refused instead.
    pub duplicates: u64,
    /// The number of duplicates with other bytes than the first copy. The first copy is kept.
    pub conflicts: u64,
    /// The number of refused packets: the calls of [`Reassembler::push`](super::Reassembler::push)
    /// that returned an error.
    pub refused: u64,
    /// The number of refused packets that were sealed and had been opened before, or were too old,
    /// as a network that repeats packets causes them.
    pub replayed: u64,
    /// The number of messages that expired before they were complete.
    pub expired: u64,
}
