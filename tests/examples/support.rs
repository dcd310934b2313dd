//! Inputs that end anywhere, and readers and writers that give and take them in any pieces.

use std::io;

use fastrand::Rng;

use futures_handoff::FrameError;

use crate::runtimes::io::{ReadStep, ScriptReader, ScriptWriter, WriteLog, WriteStep};

/// How many schedules of each kind are run.
pub(crate) const SEEDS: u64 = 300;

/// How an input ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// In order.
    Closed,
    /// With an error right after the last byte.
    Reset,
}

impl End {
    /// Every place at which an input of this many bytes may end, in both ways.
    pub(crate) fn anywhere(len: usize) -> impl Iterator<Item = (usize, Self)> {
        (0..=len).flat_map(|at| [(at, Self::Closed), (at, Self::Reset)])
    }

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

/// Frames were read until the end, which came after this many bytes of an unfinished frame.
#[track_caller]
pub(crate) fn assert_ended(result: Result<(), FrameError>, end: End, behind: usize) {
    match (result, end) {
        (Ok(()), End::Closed) => assert_eq!(behind, 0),
        (Err(FrameError::Truncated { buffered }), End::Closed) => assert_eq!(buffered, behind),
        (Err(FrameError::Io(error)), End::Reset) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        (result, _) => panic!("{end:?} with {behind} bytes read: {result:?}"),
    }
}

/// Returns `input` in short reads, sometimes pending, and ends.
pub(crate) fn reader(seed: u64, input: &[u8], end: End) -> ScriptReader {
    let reader = ScriptReader::seeded(seed, input);
    match end {
        End::Closed => reader,
        End::Reset => reader.then([ReadStep::Error(io::ErrorKind::ConnectionReset)]),
    }
}

/// Takes short writes, and is sometimes pending.
pub(crate) fn seeded(seed: u64) -> (ScriptWriter, WriteLog) {
    logged(ScriptWriter::seeded(seed))
}

/// Takes short writes, is sometimes pending, and fails at a write.
pub(crate) fn breaking(seed: u64, writes: usize) -> (ScriptWriter, WriteLog) {
    let taken = (0..writes).map(|_| WriteStep::Accept(usize::MAX));
    logged(ScriptWriter::seeded(seed).then(taken).then([WriteStep::Error(io::ErrorKind::BrokenPipe)]))
}

pub(crate) fn logged(writer: ScriptWriter) -> (ScriptWriter, WriteLog) {
    let log = writer.log();
    (writer, log)
}

/// The kind of error that a program ended with, if any.
pub(crate) fn kind<T>(result: io::Result<T>) -> Option<io::ErrorKind> {
    result.err().map(|error| error.kind())
}
