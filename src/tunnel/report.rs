//! The results of a tunnel.

use std::{fmt, io};

/// How one direction ended.
///
/// # Examples
///
/// ```
/// use futures_handoff::tunnel::{End, Forward};
/// use futures_util::io::Cursor;
///
/// # futures_executor::block_on(async {
/// let mut room = [0; 2];
/// let mut forward = Forward::new(&b"hello"[..], Cursor::new(&mut room[..]));
/// let transfer = forward.run().await;
/// assert!(matches!(transfer.end, End::Write(_)));
/// // For a line in the log.
/// let line = format!("{} bytes, {}", transfer.bytes, transfer.end);
/// assert_eq!(line, "2 bytes, writer failed: the writer accepted 0 bytes");
/// # });
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum End {
    /// The reader ended, all of its bytes were written, and the writer was closed.
    Closed,
    /// The reader failed. The bytes before the error were written and flushed, unless the writer
    /// failed too. The writer was not closed, so that a stream that was cut short does not look
    /// complete. This is also the result if the reader ended without an error after a write to its
    /// connection had failed because the connection was reset or lost: a socket reports that only
    /// once.
    Read(io::Error),
    /// The writer failed. A tunnel drops the bytes that the writer has not taken. A
    /// [`Forward`](super::Forward) returns them from [`into_parts`](super::Forward::into_parts).
    Write(io::Error),
    /// The direction was still open when the tunnel ended.
    Unfinished,
}

impl End {
    /// The error that the kernel reported for the writer's connection, if it ended the direction.
    /// The timeout of a writer that has a timer of its own is no loss of the connection.
    pub(super) fn lost(&self) -> Option<io::ErrorKind> {
        use io::ErrorKind::{
            ConnectionAborted, ConnectionReset, HostUnreachable, NetworkDown, NetworkUnreachable, TimedOut,
        };
        let Self::Write(error) = self else { return None };
        let is_lost = match error.kind() {
            ConnectionReset | ConnectionAborted => true,
            TimedOut | HostUnreachable | NetworkUnreachable | NetworkDown => error.raw_os_error().is_some(),
            _ => false,
        };
        is_lost.then(|| error.kind())
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed"),
            Self::Read(error) => write!(f, "reader failed: {error}"),
            Self::Write(error) => write!(f, "writer failed: {error}"),
            Self::Unfinished => f.write_str("unfinished"),
        }
    }
}

/// How many bytes one direction has copied, and how it ended.
///
/// # Examples
///
/// ```
/// use futures_handoff::tunnel::{End, Forward, Transfer};
///
/// # futures_executor::block_on(async {
/// let Transfer { bytes, end, .. } = Forward::new(&b"hello"[..], Vec::new()).run().await;
/// assert_eq!(bytes, 5);
/// assert!(matches!(end, End::Closed));
/// # });
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Transfer {
    /// The number of bytes that the writer has taken.
    pub bytes: u64,
    /// How the direction ended.
    pub end: End,
}

impl Transfer {
    fn error(self) -> Option<io::Error> {
        match self.end {
            End::Read(error) | End::Write(error) => Some(error),
            End::Closed | End::Unfinished => None,
        }
    }
}

/// How many bytes a tunnel has copied in each direction, and how the directions ended.
///
/// # Examples
///
/// The server refuses the request after 4 bytes, but answers:
///
/// ```
/// use futures_handoff::tunnel::{End, Halves, Tunnel};
/// use futures_util::io::Cursor;
///
/// # futures_executor::block_on(async {
/// let mut room = [0; 4];
/// let client = Halves::new(&b"POST /upload"[..], Vec::new());
/// let server = Halves::new(&b"413 Too Large"[..], Cursor::new(&mut room[..]));
/// let report = Tunnel::new(client, server).run().await;
///
/// assert_eq!(report.a_to_b.bytes, 4);
/// assert!(matches!(report.a_to_b.end, End::Write(_)));
/// assert_eq!(report.b_to_a.bytes, 13);
/// assert!(matches!(report.b_to_a.end, End::Closed));
/// assert!(!report.idle);
/// # });
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// From the first side to the second.
    pub a_to_b: Transfer,
    /// From the second side to the first.
    pub b_to_a: Transfer,
    /// Whether the tunnel ended because nothing was read or written for an idle period.
    pub idle: bool,
}

impl Report {
    /// Returns how many bytes went from the first side to the second, and from the second to the
    /// first, if both directions were closed.
    ///
    /// # Errors
    ///
    /// The error of the direction to the second side, otherwise that of the direction back,
    /// otherwise [`io::ErrorKind::TimedOut`] if the tunnel was idle.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::tunnel::{Halves, Tunnel};
    ///
    /// # futures_executor::block_on(async {
    /// let client = Halves::new(&b"ping"[..], Vec::new());
    /// let server = Halves::new(&b"pong!"[..], Vec::new());
    /// let (sent, received) = Tunnel::new(client, server).run().await.into_result()?;
    /// assert_eq!((sent, received), (4, 5));
    /// # Ok::<_, std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn into_result(self) -> io::Result<(u64, u64)> {
        let Self { a_to_b, b_to_a, idle } = self;
        let bytes = (a_to_b.bytes, b_to_a.bytes);
        match a_to_b.error().or_else(|| b_to_a.error()) {
            Some(error) => Err(error),
            None if idle => Err(io::Error::new(io::ErrorKind::TimedOut, "the tunnel was idle for too long")),
            None => Ok(bytes),
        }
    }
}
