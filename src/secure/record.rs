//! Records on the wire: their header, and the room that messages take in them.
//!
//! A record is a header of 4 bytes, the encrypted bytes, and a tag of 16 bytes. The header is
//! authenticated with the record. It holds the kind and the length of the plaintext in 24 bits,
//! most significant byte first.

use super::{aead::TAG_LEN, error::ReceiveError};

pub(super) const HEADER_LEN: usize = 4;
/// How many bytes a record adds to its plaintext.
pub(super) const OVERHEAD: usize = HEADER_LEN + TAG_LEN;
/// The longest plaintext that a header can announce.
pub(super) const MAX_LEN: usize = (1 << 24) - 1;
/// The length of the prefix of each message in a batch: the length of the message.
pub(super) const BATCH_PREFIX: usize = 3;
/// The length of the plaintext of a begin record: the length of the long message.
pub(super) const TOTAL_LEN: usize = 4;

/// The content of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// One message.
    Message = 0,
    /// Several messages, each after its length.
    Batch = 1,
    /// The length of a long message. Its parts follow.
    Begin = 2,
    /// The next part of a long message. Every part but the last has the longest record length.
    Part = 3,
    /// Nothing. The sender has sent everything.
    Close = 4,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) len: usize,
}

/// Encodes an unsigned number in 24 bits, most significant byte first. The caller has checked that
/// it fits.
pub(super) fn u24(n: usize) -> [u8; 3] {
    debug_assert!(n <= MAX_LEN, "{n} does not fit in 24 bits");
    let [.., a, b, c] = (n as u64).to_be_bytes();
    [a, b, c]
}

pub(super) fn from_u24([a, b, c]: [u8; 3]) -> usize {
    usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)
}

impl Header {
    #[inline]
    pub(super) fn encode(self) -> [u8; HEADER_LEN] {
        let [a, b, c] = u24(self.len);
        [self.kind as u8, a, b, c]
    }

    /// Decodes a header and checks it against the longest record and the limits of its kind. Only
    /// opening the record shows whether the header is genuine.
    #[inline]
    pub(super) fn decode(
        [kind, rest @ ..]: [u8; HEADER_LEN],
        max_record_len: usize,
    ) -> Result<Self, ReceiveError> {
        let len = from_u24(rest);
        let (kind, limit) = match kind {
            0 => (Kind::Message, max_record_len),
            1 => (Kind::Batch, max_record_len),
            2 => (Kind::Begin, TOTAL_LEN),
            3 => (Kind::Part, max_record_len),
            4 => (Kind::Close, 0),
            _ => return Err(ReceiveError::Malformed("a record is of an unknown kind")),
        };
        if len > limit {
            return Err(ReceiveError::TooLong { len, limit });
        }
        Ok(Self { kind, len })
    }

    /// The record's length on the wire.
    #[inline]
    pub(super) fn wire_len(self) -> usize {
        self.len + OVERHEAD
    }
}

/// The room that a submission takes in the write handoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct WireRoom {
    pub(super) bytes: usize,
    pub(super) records: usize,
}

impl WireRoom {
    #[inline]
    pub(super) fn record(len: usize) -> Self {
        Self { bytes: len.saturating_add(OVERHEAD), records: 1 }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            records: self.records.saturating_add(other.records),
        }
    }
}

/// The room that a message takes: one record, or a begin record and one record for each part.
#[inline]
pub(super) fn room_of_message(len: usize, max_record_len: usize) -> WireRoom {
    if len <= max_record_len {
        return WireRoom::record(len);
    }
    let parts = len.div_ceil(max_record_len);
    let bytes = len.saturating_add(parts.saturating_mul(OVERHEAD));
    WireRoom::record(TOTAL_LEN).and(WireRoom { bytes, records: parts })
}

/// Adjacent messages of a list that share a record, or one message with records of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Group {
    Batch {
        messages: std::ops::Range<usize>,
        /// The length of the plaintext, including the length prefixes.
        len: usize,
    },
    Single(usize),
}

/// Divides messages into records in order. Each record holds as many as fit.
pub(super) fn groups<'a, M: AsRef<[u8]>>(
    messages: &'a [M],
    max_record_len: usize,
) -> impl Iterator<Item = Group> + use<'a, M> {
    let mut at = 0;
    let len_of = |at: usize| messages.get(at).map(|message| message.as_ref().len());
    std::iter::from_fn(move || {
        let start = at;
        let mut len = 0;
        while let Some(next) = len_of(at) {
            let with_next = len + BATCH_PREFIX + next;
            if with_next > max_record_len {
                break;
            }
            len = with_next;
            at += 1;
        }
        match at - start {
            // The next message fills one or more records by itself.
            0 => len_of(at).map(|_| {
                at += 1;
                Group::Single(start)
            }),
            1 => Some(Group::Single(start)),
            _ => Some(Group::Batch { messages: start..at, len }),
        }
    })
}

/// The room that a list of messages takes.
pub(super) fn room_of_batch<M: AsRef<[u8]>>(messages: &[M], max_record_len: usize) -> WireRoom {
    groups(messages, max_record_len).fold(WireRoom::default(), |room, group| {
        room.and(match group {
            Group::Batch { len, .. } => WireRoom::record(len),
            Group::Single(at) => room_of_message(messages[at].as_ref().len(), max_record_len),
        })
    })
}
