//! A write handoff whose counters are checked.

use std::{
    mem,
    ops::Range,
    time::{Duration, Instant},
};

use futures_handoff::{
    CloseReason, HandoffBuffer, WeakWriteHandoff, WriteHandoff, WriteHandoffConfig, WriteTicket,
    WriterFailure, bytes::Bytes,
};
use futures_handoff_runtimes::{Runtime, Task};
use futures_util::AsyncWrite;

use crate::support::within;

/// One of this many writes keeps its ticket.
const TICKET: u64 = 16;

/// How a stream is ended: by `close`, by dropping the last handle, or by an abort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parting {
    Close,
    Drop,
    Abort,
}

/// A write handoff, its task in the background, and what went in.
pub(crate) struct Outlet<W> {
    handoff: WriteHandoff<W>,
    abort: WeakWriteHandoff<W>,
    ended: Task<Result<W, WriterFailure<W>>>,
    accepted: u64,
    writes: u64,
    most_pending: usize,
    tickets: Vec<WriteTicket>,
}

/// What became of a stream.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) reason: CloseReason,
    pub(crate) accepted: u64,
    /// How much of that the socket took, and the rest of it.
    pub(crate) written: u64,
    pub(crate) unwritten: Vec<u8>,
    /// The most that was pending at a time.
    pub(crate) most_pending: usize,
    /// How long it took to end, from when it was asked to.
    pub(crate) took: Duration,
}

impl<W: AsyncWrite + Unpin + Send + 'static> Outlet<W> {
    fn new<R: Runtime>(writer: W, config: WriteHandoffConfig) -> Self {
        let (handoff, task) = WriteHandoff::new(writer, config);
        let (abort, ended) = (handoff.downgrade(), R::task(task));
        Self { handoff, abort, ended, accepted: 0, writes: 0, most_pending: 0, tickets: Vec::new() }
    }

    pub(crate) fn budget(&self) -> usize {
        self.handoff.config().max_pending_bytes()
    }

    /// Passes on the first `n` bytes of `buffer`, or says why the stream has ended.
    pub(crate) async fn write_prefix(
        &mut self,
        buffer: &mut HandoffBuffer,
        n: usize,
    ) -> Result<(), CloseReason> {
        match self.handoff.write_prefix(buffer, n).await {
            Ok(accepted) => {
                let ticket = accepted.ticket();
                self.count(n, ticket);
            }
            Err(error) => {
                return Err(self.handoff.close_reason().unwrap_or_else(|| panic!("it is open, and {error}")));
            }
        }
        Ok(())
    }

    /// Passes on an owned frame, or says why the stream has ended.
    pub(crate) async fn write(&mut self, frame: Bytes) -> Result<(), CloseReason> {
        let (len, at) = (frame.len(), frame.as_ptr().addr());
        match self.handoff.write(frame).await {
            Ok(ticket) => self.count(len, ticket),
            Err(error) => {
                let reason = error.close_reason().cloned();
                let back = error.into_bytes();
                assert_eq!(
                    (back.len(), back.as_ptr().addr()),
                    (len, at),
                    "a refused frame comes back as it was"
                );
                return Err(reason.expect("a frame is no longer than the budget"));
            }
        }
        Ok(())
    }

    fn count(&mut self, n: usize, ticket: WriteTicket) {
        assert_eq!(ticket.positions(), self.accepted..self.accepted + n as u64, "a ticket knows its place");
        if self.writes % TICKET == 0 {
            self.tickets.push(ticket);
        }
        self.writes += 1;
        self.accepted += n as u64;
        self.most_pending = self.most_pending.max(self.handoff.pending_bytes());
    }

    /// Ends the stream, with an abort if it does not end otherwise within `patience`; returns the
    /// outcome. The counters must add up.
    async fn part<R: Runtime>(self, parting: Parting, patience: Duration) -> Outcome {
        let budget = self.budget();
        let Self { handoff, abort, mut ended, accepted, most_pending, tickets, .. } = self;
        let began = Instant::now();
        match parting {
            Parting::Close => handoff.close(),
            Parting::Drop => {}
            Parting::Abort => abort.abort(),
        }
        drop(handoff);
        let ended = match within::<R, _>(patience, &mut ended).await {
            Some(ended) => ended,
            None => {
                abort.abort();
                ended.await
            }
        };
        let took = began.elapsed();
        let (reason, written, unwritten) = match ended {
            Ok(_) => (CloseReason::Closed, accepted, Vec::new()),
            Err(failure) => {
                let (reason, written) = (failure.reason().clone(), failure.written());
                assert!(failure.in_doubt().is_empty(), "the writer does not lie: {failure:?}");
                (reason, written, failure.into_parts().1.concat())
            }
        };
        assert_eq!(written + unwritten.len() as u64, accepted, "written, and handed back: {reason}");
        assert!(most_pending <= budget, "{most_pending} bytes were pending, and the budget is {budget}");
        for ticket in tickets {
            let Range { start, end } = ticket.positions();
            match ticket.try_result() {
                Some(Ok(())) if end <= written => {}
                Some(Err(error)) if error.written() == written.clamp(start, end) - start && end > written => {
                }
                fate => panic!("the ticket of {start}..{end} says {fate:?}, with {written} written"),
            }
        }
        Outcome { reason, accepted, written, unwritten, most_pending, took }
    }
}

/// A stream that is open, or that one party has begun to end.
pub(crate) enum Way<W> {
    Open(Outlet<W>),
    Parting(Task<Outcome>),
    /// Between the two, for no longer than a call.
    Between,
}

impl<W: AsyncWrite + Unpin + Send + 'static> Way<W> {
    pub(crate) fn new<R: Runtime>(writer: W, config: WriteHandoffConfig) -> Self {
        Self::Open(Outlet::new::<R>(writer, config))
    }

    pub(crate) fn open(&mut self) -> &mut Outlet<W> {
        match self {
            Self::Open(outlet) => outlet,
            _ => panic!("the stream is written to after its end was asked for"),
        }
    }

    /// Ends it, unless that has begun. The end goes on even if no party waits for it.
    pub(crate) fn part<R: Runtime>(&mut self, parting: Parting, patience: Duration) {
        *self = match mem::replace(self, Self::Between) {
            Self::Open(outlet) => Self::Parting(R::task(outlet.part::<R>(parting, patience))),
            other => other,
        };
    }

    /// Waits until it has ended; begins the end if no party has.
    pub(crate) async fn outcome<R: Runtime>(mut self) -> Outcome {
        self.part::<R>(Parting::Abort, Duration::ZERO);
        match self {
            Self::Parting(task) => task.await,
            _ => unreachable!("it is on its way to an end"),
        }
    }
}
