//! Why a message was rejected, and why no message was received.

use std::{error, fmt, io};

/// Why a message or a reservation was rejected.
///
/// # Examples
///
/// ```
/// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig, RejectReason, Sender};
///
/// /// The HTTP status for a job that is not accepted.
/// fn status(sender: &Sender<String>, job: String) -> u16 {
///     let bytes = job.len();
///     match sender.try_send(job, bytes).map_err(RejectReason::from) {
///         Ok(()) => 202,
///         Err(RejectReason::TooLarge { .. }) => 413,
///         Err(reason) if reason.is_full() => 429,
///         Err(_) => 503,
///     }
/// }
///
/// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(1, 10));
/// assert_eq!(status(&sender, "job".repeat(5)), 413);
/// assert_eq!(status(&sender, "job".to_owned()), 202);
/// assert_eq!(status(&sender, "job".to_owned()), 429);
/// drop(receiver);
/// assert_eq!(status(&sender, "job".to_owned()), 503);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectReason {
    /// There is no room now, or other senders wait for room. A later attempt may succeed.
    /// Only methods that do not wait return it.
    Full {
        /// The bytes that the message declares.
        bytes: usize,
        /// How many more messages can be charged now.
        free_items: usize,
        /// How many more bytes can be charged now. If the message would fit, other senders wait for
        /// room, and nothing overtakes them.
        free_bytes: usize,
    },
    /// The message declares more bytes than the limit.
    TooLarge {
        /// The bytes that the message declares.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The handoff was closed or the last receiver was dropped.
    Closed,
}

impl RejectReason {
    /// Whether the rejection is temporary: there is no room now.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    /// Whether the handoff is closed and every later attempt will fail.
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
                    return f.write_str("other senders wait for room");
                }
                write!(f, "{free_items} messages and {free_bytes} bytes are free")
            }
            Self::TooLarge { bytes, limit } => {
                write!(f, "a message of {bytes} bytes exceeds the limit of {limit} bytes")
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

/// The error of a rejected message. [`into_message`](Self::into_message) returns the message.
///
/// # Examples
///
/// ```
/// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
///
/// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(1, 1000));
/// sender.try_send("first", 5)?;
/// let mut retry = Vec::new();
/// if let Err(error) = sender.try_send("second", 6) {
///     if error.is_closed() {
///         return Err(error.into());
///     }
///     retry.push(error.into_message());
/// }
/// assert_eq!(retry, ["second"]);
/// # drop(receiver);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T> {
    message: T,
    reason: RejectReason,
}

impl<T> SendError<T> {
    pub(super) fn new(message: T, reason: RejectReason) -> Self {
        Self { message, reason }
    }

    /// Why the message was rejected.
    pub fn reason(&self) -> RejectReason {
        self.reason
    }

    /// Whether the rejection is temporary: there is no room now.
    pub fn is_full(&self) -> bool {
        self.reason.is_full()
    }

    /// Whether the handoff is closed and every later attempt will fail.
    pub fn is_closed(&self) -> bool {
        self.reason.is_closed()
    }

    /// Returns the message.
    pub fn into_message(self) -> T {
        self.message
    }
}

/// Shows the reason, but not the message.
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

/// Why [`try_recv`](super::Receiver::try_recv) returned no message.
///
/// # Examples
///
/// ```
/// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig, Receiver, TryRecvError};
///
/// /// Takes all messages that are queued. Returns whether more may come.
/// fn poll(receiver: &Receiver<u32>, total: &mut u32) -> bool {
///     loop {
///         match receiver.try_recv() {
///             Ok(number) => *total += *number,
///             Err(TryRecvError::Empty) => return true,
///             Err(TryRecvError::Closed) => return false,
///         }
///     }
/// }
///
/// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(16, 1000));
/// let mut total = 0;
/// sender.try_send(1, 4)?;
/// assert!(poll(&receiver, &mut total));
/// sender.try_send(2, 4)?;
/// drop(sender);
/// assert!(!poll(&receiver, &mut total));
/// assert_eq!(total, 3);
/// # Ok::<_, futures_handoff::message::SendError<_>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryRecvError {
    /// The queue is empty, and messages may still come.
    Empty,
    /// The queue is empty and the handoff is closed.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the message queue is empty"),
            Self::Closed => f.write_str("the message queue is empty and the message handoff is closed"),
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
