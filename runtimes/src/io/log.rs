//! The calls of a scripted writer.

use std::{
    fmt,
    future::{Future, poll_fn},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use super::gate::add;

/// A call of a scripted writer, whatever its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `poll_write` with this many bytes.
    Write {
        /// The length of the slice.
        offered: usize,
    },
    /// `poll_write_vectored` with this many bytes in this many slices.
    WriteVectored {
        /// How many slices.
        slices: usize,
        /// Their length in all.
        offered: usize,
    },
    /// `poll_flush`.
    Flush,
    /// `poll_close`.
    Close,
}

/// The record of a scripted writer. It can be read while the writer is in use, and after it is
/// gone.
///
/// Clones are the same record.
#[derive(Clone, Default)]
pub struct WriteLog {
    record: Arc<Mutex<Record>>,
}

#[derive(Default)]
struct Record {
    written: Vec<u8>,
    calls: Vec<Call>,
    /// How many of the bytes have left the writer's own buffer.
    passed: usize,
    flushed: usize,
    closed: bool,
    dropped: bool,
    watching: Vec<Waker>,
}

impl WriteLog {
    /// The bytes the writer took, in order.
    pub fn written(&self) -> Vec<u8> {
        self.record().written.clone()
    }

    /// How many bytes the writer took.
    pub fn len(&self) -> usize {
        self.record().written.len()
    }

    /// Whether the writer took nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every call, in order, with those that were pending or failed.
    pub fn calls(&self) -> Vec<Call> {
        self.record().calls.clone()
    }

    /// How often `poll_write` was called.
    pub fn writes(&self) -> usize {
        self.count(|call| matches!(call, Call::Write { .. }))
    }

    /// How often `poll_write_vectored` was called.
    pub fn vectored_writes(&self) -> usize {
        self.count(|call| matches!(call, Call::WriteVectored { .. }))
    }

    /// How often `poll_flush` was called.
    pub fn flushes(&self) -> usize {
        self.count(|call| *call == Call::Flush)
    }

    /// How often `poll_close` was called.
    pub fn closes(&self) -> usize {
        self.count(|call| *call == Call::Close)
    }

    /// How many bytes had been taken when a flush last succeeded.
    pub fn flushed(&self) -> usize {
        self.record().flushed
    }

    /// How many bytes have left the writer's own buffer: what its peer can see. All that it took,
    /// unless it is [buffering](super::ScriptWriter::buffering).
    pub fn passed(&self) -> usize {
        self.record().passed
    }

    /// Whether a close succeeded.
    pub fn is_closed(&self) -> bool {
        self.record().closed
    }

    /// Whether the writer was dropped.
    pub fn is_dropped(&self) -> bool {
        self.record().dropped
    }

    /// Waits until `condition` holds. Checks it after every event.
    pub fn wait_until(
        &self,
        mut condition: impl FnMut(&Self) -> bool + Send,
    ) -> impl Future<Output = ()> + Send {
        poll_fn(move |cx| {
            // Registered first, so an event after the check is not missed.
            add(&mut self.record().watching, cx.waker());
            if condition(self) { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    pub(super) fn call(&self, call: Call) {
        self.update(|record| record.calls.push(call));
    }

    /// The writer has a buffer of `buffer` bytes, which it passes on when it is full.
    pub(super) fn take(&self, bytes: &[u8], buffer: usize) {
        self.update(|record| {
            record.written.extend_from_slice(bytes);
            if record.written.len() - record.passed >= buffer {
                record.passed = record.written.len();
            }
        });
    }

    pub(super) fn flush_done(&self) {
        self.update(|record| {
            record.flushed = record.written.len();
            record.passed = record.flushed;
        });
    }

    pub(super) fn close_done(&self) {
        self.update(|record| {
            record.closed = true;
            record.passed = record.written.len();
        });
    }

    pub(super) fn dropped(&self) {
        self.update(|record| record.dropped = true);
    }

    fn update(&self, change: impl FnOnce(&mut Record)) {
        let watching = {
            let mut record = self.record();
            change(&mut record);
            mem::take(&mut record.watching)
        };
        watching.into_iter().for_each(Waker::wake);
    }

    fn count(&self, wanted: impl Fn(&Call) -> bool) -> usize {
        self.record().calls.iter().filter(|call| wanted(call)).count()
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for WriteLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.record();
        f.debug_struct("WriteLog")
            .field("written", &record.written.len())
            .field("calls", &record.calls)
            .field("passed", &record.passed)
            .field("flushed", &record.flushed)
            .field("closed", &record.closed)
            .field("dropped", &record.dropped)
            .finish()
    }
}
