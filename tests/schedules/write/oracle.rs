//! The expected state of a stream: all accepted bytes, the requests to end it, and the line of
//! waiters for room.

use std::{collections::VecDeque, fmt, mem, ops::Range};

use futures_handoff::CloseReason;

use super::device::{Device, Fault};

/// How a stream ended: a reason without its details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    Closed,
    Aborted,
    TaskDropped,
    Io,
    WriteZero,
    InvalidWriter,
    Panicked,
}

/// What has been done that ends a stream, or may.
#[derive(Debug, Default)]
pub(super) struct Causes {
    pub(super) closed: bool,
    pub(super) detached: bool,
    pub(super) aborted: bool,
    pub(super) task_dropped: bool,
}

#[derive(Default)]
pub(super) struct Oracle {
    /// All bytes accepted, and where the submissions begin.
    pub(super) bytes: Vec<u8>,
    starts: Vec<u64>,
    /// Accepted in this step and not yet in place: a writer may write to its own stream in the
    /// middle of a submission.
    parked: Vec<(Range<u64>, Vec<u8>)>,
    /// What adapters have taken, in order, and the stream not yet accepted as far as is known.
    pub(super) taken: VecDeque<Vec<u8>>,
    /// The least position of a flush that an adapter gave up and that was not resumed.
    pub(super) flush_left: Option<u64>,
    /// In permits.
    pub(super) held: Room,
    /// Bytes in the hands of futures that wait.
    pub(super) carried: usize,
    /// Futures that wait for a flush, and what those wait for that are polled until it is made.
    pub(super) flushing: usize,
    pub(super) awaited_flushes: Vec<u64>,
    /// Futures that wait for the writer itself.
    pub(super) wanting_parts: usize,
    pub(super) causes: Causes,
    /// Why the stream ended, as first reported.
    pub(super) end: Option<End>,
    pub(super) parts_taken: bool,
    /// How many bytes were compared with what the writer took.
    pub(super) compared: usize,
    /// The last positions seen, written and flushed.
    pub(super) last: (u64, u64),
}

impl Oracle {
    /// Bytes were accepted, but bytes before them may not be in place yet.
    pub(super) fn park(&mut self, range: Range<u64>, bytes: Vec<u8>) -> Result<(), String> {
        if range.end.checked_sub(range.start) != Some(bytes.len() as u64) {
            return Err(format!("a ticket for {range:?} was given for {} bytes", bytes.len()));
        }
        self.parked.push((range, bytes));
        Ok(())
    }

    /// Puts all that was accepted in place. `unplaced` was accepted without learning where.
    pub(super) fn settle(&mut self, mut unplaced: Vec<u8>) -> Result<(), String> {
        self.parked.sort_by_key(|(range, _)| range.start);
        for (range, bytes) in mem::take(&mut self.parked) {
            if range.start > self.accepted() {
                self.place(mem::take(&mut unplaced));
            }
            self.place_taken(range.start);
            if !range.is_empty() && range.start != self.accepted() {
                return Err(format!("{range:?} was accepted where {} should follow", self.accepted()));
            }
            self.place(bytes);
        }
        self.place(unplaced);
        Ok(())
    }

    /// Puts in place what adapters have taken, up to a position; how many items.
    pub(super) fn place_taken(&mut self, until: u64) -> usize {
        let before = self.taken.len();
        while self.accepted() != until {
            let Some(bytes) = self.taken.pop_front() else { break };
            self.place(bytes);
        }
        before - self.taken.len()
    }

    fn place(&mut self, bytes: Vec<u8>) {
        self.starts.push(self.accepted());
        self.bytes.extend(bytes);
    }

    /// Where the submission begins that has the byte at a position.
    pub(super) fn chunk_at(&self, position: u64) -> u64 {
        let next = self.starts.partition_point(|start| *start <= position);
        next.checked_sub(1).map_or(0, |at| self.starts[at])
    }

    pub(super) fn accepted(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// A party learned why the stream ended. The reason must have occurred, and must be the same
    /// for all.
    pub(super) fn ended(&mut self, reason: &CloseReason, device: &Device) -> Result<(), String> {
        let Causes { closed, detached, aborted, task_dropped } = self.causes;
        let fault = device.broken.map(|(fault, _)| fault);
        let (end, fits) = match reason {
            CloseReason::Closed => (End::Closed, closed || detached),
            CloseReason::Aborted => (End::Aborted, aborted),
            CloseReason::TaskDropped => (End::TaskDropped, task_dropped),
            CloseReason::Io(error) => {
                (End::Io, fault == Some(Fault::Error) && error.kind() == std::io::ErrorKind::TimedOut)
            }
            CloseReason::WriteZero => (End::WriteZero, fault == Some(Fault::Zero)),
            CloseReason::InvalidWriter { reported, given } => {
                (End::InvalidWriter, device.broken == Some((Fault::OverReport, *given)) && reported > given)
            }
            CloseReason::Panicked => (End::Panicked, fault == Some(Fault::Panic)),
            _ => return Err(format!("ended for an unknown reason: {reason}")),
        };
        if !fits {
            return Err(format!("ended for no reason: {reason}; {:?}, {:?}", self.causes, device.broken));
        }
        match self.end.replace(end) {
            Some(first) if first != end => Err(format!("ended twice: {first:?}, and {end:?}")),
            _ => Ok(()),
        }
    }
}

/// Bytes and entries of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Room {
    pub(super) bytes: usize,
    pub(super) items: usize,
}

