//! What has to be true of the stream: a plain vector, and what was done to end it.

use std::{collections::VecDeque, mem, ops::Range};

use futures_handoff::CloseReason;

use super::{
    device::{Device, Fault},
    line::Room,
};

/// How a stream ended: a reason without its details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
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

#[derive(Debug, Default)]
pub(super) struct Oracle {
    /// All bytes accepted.
    pub(super) bytes: Vec<u8>,
    /// Where the submissions begin.
    starts: Vec<u64>,
    /// Accepted in this step and not yet in place: a writer may write to its own stream in the middle of a submission.
    parked: Vec<(Range<u64>, Vec<u8>)>,
    /// What adapters have taken, in order, and the stream not yet accepted as far as is known.
    pub(super) taken: VecDeque<Vec<u8>>,
    /// The lowest position that a flush is for which an adapter has given up, and nobody took back.
    pub(super) flush_left: Option<u64>,
    /// In permits and sinks.
    pub(super) held: Room,
    /// Futures that wait for a flush.
    pub(super) flushing: usize,
    /// What those of them wait for that are polled until it is made.
    pub(super) awaited_flushes: Vec<u64>,
    /// Futures that wait for the writer itself.
    pub(super) wanting_parts: usize,
    pub(super) causes: Causes,
    /// Why the stream ended, as the first who learned it was told.
    end: Option<End>,
    parts_taken: bool,
    pub(super) compared: usize,
    pub(super) last: (u64, u64),
}

impl Oracle {
    /// Bytes were accepted, but others that come before them may not be in place yet.
    pub(super) fn park(&mut self, range: Range<u64>, bytes: Vec<u8>) -> Result<(), String> {
        if range.end.checked_sub(range.start) != Some(bytes.len() as u64) {
            return Err(format!("a ticket for {range:?} was given for {} bytes", bytes.len()));
        }
        self.parked.push((range, bytes));
        Ok(())
    }

    /// Puts all that was accepted in place. `unplaced` was accepted without learning where.
    pub(super) fn settle(&mut self, unplaced: Option<Vec<u8>>) -> Result<(), String> {
        let mut unplaced = unplaced.unwrap_or_default();
        self.parked.sort_by_key(|(range, _)| range.start);
        for (range, bytes) in mem::take(&mut self.parked) {
            if range.start > self.bytes.len() as u64 {
                self.place(mem::take(&mut unplaced));
            }
            self.place_taken(range.start);
            if !range.is_empty() && range.start != self.bytes.len() as u64 {
                return Err(format!("{range:?} was accepted where {} should follow", self.bytes.len()));
            }
            self.place(bytes);
        }
        self.place(unplaced);
        Ok(())
    }

    /// Puts in place what adapters have taken, up to a position.
    pub(super) fn place_taken(&mut self, until: u64) -> usize {
        let mut items = 0;
        while self.bytes.len() as u64 != until {
            let Some(bytes) = self.taken.pop_front() else { break };
            self.place(bytes);
            items += 1;
        }
        items
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

    /// Somebody learned why the stream ended. It must be for something that was done to it, and the same for all.
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
                let known = device.broken == Some((Fault::OverReport, *given)) && reported > given;
                (End::InvalidWriter, known)
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

    /// The end as far as anybody has learned of it.
    pub(super) fn end(&self) -> Option<End> {
        self.end
    }

    /// Somebody took the writer and the unwritten bytes.
    pub(super) fn take_parts(&mut self) -> bool {
        mem::replace(&mut self.parts_taken, true)
    }
}
