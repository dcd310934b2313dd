//! Inputs that end anywhere, and readers and writers that give and take them in any pieces.

use std::io;

use fastrand::Rng;

use crate::runtimes::io::{ReadStep, ScriptReader, ScriptWriter, WriteStep};

/// How many schedules of each kind are run.
pub(crate) const SEEDS: u64 = 300;

/// How an input ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// In order.
    Closed,
    /// With an error right behind the last byte.
    Reset,
}

impl End {
    pub(crate) fn random(rng: &mut Rng) -> Self {
        if rng.bool() { Self::Closed } else { Self::Reset }
    }

    /// What reading says in the end: of an input that was cut off within a message, or at its end.
    pub(crate) fn kind(self, within: bool) -> Option<io::ErrorKind> {
        match self {
            Self::Closed => within.then_some(io::ErrorKind::UnexpectedEof),
            Self::Reset => Some(io::ErrorKind::ConnectionReset),
        }
    }
}

/// Gives `input` in short reads, pending now and then, and ends.
pub(crate) fn reader(seed: u64, input: &[u8], end: End) -> ScriptReader {
    let reader = ScriptReader::seeded(seed, input);
    match end {
        End::Closed => reader,
        End::Reset => reader.then([ReadStep::Error(io::ErrorKind::ConnectionReset)]),
    }
}

/// Takes short writes, is pending now and then, and fails at a write.
pub(crate) fn breaking(seed: u64, writes: usize) -> ScriptWriter {
    let taken = (0..writes).map(|_| WriteStep::Accept(usize::MAX));
    ScriptWriter::seeded(seed).then(taken).then([WriteStep::Error(io::ErrorKind::BrokenPipe)])
}

/// The kind of error that a program ended with, if any.
pub(crate) fn kind<T>(result: io::Result<T>) -> Option<io::ErrorKind> {
    result.err().map(|error| error.kind())
}
