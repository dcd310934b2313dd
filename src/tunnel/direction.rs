//! One direction: copies what one side reads to the writer of the other side.

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

/// This many short reads in a row end a series of long reads.
const LEAN_READS: u8 = 4;

/// The state of the reader.
enum Source {
    Open,
    Ended,
    Failed(io::Error),
}

/// The result of writing what is held.
enum Wrote {
    All,
    /// The writer is not ready.
    Blocked,
    /// The task has to yield to other tasks first.
    Yields,
}

pub(super) struct Direction {
    /// The bytes of the last reads, to be written after `queue`.
    buffer: HandoffBuffer,
    /// Full blocks, to be written before `buffer`, and the rest of short reads.
    queue: VecDeque<Bytes>,
    queued: usize,
    budget: usize,
    /// Reads into `buffer` left before short reads, which need no block, are tried again.
    long_reads: u8,
    coop: Budget,
    source: Source,
    /// How the connection of the reader was lost before the reader ended.
    lost: Option<io::ErrorKind>,
    /// Whether bytes were written since the last flush.
    unflushed: bool,
    /// How many bytes the writer has taken.
    written: u64,
    /// How many bytes the reader has returned, including discarded ones.
    read: u64,
}

/// A buffer whose reads adapt up to the budget.
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
            lost: None,
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

    /// Appends bytes to everything that was read or given before.
    pub(super) fn give(&mut self, bytes: Bytes) {
        let before = self.buffer.freeze_all();
        self.push(before);
        self.push(bytes);
    }

    /// Appends bytes to the queue.
    fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.queued += bytes.len();
            self.queue.push_back(bytes);
        }
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// A number that changes when bytes are read or written.
    pub(super) fn activity(&self) -> u64 {
        self.read.wrapping_add(self.written)
    }

    /// Records that a write to the reader's connection failed because the connection is lost. A
    /// socket reports that once, and returns an end from then on: an end that has not come yet is
    /// no orderly one.
    pub(super) fn reader_was_lost(&mut self, kind: io::ErrorKind) {
        if matches!(self.source, Source::Open) {
            self.lost = Some(kind);
        }
    }

    /// Copies bytes until the reader or the writer is not ready, or the direction ends.
    ///
    /// The bytes before the end or an error of the reader are written first. Then the writer is
    /// closed at the end, and flushed after an error.
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
                // All is written, and there is nothing more to read for now.
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

    /// Reads and drops bytes until the reader is not ready or has ended. Returns whether the reader
    /// has failed.
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

    /// Drops all bytes and frees their memory.
    fn release(&mut self) {
        self.buffer = buffer(self.budget);
        self.queue = VecDeque::new();
        self.queued = 0;
    }

    /// The end after an error of the writer. An earlier error of the reader wins, since it may be
    /// the cause.
    fn writer_failed(&mut self, error: io::Error) -> End {
        match mem::replace(&mut self.source, Source::Ended) {
            Source::Failed(first) => End::Read(first),
            source => {
                self.source = source;
                End::Write(error)
            }
        }
    }

    /// Whether all bytes are written.
    fn is_drained(&self) -> bool {
        self.queue.is_empty() && self.buffer.is_empty()
    }

    /// Makes one short read and writes it directly from the shared buffer. Bytes that the writer
    /// does not take at once go into the queue.
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
                    // The buffer may still have a block from long reads.
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

    /// Writes all bytes, unless the writer is not ready or the task has to yield.
    fn write<W: AsyncWrite + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        mut writer: Pin<&mut W>,
    ) -> io::Result<Wrote> {
        loop {
            if self.is_drained() {
                return Ok(Wrote::All);
            }
            // A writer that is always ready may take few bytes at a time, so the task has to yield
            // here too.
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
        // The other bytes are in the buffer, since `n` is at most what the writer was given.
        self.consume(left);
    }

    /// Drops the first `n <= buffer.len()` bytes of the buffer.
    fn consume(&mut self, n: usize) {
        let consumed = self.buffer.advance(n);
        debug_assert!(consumed.is_ok(), "{n} bytes are in the buffer");
    }

    /// Moves a block that is more than half full into the queue, because the writer is not ready.
    /// Otherwise the buffer would copy the bytes to a larger block when it needs more room.
    fn set_aside(&mut self) {
        if self.buffer.len() > self.buffer.capacity() / 2 && self.queue.len() < SLICES - 1 {
            let block = self.buffer.freeze_all();
            self.push(block);
        }
    }

    /// Reads at most `most` bytes. Ready when the reader has returned bytes, its end or an error.
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

    /// Closes or flushes the writer, after all bytes are written and the reader has ended or
    /// failed.
    fn finish<W: AsyncWrite + ?Sized>(&mut self, cx: &mut Context<'_>, writer: Pin<&mut W>) -> Poll<End> {
        self.release();
        if let (Source::Ended, Some(kind)) = (&self.source, self.lost) {
            self.source = Source::Failed(kind.into());
        }
        let ended = matches!(self.source, Source::Ended);
        let done = ready!(if ended { writer.poll_close(cx) } else { writer.poll_flush(cx) });
        Poll::Ready(match (mem::replace(&mut self.source, Source::Ended), done) {
            // The error of the reader came first.
            (Source::Failed(error), _) => End::Read(error),
            (_, Ok(())) => End::Closed,
            (_, Err(error)) => End::Write(error),
        })
    }

    /// The bytes that were read and not written.
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

/// Checks what a writer reports to have taken of `given > 0` bytes.
fn checked(taken: io::Result<usize>, given: usize) -> io::Result<usize> {
    match taken {
        Ok(0) => Err(CloseReason::WriteZero.into()),
        Ok(n) if n > given => Err(CloseReason::InvalidWriter { reported: n, given }.into()),
        taken => taken,
    }
}
