//! What happens in schedules: counted, and written down where somebody wants to read it.

use std::ops::AddAssign;

use super::trail::Trail;

/// The kinds of events of both halves, and what they are called.
macro_rules! events {
    (write { $($write:ident => $write_name:literal,)* } read { $($read:ident => $read_name:literal,)* }) => {
        /// Something that a schedule is made for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Event {
            $($write,)*
            $($read,)*
        }

        impl Event {
            /// Those of the write half.
            pub const WRITE: &'static [Self] = &[$(Self::$write),*];

            /// Those of the read half.
            pub const READ: &'static [Self] = &[$(Self::$read),*];

            const COUNT: usize = Self::WRITE.len() + Self::READ.len();

            /// What it is called.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$write => $write_name,)*
                    $(Self::$read => $read_name,)*
                }
            }
        }
    };
}

events! {
    write {
        Write => "writes",
        WriteAll => "write_all",
        WritePrefix => "write_prefix",
        SinkItem => "sink items",
        CopiedWrite => "copied writes",
        Permit => "permits",
        PermitDrop => "permits dropped",
        Full => "full",
        Waited => "waits for room",
        TooLarge => "too large",
        Refused => "refused as closed",
        Ticket => "tickets",
        TicketFailed => "tickets failed",
        Batching => "batching",
        BatchingPanic => "batching: panics",
        Dispatch => "dispatch",
        Cancel => "cancels",
        Flush => "flushes",
        FlushGivenUp => "flushes given up",
        DeviceWrite => "writer: writes",
        PartialWrite => "writer: partial writes",
        VectoredWrite => "writer: vectored writes",
        DeviceFlush => "writer: flushes",
        DeviceClose => "writer: closes",
        Pending => "writer: Pending",
        Stall => "writer: stalls",
        Error => "writer: errors",
        WriteZero => "writer: 0 bytes taken",
        OverReport => "writer: impossible counts",
        Panic => "writer: panics",
        FromWithin => "writes by the writer",
        Close => "closes",
        Shutdown => "shutdowns (into_parts)",
        Abort => "aborts",
        HandBack => "unwritten bytes handed back",
        HandleDrop => "handles dropped",
        TaskDrop => "writer tasks dropped",
        ProducerDrop => "producers dropped",
        WakerChange => "changes of waker",
        RunUntil => "run_until",
        RunUntilNested => "run_until: nested",
        RunUntilDrop => "run_until: given up",
        RunUntilLeft => "run_until: left by its producer",
        RunUntilPanic => "run_until: panics",
        FlushUnasked => "writer: flushes that nobody asked for",
        Answer => "waits for the writer's peer",
    }
    read {
        Read => "read_available",
        ReadReady => "read_ready",
        ReadPending => "reader: Pending",
        ReadStall => "reader: stalls",
        ReadCancel => "cancels",
        ReadError => "reader: errors",
        ReadEnd => "reader: ends",
        ReadLie => "reader: impossible counts",
        ReadPanic => "reader: panics",
        ReadLimit => "256 reads in one poll",
        BufferFull => "full",
        Reserve => "reserve_read_capacity",
        Split => "split_prefix",
        SplitMut => "split_prefix_mut",
        Freeze => "freeze_all",
        Advance => "advance",
        OutOfBounds => "out of bounds",
        TakeTail => "take_tail",
        FromTail => "from_tail",
        TailRefused => "from_tail refused",
        Find => "find",
        Parse => "parse",
        ParseUndone => "parse undone",
        ParsePanic => "parse panicked",
        Frame => "frames looked for",
        FrameTruncated => "frames truncated",
        FrameTooLong => "frames too long",
        FrameRejected => "frames rejected",
        FrameContradicted => "finders: impossible frames",
        FramePanic => "frames: panics",
        FramesOver => "frames polled after their end",
        ReaderRead => "reads through the buffer",
        ReaderFill => "poll_fill_buf",
        ReaderConsume => "consume",
        Neighbour => "reads of neighbours",
    }
}

/// How often each kind of event happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally([u64; Event::COUNT]);

impl Default for Tally {
    fn default() -> Self {
        Self([0; Event::COUNT])
    }
}

impl Tally {
    /// How often `event` happened.
    #[must_use]
    pub fn of(&self, event: Event) -> u64 {
        self.0[event as usize]
    }
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(&other.0) {
            *sum += more;
        }
    }
}

/// What happened in one schedule.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) tally: Tally,
    /// Where a line for each event goes.
    trail: Trail,
}

impl Record {
    pub(super) fn new(trail: Trail) -> Self {
        Self { tally: Tally::default(), trail }
    }

    pub(super) fn event(&mut self, event: Event, detail: impl FnOnce() -> String) {
        self.tally.0[event as usize] += 1;
        self.line(|| match detail() {
            detail if detail.is_empty() => format!("    {}", event.name()),
            detail => format!("    {}: {detail}", event.name()),
        });
    }

    pub(super) fn line(&self, line: impl FnOnce() -> String) {
        self.trail.line(line);
    }
}
