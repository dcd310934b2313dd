//! What can go wrong on the read side. Every error leaves the buffer usable, with its bytes in
//! place.

use std::{error, fmt, io};

use bytes::BytesMut;

/// What a [`HandoffBuffer`](crate::HandoffBuffer) could not do.
///
/// The buffer is unchanged, and goes on. The end of the stream is no error: a read reports it as 0
/// bytes.
#[non_exhaustive]
pub enum BufferError {
    /// The buffer may not hold so many bytes. A read that finds the buffer full says so without
    /// asking the reader: consume some bytes and read again.
    LimitExceeded {
        /// How many unconsumed bytes the buffer would have to hold, at least.
        attempted: usize,
        /// The most unconsumed bytes it holds.
        limit: usize,
    },
    /// More bytes were to be taken than are buffered. None was taken.
    SplitOutOfBounds {
        /// How many bytes were asked for.
        requested: usize,
        /// How many bytes there are.
        available: usize,
    },
    /// The tail for a buffer is longer than the buffer may be. It comes back in the error.
    TailTooLong {
        /// The tail, unchanged.
        tail: BytesMut,
        /// The most unconsumed bytes the buffer would hold.
        limit: usize,
    },
    /// There is no memory for a block; the reader was not asked. What a read tries last is the
    /// smallest read of the configuration.
    OutOfMemory {
        /// How many bytes the block would have.
        requested: usize,
    },
    /// The reader failed.
    Io(io::Error),
    /// The reader claims to have read more than it was given room for. What it wrote is discarded.
    InvalidReader {
        /// How many bytes the reader claims to have read.
        reported: usize,
        /// How many bytes it had room for.
        given: usize,
    },
}

impl BufferError {
    /// How many more bytes have to be buffered before it is worth trying again, or `None` if more
    /// bytes do not help.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    /// # let config = HandoffBufferConfig::new(64);
    /// let mut buffer = HandoffBuffer::from_tail(BytesMut::from("part"), config).unwrap();
    /// let incomplete = buffer.parse(|cursor| {
    ///     cursor.advance(1)?;
    ///     cursor.take(8)
    /// });
    /// assert_eq!(incomplete.unwrap_err().missing(), Some(5));
    /// ```
    #[must_use]
    pub fn missing(&self) -> Option<usize> {
        match self {
            Self::SplitOutOfBounds { requested, available } => Some(requested.saturating_sub(*available)),
            _ => None,
        }
    }
}

impl fmt::Debug for BufferError {
    /// Of a tail it shows only how long it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, fields): (_, &[(_, usize)]) = match self {
            Self::LimitExceeded { attempted, limit } => {
                ("LimitExceeded", &[("attempted", *attempted), ("limit", *limit)])
            }
            Self::SplitOutOfBounds { requested, available } => {
                ("SplitOutOfBounds", &[("requested", *requested), ("available", *available)])
            }
            Self::TailTooLong { tail, limit } => ("TailTooLong", &[("len", tail.len()), ("limit", *limit)]),
            Self::OutOfMemory { requested } => ("OutOfMemory", &[("requested", *requested)]),
            Self::InvalidReader { reported, given } => {
                ("InvalidReader", &[("reported", *reported), ("given", *given)])
            }
            Self::Io(error) => return f.debug_tuple("Io").field(error).finish(),
        };
        let mut shown = f.debug_struct(name);
        for (name, value) in fields {
            shown.field(name, value);
        }
        shown.finish()
    }
}

impl fmt::Display for BufferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LimitExceeded { attempted, limit } => {
                write!(
                    f,
                    "the read buffer would have to hold {attempted} bytes, but its limit is {limit} bytes"
                )
            }
            Self::SplitOutOfBounds { requested, available } => {
                write!(f, "{requested} bytes were asked for, but only {available} bytes are buffered")
            }
            Self::TailTooLong { tail, limit } => {
                let len = tail.len();
                write!(f, "the tail has {len} bytes, but the limit of the read buffer is {limit} bytes")
            }
            Self::OutOfMemory { requested } => {
                write!(f, "no memory for a read buffer block of {requested} bytes")
            }
            Self::Io(_) => f.write_str("reader failed"),
            Self::InvalidReader { reported, given } => {
                write!(f, "reader reported {reported} bytes read into room for {given} bytes")
            }
        }
    }
}

