//! How a tunnel ended.

use std::io;

/// How one direction ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum End {
    /// The reader ended, all it gave was written, and the writer was closed.
    Closed,
    /// The reader failed. All that it gave before was written and flushed, unless the writer failed
    /// at that; the writer was not closed, so that what was cut short does not look whole.
    Read(io::Error),
    /// The writer failed. A tunnel drops what it had not taken; see
    /// [`Forward::into_parts`](super::Forward::into_parts) for one direction.
    Write(io::Error),
    /// The direction was still open when the tunnel ended.
    Unfinished,
}

/// What one direction has carried.
#[derive(Debug)]
#[non_exhaustive]
pub struct Transfer {
    /// How many bytes the writer has taken.
    pub bytes: u64,
    /// How it ended.
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

/// What a tunnel has carried, and which side ended it how.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// From the first side to the second.
    pub a_to_b: Transfer,
    /// From the second side to the first.
    pub b_to_a: Transfer,
    /// Nothing was read or written for an idle period.
    pub idle: bool,
}

impl Report {
    /// The bytes from the first side to the second, and back, if both directions were closed in
    /// order.
    ///
    /// # Errors
    ///
    /// The error of the first direction, or else that of the second one;
    /// [`io::ErrorKind::TimedOut`] if the tunnel was idle.
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
