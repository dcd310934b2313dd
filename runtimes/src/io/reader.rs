//! A scripted reader.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use fastrand::Rng;
use futures_util::AsyncRead;

use super::{Gate, writer::seeded_len};

/// What a [`ScriptReader`] does at one call. A step that fails fills the offered buffer with `!`,
/// and reports nothing of it.
#[derive(Debug, Clone)]
pub enum ReadStep {
    /// Returns these bytes. Those without room in the buffer come at the next call.
    Data(Bytes),
    /// Pending once; the caller is woken at once.
    Pending,
    /// Pending until the gate is open.
    Wait(Gate),
    /// Fails once.
    Error(io::ErrorKind),
    /// Reports the end of the stream once.
    End,
    /// Reports this many bytes more than fit.
    OverReport(usize),
    /// Panics once.
    Panic,
}

impl ReadStep {
    /// A step that gives `bytes`.
    pub fn data(bytes: impl AsRef<[u8]>) -> Self {
        Self::Data(Bytes::copy_from_slice(bytes.as_ref()))
    }

    /// A step that stays pending, without a wake-up.
    pub fn stuck() -> Self {
        Self::Wait(Gate::new())
    }
}

/// The buffers that a [`ScriptReader`] was offered. Clones are the same record.
#[derive(Debug, Clone, Default)]
pub struct ReadLog {
    offered: Arc<Mutex<Vec<usize>>>,
}

impl ReadLog {
    /// The length of the buffer of every call, in order.
    pub fn offered(&self) -> Vec<usize> {
        self.offered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many calls there were.
    pub fn polls(&self) -> usize {
        self.offered.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Reads by a script, one step a call; after the last step the stream has ended.
#[derive(Debug)]
pub struct ScriptReader {
    steps: VecDeque<ReadStep>,
    /// Decides on the length of every read, and when one is pending.
    rng: Option<Rng>,
    given: usize,
    log: ReadLog,
}

impl ScriptReader {
    /// Follows `steps`.
    pub fn new(steps: impl IntoIterator<Item = ReadStep>) -> Self {
        Self { steps: steps.into_iter().collect(), rng: None, given: 0, log: ReadLog::default() }
    }

    /// Gives `data` in pieces of `size` bytes, each followed by [`ReadStep::Pending`].
    pub fn paced(data: &[u8], size: usize) -> Self {
        Self::new(data.chunks(size).flat_map(|piece| [ReadStep::data(piece), ReadStep::Pending]))
    }

    /// Gives `data` in pieces of `size` bytes, one per read and without a pause.
    pub fn bursts(data: &[u8], size: usize) -> Self {
        Self::new(data.chunks(size).map(ReadStep::data))
    }

    /// Returns `data` in short reads, and is sometimes pending, as `seed` decides.
    pub fn seeded(seed: u64, data: impl AsRef<[u8]>) -> Self {
        // A step without bytes would be an end.
        let data = Some(ReadStep::data(data))
            .filter(|step| !matches!(step, ReadStep::Data(data) if data.is_empty()));
        Self { rng: Some(Rng::with_seed(seed)), ..Self::new(data) }
    }

    /// Follows `steps` after those that it has already.
    pub fn then(mut self, steps: impl IntoIterator<Item = ReadStep>) -> Self {
        self.steps.extend(steps);
        self
    }

    /// Adds a step after the last one.
    pub fn push(&mut self, step: ReadStep) {
        self.steps.push_back(step);
    }

    /// Forgets the next step.
    pub fn pop(&mut self) {
        self.steps.pop_front();
    }

    /// How many bytes it has given.
    pub fn given(&self) -> usize {
        self.given
    }

    /// What it was offered at each call.
    pub fn offers(&self) -> Vec<usize> {
        self.log.offered()
    }

    /// How often it was called.
    pub fn polls(&self) -> usize {
        self.log.polls()
    }

    /// The record of this reader.
    pub fn log(&self) -> ReadLog {
        self.log.clone()
    }
}

impl AsyncRead for ScriptReader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.log.offered.lock().unwrap_or_else(PoisonError::into_inner).push(buf.len());
        let mut room = buf.len();
        if let Some(rng) = &mut self.rng {
            if rng.u8(..4) == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            room = seeded_len(rng, room);
        }
        loop {
            return match self.steps.pop_front() {
                None | Some(ReadStep::End) => Poll::Ready(Ok(0)),
                Some(ReadStep::Data(mut data)) => {
                    let n = data.len().min(room);
                    data.copy_to_slice(&mut buf[..n]);
                    self.given += n;
                    if !data.is_empty() {
                        self.steps.push_front(ReadStep::Data(data));
                    }
                    Poll::Ready(Ok(n))
                }
                Some(ReadStep::Pending) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Some(ReadStep::Wait(gate)) => {
                    if gate.poll_pass(cx).is_ready() {
                        continue;
                    }
                    self.steps.push_front(ReadStep::Wait(gate));
                    Poll::Pending
                }
                Some(fault) => {
                    buf.fill(b'!');
                    match fault {
                        ReadStep::Error(kind) => Poll::Ready(Err(kind.into())),
                        ReadStep::OverReport(extra) => Poll::Ready(Ok(buf.len() + extra)),
                        _ => panic!("the reader panics as scripted"),
                    }
                }
            };
        }
    }
}
