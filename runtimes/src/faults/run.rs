//! One schedule of either half.

use std::{error, fmt, time::Duration};

use super::{
    event::{Event, Tally},
    trial::Trial,
    write::End,
};

use crate::idle::FLUSHES_WHEN_IDLE;

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
            // The last two are of flushes that nobody asks for.
            Self::Write if !FLUSHES_WHEN_IDLE => &Event::WRITE[..Event::WRITE.len() - 2],
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
    step: usize,
    finding: String,
    hangs: bool,
}

impl Failure {
    pub(super) fn new(step: usize, finding: String) -> Self {
        Self { step, finding, hangs: false }
    }

    /// The step was not done after `limit`.
    pub(super) fn hang(step: usize, limit: Duration) -> Self {
        Self { step, finding: format!("it hangs: it is not done after {limit:?}"), hangs: true }
    }

    /// Whether it is that the schedule does not end.
    #[must_use]
    pub fn hangs(&self) -> bool {
        self.hangs
    }
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
    Trial::of(side).run(source)
}