impl Room {
    /// The room of a chunk of this many bytes.
    pub(super) fn of(len: usize) -> Self {
        Self { bytes: len, items: usize::from(len > 0) }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, items: self.items + other.items }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        Self { bytes: self.bytes - other.bytes, items: self.items - other.items }
    }

    pub(super) fn fits(self, limit: Self) -> bool {
        self.bytes <= limit.bytes && self.items <= limit.items
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// A task that waits, for room of its own or only for its turn.
    Task { id: usize, reserves: bool },
    /// An item of an adapter, which is accepted in its turn.
    Item,
}

struct Place {
    by: By,
    need: Room,
    /// It was woken: its turn has come, and the room is its own if it is reserved.
    granted: bool,
}

impl Place {
    fn is_of(&self, task: usize) -> bool {
        matches!(self.by, By::Task { id, .. } if id == task)
    }
}

/// The line of waiters for room, each task at most once.
#[derive(Default)]
pub(super) struct Line(Vec<Place>);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for Place { by, need, granted } in &self.0 {
            let granted = if *granted { ", granted" } else { "" };
            list.entry(&format_args!("{by:?} for {} bytes{granted}", need.bytes));
        }
        list.finish()
    }
}

impl Line {
    pub(super) fn enter(&mut self, id: usize, need: Room, reserves: bool) {
        self.0.push(Place { by: By::Task { id, reserves }, need, granted: false });
    }

    /// An adapter has taken this many bytes, which wait by themselves if they are not accepted at
    /// once.
    pub(super) fn enter_item(&mut self, len: usize) {
        self.0.push(Place { by: By::Item, need: Room { bytes: len, items: 1 }, granted: false });
    }

    /// The first of those items was accepted. Where the stream is open, it must have been its turn.
    pub(super) fn item_accepted(&mut self, open: bool) -> Result<(), String> {
        let at = self.0.iter().position(|place| place.by == By::Item);
        let Some(at) = at else { return Err("an item was accepted twice".into()) };
        let passed = self.0[..at].iter().find(|place| !place.granted);
        let result = match passed {
            Some(passed) if open => Err(format!("an item was accepted before {:?}", passed.by)),
            _ => Ok(()),
        };
        self.0.remove(at);
        result
    }

    /// Whether the task was granted its room; `None` where it is not in line.
    pub(super) fn is_granted(&self, task: usize) -> Option<bool> {
        self.0.iter().find(|place| place.is_of(task)).map(|place| place.granted)
    }

    pub(super) fn leave(&mut self, task: usize) {
        self.0.retain(|place| !place.is_of(task));
    }

    /// A task was woken. If it waits for room, then this is its turn.
    pub(super) fn woken(&mut self, task: usize) -> Result<(), String> {
        let Some(at) = self.0.iter().position(|place| place.is_of(task)) else { return Ok(()) };
        if self.0[at].granted {
            return Err(format!("task {task} was woken twice for one grant"));
        }
        // Items before it have been accepted, which shows in the stream's positions.
        self.0[..at].iter_mut().filter(|place| place.by == By::Item).for_each(|place| place.granted = true);
        if let Some(passed) = self.0[..at].iter().find(|place| !place.granted) {
            return Err(format!("task {task} was granted room before {:?}", passed.by));
        }
        self.0[at].granted = true;
        Ok(())
    }

    /// What the first waiter without a grant needs.
    pub(super) fn first(&self) -> Option<Room> {
        self.0.iter().find(|place| !place.granted).map(|place| place.need)
    }

    /// Whether a task waits that was not granted anything yet.
    pub(super) fn is_waited_in(&self) -> bool {
        self.0.iter().any(|place| !place.granted && place.by != By::Item)
    }

    /// The room that is granted and not used yet.
    pub(super) fn granted(&self) -> Room {
        let reserved = |place: &&Place| place.granted && matches!(place.by, By::Task { reserves: true, .. });
        self.0.iter().filter(reserved).fold(Room::default(), |sum, place| sum.plus(place.need))
    }
}
