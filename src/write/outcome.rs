//! What became of an accepted write that failed, and what is left when the writer has ended.

use super::error::CloseReason;
use bytes::Bytes;
use std::{error, fmt, io, ops::Range};

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

    /// The length of the write this ticket is for, in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the ticket is for no bytes: a barrier.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many of its first bytes the writer took.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How many bytes after those may or may not have been taken: they were offered in a call that panicked or that
    /// reported an impossible count. 0 after any other failure.
    pub fn in_doubt(&self) -> u64 {
        self.in_doubt
    }
}

impl fmt::Display for TicketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, len, written, in_doubt } = self;
        write!(f, "{reason}; {written} of {len} bytes were written")?;
        if *in_doubt > 0 {
            write!(f, ", {in_doubt} more are in doubt")?;
        }
        Ok(())
    }
}

impl error::Error for TicketError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.reason.source()
    }
}

impl From<TicketError> for io::Error {
    fn from(error: TicketError) -> Self {
        error.reason.clone().to_io_error(error)
    }
}

/// A writer that ended with bytes left, and all that is known about them.
///
/// Positions count the bytes accepted since the handoff was created.
pub struct WriterFailure<W> {
    /// Boxed, so that a result with it is not much larger than one with the writer.
    rest: Box<Rest<W>>,
}

/// What a stream leaves behind.
pub(crate) struct Rest<W> {
    pub(crate) reason: CloseReason,
    pub(crate) writer: Option<W>,
    pub(crate) unwritten: Vec<Bytes>,
    pub(crate) written: u64,
    pub(crate) flushed: u64,
    pub(crate) in_doubt: Range<u64>,
}

impl<W> WriterFailure<W> {
    pub(crate) fn new(rest: Rest<W>) -> Self {
        Self { rest: Box::new(rest) }
    }

    /// Why it ended.
    pub fn reason(&self) -> &CloseReason {
        &self.rest.reason
    }

    /// The writer, or `None` where the task that owned it was dropped or where somebody else has taken it. After
    /// a panic its state is unspecified.
    pub fn writer(&mut self) -> Option<&mut W> {
        self.rest.writer.as_mut()
    }

    /// The bytes from position [`written`](Self::written) on, in order. Chunk borders carry no meaning. Empty where
    /// somebody else has taken them.
    pub fn unwritten(&self) -> &[Bytes] {
        &self.rest.unwritten
    }

    /// The position up to which the writer took the bytes.
    pub fn written(&self) -> u64 {
        self.rest.written
    }

    /// The position up to which the writer confirmed a flush: the only bytes that a buffering writer has certainly
    /// passed on.
    pub fn flushed(&self) -> u64 {
        self.rest.flushed
    }

    /// The bytes offered in a call that panicked or reported an impossible count: they may or may not have been
    /// taken. They are the first ones of [`unwritten`](Self::unwritten).
    pub fn in_doubt(&self) -> Range<u64> {
        self.rest.in_doubt.clone()
    }

    /// The writer, if it is there, and the unwritten bytes.
    pub fn into_parts(self) -> (Option<W>, Vec<Bytes>) {
        let rest = *self.rest;
        (rest.writer, rest.unwritten)
    }
}

impl<W> fmt::Debug for WriterFailure<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterFailure")
            .field("reason", &self.rest.reason)
            .field("writer", &self.rest.writer.is_some())
            .field("unwritten", &self.rest.unwritten.iter().map(Bytes::len).sum::<usize>())
            .field("written", &self.rest.written)
            .field("flushed", &self.rest.flushed)
            .field("in_doubt", &self.rest.in_doubt)
            .finish()
    }
}

impl<W> fmt::Display for WriterFailure<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.rest.unwritten.iter().map(Bytes::len).sum::<usize>();
        write!(f, "{}; {} bytes were written, {left} were not", self.rest.reason, self.rest.written)
    }
}

impl<W> error::Error for WriterFailure<W> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.rest.reason.source()
    }
}

impl<W> From<WriterFailure<W>> for io::Error {
    fn from(failure: WriterFailure<W>) -> Self {
        failure.rest.reason.to_io_error(failure.to_string())
    }
}
