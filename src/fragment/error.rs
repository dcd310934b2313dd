//! Why a message is not cut, and why a packet is refused.

use std::{error, fmt, io};

/// Why there are no packets of a message.
///
/// # Examples
///
/// ```
/// use futures_handoff::{
///     bytes::Bytes,
///     fragment::{FragmentError, Fragmenter, PacketPool, Packets, Plain, Stride},
/// };
///
/// /// The packets that the receiver asks for again. It may ask for anything.
/// fn resend(
///     message: &Fragmenter,
///     indices: &[u32],
///     pool: &mut PacketPool,
/// ) -> Result<Option<Packets>, FragmentError> {
///     match message.pack(&mut indices.iter().copied(), &mut Plain, pool) {
///         Err(FragmentError::Index { .. }) => Ok(None),
///         packed => packed,
///     }
/// }
///
/// let message = Fragmenter::new(1, Bytes::from(vec![7; 5_000]), Stride::for_packets::<Plain>(1_200)?)?;
/// let mut pool = PacketPool::default();
/// assert_eq!(resend(&message, &[1, 3], &mut pool)?.unwrap().count(), 2);
/// assert_eq!(resend(&message, &[1, 5], &mut pool)?, None);
/// # Ok::<_, FragmentError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FragmentError {
    /// Packets cannot have this length.
    PacketLen {
        /// The requested length, in bytes.
        len: usize,
        /// The shortest length that carries a byte of a message.
        least: usize,
        /// The longest length.
        most: usize,
    },
    /// The message is too long for a header.
    TooLong {
        /// Its length, in bytes.
        len: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The message has no such fragment.
    Index {
        /// The requested index, from 0.
        index: u32,
        /// The number of fragments of the message.
        count: u32,
    },
    /// The packets cannot be sealed: see [`SealError`].
    Seal,
}

impl fmt::Display for FragmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PacketLen { len, least, most } => {
                write!(f, "packets cannot have {len} bytes: the length must be {least} to {most} bytes")
            }
            Self::TooLong { len, limit } => {
                write!(f, "a message of {len} bytes exceeds the limit of {limit} bytes")
            }
            Self::Index { index, count } => {
                write!(f, "fragment {index} does not exist: the message has {count} fragments")
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
///
/// # Examples
///
/// ```
/// use futures_handoff::{
///     bytes::Bytes,
///     fragment::{FragmentError, Fragmenter, HEADER_LEN, PacketPool, SealError, SealPacket, Stride},
/// };
///
/// /// A cipher whose hardware is gone.
/// struct Broken;
///
/// impl SealPacket for Broken {
///     const OVERHEAD: usize = 16;
///
///     fn seal(&mut self, _: &[u8; HEADER_LEN], _: &[u8], _: &mut [u8]) -> Result<(), SealError> {
///         Err(SealError)
///     }
/// }
///
/// let message = Fragmenter::new(1, Bytes::from("secret"), Stride::for_packets::<Broken>(1_200)?)?;
/// let packed = message.pack(&mut (0..1), &mut Broken, &mut PacketPool::default());
/// assert_eq!(packed, Err(FragmentError::Seal));
/// # Ok::<_, FragmentError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealError;

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the packet could not be sealed")
    }
}

impl error::Error for SealError {}

/// Why a packet was refused. It changed nothing, neither its own message nor any other.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
///
/// use futures_handoff::fragment::{Limits, PacketError, Plain, Reassembler};
///
/// /// Handles a datagram. Returns whether to log it.
/// fn handle(reassembler: &mut Reassembler, datagram: &[u8]) -> bool {
///     match reassembler.push(&(), datagram, &mut Plain, Instant::now()) {
///         Ok(_) => false,
///         // Networks repeat packets.
///         Err(PacketError::Replayed { .. }) => false,
///         // The sender has to wait.
///         Err(PacketError::TooMany { .. } | PacketError::OverBudget { .. }) => false,
///         Err(_) => true,
///     }
/// }
///
/// let mut reassembler = Reassembler::new(Limits::default());
/// assert!(handle(&mut reassembler, b"not a packet"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PacketError {
    /// The packet is shorter than a header and the overhead of sealing.
    Short {
        /// Its length, in bytes.
        len: usize,
        /// The shortest length of a packet.
        least: usize,
    },
    /// The packet has another format or a later version.
    Version {
        /// Its first two bytes.
        found: [u8; 2],
    },
    /// The packets of the message carry fewer bytes than allowed.
    Stride {
        /// The message bytes in each packet.
        found: usize,
        /// The least that is allowed.
        least: usize,
    },
    /// The message has no such fragment.
    Index {
        /// The index of the fragment, from 0.
        index: u32,
        /// The number of fragments of the message.
        count: u32,
    },
    /// The packet does not carry as many bytes as its fragment has.
    Length {
        /// The number of bytes that it carries.
        len: usize,
        /// The number of bytes that the fragment has.
        expected: usize,
    },
    /// The message exceeds the limit. Nothing was allocated for it.
    TooLong {
        /// The length of the message, in bytes.
        len: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The packet has another length or stride of its message than the first packet had.
    Mismatch,
    /// The budget has no room for the message now.
    OverBudget {
        /// The bytes that the message needs.
        needed: usize,
        /// The bytes that are left.
        available: usize,
    },
    /// The limit of incomplete messages is reached.
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// A packet with this number was opened before, or the number is so old that it may have been.
    Replayed {
        /// The number of the packet.
        number: u64,
    },
    /// The peer did not seal this packet: it was changed in transit, or another party sent it.
    Unauthentic,
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { len, least } => {
                write!(f, "a packet of {len} bytes is shorter than the minimum of {least} bytes")
            }
            Self::Version { found: [a, b] } => {
                write!(f, "a packet that starts with {a:#04x} {b:#04x} has an unknown version")
            }
            Self::Stride { found, least } => {
                write!(
                    f,
                    "packets with {found} bytes of a message carry less than the minimum of {least} bytes"
                )
            }
            Self::Index { index, count } => {
                write!(f, "fragment {index} does not exist: the message has {count} fragments")
            }
            Self::Length { len, expected } => {
                write!(f, "the packet carries {len} bytes, but its fragment has {expected} bytes")
            }
            Self::TooLong { len, limit } => {
                write!(f, "a message of {len} bytes exceeds the limit of {limit} bytes")
            }
            Self::Mismatch => f.write_str(
                "the packet differs from the first packet of its message in message length or stride",
            ),
            Self::OverBudget { needed, available } => {
                write!(f, "the message needs {needed} bytes, but {available} bytes are left")
            }
            Self::TooMany { limit } => {
                write!(f, "the limit of {limit} incomplete messages is reached")
            }
            Self::Replayed { number } => write!(f, "packet {number} was received before or is too old"),
            Self::Unauthentic => {
                f.write_str("the peer did not seal this packet: it was changed in transit or is forged")
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
