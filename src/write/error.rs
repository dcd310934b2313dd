//! Why a stream ended, why a write was rejected, and how far an accepted write was written.

use bytes::Bytes;
use std::{error, fmt, io, sync::Arc};

/// Why a handoff takes no more writes.
///
/// Everything that the end of a stream affects gets the same reason: tickets, waiting producers and
/// later calls.
///
/// # Examples
///
/// ```
/// use futures_handoff::CloseReason;
/// use std::io;
///
/// fn is_worth_a_log_line(reason: &CloseReason) -> bool {
///     match reason {
///         CloseReason::Closed | CloseReason::Aborted | CloseReason::TaskDropped => false,
///         // Peers leave all the time.
///         CloseReason::Io(error) => error.kind() != io::ErrorKind::ConnectionReset,
///         _ => true,
///     }
/// }
///
/// let reset = CloseReason::from(io::Error::from(io::ErrorKind::ConnectionReset));
/// assert!(reset.is_failure() && !is_worth_a_log_line(&reset));
/// assert!(CloseReason::WriteZero.is_failure() && is_worth_a_log_line(&CloseReason::WriteZero));
/// assert!(CloseReason::Closed.is_closed());
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum CloseReason {
    /// The handoff was closed, or its last handle was dropped.
    Closed,
    /// [`abort`](crate::WriteHandoff::abort) ended the stream.
    Aborted,
    /// The writer task was dropped before it was done, for example because its executor was shut
    /// down.
    TaskDropped,
    /// The writer returned this error.
    Io(Arc<io::Error>),
    /// The writer accepted 0 of the bytes that it was given.
    WriteZero,
    /// The writer reported more bytes than it was given.
    InvalidWriter {
        /// The bytes that it reported.
        reported: usize,
        /// The bytes that it was given.
        given: usize,
    },
    /// The writer panicked, or the waker of its task did. The panic reaches no producer.
    Panicked,
}

impl CloseReason {
    /// Whether the stream was closed in order: it did not fail, was not aborted, and kept its task.
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

    /// Converts this into an I/O error of the same kind with the message `words`. An error with a
    /// code of the operating system keeps its code instead, which leaves no place for a message.
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
            // The error itself and not its `Arc`, so that callers can downcast it.
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

/// Why a write, or a reservation, was rejected. Nothing of the write was accepted.
///
/// # Examples
///
/// ```
/// use futures_handoff::{RejectReason, WriteHandoff, WriteHandoffConfig};
///
/// let (handoff, _task) = WriteHandoff::new(Vec::<u8>::new(), WriteHandoffConfig::new(16, 8));
/// let status = |body: &[u8]| match handoff.try_write_slice(body) {
///     Ok(_) => 200,
///     // There may be room later.
///     Err(RejectReason::Full { .. }) => 503,
///     // There will never be room.
///     Err(RejectReason::TooLarge { .. }) => 413,
///     Err(_) => 500,
/// };
/// assert_eq!(status(b"nine byte"), 413);
/// assert_eq!([status(b"six by"), status(b"six by")], [200, 503]);
///
/// handoff.close();
/// let reason = handoff.try_write_slice(b"more").unwrap_err();
/// assert!(reason.is_closed() && reason.close_reason().is_some());
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RejectReason {
    /// There is no room now, or other producers wait for room. The write may be accepted later.
    /// Only methods that do not wait return this.
    Full {
        /// Whether the writer took no bytes when it was last polled. Otherwise the writer was not
        /// polled since it last took bytes, because its task has not run since.
        ///
        /// Neither means that the peer is too slow: a fast producer fills every socket. Wait for
        /// room, and let [`stalled`](crate::WriteHandoff::stalled) find the peers that take nothing
        /// for a while.
        writer_pending: bool,
    },
    /// The write is larger than the byte budget or than its permit.
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The write takes more queue entries than the limit.
    TooManyChunks {
        /// Its chunks that are not empty.
        chunks: usize,
        /// The limit in entries.
        limit: usize,
    },
    /// The buffer holds fewer bytes than the prefix.
    OutOfBounds {
        /// The length of the prefix in bytes.
        requested: usize,
        /// The bytes in the buffer.
        available: usize,
    },
    /// The handoff takes no more writes.
    Closed(CloseReason),
}

impl RejectReason {
    /// Whether there was no room at the time. The write may be accepted later.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    /// Whether the handoff takes no more writes.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }

