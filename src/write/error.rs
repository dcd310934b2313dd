//! Why a handoff takes no more writes, and why a write was refused.

use bytes::Bytes;
use std::{error, fmt, io, sync::Arc};

/// Why a handoff takes no more writes.
///
/// One cause is shared by everything that it ended: tickets, waiting producers, later calls.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum CloseReason {
    /// It was closed, or its last handle was dropped.
    Closed,
    /// An [`AbortHandle`](crate::AbortHandle) ended it.
    Aborted,
    /// The writer task was dropped before it was done, for example by its executor shutting down.
    TaskDropped,
    /// The writer returned this error.
    Io(Arc<io::Error>),
    /// The writer accepted 0 of the bytes that it was given.
    WriteZero,
    /// The writer claimed to have written more than it was given.
    InvalidWriter {
        /// The bytes it claimed.
        reported: usize,
        /// The bytes it was given.
        given: usize,
    },
    /// The writer panicked, or the waker of its task did.
    Panicked,
}

impl CloseReason {
    /// Whether this is an orderly end and not a failure.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }

    /// Whether the writer failed: it returned an error, broke its contract or panicked.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Closed | Self::Aborted | Self::TaskDropped => false,
            Self::Io(_) | Self::WriteZero | Self::InvalidWriter { .. } | Self::Panicked => true,
        }
    }

    /// This, told with more words, as an I/O error of the same kind. The code of an operating system's error is kept, which leaves no
    /// place for words.
    pub(crate) fn to_io_error(&self, words: impl Into<Box<dyn error::Error + Send + Sync>>) -> io::Error {
        match self {
            Self::Io(error) if error.raw_os_error().is_some() => {
                error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
            }
            _ => io::Error::new(self.kind(), words),
        }
    }

    pub(crate) fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Closed | Self::TaskDropped => io::ErrorKind::BrokenPipe,
            Self::Aborted => io::ErrorKind::ConnectionAborted,
            Self::Io(error) => error.kind(),
            Self::WriteZero => io::ErrorKind::WriteZero,
            Self::InvalidWriter { .. } => io::ErrorKind::InvalidData,
            Self::Panicked => io::ErrorKind::Other,
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the write handoff is closed"),
            Self::Aborted => f.write_str("the write handoff was aborted"),
            Self::TaskDropped => f.write_str("the writer task was dropped"),
            Self::Io(error) => write!(f, "the writer failed: {error}"),
            Self::WriteZero => f.write_str("the writer accepted no bytes"),
            Self::InvalidWriter { reported, given } => {
                write!(f, "the writer reported {reported} bytes written of {given} given")
            }
            Self::Panicked => f.write_str("the writer or the waker of its task panicked"),
        }
    }
}

impl error::Error for CloseReason {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            // The error itself and not its `Arc`, so that it can be downcast to.
            Self::Io(error) => Some(&**error),
            _ => None,
        }
    }
}

impl From<CloseReason> for io::Error {
    fn from(reason: CloseReason) -> Self {
        reason.clone().to_io_error(reason)
    }
}

/// Why a write will never be accepted, before that is joined with the write.
#[derive(Debug, Clone)]
pub(crate) enum Never {
    TooLarge { len: usize, limit: usize },
    Closed(CloseReason),
}

/// Why a write is not accepted now, before that is joined with the write.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    Full { stalled: bool },
    Never(Never),
}

impl From<Never> for Refusal {
    fn from(never: Never) -> Self {
        Self::Never(never)
    }
}

/// A write that `try_write` or `try_write_all` did not accept. Hands it back.
#[non_exhaustive]
pub enum TryWriteError<T = Bytes> {
    /// There is no room now, or others are waiting for room: later it may be accepted.
    Full {
        /// What was rejected.
        bytes: T,
        /// Whether the writer, when it was last asked, took nothing: the peer is slow. Otherwise the writer has not been asked since
        /// it last took bytes, because its task had no turn: yield, and try again.
        stalled: bool,
    },
    /// It is larger than the limits will ever admit.
    TooLarge {
        /// What was rejected.
        bytes: T,
        /// Its length in bytes, or its parts where there are too many of them.
        len: usize,
        /// The limit that is too low for it.
        limit: usize,
    },
    /// The handoff takes no more writes.
    Closed {
        /// What was rejected.
        bytes: T,
        /// Why.
        reason: CloseReason,
    },
}

/// A write that `write` or `write_all` will not accept however long it waits. Hands it back.
#[non_exhaustive]
pub enum WriteError<T = Bytes> {
    /// It is larger than the limits will ever admit.
    TooLarge {
        /// What was rejected.
        bytes: T,
        /// Its length in bytes, or its parts where there are too many of them.
        len: usize,
        /// The limit that is too low for it.
        limit: usize,
    },
    /// The handoff takes no more writes.
    Closed {
        /// What was rejected.
        bytes: T,
        /// Why.
        reason: CloseReason,
    },
}

impl<T> TryWriteError<T> {
    pub(crate) fn new(bytes: T, refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full { stalled } => Self::Full { bytes, stalled },
            Refusal::Never(never) => WriteError::new(bytes, never).into(),
        }
    }

    /// Whether there was just no room.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }
}

