//! What can go wrong: in the handshake, when sending, when receiving.

use std::{error, fmt, io};

use crate::{BufferError, CloseReason, RejectReason};

/// Why there is no session. Both halves of the connection are dropped by then.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The reader or the writer failed.
    Io(io::Error),
    /// The connection ended within the handshake. This is also what a side sees where the peer has
    /// failed or refused it: the reason is known to the peer alone.
    Truncated,
    /// The peer announced a handshake message that is longer than the one that is due. Not a byte
    /// of it was read.
    TooLong {
        /// Its length, in bytes.
        len: usize,
        /// The length of the message that is due.
        limit: usize,
    },
    /// A message of the peer does not prove what it should: one of the two sides has another key
    /// than the other one expects, or another namespace, version, suite or limit, or the bytes were
    /// changed on the way.
    Failed {
        /// Which message of the handshake, from 1.
        message: usize,
    },
    /// The admission callback refused the peer.
    Refused,
    /// The deadline came first.
    Deadline,
    /// The handshake was not given what it needs.
    Invalid(&'static str),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("the connection failed within the handshake"),
            Self::Truncated => f.write_str("the connection ended within the handshake"),
            Self::TooLong { len, limit } => {
                write!(
                    f,
                    "the peer announced a handshake message of {len} bytes where at most {limit} bytes are due"
                )
            }
            Self::Failed { message } => write!(
                f,
                "handshake message {message} does not prove what it should: keys, namespace, version, suite or limits \
                 differ, or it was changed on the way"
            ),
            Self::Refused => f.write_str("the peer was not admitted"),
            Self::Deadline => f.write_str("the handshake was not done by its deadline"),
            Self::Invalid(reason) => f.write_str(reason),
        }
    }
}

impl error::Error for HandshakeError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<BufferError> for HandshakeError {
    fn from(error: BufferError) -> Self {
        Self::Io(error.into())
    }
}

impl From<HandshakeError> for io::Error {
    fn from(error: HandshakeError) -> Self {
        let kind = match error {
            HandshakeError::Io(error) => return error,
            HandshakeError::Truncated => io::ErrorKind::UnexpectedEof,
            HandshakeError::Refused => io::ErrorKind::PermissionDenied,
            HandshakeError::Deadline => io::ErrorKind::TimedOut,
            HandshakeError::Invalid(_) => io::ErrorKind::InvalidInput,
            HandshakeError::TooLong { .. } | HandshakeError::Failed { .. } => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

/// Why a message was not sent. Nothing of it was.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SendError {
    /// The message is longer than messages may be.
    TooLong {
        /// Its length, in bytes.
        len: usize,
        /// The longest there may be; for a list of messages, the bytes of the records that fit into
        /// the budget of the write handoff.
        limit: usize,
    },
    /// The messages of a list take more records together than the write handoff holds entries.
    TooMany {
        /// How many records they take.
        records: usize,
        /// The most there may be.
        limit: usize,
    },
    /// There is no room for it now, or others wait for room.
    Full,
    /// Nothing more is sent.
    Closed(CloseReason),
    /// The cipher failed, which it does not for want of anything that a program could see to.
    /// Nothing more is sent.
    Cipher,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, limit } => {
                write!(f, "a message of {len} bytes is longer than the limit of {limit} bytes")
            }
            Self::TooMany { records, limit } => {
                write!(f, "the messages take {records} records, more than the limit of {limit} records")
            }
            Self::Full => f.write_str("there is no room for the message now"),
            Self::Closed(_) => f.write_str("the sender is closed"),
            Self::Cipher => f.write_str("the cipher failed"),
        }
    }
}

impl error::Error for SendError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Closed(reason) => Some(reason),
            _ => None,
        }
    }
}

impl From<CloseReason> for SendError {
    fn from(reason: CloseReason) -> Self {
        Self::Closed(reason)
    }
}

impl From<RejectReason> for SendError {
    fn from(reason: RejectReason) -> Self {
        match reason {
            RejectReason::Closed(reason) => Self::Closed(reason),
            RejectReason::TooLarge { len, limit } => Self::TooLong { len, limit },
            RejectReason::TooManyChunks { chunks, limit } => Self::TooMany { records: chunks, limit },
            _ => Self::Full,
        }
    }
}

impl From<SendError> for io::Error {
    fn from(error: SendError) -> Self {
        let kind = match error {
            SendError::Closed(reason) => return reason.into(),
            SendError::TooLong { .. } | SendError::TooMany { .. } => io::ErrorKind::InvalidInput,
            SendError::Full => io::ErrorKind::WouldBlock,
            SendError::Cipher => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// Why nothing more is received.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The reader failed.
    Io(io::Error),
    /// The connection ended, and the peer had not said that it would: what it sent may be
    /// incomplete.
    Truncated {
        /// The bytes of an unfinished record.
        buffered: usize,
    },
    /// A record or a message is longer than the limit. It was not read, and nothing was allocated
    /// for it.
    TooLong {
        /// Its length, in bytes.
        len: usize,
        /// The longest there may be.
        limit: usize,
    },
    /// A record is not what was sealed by the peer as the next one: it was changed, repeated, left
    /// out, or sent by another party.
    Unauthentic,
    /// A record breaks the protocol.
    Malformed(&'static str),
    /// An earlier call has failed.
    Closed,
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("the reader failed"),
            Self::Truncated { buffered } => write!(
                f,
                "the connection ended without the peer's closing record, {buffered} bytes into a record"
            ),
            Self::TooLong { len, limit } => {
                write!(f, "the peer announced {len} bytes where the limit is {limit} bytes")
            }
            Self::Unauthentic => f.write_str(
                "a record is not what the peer sealed as the next one: it was changed, repeated, left out or forged",
            ),
            Self::Malformed(what) => f.write_str(what),
            Self::Closed => f.write_str("receiving has failed before"),
        }
    }
}

impl error::Error for ReceiveError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<BufferError> for ReceiveError {
    fn from(error: BufferError) -> Self {
        Self::Io(error.into())
    }
}

impl From<ReceiveError> for io::Error {
    fn from(error: ReceiveError) -> Self {
        let kind = match error {
            ReceiveError::Io(error) => return error,
            ReceiveError::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            ReceiveError::Closed => io::ErrorKind::NotConnected,
            ReceiveError::TooLong { .. } | ReceiveError::Unauthentic | ReceiveError::Malformed(_) => {
                io::ErrorKind::InvalidData
            }
        };
        Self::new(kind, error)
    }
}