impl error::Error for BufferError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for BufferError {
    /// The reader failed.
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<BufferError> for io::Error {
    /// The reader's own error is passed on as it is, with its OS code. The others are the source of
    /// one of a fitting kind: `InvalidData` if the buffer may not hold so much, as for a frame that
    /// is too long; `InvalidInput` if more is to be taken than there is, and for a tail that is too
    /// long; `OutOfMemory`; or `Other` for a reader that is wrong.
    fn from(error: BufferError) -> Self {
        let kind = match error {
            BufferError::Io(error) => return error,
            BufferError::LimitExceeded { .. } => io::ErrorKind::InvalidData,
            BufferError::SplitOutOfBounds { .. } | BufferError::TailTooLong { .. } => {
                io::ErrorKind::InvalidInput
            }
            BufferError::OutOfMemory { .. } => io::ErrorKind::OutOfMemory,
            BufferError::InvalidReader { .. } => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// A stream of frames that went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum FrameError {
    /// The reader failed.
    Io(io::Error),
    /// The buffer could not be filled, or more was to be taken out of it than there is.
    Buffer(BufferError),
    /// The stream ended inside a frame. The bytes there are stay in the buffer.
    Truncated {
        /// How many bytes of the frame are buffered.
        buffered: usize,
    },
    /// The frame cannot fit in the buffer, or is longer than its finder allows. Reported as soon as
    /// it is known, before the frame arrives. [`skip_frame`](crate::HandoffBuffer::skip_frame) gets
    /// past it.
    TooLong {
        /// How many bytes the frame has, at least.
        needed: usize,
        /// The most bytes it may have.
        limit: usize,
    },
    /// The finder reported a frame that is empty or longer than what is buffered, or a payload that
    /// is not in its frame.
    InvalidFinder {
        /// The length in bytes that the finder reported.
        reported: usize,
        /// How many bytes it was shown.
        buffered: usize,
    },
    /// The finder says that no frame of its protocol starts with the buffered bytes. Nothing is
    /// consumed.
    Rejected {
        /// What it gave as the reason.
        reason: &'static str,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("reader failed"),
            Self::Buffer(error) => error.fmt(f),
            Self::Truncated { buffered } => {
                write!(f, "stream ended inside a frame, of which {buffered} bytes are buffered")
            }
            Self::TooLong { needed, limit } => {
                write!(f, "frame has at least {needed} bytes, but the limit is {limit} bytes")
            }
            Self::InvalidFinder { reported, buffered } => {
                write!(f, "finder reported a frame of {reported} bytes among {buffered} buffered bytes")
            }
            Self::Rejected { reason } => write!(f, "finder rejected the buffered bytes: {reason}"),
        }
    }
}

impl error::Error for FrameError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            // What `Buffer` shows is the message of the error in it.
            Self::Buffer(error) => error.source(),
            _ => None,
        }
    }
}

impl From<io::Error> for FrameError {
    /// The reader failed.
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<BufferError> for FrameError {
    /// The reader's own error is one here too, and a full buffer is a frame that does not fit.
    fn from(error: BufferError) -> Self {
        match error {
            BufferError::Io(error) => Self::Io(error),
            BufferError::LimitExceeded { attempted, limit } => Self::TooLong { needed: attempted, limit },
            error => Self::Buffer(error),
        }
    }
}

impl From<FrameError> for io::Error {
    /// An error of the reader becomes itself again, with its kind and its OS code.
    fn from(error: FrameError) -> Self {
        let kind = match error {
            FrameError::Io(error) => return error,
            FrameError::Buffer(error) => return error.into(),
            FrameError::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            FrameError::TooLong { .. } | FrameError::Rejected { .. } => io::ErrorKind::InvalidData,
            FrameError::InvalidFinder { .. } => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