impl<T> WriteError<T> {
    pub(crate) fn new(bytes: T, never: Never) -> Self {
        match never {
            Never::TooLarge { len, limit } => Self::TooLarge { bytes, len, limit },
            Never::Closed(reason) => Self::Closed { bytes, reason },
        }
    }
}

impl<T> From<WriteError<T>> for TryWriteError<T> {
    fn from(error: WriteError<T>) -> Self {
        match error {
            WriteError::TooLarge { bytes, len, limit } => Self::TooLarge { bytes, len, limit },
            WriteError::Closed { bytes, reason } => Self::Closed { bytes, reason },
        }
    }
}

/// What both errors of a rejected write can be asked. `$full` is the variant that only one of them has.
macro_rules! rejected_write {
    ($name:ident $(, $full:ident)?) => {
        impl<T> $name<T> {
            /// What was rejected.
            pub fn into_bytes(self) -> T {
                match self {
                    $( Self::$full { bytes, .. } => bytes, )?
                    Self::TooLarge { bytes, .. } | Self::Closed { bytes, .. } => bytes,
                }
            }

            /// Whether it will never be accepted because of its size.
            pub fn is_too_large(&self) -> bool {
                matches!(self, Self::TooLarge { .. })
            }

            /// Whether the handoff takes no more writes.
            pub fn is_closed(&self) -> bool {
                matches!(self, Self::Closed { .. })
            }

            /// Why the handoff takes no more writes, if that is the reason.
            pub fn close_reason(&self) -> Option<&CloseReason> {
                match self {
                    Self::Closed { reason, .. } => Some(reason),
                    _ => None,
                }
            }
        }

        impl<T> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $( Self::$full { stalled, .. } => f.write_str(full(*stalled)), )?
                    Self::TooLarge { len, limit, .. } => {
                        write!(f, "a write of {len} bytes or parts is above the limit of {limit}")
                    }
                    Self::Closed { reason, .. } => reason.fmt(f),
                }
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl<T> error::Error for $name<T> {
            fn source(&self) -> Option<&(dyn error::Error + 'static)> {
                self.close_reason().and_then(error::Error::source)
            }
        }

        impl<T> From<$name<T>> for io::Error {
            fn from(error: $name<T>) -> Self {
                match error {
                    $( $name::$full { .. } => Self::new(io::ErrorKind::WouldBlock, error.to_string()), )?
                    $name::TooLarge { .. } => Self::new(io::ErrorKind::InvalidInput, error.to_string()),
                    $name::Closed { reason, .. } => reason.into(),
                }
            }
        }
    };
}

rejected_write!(TryWriteError, Full);
rejected_write!(WriteError);

fn full(stalled: bool) -> &'static str {
    if stalled {
        "no room for the write: the writer takes no bytes now"
    } else {
        "no room for the write until the writer task has had its turn"
    }
}

/// Room that could not be reserved.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum PermitError {
    /// There is no room now, or others are waiting for room. Not from the methods that wait.
    Full {
        /// As [`TryWriteError::Full`] has it.
        stalled: bool,
    },
    /// More than the budget was asked for.
    TooLarge {
        /// The bytes asked for.
        requested: usize,
        /// The byte budget.
        limit: usize,
    },
    /// The handoff takes no more writes.
    Closed(CloseReason),
}

impl PermitError {
    pub(crate) fn new(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full { stalled } => Self::Full { stalled },
            Refusal::Never(Never::TooLarge { len, limit }) => Self::TooLarge { requested: len, limit },
            Refusal::Never(Never::Closed(reason)) => Self::Closed(reason),
        }
    }
}

impl fmt::Display for PermitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { stalled } => f.write_str(full(*stalled)),
            Self::TooLarge { requested, limit } => {
                write!(f, "{requested} bytes of room were asked for, the limit is {limit}")
            }
            Self::Closed(reason) => reason.fmt(f),
        }
    }
}

impl error::Error for PermitError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Closed(reason) => reason.source(),
            _ => None,
        }
    }
}

impl From<PermitError> for io::Error {
    fn from(error: PermitError) -> Self {
        match error {
            PermitError::Full { .. } => Self::new(io::ErrorKind::WouldBlock, error),
            PermitError::TooLarge { .. } => Self::new(io::ErrorKind::InvalidInput, error),
            PermitError::Closed(reason) => reason.into(),
        }
    }
}

/// A prefix of a [`HandoffBuffer`](crate::HandoffBuffer) that was not accepted. It is still in the buffer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum WritePrefixError {
    /// The buffer does not hold that many bytes.
    OutOfBounds {
        /// The bytes asked for.
        requested: usize,
        /// The bytes in the buffer.
        available: usize,
    },
    /// No room was to be had.
    Refused(PermitError),
}

impl fmt::Display for WritePrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfBounds { requested, available } => {
                write!(f, "a prefix of {requested} bytes was asked for, {available} are buffered")
            }
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl error::Error for WritePrefixError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::OutOfBounds { .. } => None,
            Self::Refused(error) => error.source(),
        }
    }
}

impl From<WritePrefixError> for io::Error {
    fn from(error: WritePrefixError) -> Self {
        match error {
            WritePrefixError::OutOfBounds { .. } => Self::new(io::ErrorKind::InvalidInput, error),
            WritePrefixError::Refused(error) => error.into(),
        }
    }
}
