//! A scripted writer.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use fastrand::Rng;
use futures_util::AsyncWrite;

use super::{Call, Gate, WriteLog};

/// What a [`ScriptWriter`] does at one write.
#[derive(Debug, Clone)]
pub enum WriteStep {
    /// Takes up to this many bytes.
    Accept(usize),
    /// Pending once; the caller is woken at once.
    Pending,
    /// Pending until the gate is open.
    Wait(Gate),
    /// Fails once.
    Error(io::ErrorKind),
    /// Reports once that it took nothing.
    Zero,
    /// Takes everything and reports this many bytes more.
    OverReport(usize),
    /// Panics once.
    Panic,
}

/// What a [`ScriptWriter`] does at one flush or close.
#[derive(Debug, Clone)]
pub enum EndStep {
    /// Succeeds.
    Done,
    /// Pending once; the caller is woken at once.
    Pending,
    /// Pending until the gate is open.
    Wait(Gate),
    /// Fails once.
    Error(io::ErrorKind),
    /// Panics once.
    Panic,
}

/// Writes by a script, one step a call; after the last step everything succeeds.
#[derive(Debug)]
pub struct ScriptWriter {
    steps: VecDeque<WriteStep>,
    flush_steps: VecDeque<EndStep>,
    close_steps: VecDeque<EndStep>,
    /// Decides on the length of every write, and when one is pending.
    rng: Option<Rng>,
    vectored: bool,
    /// How many bytes it buffers.
    buffer: usize,
    log: WriteLog,
}

impl ScriptWriter {
    /// Follows `steps`, for vectored and plain writes.
    pub fn new(steps: impl IntoIterator<Item = WriteStep>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            flush_steps: VecDeque::new(),
            close_steps: VecDeque::new(),
            rng: None,
            vectored: true,
            buffer: 0,
            log: WriteLog::default(),
        }
    }

    /// Takes everything.
    pub fn willing() -> Self {
        Self::new([])
    }

    /// Takes bytes in short writes, and is sometimes pending, as `seed` decides.
    pub fn seeded(seed: u64) -> Self {
        let mut writer = Self::willing();
        writer.rng = Some(Rng::with_seed(seed));
        writer
    }

    /// Follows `steps` after those that it has already.
    pub fn then(mut self, steps: impl IntoIterator<Item = WriteStep>) -> Self {
        self.steps.extend(steps);
        self
    }

    /// Takes only the first slice that is not empty, as a writer without vectored writes does.
    pub fn not_vectored(mut self) -> Self {
        self.vectored = false;
        self
    }

    /// Takes bytes into a buffer of this size, and passes them on only when the buffer is full,
    /// when it is flushed, and when it is closed. [`WriteLog::passed`] counts the bytes passed on.
    pub fn buffering(mut self, buffer: usize) -> Self {
        self.buffer = buffer;
        self
    }

    /// Follows `steps` when it is flushed.
    pub fn with_flush(mut self, steps: impl IntoIterator<Item = EndStep>) -> Self {
        self.flush_steps = steps.into_iter().collect();
        self
    }

    /// Follows `steps` when it is closed.
    pub fn with_close(mut self, steps: impl IntoIterator<Item = EndStep>) -> Self {
        self.close_steps = steps.into_iter().collect();
        self
    }

    /// The record of this writer, which outlives it.
    pub fn log(&self) -> WriteLog {
        self.log.clone()
    }

    fn write(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let offered = bufs.iter().map(|buf| buf.len()).sum();
        let mut room = offered;
        if let Some(rng) = &mut self.rng {
            if rng.u8(..4) == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            room = seeded_len(rng, room);
        }
        loop {
            return match self.steps.pop_front() {
                None => Poll::Ready(Ok(self.take(bufs, room))),
                Some(WriteStep::Accept(n)) => Poll::Ready(Ok(self.take(bufs, n.min(room)))),
                Some(WriteStep::Pending) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Some(WriteStep::Wait(gate)) => {
                    if gate.poll_pass(cx).is_ready() {
                        continue;
                    }
                    self.steps.push_front(WriteStep::Wait(gate));
                    Poll::Pending
                }
                Some(WriteStep::Error(kind)) => Poll::Ready(Err(kind.into())),
                Some(WriteStep::Zero) => Poll::Ready(Ok(0)),
                Some(WriteStep::OverReport(extra)) => Poll::Ready(Ok(self.take(bufs, offered) + extra)),
                Some(WriteStep::Panic) => panic!("the writer panics as scripted"),
            };
        }
    }

    fn take(&self, bufs: &[IoSlice<'_>], n: usize) -> usize {
        let mut left = n;
        for buf in bufs {
            let part = &buf[..buf.len().min(left)];
            self.log.take(part, self.buffer);
            left -= part.len();
        }
        n - left
    }
}

impl AsyncWrite for ScriptWriter {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.log.call(Call::Write { offered: buf.len() });
        self.write(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let offered = bufs.iter().map(|buf| buf.len()).sum();
        self.log.call(Call::WriteVectored { slices: bufs.len(), offered });
        if self.vectored {
            return self.write(cx, bufs);
        }
        let first = bufs.iter().find(|buf| !buf.is_empty());
        self.write(cx, &[IoSlice::new(first.map_or(&[], |buf| buf))])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.log.call(Call::Flush);
        let done = end(&mut self.flush_steps, cx, "flush");
        if matches!(done, Poll::Ready(Ok(()))) {
            self.log.flush_done();
        }
        done
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.log.call(Call::Close);
        let done = end(&mut self.close_steps, cx, "close");
        if matches!(done, Poll::Ready(Ok(()))) {
            self.log.close_done();
        }
        done
    }
}

impl Drop for ScriptWriter {
    fn drop(&mut self) {
        self.log.dropped();
    }
}

fn end(steps: &mut VecDeque<EndStep>, cx: &mut Context<'_>, what: &str) -> Poll<io::Result<()>> {
    match steps.pop_front() {
        None | Some(EndStep::Done) => Poll::Ready(Ok(())),
        Some(EndStep::Pending) => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        Some(EndStep::Wait(gate)) => {
            if gate.poll_pass(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            steps.push_front(EndStep::Wait(gate));
            Poll::Pending
        }
        Some(EndStep::Error(kind)) => Poll::Ready(Err(kind.into())),
        Some(EndStep::Panic) => panic!("the writer panics at {what} as scripted"),
    }
}

/// How much of `room` a seeded stream uses: all magnitudes are equally likely, and never nothing if
/// there is room.
pub(super) fn seeded_len(rng: &mut Rng, room: usize) -> usize {
    let magnitude = rng.u32(..usize::BITS - room.leading_zeros() + 1);
    rng.usize(1..=1 << magnitude).min(room)
}
