//! What can go wrong on the read side. Every error leaves the buffer usable, with its bytes in place.

use std::{error, fmt, io};

use bytes::BytesMut;

/// A read that brought nothing.
///
/// The end of the stream is no error: a read reports it as 0 bytes.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The buffer holds all it may; the reader was not asked. Consume some bytes and read again.
    Full {
        /// The most unconsumed bytes the buffer holds.
        limit: usize,
    },
    /// The reader failed.
    Io(io::Error),
    /// The reader claims to have read more than it was given room for. What it wrote is discarded.
    InvalidReader {
        /// How many bytes the reader claims to have read.
        reported: usize,
        /// How many it had room for.
        given: usize,
    },
    /// There is no memory for a block to read into; the reader was not asked. The buffer is
    /// unchanged. What is tried last is the smallest read of the configuration.
    OutOfMemory {
        /// How many bytes the block would have.
        requested: usize,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { limit } => write!(f, "read buffer is full: it holds {limit} bytes, its limit"),
            Self::Io(_) => f.write_str("reader failed"),
            Self::InvalidReader { reported, given } => write_invalid_reader(f, *reported, *given),
            Self::OutOfMemory { requested } => {
                write!(f, "no memory for a block of {requested} bytes to read into")
            }
        }
    }
}

impl error::Error for ReadError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ReadError> for io::Error {
    /// The reader's own error is passed on as it is, with its OS code. The others are the source of
    /// one of a fitting kind: `InvalidData` if the buffer is full, as for a frame that is too long;
    /// `OutOfMemory`; or `Other` for a reader that is wrong.
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => error,
            ReadError::Full { .. } => Self::new(io::ErrorKind::InvalidData, error),
            ReadError::InvalidReader { .. } => Self::other(error),
            ReadError::OutOfMemory { .. } => Self::new(io::ErrorKind::OutOfMemory, error),
        }
    }
}

impl From<io::Error> for ReadError {
    /// The reader failed.
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A stream of frames that went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum FrameError {
    /// The reader failed.
    Io(io::Error),
    /// The reader claims to have read more than it was given room for. What it wrote is discarded.
    InvalidReader {
        /// How many bytes the reader claims to have read.
        reported: usize,
        /// How many it had room for.
        given: usize,
    },
    /// The stream ended inside a frame. The bytes there are stay in the buffer.
    Truncated {
        /// How many bytes of the frame are buffered.
        buffered: usize,
    },
    /// The frame cannot fit in the buffer. Reported as soon as it is known, before the frame arrives.
    /// [`skip_frame`](crate::HandoffBuffer::skip_frame) gets past it.
    TooLong {
        /// How many bytes the buffer would have to hold, at least.
        needed: usize,
        /// The most it holds.
        limit: usize,
    },
    /// The finder reported a frame that is empty or longer than what is buffered.
    InvalidFinder {
        /// The length the finder reported.
        reported: usize,
        /// How many bytes it was shown.
        buffered: usize,
    },
    /// The finder says that no frame of its protocol starts with the buffered bytes. Nothing is consumed.
    Rejected {
        /// What it gave as the reason.
        reason: &'static str,
    },
    /// More bytes were taken out of a frame or a buffer than there are, by a caller that passes this on with `?`.
    Split(SplitError),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("reader failed"),
            Self::InvalidReader { reported, given } => write_invalid_reader(f, *reported, *given),
            Self::Truncated { buffered } => {
                write!(f, "stream ended inside a frame, of which {buffered} bytes are buffered")
            }
            Self::TooLong { needed, limit } => {
                write!(f, "frame needs at least {needed} bytes of buffer, but the limit is {limit}")
            }
            Self::InvalidFinder { reported, buffered } => {
                write!(f, "finder reported a frame of {reported} bytes among {buffered} buffered ones")
            }
            Self::Rejected { reason } => write!(f, "finder rejected the buffered bytes: {reason}"),
            Self::Split(error) => error.fmt(f),
        }
    }
}

impl error::Error for FrameError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            // What `Split` shows is the message of the error in it.
            _ => None,
        }
    }
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<SplitError> for FrameError {
    fn from(error: SplitError) -> Self {
        Self::Split(error)
    }
}

