//! Why a message was not taken, and why there is none.

use std::{error, fmt, io};

/// Why a message, or room for one, was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectReason {
    /// There is no room now, or others wait for room: later it may be accepted. Only from methods
    /// that do not wait.
    Full {
        /// The bytes that the message declares.
        bytes: usize,
        /// How many more messages there may be now.
        free_items: usize,
        /// How many more bytes there may be now. Where both would do, others wait for room: nothing
        /// overtakes them.
        free_bytes: usize,
    },
    /// The message declares more bytes than there may ever be.
    TooLarge {
        /// The bytes that it declares.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The handoff is closed, or its last receiver is gone.
    Closed,
}

impl RejectReason {
    /// Whether there was just no room.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    /// Whether no message will be accepted any more.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { bytes, free_items, free_bytes } => {
                write!(f, "no room for a message of {bytes} bytes: ")?;
                if *free_items > 0 && free_bytes >= bytes {
                    return f.write_str("others wait for room");
                }
                write!(f, "{free_items} more messages with {free_bytes} bytes may be in use")
            }
            Self::TooLarge { bytes, limit } => {
                write!(f, "a message of {bytes} bytes is larger than the limit of {limit} bytes")
            }
            Self::Closed => f.write_str("the message handoff is closed"),
        }
    }
}

impl error::Error for RejectReason {}

impl From<RejectReason> for io::Error {
    fn from(reason: RejectReason) -> Self {
        let kind = match reason {
            RejectReason::Full { .. } => io::ErrorKind::WouldBlock,
            RejectReason::TooLarge { .. } => io::ErrorKind::InvalidInput,
            RejectReason::Closed => io::ErrorKind::BrokenPipe,
        };
        Self::new(kind, reason)
    }
}

/// A message was not taken. It comes back with [`into_message`](Self::into_message).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T> {
    message: T,
    reason: RejectReason,
}

impl<T> SendError<T> {
    pub(super) fn new(message: T, reason: RejectReason) -> Self {
        Self { message, reason }
    }

    /// Why it was refused.
    pub fn reason(&self) -> RejectReason {
        self.reason
    }

    /// Whether there was just no room.
    pub fn is_full(&self) -> bool {
        self.reason.is_full()
    }

    /// Whether no message will be accepted any more.
    pub fn is_closed(&self) -> bool {
        self.reason.is_closed()
    }

    /// The message.
    pub fn into_message(self) -> T {
        self.message
    }
}

/// Shows the reason, and not the message.
impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl<T> error::Error for SendError<T> {}

impl<T> From<SendError<T>> for RejectReason {
    fn from(error: SendError<T>) -> Self {
        error.reason
    }
}

impl<T> From<SendError<T>> for io::Error {
    fn from(error: SendError<T>) -> Self {
        error.reason.into()
    }
}

/// Why [`try_recv`](super::Receiver::try_recv) has no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryRecvError {
    /// None is there now.
    Empty,
    /// None is there, and none will come.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no message is there"),
            Self::Closed => f.write_str("no message is there, and the message handoff is closed"),
        }
    }
}

impl error::Error for TryRecvError {}

impl From<TryRecvError> for io::Error {
    fn from(error: TryRecvError) -> Self {
        let kind = match error {
            TryRecvError::Empty => io::ErrorKind::WouldBlock,
            TryRecvError::Closed => io::ErrorKind::BrokenPipe,
        };
        Self::new(kind, error)
    }
}
