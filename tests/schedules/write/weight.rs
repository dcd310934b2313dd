//! What a stream keeps in memory, step by step: chunks of all lengths, and a writer that takes
//! little or nothing.
//!
//! These schedules are separate: in the others, the memory of the oracle would be measured too.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_handoff::{Accepted, Inline, WriteHandoff, WriteHandoffConfig, WriteTask, WriteTicket};
use futures_util::AsyncWrite;

use crate::{
    run::{Scale, Summary, Weigh, or_finding},
    script::Script,
};

/// Gather blocks, whatever is pending.
const GATHER: usize = 32 * 1024;
/// An entry that gathers the small chunks between two large ones.
const ENTRY: usize = 1024;
/// What a ticket or a permit takes that is waited for, in lists that grow by doubling.
const WAITER: usize = 128;

/// Takes some of the offered bytes, or nothing, and forgets them.
struct Drain {
    script: Script,
    scale: Scale,
    /// Of 100 calls, how many are pending.
    pending: usize,
    short: bool,
}

impl Drain {
    fn answer<T>(&self, answer: T) -> Poll<io::Result<T>> {
        let pending = self.scale.outside(|| self.script.percent(self.pending));
        if pending { Poll::Pending } else { Poll::Ready(Ok(answer)) }
    }
}

impl AsyncWrite for Drain {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all: usize = bufs.iter().map(|buf| buf.len()).sum();
        let n = if self.short { 1 + self.scale.outside(|| self.script.below(all)) } else { all };
        self.answer(n)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.answer(())
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct Stream {
    script: Script,
    scale: Scale,
    config: WriteHandoffConfig,
    handle: WriteHandoff<Drain>,
    task: WriteTask<Drain>,
    tickets: Vec<WriteTicket>,
    /// The most tickets that there were at a time.
    waited: usize,
    /// The longest chunk of all.
    longest: usize,
    /// What the stream took when it was new.
    fresh: i64,
}

/// Runs such a schedule.
pub(crate) fn run_weighed(script: &Script, weigh: Weigh) -> Result<Summary, String> {
    let mut stream = Stream::new(script, Scale::new(Some(weigh)));
    or_finding(|| {
        for step in 1..=1 + script.below(200) {
            script.step();
            trace!(script, "step {step}");
            stream.step();
            stream.weigh();
        }
        Summary { bytes: stream.handle.stats().accepted, ..Summary::default() }
    })
}

impl Stream {
    fn new(script: &Script, scale: Scale) -> Self {
        let items = script.of([1, 3, 32, 256]);
        let budget = script.of([100, 2000, 20_000, 100_000]);
        let send_at = script.of([0, budget / 4, budget]);
        let inline = script.of([Inline::SameThread, Inline::Always, Inline::Never]);
        let config = WriteHandoffConfig::new(items, budget).with_send_at(send_at);
        let config = config.with_inline(inline);
        trace!(script, "{config:?}");
        let pending = script.of([0, 30, 80, 100]);
        let short = script.once_in(2);
        let drain = Drain { script: script.clone(), scale: scale.clone(), pending, short };
        let (handle, task) = scale.inside(|| WriteHandoff::new(drain, config));
        let fresh = scale.held().unwrap_or_default();
        let (script, tickets) = (script.clone(), Vec::new());
        let mut stream = Self { script, scale, config, handle, task, tickets, waited: 0, longest: 0, fresh };
        stream.poll();
        stream
    }

