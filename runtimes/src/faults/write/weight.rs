//! What a stream keeps in memory, step by step: chunks of all lengths, a writer that takes little or nothing, and a scale.
//!
//! A schedule of its own: in the others, what they keep to compare with would be weighed as well.

use std::{
    io::{self, IoSlice},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_handoff::{Inline, Permit, WriteHandoff, WriteHandoffConfig, WriteTask, WriteTicket};
use futures_util::AsyncWrite;

use crate::faults::{
    choices::Choices,
    event::{Event, Record},
    panics,
    run::{Failure, Run, Source, Summary},
    scale::{Scale, Weigh},
    trail::Trail,
};

/// Gather blocks, whatever is pending.
const GATHER: usize = 32 * 1024;
/// An entry that gathers the small chunks between two large ones.
const ENTRY: usize = 1024;
/// What a ticket or a permit takes that is waited for, in lists that grow by doubling.
const WAITER: usize = 128;

/// Takes some of what is on offer, or nothing, and forgets it.
struct Drain {
    choices: Choices,
    scale: Scale,
    /// Of 100 calls, how many are pending.
    pending: usize,
    short: bool,
}

impl Drain {
    fn is_pending(&self) -> bool {
        self.scale.outside(|| self.choices.percent(self.pending))
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
        if self.is_pending() {
            return Poll::Pending;
        }
        let all: usize = bufs.iter().map(|buf| buf.len()).sum();
        let n = if self.short { 1 + self.scale.outside(|| self.choices.below(all)) } else { all };
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_pending() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct Stream {
    choices: Choices,
    scale: Scale,
    trail: Trail,
    record: Record,
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

fn config(choices: &Choices) -> WriteHandoffConfig {
    let items = choices.of([1, 3, 32, 256]);
    let budget = choices.of([100, 2000, 20_000, 100_000]);
    let send_at = choices.of([0, budget / 4, budget]);
    let inline = choices.of([Inline::SameThread, Inline::Always, Inline::Never]);
    let config = WriteHandoffConfig::new(items, budget).and_then(|config| config.with_send_at(send_at));
    config.expect("limits in range").with_inline(inline)
}

/// Runs such a schedule.
pub(in crate::faults) fn run_weighed(source: &Source, weigh: Weigh, trail: Trail) -> Run {
    let choices = Choices::new(source, trail.clone());
    let mut stream = Stream::new(choices, Scale::new(Some(weigh)), trail.clone());
    let held = catch_unwind(AssertUnwindSafe(|| stream.run()));
    let result = match held {
        Ok(bytes) => Ok(Summary { bytes, end: None, sabotaged: false }),
        Err(panic) => Err(Failure::new(trail.steps(), panics::describe(&*panic))),
    };
    Run {
        result,
        steps: trail.steps(),
        events: std::mem::take(&mut stream.record.tally),
        choices: trail.choices(),
        lines: trail.lines(),
    }
}

impl Stream {
    fn new(choices: Choices, scale: Scale, trail: Trail) -> Self {
        let config = config(&choices);
        trail.line(|| format!("{config:?}"));
        let pending = choices.of([0, 30, 80, 100]);
        let short = choices.once_in(2);
        let drain = Drain { choices: choices.clone(), scale: scale.clone(), pending, short };
        let (handle, task) = scale.inside(|| WriteHandoff::new(drain, config));
        let (record, tickets) = (Record::new(trail.clone()), Vec::new());
        let fresh = scale.held().unwrap_or_default();
        let mut stream =
            Self { choices, scale, trail, record, handle, task, tickets, waited: 0, longest: 0, fresh };
        stream.poll();
        stream
    }

    fn run(&mut self) -> u64 {
        let steps = 1 + self.choices.below(200);
        for step in 1..=steps {
            self.trail.step(step);
            self.trail.line(|| format!("step {step}"));
            self.step();
            self.weigh();
        }
        self.handle.stats().accepted
    }

    fn step(&mut self) {
        match self.choices.below(20) {
            0..=5 => {
                let len = self.len();
                self.write(len);
            }
            6 | 7 => self.burst(),
            8 => self.alternate(),
            9 | 10 => self.write_all(),
            11 => self.permit(),
            12 => {
                self.record.event(Event::Dispatch, String::new);
                self.scale.inside(|| self.handle.dispatch());
            }
            13 => {
                self.record.event(Event::Flush, String::new);
                let mut flush = self.handle.flush();
                let polled =
                    self.scale.inside(|| Pin::new(&mut flush).poll(&mut Context::from_waker(Waker::noop())));
                self.scale.inside(|| drop((polled, flush)));
            }
            14 => {
                let n = self.choices.below(self.tickets.len() + 1);
                self.trail.line(|| format!("    {n} tickets are dropped"));
                for ticket in self.tickets.drain(..n) {
                    self.scale.inside(|| drop(ticket));
                }
            }
            _ => self.poll(),
        }
    }

    fn poll(&mut self) {
        self.trail.line(|| "    the task is polled".into());
        let waker = Waker::noop();
        let polled = self.scale.inside(|| Pin::new(&mut self.task).poll(&mut Context::from_waker(waker)));
        assert!(polled.is_pending(), "the stream has ended");
    }

    /// Mostly small ones, some as long as may be.
    fn len(&self) -> usize {
        let budget = self.handle.config().max_pending_bytes();
        let most = self.choices.of([64, 64, 1500, 9000, budget]);
        self.choices.below(most.min(budget) + 1)
    }

    fn chunk(&mut self, len: usize) -> Bytes {
        self.longest = self.longest.max(len);
        self.scale.inside(|| Bytes::from(vec![7; len]))
    }

    fn keep(&mut self, mut ticket: WriteTicket) {
        let waits = self.choices.once_in(2);
        let cx = &mut Context::from_waker(Waker::noop());
        let done = waits && self.scale.inside(|| Pin::new(&mut ticket).poll(cx).is_ready());
        if waits && !done {
            self.tickets.push(ticket);
            self.waited = self.waited.max(self.tickets.len());
        } else {
            self.scale.inside(|| drop(ticket));
        }
    }

    /// Small chunks in a row, which are gathered.
    fn burst(&mut self) {
        let (count, len) = (self.choices.below(100), 1 + self.choices.below(100));
        (0..count).for_each(|_| self.write(len));
    }

    /// Small chunks between larger ones that are not copied.
    fn alternate(&mut self) {
        let large = self.handle.config().copy_max() + 1;
        for _ in 0..self.choices.below(20) {
            self.write(10);
            self.write(large);
        }
    }

    fn write(&mut self, len: usize) {
        self.record.event(Event::Write, || format!("{len} bytes, or nothing"));
        let chunk = self.chunk(len);
        let written = self.scale.inside(|| self.handle.try_write(chunk).ok());
        if let Some(ticket) = written {
            self.keep(ticket);
        }
    }

    fn write_all(&mut self) {
        let lens: [usize; 3] = [self.len() / 3, self.len() / 3, self.len() / 3];
        self.record.event(Event::WriteAll, || format!("{lens:?} bytes, or nothing"));
        let mut chunks = lens.map(|len| self.chunk(len));
        let written = self.scale.inside(|| self.handle.try_write_all(&mut chunks).ok());
        self.scale.inside(|| drop(chunks));
        if let Some(ticket) = written {
            self.keep(ticket);
        }
    }

    fn permit(&mut self) {
        let len = self.len();
        self.record.event(Event::Permit, || format!("for {len} bytes"));
        let chunk = self.chunk(len);
        let sent = self.scale.inside(|| {
            let permit = self.handle.try_reserve(len);
            permit.ok().and_then(|permit: Permit<'_, _>| permit.send(chunk).ok())
        });
        if let Some(ticket) = sent {
            self.keep(ticket);
        }
    }

    /// Compares what is kept with what may be: what is pending counts twice, for the block that it is gathered in may be half full.
    fn weigh(&self) {
        let (bytes, items) = (self.handle.pending_bytes(), self.handle.pending_items());
        let held = self.scale.held().unwrap_or_default() - self.fresh;
        let part = if bytes > 0 { self.longest } else { 0 };
        let most = 2 * bytes + part + GATHER + ENTRY * items + WAITER * self.waited;
        self.trail.line(|| {
            format!("  expected: {bytes} bytes in {items} entries, {held} of {most} bytes in memory")
        });
        assert!(
            held <= most as i64,
            "{held} bytes are kept for {bytes} in {items} entries, at most {most} may be"
        );
    }
}
