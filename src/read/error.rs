//! The errors of the read side. Every error leaves the buffer usable, with its bytes in place.

use std::{error, fmt, io};

use bytes::BytesMut;

/// An error of a [`HandoffBuffer`](crate::HandoffBuffer).
///
/// The buffer is unchanged and stays usable. The end of the stream is not an error: a read reports
/// it as 0 bytes.
///
/// # Examples
///
/// A full buffer means that the message is too long; any other error ends the connection:
///
/// ```
/// use futures_handoff::{BufferError, HandoffBuffer};
///
/// # futures_executor::block_on(async {
/// let mut reader: &[u8] = b"GET /a/very/long/path HTTP/1.1\r\n";
/// let mut buffer = HandoffBuffer::new(16);
/// let status = loop {
///     if buffer.find(b"\r\n").is_some() {
///         break "200 OK";
///     }
///     match buffer.read_available(&mut reader).await {
///         Ok(0) => break "400 Bad Request",
///         Ok(_) => {}
///         Err(BufferError::LimitExceeded { .. }) => break "414 URI Too Long",
///         Err(error) => return Err(error),
///     }
/// };
/// assert_eq!(status, "414 URI Too Long");
/// # Ok(())
/// # }).unwrap();
/// ```
#[non_exhaustive]
pub enum BufferError {
    /// The buffer would hold more than `max_len` bytes. A read of a full buffer returns this
    /// without polling the reader: consume some bytes and read again.
    LimitExceeded {
        /// The least number of unconsumed bytes that the buffer would have to hold.
        attempted: usize,
        /// The limit of the buffer.
        limit: usize,
    },
    /// A call requested more bytes than are buffered. Nothing was taken out.
    SplitOutOfBounds {
        /// The number of requested bytes.
        requested: usize,
        /// The number of buffered bytes.
        available: usize,
    },
    /// The tail for a new buffer is longer than the limit of the buffer. The error returns the
    /// tail.
    TailTooLong {
        /// The tail, unchanged.
        tail: BytesMut,
        /// The limit of the buffer.
        limit: usize,
    },
    /// There is no memory for a block, not even for the smallest read size. The reader was not
    /// polled.
    OutOfMemory {
        /// The size of the block in bytes.
        requested: usize,
    },
    /// The reader failed.
    Io(io::Error),
    /// The reader reported more bytes than it had room for. What it wrote is discarded.
    InvalidReader {
        /// The number of bytes that the reader reported.
        reported: usize,
        /// The size of the room in bytes.
        given: usize,
    },
}

