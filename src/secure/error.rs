//! The errors of the handshake, of sending and of receiving.

use std::{error, fmt, io};

use crate::{BufferError, CloseReason, RejectReason};

/// Why there is no session. Both halves of the connection were dropped.
///
/// # Examples
///
/// ```
/// use futures_handoff::secure::HandshakeError;
///
/// /// Whether a client should try again.
/// fn is_temporary(error: &HandshakeError) -> bool {
///     match error {
///         // The server may also have refused this client, so try only a few times.
///         HandshakeError::Io(_) | HandshakeError::Truncated | HandshakeError::Deadline => true,
///         // Another key, namespace or limit: trying again does not help.
///         _ => false,
///     }
/// }
///
/// let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
/// assert!(is_temporary(&reset.into()));
/// assert!(!is_temporary(&HandshakeError::Failed { message: 1 }));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The reader or the writer failed.
    Io(io::Error),
    /// The connection ended during the handshake. A side also gets this error if the peer has
    /// failed or refused it: only the peer knows the reason.
    Truncated,
    /// The peer announced a handshake message that is longer than the expected one. None of its
    /// bytes were used.
    TooLong {
        /// Its length, in bytes.
        len: usize,
        /// The most bytes that were expected.
        limit: usize,
    },
    /// A message of the peer failed verification. One of the two sides has another key than the
    /// other side expects, or another namespace, version, suite or limit, or the bytes were changed
    /// in transit.
    Failed {
        /// The number of the handshake message, from 1.
        message: usize,
    },
    /// The admission callback refused the peer.
    Refused,
    /// The deadline passed before the handshake was complete.
    Deadline,
    /// The parameters of the handshake are not valid.
    Invalid(&'static str),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("the connection failed during the handshake"),
            Self::Truncated => f.write_str("the connection ended during the handshake"),
            Self::TooLong { len, limit } => {
                write!(
                    f,
                    "the peer announced a handshake message of {len} bytes, but at most {limit} bytes are expected"
                )
            }
            Self::Failed { message } => write!(
                f,
                "handshake message {message} failed verification: keys, namespace, version, suite or limits differ, \
                 or it was changed in transit"
            ),
            Self::Refused => f.write_str("the peer was not admitted"),
            Self::Deadline => f.write_str("the handshake was not complete by its deadline"),
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

/// Why a message was not sent. No part of it was sent.
///
/// # Examples
///
/// ```
#[doc = include_str!("session_example.in")]
/// # let photo = vec![0; 300_000];
/// use futures_handoff::secure::SendError;
///
/// match sender.send(&photo).await {
///     Ok(_) => {}
///     // The connection is still usable: send the message in pieces.
///     Err(SendError::TooLong { limit, .. }) => {
///         for piece in photo.chunks(limit) {
///             sender.send(piece).await?;
///         }
///     }
///     Err(error) => return Err(error.into()),
/// }
/// assert_eq!(receiver.recv().await?.unwrap().len(), 256 * 1024);
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SendError {
    /// The message exceeds the limit.
    TooLong {
        /// Its length, in bytes.
        len: usize,
        /// The longest message. For a list of messages, the budget of the write handoff for the
        /// bytes of all records.
        limit: usize,
    },
    /// The messages of a list take more records than the write handoff has queue entries.
    TooMany {
        /// The number of records that they take.
        records: usize,
        /// The number of queue entries.
        limit: usize,
    },
    /// There is no room for the message now, or other senders wait for room.
    Full,
    /// The sender is closed.
    Closed(CloseReason),
    /// The cipher failed, for no reason that a program could correct. The sender is closed.
    Cipher,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, limit } => {
                write!(f, "a message of {len} bytes exceeds the limit of {limit} bytes")
            }
            Self::TooMany { records, limit } => {
                write!(f, "messages that take {records} records exceed the limit of {limit} records")
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
///
/// # Examples
///
/// ```
#[doc = include_str!("session_example.in")]
/// use futures_handoff::secure::ReceiveError;
///
/// sender.send(b"half a file").await?;
/// // The peer stops without `close`.
/// drop(sender);
/// let mut file = Vec::new();
/// let complete = loop {
///     match receiver.recv().await {
///         Ok(Some(chunk)) => file.extend_from_slice(&chunk),
///         Ok(None) => break true,
///         // Do not use an incomplete file.
///         Err(ReceiveError::Truncated { .. }) => break false,
///         Err(error) => return Err(error.into()),
///     }
/// };
/// assert!(!complete);
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The reader failed.
    Io(io::Error),
    /// The connection ended without the peer's close. The messages received so far may not be all
    /// of them.
    Truncated {
        /// The bytes of an incomplete record.
        buffered: usize,
    },
    /// A record or a message exceeds the limit. It is not delivered, and nothing was allocated for
    /// it beyond one record.
    TooLong {
        /// Its length, in bytes.
        len: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A record is not the next one that the peer has sealed. It was changed, repeated, left out,
    /// or sent by another party.
    Unauthentic,
    /// A record violates the protocol.
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
                "the connection ended without the peer's close record, {buffered} bytes into a record"
            ),
            Self::TooLong { len, limit } => {
                write!(f, "the peer announced {len} bytes, which exceeds the limit of {limit} bytes")
            }
            Self::Unauthentic => f.write_str(
                "a record is not the next one that the peer has sealed: it was changed, repeated, left out or forged",
            ),
            Self::Malformed(what) => f.write_str(what),
            Self::Closed => f.write_str("an earlier call to receive has failed"),
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
