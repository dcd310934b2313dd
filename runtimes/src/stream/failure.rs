//! Why a run does not count.

use std::{error, fmt, io, time::Duration};

/// What went wrong in a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// A byte came out that is not the one that went in there.
    Mismatch {
        /// Which connection.
        stream: usize,
        /// Where in the stream.
        offset: usize,
        /// The byte that went in.
        sent: u8,
        /// The byte that came out.
        received: u8,
    },
    /// More came out than went in.
    Surplus {
        /// Which connection.
        stream: usize,
        /// How much went in.
        len: usize,
    },
    /// Less came out than went in.
    Loss {
        /// Which connection.
        stream: usize,
        /// How much came out.
        offset: usize,
        /// How much went in.
        len: usize,
        /// What the proxy had to say, if it failed.
        cause: Option<io::Error>,
    },
    /// A task of the connection panicked.
    Panicked {
        /// Which connection.
        stream: usize,
    },
    /// The connections were not done in time.
    Stalled {
        /// How long they had.
        limit: Duration,
    },
    /// The connections could not be set up.
    Setup(io::Error),
    /// The user asked for an end.
    Interrupted,
    /// A program that was run failed.
    Ended {
        /// The program.
        what: String,
        /// What it said of its end.
        status: u8,
    },
    /// Something around the run, a file or a partner process, in a sentence.
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mismatch { stream, offset, sent, received } => {
                write!(
                    f,
                    "stream {stream} differs at offset {offset}: sent {sent:#04x}, received {received:#04x}"
                )
            }
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
            Self::Ended { what, status } => write!(f, "{what} failed with status {status}"),
            Self::Other(sentence) => f.write_str(sentence),
        }
    }
}

impl error::Error for Failure {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Setup(cause) | Self::Loss { cause: Some(cause), .. } => Some(cause),
            _ => None,
        }
    }
}