impl From<FrameError> for io::Error {
    /// An error of the reader becomes itself again, with its kind and its OS code.
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Io(error) => error,
            FrameError::Split(error) => error.into(),
            FrameError::Truncated { .. } => Self::new(io::ErrorKind::UnexpectedEof, error),
            FrameError::TooLong { .. } | FrameError::Rejected { .. } => {
                Self::new(io::ErrorKind::InvalidData, error)
            }
            FrameError::InvalidReader { .. } | FrameError::InvalidFinder { .. } => Self::other(error),
        }
    }
}

impl From<ReadError> for FrameError {
    /// A full buffer is a frame that does not fit, and a lack of memory an error of that kind.
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Full { limit } => Self::TooLong { needed: limit.saturating_add(1), limit },
            ReadError::Io(error) => Self::Io(error),
            ReadError::InvalidReader { reported, given } => Self::InvalidReader { reported, given },
            ReadError::OutOfMemory { .. } => Self::Io(error.into()),
        }
    }
}

fn write_invalid_reader(f: &mut fmt::Formatter<'_>, reported: usize, given: usize) -> fmt::Result {
    write!(f, "reader reported {reported} bytes read into room for {given}")
}

/// More bytes were asked for than there are. Nothing was consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SplitError {
    /// How many bytes were asked for.
    pub requested: usize,
    /// How many there are.
    pub available: usize,
}

impl SplitError {
    /// How many more bytes have to be buffered before it is worth trying again.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64).unwrap();
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("part"), config).unwrap();
    /// let missing = buffer.parse(|cursor| {
    ///     cursor.advance(1)?;
    ///     cursor.take(8)
    /// });
    /// assert_eq!(missing.unwrap_err().missing(), 5);
    /// ```
    pub fn missing(&self) -> usize {
        self.requested.saturating_sub(self.available)
    }
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requested, available } = self;
        write!(f, "{requested} bytes were asked for, but only {available} are buffered")
    }
}

impl error::Error for SplitError {}

impl From<SplitError> for io::Error {
    fn from(error: SplitError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

/// Room for that many bytes cannot be had. The buffer is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReserveError {
    /// How many bytes of room were asked for.
    pub requested: usize,
    /// How many unconsumed bytes the buffer holds.
    pub len: usize,
    /// The most it holds.
    pub limit: usize,
}

impl ReserveError {
    /// Whether the request was within the limit, but the allocator could not serve it.
    pub fn is_out_of_memory(&self) -> bool {
        self.len.checked_add(self.requested).is_some_and(|needed| needed <= self.limit)
    }
}

impl fmt::Display for ReserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requested, len, limit } = self;
        if self.is_out_of_memory() {
            write!(f, "no memory for {requested} bytes of room beside the {len} buffered ones")
        } else {
            write!(f, "no room for {requested} bytes beside the {len} buffered ones: the limit is {limit}")
        }
    }
}

impl error::Error for ReserveError {}

impl From<ReserveError> for io::Error {
    fn from(error: ReserveError) -> Self {
        let kind =
            if error.is_out_of_memory() { io::ErrorKind::OutOfMemory } else { io::ErrorKind::InvalidInput };
        Self::new(kind, error)
    }
}

/// A tail that is longer than the buffer may be. It hands the tail back.
///
/// # Examples
///
/// ```
/// use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
///
/// let config = HandoffBufferConfig::new(4).unwrap();
/// let rejected = HandoffBuffer::from_tail(BytesMut::from("hello"), config).unwrap_err();
/// assert_eq!((rejected.len(), rejected.limit()), (5, 4));
/// assert_eq!(rejected.into_tail(), "hello");
/// ```
pub struct TailError {
    pub(super) tail: BytesMut,
    pub(super) limit: usize,
}

impl TailError {
    /// The length of the rejected tail.
    #[expect(clippy::len_without_is_empty, reason = "a rejected tail is never empty")]
    pub fn len(&self) -> usize {
        self.tail.len()
    }

    /// The most the buffer would hold.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The rejected tail, unchanged.
    #[must_use]
    pub fn into_tail(self) -> BytesMut {
        self.tail
    }
}

impl fmt::Debug for TailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TailError").field("len", &self.len()).field("limit", &self.limit).finish()
    }
}

impl fmt::Display for TailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tail of {} bytes is longer than the buffer's limit of {}", self.len(), self.limit)
    }
}

impl error::Error for TailError {}

impl From<TailError> for io::Error {
    /// Loses the tail: take it with [`TailError::into_tail`] first if it is needed.
    fn from(error: TailError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error.to_string())
    }
}
