//! One direction: what one side reads, the other one writes.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use futures_io::{AsyncRead, AsyncWrite};

use super::{
    report::End,
    scratch::{self, SHORT},
};
use crate::{BufferError, CloseReason, HandoffBuffer, HandoffBufferConfig, Then, coop::Budget};

/// The most slices of one vectored write.
const SLICES: usize = 16;

/// So many short reads one after the other end a run of long ones.
const LEAN_READS: u8 = 4;

/// What the reader has said.
enum Source {
    Open,
    Ended,
    Failed(io::Error),
}

/// How far writing has come.
enum Wrote {
    All,
    /// The writer has to be waited for.
    Blocked,
    /// Other tasks have to run first.
    Yields,
}

pub(super) struct Direction {
    /// What was read last. It comes behind `queue`.
    buffer: HandoffBuffer,
    /// What has to be written before it: full blocks, so that the next read goes into another one.
    queue: VecDeque<Bytes>,
    queued: usize,
    budget: usize,
    /// Reads that go into `buffer` before short ones are tried again. A short read needs no block.
    long_reads: u8,
    coop: Budget,
    source: Source,
    /// Bytes were written since the last flush.
    unflushed: bool,
    /// What the writer has taken.
    written: u64,
    /// What the reader has given, discarded or not.
    read: u64,
}

/// A buffer that reads as much at a time as pays, up to the budget.
#[track_caller]
fn buffer(budget: usize) -> HandoffBuffer {
    HandoffBuffer::with_config(HandoffBufferConfig::new(budget))
}

impl Direction {
    pub(super) fn new(budget: usize) -> Self {
        Self {
            buffer: buffer(budget),
            queue: VecDeque::new(),
            queued: 0,
            budget,
            long_reads: 0,
            coop: Budget::new(true),
            source: Source::Open,
            unflushed: false,
            written: 0,
            read: 0,
        }
    }

    #[track_caller]
    pub(super) fn set_budget(&mut self, budget: usize) {
        let mut before = mem::replace(&mut self.buffer, buffer(budget));
        self.push(before.freeze_all());
        self.budget = budget;
    }

    /// Puts bytes behind all that was read or given before.
    pub(super) fn give(&mut self, bytes: Bytes) {
        let before = self.buffer.freeze_all();
        self.push(before);
        self.push(bytes);
    }