    /// Why the handoff takes no more writes, if it was rejected for that.
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
            Self::Full { writer_pending: true } => {
                f.write_str("the write queue is full and the writer is not ready")
            }
            Self::Full { writer_pending: false } => f.write_str("the write queue is full"),
            Self::TooLarge { len, limit } => {
                write!(f, "a write of {len} bytes exceeds the limit of {limit} bytes")
            }
            Self::TooManyChunks { chunks, limit } => {
                write!(f, "a write of {chunks} chunks exceeds the limit of {limit} entries")
            }
            Self::OutOfBounds { requested, available } => {
                write!(f, "a prefix of {requested} bytes exceeds the {available} bytes in the buffer")
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

/// A rejected chunk and the reason. [`into_bytes`](Self::into_bytes) returns the chunk.
///
/// # Examples
///
/// ```
/// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
///
/// let (first, _task) = WriteHandoff::new(Vec::<u8>::new(), WriteHandoffConfig::default());
/// let (second, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
/// first.close();
/// if let Err(error) = first.try_write("important".into()) {
///     assert!(error.is_closed() && !error.is_full());
///     // Send the chunk through the other connection.
///     second.try_write(error.into_bytes())?;
/// }
/// drop(second);
/// assert_eq!(futures_executor::block_on(task)?, b"important");
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct WriteError {
    reason: RejectReason,
    bytes: Bytes,
}

impl WriteError {
    pub(crate) fn new(bytes: Bytes, reason: impl Into<RejectReason>) -> Self {
        Self { reason: reason.into(), bytes }
    }

    /// Why the chunk was rejected.
    pub fn reason(&self) -> &RejectReason {
        &self.reason
    }

    /// Whether there was no room at the time. The chunk may be accepted later.
    pub fn is_full(&self) -> bool {
        self.reason.is_full()
    }

    /// Whether the handoff takes no more writes.
    pub fn is_closed(&self) -> bool {
        self.reason.is_closed()
    }

    /// Why the handoff takes no more writes, if the chunk was rejected for that.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        self.reason.close_reason()
    }

    /// Returns the chunk. It is empty if a [`HandoffSink`](crate::HandoffSink) failed without one,
    /// as in `poll_ready` or `poll_flush`.
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

/// How far an accepted write was written when its stream ended.
///
/// # Examples
///
/// ```
/// use futures_handoff::{CloseReason, WriteHandoff, WriteHandoffConfig};
/// use futures_util::{future::join, io::Cursor};
///
/// # futures_executor::block_on(async {
/// // A writer with room for 4 bytes.
/// let mut space = [0; 4];
/// let (handoff, task) = WriteHandoff::new(Cursor::new(&mut space[..]), WriteHandoffConfig::default());
/// let ticket = handoff.write("too long".into()).await?;
/// let ((), result) = join(task.detach(), ticket).await;
/// let error = result.unwrap_err();
/// assert!(matches!(error.reason(), CloseReason::WriteZero));
/// assert_eq!((error.written(), error.in_doubt()), (4, 0));
/// assert_eq!(error.to_string(), "the writer accepted 0 bytes; 4 of 8 bytes were written");
/// # Ok::<_, std::io::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct TicketError {
    pub(crate) reason: CloseReason,
    pub(crate) len: u64,
    pub(crate) written: u64,
    pub(crate) in_doubt: u64,
}

impl TicketError {
    /// Why the stream ended.
    pub fn reason(&self) -> &CloseReason {
        &self.reason
    }

    /// How many bytes of the write the writer took, from its beginning.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How many bytes after those may or may not have been taken: they were offered in a call that
    /// panicked or reported an impossible count. 0 after any other failure.
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
