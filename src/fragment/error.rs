//! Why a message is not cut, and why a packet is refused.

use std::{error, fmt, io};

/// Why there are no packets of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FragmentError {
    /// The length of packets is not possible.
    PacketLen {
        /// What was asked for, in bytes.
        len: usize,
        /// The shortest packets that carry a byte of a message.
        least: usize,
        /// The longest packets.
        most: usize,
    },
    /// The message is too long for a header.
    TooLong {
        /// Its length, in bytes.
        len: usize,
        /// The longest there may be.
        limit: usize,
    },
    /// The message has no such fragment.
    Index {
        /// The index that was asked for, from 0.
        index: u32,
        /// How many fragments the message has.
        count: u32,
    },
    /// The packets cannot be sealed: see [`SealError`].
    Seal,
}

impl fmt::Display for FragmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PacketLen { len, least, most } => {
                write!(f, "packets of {len} bytes are not possible: they have {least} to {most} bytes")
            }
            Self::TooLong { len, limit } => {
                write!(f, "a message of {len} bytes is longer than the limit of {limit} bytes")
            }
            Self::Index { index, count } => {
                write!(f, "fragment {index} is beyond the {count} fragments of the message")
            }
            Self::Seal => SealError.fmt(f),
        }
    }
}

impl error::Error for FragmentError {}

impl From<SealError> for FragmentError {
    fn from(_: SealError) -> Self {
        Self::Seal
    }
}

impl From<FragmentError> for io::Error {
    fn from(error: FragmentError) -> Self {
        let kind = match error {
            FragmentError::PacketLen { .. } | FragmentError::TooLong { .. } | FragmentError::Index { .. } => {
                io::ErrorKind::InvalidInput
            }
            FragmentError::Seal => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// A packet was not sealed: the cipher failed, or its numbers are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealError;

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the packet could not be sealed")
    }
}

impl error::Error for SealError {}

/// Why a packet was refused. It changed nothing: neither the message that it names nor any other
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PacketError {
    /// It is shorter than its header and what sealing adds.
    Short {
        /// Its length, in bytes.
        len: usize,
        /// The least a packet has.
        least: usize,
    },
    /// It is not a packet of this format, or of a version to come.
    Version {
        /// Its first two bytes.
        found: [u8; 2],
    },
    /// A packet would carry fewer bytes of the message than allowed.
    Stride {
        /// The bytes in each packet.
        found: usize,
        /// The least there may be.
        least: usize,
    },
    /// The message has no such fragment.
    Index {
        /// The index of the fragment, from 0.
        index: u32,
        /// How many the message has.
        count: u32,
    },
    /// It does not carry as many bytes as its fragment has.
    Length {
        /// How many it carries.
        len: usize,
        /// How many the fragment has.
        expected: usize,
    },
    /// Its message is longer than messages may be. Nothing was allocated for it.
    TooLong {
        /// The length of the message, in bytes.
        len: usize,
        /// The longest there may be.
        limit: usize,
    },
    /// It tells another length or stride of its message than the first packet of it did.
    Mismatch,
    /// There is no room for the bytes of its message now.
    OverBudget {
        /// What the message needs, in bytes.
        needed: usize,
        /// What is left.
        available: usize,
    },
    /// As many messages as may be incomplete are.
    TooMany {
        /// That many.
        limit: usize,
    },
    /// A packet with this number was opened before, or so long ago that it may have been.
    Replayed {
        /// The number of the packet.
        number: u64,
    },
    /// It is not what the peer sealed: it was changed on the way, or is another party's.
    Unauthentic,
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { len, least } => {
                write!(f, "a packet of {len} bytes is shorter than the least of {least} bytes")
            }
            Self::Version { found: [a, b] } => {
                write!(
                    f,
                    "a packet that starts with {a:#04x} {b:#04x} is not of a version that is known here"
                )
            }
            Self::Stride { found, least } => {
                write!(
                    f,
                    "packets with {found} bytes of a message carry less than the least of {least} bytes"
                )
            }
            Self::Index { index, count } => {
                write!(f, "fragment {index} is beyond the {count} fragments of its message")
            }
            Self::Length { len, expected } => {
                write!(f, "the packet carries {len} bytes where its fragment has {expected} bytes")
            }
            Self::TooLong { len, limit } => {
                write!(f, "a message of {len} bytes is longer than the limit of {limit} bytes")
            }
            Self::Mismatch => {
                f.write_str("the packet tells another length or stride of its message than the first one did")
            }
            Self::OverBudget { needed, available } => {
                write!(f, "the message needs {needed} bytes where {available} bytes are left")
            }
            Self::TooMany { limit } => {
                write!(f, "{limit} messages are incomplete, and no more may be")
            }
            Self::Replayed { number } => write!(f, "packet {number} was received before, or is too old"),
            Self::Unauthentic => {
                f.write_str("the packet is not what the peer sealed: it was changed on the way, or is forged")
            }
        }
    }
}

impl error::Error for PacketError {}

impl From<PacketError> for io::Error {
    fn from(error: PacketError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}