impl BufferError {
    /// How many more bytes a retry needs in the buffer, or `None` if more bytes do not help.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::HandoffBuffer;
    ///
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"\x03abc";
    /// let mut buffer = HandoffBuffer::new(64);
    /// let message = loop {
    ///     let parsed = buffer.parse(|cursor| {
    ///         let length = cursor.take(1)?[0];
    ///         cursor.take(length.into())
    ///     });
    ///     match parsed {
    ///         Ok(message) => break message,
    ///         Err(error) => {
    ///             // The parser needs 1 byte for the length, then the 3 bytes of the message.
    ///             let Some(missing) = error.missing() else { return Err(error) };
    ///             if !buffer.fill_to(&mut reader, buffer.len() + missing).await? {
    ///                 return Err(error);
    ///             }
    ///         }
    ///     }
    /// };
    /// assert_eq!(message, "abc");
    /// # Ok(())
    /// # }).unwrap();
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
    /// Shows the length of a tail, not its bytes.
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
                write!(f, "{attempted} bytes exceed the read buffer limit of {limit} bytes")
            }
            Self::SplitOutOfBounds { requested, available } => {
                write!(f, "{requested} bytes requested, but only {available} bytes are buffered")
            }
            Self::TailTooLong { tail, limit } => {
                let len = tail.len();
                write!(f, "tail of {len} bytes exceeds the read buffer limit of {limit} bytes")
            }
            Self::OutOfMemory { requested } => {
                write!(f, "no memory for a read buffer block of {requested} bytes")
            }
            Self::Io(_) => f.write_str("reader failed"),
            Self::InvalidReader { reported, given } => {
                write!(f, "reader reported {reported} bytes read into {given} bytes of room")
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
    /// Returns the reader's own error as it is, with its OS code. Any other error becomes the
    /// source of a new one, whose kind is `InvalidData` for `LimitExceeded`, `InvalidInput` for
    /// `SplitOutOfBounds` and `TailTooLong`, `OutOfMemory` for `OutOfMemory`, and `Other` for
    /// `InvalidReader`.
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

/// An error of reading frame by frame.
///
/// # Examples
///
/// ```
/// use futures_handoff::{Delimiter, FrameError, HandoffBuffer};
///
/// # futures_executor::block_on(async {
/// let mut reader: &[u8] = b"one\na line that is too long\ntwo\ncut";
/// let mut buffer = HandoffBuffer::new(8);
/// let mut lines = Delimiter::new(b"\n");
/// let mut log = Vec::new();
/// loop {
///     match buffer.next_frame(&mut reader, &mut lines).await {
///         Ok(Some(line)) => log.push(format!("{} bytes", line.len())),
///         Ok(None) => break,
///         Err(FrameError::TooLong { .. }) => {
///             let skipped = buffer.skip_frame(&mut reader, &mut lines).await?;
///             log.push(format!("skipped {skipped} bytes"));
///         }
///         Err(FrameError::Truncated { buffered }) => {
///             log.push(format!("{buffered} bytes without an end"));
///             break;
///         }
///         Err(error) => return Err(error),
///     }
/// }
/// assert_eq!(log, ["4 bytes", "skipped 24 bytes", "4 bytes", "3 bytes without an end"]);
/// # Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum FrameError {
    /// The reader failed.
    Io(io::Error),
    /// Any other error of the buffer.
    Buffer(BufferError),
    /// The stream ended inside a frame. The buffered bytes stay in the buffer.
    Truncated {
        /// How many bytes of the frame are buffered.
        buffered: usize,
    },
    /// The frame does not fit in the buffer, or is longer than its finder allows. The error comes
    /// as soon as this is known, which may be before the frame arrives.
    /// [`skip_frame`](crate::HandoffBuffer::skip_frame) discards the frame.
    TooLong {
        /// The least number of bytes that the frame has.
        needed: usize,
        /// The most bytes that a frame may have.
        limit: usize,
    },
    /// The finder reported a frame that is empty or longer than what is buffered, or a payload that
    /// is not in its frame.
    InvalidFinder {
        /// The length that the finder reported, or the end of its payload, in bytes.
        reported: usize,
        /// How many bytes were buffered, or the length of the frame if its payload is invalid.
        buffered: usize,
    },
    /// The finder returned [`Found::Reject`](crate::Found::Reject): no frame of its protocol starts
    /// with the buffered bytes. Nothing is consumed.
    Rejected {
        /// The reason that the finder gave.
        reason: &'static str,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("reader failed"),
            Self::Buffer(error) => error.fmt(f),
            Self::Truncated { buffered } => {
                write!(f, "stream ended inside a frame, with {buffered} bytes buffered")
            }
            Self::TooLong { needed, limit } => {
                write!(f, "frame of at least {needed} bytes exceeds the limit of {limit} bytes")
            }
            Self::InvalidFinder { reported, buffered } => {
                write!(
                    f,
                    "frame finder reported an invalid length of {reported} bytes, with {buffered} buffered"
                )
            }
            Self::Rejected { reason } => write!(f, "frame finder rejected the buffered bytes: {reason}"),
        }
    }
}

impl error::Error for FrameError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            // `Buffer` displays the message of its inner error, so the source is that error's
            // source.
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
    /// `Io` becomes `Io`, `LimitExceeded` becomes `TooLong`, and any other error becomes `Buffer`.
    fn from(error: BufferError) -> Self {
        match error {
            BufferError::Io(error) => Self::Io(error),
            BufferError::LimitExceeded { attempted, limit } => Self::TooLong { needed: attempted, limit },
            error => Self::Buffer(error),
        }
    }
}

impl From<FrameError> for io::Error {
    /// Returns the reader's own error as it is, with its kind and its OS code. Any other error
    /// becomes the source of a new one, whose kind is `UnexpectedEof` for `Truncated`,
    /// `InvalidData` for `TooLong` and `Rejected`, and `Other` for `InvalidFinder`. `Buffer`
    /// converts as its [`BufferError`] does.
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