    fn step(&mut self) {
        match self.script.below(20) {
            0..=5 => {
                let len = self.len();
                self.write(len);
            }
            // Small chunks in a row, which are gathered.
            6 | 7 => {
                let (count, len) = (self.script.below(100), 1 + self.script.below(100));
                (0..count).for_each(|_| self.write(len));
            }
            // Small chunks between larger ones that are not copied.
            8 => {
                for _ in 0..self.script.below(20) {
                    self.write(10);
                    self.write(self.config.copy_max() + 1);
                }
            }
            9 | 10 => {
                let lens: [usize; 3] = [self.len() / 3, self.len() / 3, self.len() / 3];
                event!(self.script, WriteChunks, "{lens:?} bytes, or nothing");
                let mut chunks = lens.map(|len| self.chunk(len));
                let written = self
                    .scale
                    .inside(|| self.handle.try_write_chunks(&mut chunks).ok().map(Accepted::ticket));
                self.scale.inside(|| drop(chunks));
                self.keep(written);
            }
            11 => {
                let len = self.len();
                event!(self.script, Permit, "for {len} bytes");
                let chunk = self.chunk(len);
                let sent = self.scale.inside(|| {
                    let permit = self.handle.try_reserve(len).ok()?;
                    permit.send(chunk).ok().map(Accepted::ticket)
                });
                self.keep(sent);
            }
            12 => {
                event!(self.script, Dispatch);
                self.scale.inside(|| self.handle.dispatch());
            }
            13 => {
                event!(self.script, Flush);
                let mut flush = self.scale.inside(|| Box::pin(self.handle.flush()));
                let cx = &mut Context::from_waker(Waker::noop());
                let polled = self.scale.inside(|| flush.as_mut().poll(cx));
                self.scale.inside(|| drop((polled, flush)));
            }
            14 => {
                let n = self.script.below(self.tickets.len() + 1);
                trace!(self.script, "    {n} tickets are dropped");
                for ticket in self.tickets.drain(..n) {
                    self.scale.inside(|| drop(ticket));
                }
            }
            _ => self.poll(),
        }
    }

    fn poll(&mut self) {
        trace!(self.script, "    the task is polled");
        let cx = &mut Context::from_waker(Waker::noop());
        let polled = self.scale.inside(|| Pin::new(&mut self.task).poll(cx));
        assert!(polled.is_pending(), "the stream has ended");
    }

    /// Mostly small ones, some as long as may be.
    fn len(&self) -> usize {
        let budget = self.config.max_pending_bytes();
        let most = self.script.of([64, 64, 1500, 9000, budget]);
        self.script.below(most.min(budget) + 1)
    }

    fn chunk(&mut self, len: usize) -> Bytes {
        self.longest = self.longest.max(len);
        self.scale.inside(|| Bytes::from(vec![7; len]))
    }

    fn write(&mut self, len: usize) {
        if self.script.once_in(4) {
            return self.write_slice(len);
        }
        event!(self.script, Write, "{len} bytes, or nothing");
        let chunk = self.chunk(len);
        let written = self.scale.inside(|| self.handle.try_write(chunk).ok());
        self.keep(written);
    }

    fn write_slice(&mut self, len: usize) {
        event!(self.script, WriteSlice, "{len} bytes, or nothing");
        self.longest = self.longest.max(len);
        let bytes = vec![7; len];
        let written = self.scale.inside(|| self.handle.try_write_slice(&bytes).ok().map(Accepted::ticket));
        self.keep(written);
    }

    /// A ticket is dropped, or waited for and kept.
    fn keep(&mut self, ticket: Option<WriteTicket>) {
        let Some(mut ticket) = ticket else { return };
        let cx = &mut Context::from_waker(Waker::noop());
        let waits =
            self.script.once_in(2) && self.scale.inside(|| Pin::new(&mut ticket).poll(cx)).is_pending();
        if waits {
            self.tickets.push(ticket);
            self.waited = self.waited.max(self.tickets.len());
        } else {
            self.scale.inside(|| drop(ticket));
        }
    }

    /// Compares the kept memory with the limit. Pending bytes count twice, as their gather block
    /// may be half full.
    fn weigh(&self) {
        let (bytes, items) = (self.handle.pending_bytes(), self.handle.stats().pending_items);
        let held = self.scale.held().unwrap_or_default() - self.fresh;
        let part = if bytes > 0 { self.longest } else { 0 };
        let most = (2 * bytes + part + GATHER + ENTRY * items + WAITER * self.waited) as i64;
        trace!(self.script, "  expected: {bytes} bytes in {items} entries, {held} of {most} bytes in memory");
        assert!(held <= most, "{held} bytes are kept for {bytes} in {items} entries, at most {most} may be");
    }
}
