//! Why a run failed.

use std::{error, fmt, io, time::Duration};

/// The failure of a run. Streams are numbered by connection; offsets and lengths are bytes.
#[derive(Debug)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the sentence of each variant says what its fields are")]
pub enum Failure {
    /// A byte that came out differs from the one that went in.
    Mismatch { stream: usize, offset: usize, sent: u8, received: u8 },
    /// More came out than went in.
    Surplus { stream: usize, len: usize },
    /// Less came out than went in; the cause is the error of the proxy.
    Loss { stream: usize, offset: usize, len: usize, cause: Option<io::Error> },
    /// A task of the connection panicked.
    Panicked { stream: usize },
    /// The connections did not finish in time.
    Stalled { limit: Duration },
    /// The connections could not be set up.
    Setup(io::Error),
    /// The user interrupted it.
    Interrupted,
    /// A program that was run failed with this status.
    Ended { program: String, status: u8 },
    /// Anything around the run, a file or a partner process, in a sentence.
    Other(String),
}

impl Failure {
    /// The sentence about a failed operation on a path.
    pub(super) fn of_path(what: &str, path: impl AsRef<std::path::Path>, error: impl fmt::Display) -> Self {
        Self::Other(format!("cannot {what} {}: {error}", path.as_ref().display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mismatch { stream, offset, sent, received } => write!(
                f,
                "stream {stream} differs at offset {offset}: sent {sent:#04x}, received {received:#04x}"
            ),
            Self::Surplus { stream, len } => {
                write!(f, "stream {stream} goes on at offset {len}, where what was sent ends")
            }
            Self::Loss { stream, offset, len, cause } => {
                write!(f, "stream {stream} ends at offset {offset} of {len}")?;
                cause.as_ref().map_or(Ok(()), |cause| write!(f, ": {cause}"))
            }
            Self::Panicked { stream } => write!(f, "a task of stream {stream} panicked"),
            Self::Stalled { limit } => write!(f, "the streams are not done after {limit:?}"),
            Self::Setup(cause) => write!(f, "the connections could not be set up: {cause}"),
            Self::Interrupted => write!(f, "interrupted; what was finished is kept"),
            Self::Ended { program, status } => write!(f, "{program} failed with status {status}"),
            Self::Other(sentence) => f.write_str(sentence),
        }
    }
}

impl error::Error for Failure {}

impl From<String> for Failure {
    fn from(sentence: String) -> Self {
        Self::Other(sentence)
    }
}
