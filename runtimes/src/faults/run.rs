//! One schedule of either half.

use std::{error, fmt};

use super::{
    event::{Event, Tally},
    read,
    write::{self, End},
};

/// A half of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Write,
    Read,
}

impl Side {
    /// What should happen in its schedules.
    #[must_use]
    pub fn events(self) -> &'static [Event] {
        match self {
            Self::Write => Event::WRITE,
            Self::Read => Event::READ,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Write => "write",
            Self::Read => "read",
        })
    }
}

/// What a schedule follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Seed(u64),
    /// The choices themselves, followed by any number of zeros.
    Choices(Vec<u32>),
    /// The choices packed into bytes, any of which stand for some: what a fuzzer varies.
    Bytes(Vec<u8>),
}

/// What a schedule came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Bytes accepted, or read.
    pub bytes: u64,
    /// Why the stream ended, as far as anybody learned of it.
    pub end: Option<End>,
    /// The sabotage asked for has happened.
    pub sabotaged: bool,
}

/// Where a schedule went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub(super) step: usize,
    pub(super) finding: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: {}", self.step, self.finding)
    }
}

impl error::Error for Failure {}

/// A schedule that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What it came to, or the first thing that was not as it should be.
    pub result: Result<Summary, Failure>,
    /// Polls, calls and events.
    pub steps: usize,
    /// What happened in it.
    pub events: Tally,
    /// The choices that it was made of.
    pub choices: Vec<u32>,
    /// What was done and what was expected, line by line, where that was asked for.
    pub lines: Vec<String>,
}

/// Runs a schedule.
#[must_use]
pub fn run(side: Side, source: &Source) -> Run {
    go(side, source, false)
}

/// Runs a schedule and writes down what happens.
#[must_use]
pub fn replay(side: Side, source: &Source) -> Run {
    go(side, source, true)
}

fn go(side: Side, source: &Source, traced: bool) -> Run {
    match side {
        Side::Write => write::run(source, traced),
        Side::Read => read::run(source, traced),
    }
}
