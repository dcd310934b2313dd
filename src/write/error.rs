//! Why a stream ended, why a write was rejected, and what became of one that was accepted.

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
    /// [`abort`](crate::WriteHandoff::abort) ended it.
    Aborted,
    /// The writer task was dropped before it was done, for example because its executor was shut
    /// down.
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
    /// The writer panicked, or the waker of its task did. The panic reaches no producer.
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

    /// This, with more words, as an I/O error of the same kind. The code of an operating system's
    /// error is kept, which leaves no place for words.
    pub(crate) fn to_io_error(&self, words: impl Into<Box<dyn error::Error + Send + Sync>>) -> io::Error {
        let kind = match self {
            Self::Closed | Self::TaskDropped => io::ErrorKind::BrokenPipe,
            Self::Aborted => io::ErrorKind::ConnectionAborted,
            Self::Io(error) => match error.raw_os_error() {
                Some(code) => return io::Error::from_raw_os_error(code),
                None => error.kind(),
            },
            Self::WriteZero => io::ErrorKind::WriteZero,
            Self::InvalidWriter { .. } => io::ErrorKind::InvalidData,
            Self::Panicked => io::ErrorKind::Other,
        };
        io::Error::new(kind, words)
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the write handoff is closed"),
            Self::Aborted => f.write_str("the write handoff was aborted"),
            Self::TaskDropped => f.write_str("the writer task was dropped"),
            Self::Io(_) => f.write_str("the writer failed"),
            Self::WriteZero => f.write_str("the writer accepted 0 bytes"),
            Self::InvalidWriter { reported, given } => {
                write!(f, "the writer reported {reported} bytes written of {given} bytes given")
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

impl From<io::Error> for CloseReason {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl From<CloseReason> for io::Error {
    fn from(reason: CloseReason) -> Self {
        reason.clone().to_io_error(reason)
    }
}

/// Why a write, or the room for one, was rejected. Nothing of the write was accepted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RejectReason {
    /// There is no room now, or others are waiting for room: later it may be accepted. Only from
    /// methods that do not wait.
    Full {
        /// Whether the writer, when it was last asked, took nothing: the peer is slow. Otherwise
        /// the writer has not been asked since it last took bytes, because its task had no turn:
        /// yield, and try again. A socket of Tokio is also pending when its task is out of budget,
        /// so yield once before blaming the peer. [`WriteStats`](crate::WriteStats) tells since
        /// when the writer has taken nothing.
        stalled: bool,
    },
    /// It is larger than the byte budget, or than its permit.
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// It takes more queue entries than there may be.
    TooManyChunks {
        /// Its chunks that are not empty.
        chunks: usize,
        /// The limit in entries.
        limit: usize,
    },
    /// The buffer does not hold a prefix of that length.
    OutOfBounds {
        /// The bytes asked for.
        requested: usize,
        /// The bytes in the buffer.
        available: usize,
    },
    /// The handoff takes no more writes.
    Closed(CloseReason),
}

impl RejectReason {
    /// Whether there was just no room.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    /// Whether the handoff takes no more writes.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }

    /// Why the handoff takes no more writes, if that is the reason.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        match self {
            Self::Closed(reason) => Some(reason),
            _ => None,
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { stalled: true } => {
                f.write_str("no room for the write: the writer takes no bytes now")
            }
            Self::Full { stalled: false } => {
                f.write_str("no room for the write until the writer task has had its turn")
            }
            Self::TooLarge { len, limit } => {
                write!(f, "a write of {len} bytes exceeds the limit of {limit} bytes")
            }
            Self::TooManyChunks { chunks, limit } => {
                write!(f, "a write of {chunks} chunks exceeds the limit of {limit} entries")
            }
            Self::OutOfBounds { requested, available } => {
                write!(f, "a prefix of {requested} bytes was asked for, {available} bytes are buffered")
            }
            Self::Closed(reason) => reason.fmt(f),
        }
    }
}

impl error::Error for RejectReason {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.close_reason().and_then(error::Error::source)
    }
}

impl From<CloseReason> for RejectReason {
    fn from(reason: CloseReason) -> Self {
        Self::Closed(reason)
    }
}

impl From<TicketError> for RejectReason {
    fn from(error: TicketError) -> Self {
        Self::Closed(error.reason)
    }
}

impl From<RejectReason> for io::Error {
    fn from(reason: RejectReason) -> Self {
        match reason {
            RejectReason::Full { .. } => Self::new(io::ErrorKind::WouldBlock, reason),
            RejectReason::Closed(reason) => reason.into(),
            _ => Self::new(io::ErrorKind::InvalidInput, reason),
        }
    }
}

/// A chunk that was not accepted. Hands it back.
#[derive(Clone)]
pub struct WriteError {
    reason: RejectReason,
    bytes: Bytes,
}

impl WriteError {
    pub(crate) fn new(bytes: Bytes, reason: impl Into<RejectReason>) -> Self {
        Self { reason: reason.into(), bytes }
    }

    /// Why it was rejected.
    pub fn reason(&self) -> &RejectReason {
        &self.reason
    }

    /// Whether there was just no room.
    pub fn is_full(&self) -> bool {
        self.reason.is_full()
    }

    /// Whether the handoff takes no more writes.
    pub fn is_closed(&self) -> bool {
        self.reason.is_closed()
    }

    /// Why the handoff takes no more writes, if that is the reason.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        self.reason.close_reason()
    }

    /// The chunk. Empty where an adapter was rejected before it had one.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

/// Shows the reason and the chunk's length, not its bytes.
impl fmt::Debug for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteError").field("reason", &self.reason).field("len", &self.bytes.len()).finish()
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl error::Error for WriteError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.reason.source()
    }
}

impl From<WriteError> for RejectReason {
    fn from(error: WriteError) -> Self {
        error.reason
    }
}

impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        error.reason.into()
    }
}

/// What became of an accepted write that was not written whole.
#[derive(Debug, Clone)]
pub struct TicketError {
    pub(crate) reason: CloseReason,
    pub(crate) len: u64,
    pub(crate) written: u64,
    pub(crate) in_doubt: u64,
}

impl TicketError {
    /// Why it was not written.
    pub fn reason(&self) -> &CloseReason {
        &self.reason
    }

    /// The bytes of the write that the writer took: its first ones.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How many bytes after those may or may not have been taken: they were offered in a call that
    /// panicked or that reported an impossible count. 0 after any other failure.
    pub fn in_doubt(&self) -> u64 {
        self.in_doubt
    }
}

impl fmt::Display for TicketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, len, written, in_doubt } = self;
        write!(f, "{reason}; {written} of {len} bytes were written")?;
        if *in_doubt > 0 {
            write!(f, ", {in_doubt} more bytes are in doubt")?;
        }
        Ok(())
    }
}

impl error::Error for TicketError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.reason.source()
    }
}

impl From<TicketError> for CloseReason {
    fn from(error: TicketError) -> Self {
        error.reason
    }
}

impl From<TicketError> for io::Error {
    fn from(error: TicketError) -> Self {
        error.reason.clone().to_io_error(error)
    }
}