    /// Puts bytes at the end of the queue.
    fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.queued += bytes.len();
            self.queue.push_back(bytes);
        }
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// A number that changes with every byte that is read or written.
    pub(super) fn activity(&self) -> u64 {
        self.read.wrapping_add(self.written)
    }

    /// Moves bytes until one of the two sides has to be waited for, or the direction ends.
    ///
    /// What came before the end, or before an error of the reader, is written first. At the end of
    /// the reader, the writer is closed; after an error it is flushed.
    pub(super) fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<End>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        loop {
            let blocked = match self.write(cx, writer.as_mut()) {
                Ok(Wrote::All) => false,
                Ok(Wrote::Blocked) => true,
                Ok(Wrote::Yields) => return Poll::Pending,
                Err(error) => return Poll::Ready(self.writer_failed(error)),
            };
            if !matches!(self.source, Source::Open) {
                return if blocked { Poll::Pending } else { self.finish(cx, writer) };
            }
            let room = self.budget.saturating_sub(self.queued + self.buffer.len());
            if room == 0 {
                return Poll::Pending;
            }
            let read = if self.long_reads == 0 && self.is_drained() && room >= SHORT {
                match self.pass(cx, reader.as_mut(), writer.as_mut()) {
                    Ok(read) => read,
                    Err(error) => return Poll::Ready(self.writer_failed(error)),
                }
            } else {
                if blocked {
                    self.set_aside();
                }
                self.read(cx, reader.as_mut(), room)
            };
            if read.is_pending() {
                self.coop.waited();
                // The side has fallen quiet.
                if self.unflushed && !blocked {
                    match ready!(writer.poll_flush(cx)) {
                        Ok(()) => self.unflushed = false,
                        Err(error) => return Poll::Ready(End::Write(error)),
                    }
                }
                return Poll::Pending;
            }
        }
    }

    /// Reads what there is, and drops it, until the reader ends. Whether it has failed.
    pub(super) fn discard<R: AsyncRead + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
    ) -> bool {
        self.queue.clear();
        self.queued = 0;
        while matches!(self.source, Source::Open) {
            self.consume(self.buffer.len());
            if self.read(cx, reader.as_mut(), self.budget).is_pending() {
                return false;
            }
        }
        self.release();
        matches!(self.source, Source::Failed(_))
    }

    /// Drops all there is, and the memory for more.
    fn release(&mut self) {
        self.buffer = buffer(self.budget);
        self.queue = VecDeque::new();
        self.queued = 0;
    }

    /// What came first is told: the writer may have failed because the reader had.
    fn writer_failed(&mut self, error: io::Error) -> End {
        match mem::replace(&mut self.source, Source::Ended) {
            Source::Failed(first) => End::Read(first),
            source => {
                self.source = source;
                End::Write(error)
            }
        }
    }

    /// Nothing is waiting to be written.
    fn is_drained(&self) -> bool {
        self.queue.is_empty() && self.buffer.is_empty()
    }

    /// One short read, which is written from where it lies. What the writer does not take at once
    /// waits in the queue.
    fn pass<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: Pin<&mut R>,
        writer: Pin<&mut W>,
    ) -> io::Result<Poll<()>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        if self.coop.poll(cx).is_pending() {
            return Ok(Poll::Pending);
        }
        scratch::with(|scratch| {
            let given = scratch.len();
            let n = match reader.poll_read(cx, scratch) {
                Poll::Pending => {
                    // After long reads it may still have a block.
                    self.buffer.rest();
                    return Ok(Poll::Pending);
                }
                Poll::Ready(Ok(n)) if n > given => {
                    self.source = Source::Failed(BufferError::InvalidReader { reported: n, given }.into());
                    0
                }
                Poll::Ready(Ok(0)) => {
                    self.source = Source::Ended;
                    0
                }
                Poll::Ready(Ok(n)) => n,
                Poll::Ready(Err(error)) => {
                    self.source = Source::Failed(error);
                    0
                }
            };
            self.coop.spend(n);
            self.read = self.read.wrapping_add(n as u64);
            if n == given {
                self.long_reads = LEAN_READS;
            }
            let bytes = &scratch[..n];
            let taken = if n == 0 { Poll::Pending } else { writer.poll_write(cx, bytes) };
            let (taken, done) = match taken {
                Poll::Pending => (0, Ok(())),
                Poll::Ready(taken) => match checked(taken, n) {
                    Ok(taken) => (taken, Ok(())),
                    Err(error) => (0, Err(error)),
                },
            };
            self.written += taken as u64;
            self.unflushed |= taken > 0;
            if taken < n {
                self.push(Bytes::copy_from_slice(&bytes[taken..]));
            }
            done.map(Poll::Ready)
        })
    }

    /// Writes all there is, unless the writer has to be waited for.
    fn write<W: AsyncWrite + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        mut writer: Pin<&mut W>,
    ) -> io::Result<Wrote> {
        loop {
            if self.is_drained() {
                return Ok(Wrote::All);
            }
            // A writer may always be ready and take little at a time.
            if self.coop.poll(cx).is_pending() {
                return Ok(Wrote::Yields);
            }
            let (given, poll) = if self.queue.is_empty() {
                let bytes = self.buffer.peek();
                (bytes.len(), writer.as_mut().poll_write(cx, bytes))
            } else {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let waiting = self.queue.iter().map(|block| &block[..]).chain([self.buffer.peek()]);
                let mut count = 0;
                for (slice, bytes) in slices.iter_mut().zip(waiting) {
                    *slice = IoSlice::new(bytes);
                    count += 1;
                }
                let slices = &slices[..count];
                (
                    slices.iter().map(|slice| slice.len()).sum(),
                    writer.as_mut().poll_write_vectored(cx, slices),
                )
            };
            match poll {
                Poll::Pending => {
                    self.coop.waited();
                    return Ok(Wrote::Blocked);
                }
                Poll::Ready(taken) => {
                    self.coop.spend(0);
                    self.wrote(checked(taken, given)?);
                }
            }
        }
    }

    fn wrote(&mut self, n: usize) {
        self.written += n as u64;
        self.unflushed = true;
        let mut left = n;
        while let Some(block) = self.queue.front_mut() {
            let of_block = left.min(block.len());
            block.advance(of_block);
            self.queued -= of_block;
            left -= of_block;
            if !block.is_empty() {
                return;
            }
            self.queue.pop_front();
        }
        // The rest lies in the buffer: `n` is not more than was given.
        self.consume(left);
    }

    /// Drops `n <= buffer.len()` bytes of the buffer.
    fn consume(&mut self, n: usize) {
        let consumed = self.buffer.advance(n);
        debug_assert!(consumed.is_ok(), "{n} bytes are in the buffer");
    }

    /// The writer is behind. A block that is half full goes into the queue, rather than to be moved
    /// when the buffer needs more room.
    fn set_aside(&mut self) {
        if self.buffer.len() > self.buffer.capacity() / 2 && self.queue.len() < SLICES - 1 {
            let block = self.buffer.freeze_all();
            self.push(block);
        }
    }

    /// Reads once, unless the reader has nothing.
    fn read<R: AsyncRead + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        reader: Pin<&mut R>,
        most: usize,
    ) -> Poll<()> {
        match ready!(self.buffer.poll_read_ready(cx, reader, most)) {
            Ok(filled) => {
                self.read = self.read.wrapping_add(filled.n as u64);
                self.long_reads =
                    if filled.n >= SHORT { LEAN_READS } else { self.long_reads.saturating_sub(1) };
                match filled.then {
                    Then::End => self.source = Source::Ended,
                    Then::Error(error) => self.source = Source::Failed(error.into()),
                    Then::Pending | Then::Limit | Then::Full => {}
                }
            }
            Err(error) => self.source = Source::Failed(error.into()),
        }
        Poll::Ready(())
    }

    /// Everything is written, and nothing is to come.
    fn finish<W: AsyncWrite + ?Sized>(&mut self, cx: &mut Context<'_>, writer: Pin<&mut W>) -> Poll<End> {
        self.release();
        let ended = matches!(self.source, Source::Ended);
        let done = ready!(if ended { writer.poll_close(cx) } else { writer.poll_flush(cx) });
        Poll::Ready(match (mem::replace(&mut self.source, Source::Ended), done) {
            // What came first is told.
            (Source::Failed(error), _) => End::Read(error),
            (_, Ok(())) => End::Closed,
            (_, Err(error)) => End::Write(error),
        })
    }

    /// What was read and not written.
    pub(super) fn into_unwritten(mut self) -> Bytes {
        let rest = self.buffer.freeze_all();
        if self.queue.is_empty() {
            return rest;
        }
        let mut all = BytesMut::with_capacity(self.queued + rest.len());
        for block in self.queue.iter().chain([&rest]) {
            all.extend_from_slice(block);
        }
        all.freeze()
    }
}

/// What a writer has taken of `given > 0` bytes.
fn checked(taken: io::Result<usize>, given: usize) -> io::Result<usize> {
    match taken {
        Ok(0) => Err(CloseReason::WriteZero.into()),
        Ok(n) if n > given => Err(CloseReason::InvalidWriter { reported: n, given }.into()),
        taken => taken,
    }
}
