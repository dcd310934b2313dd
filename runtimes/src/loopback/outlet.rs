//! A write handoff that is held to account.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use futures_handoff::{
    AbortHandle, CloseReason, HandoffBuffer, WeakWriteHandoff, WriteHandoff, WriteHandoffConfig, WriteTicket,
    WriterFailure, bytes::Bytes,
};
use futures_util::AsyncWrite;

use super::within;
use crate::{Runtime, Task};

/// One write in so many has its ticket kept.
const TICKET: u64 = 16;

/// How a stream is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// By `close`.
    Close,
    /// By dropping the last handle.
    Drop,
    /// By an abort.
    Abort,
}

/// A write handoff, its task in the background, and what went in.
#[derive(Debug)]
pub struct Outlet<W> {
    handoff: WriteHandoff<W>,
    abort: AbortHandle,
    ended: Task<Result<W, WriterFailure<W>>>,
    accepted: u64,
    writes: u64,
    most_pending: usize,
    tickets: Vec<WriteTicket>,
}

/// What became of a stream.
#[derive(Debug)]
pub struct Outcome {
    /// Why it ended.
    pub reason: CloseReason,
    /// How much was accepted.
    pub accepted: u64,
    /// How much of that the socket took.
    pub written: u64,
    /// The rest of it.
    pub unwritten: Vec<u8>,
    /// The most that was pending at a time.
    pub most_pending: usize,
    /// How long it took to end, from when it was asked to.
    pub took: Duration,
}

impl<W: AsyncWrite + Unpin + Send + 'static> Outlet<W> {
    /// A stream into `writer`.
    pub fn new<R: Runtime>(writer: W, config: WriteHandoffConfig) -> Self {
        let (handoff, task) = WriteHandoff::new(writer, config);
        let abort = handoff.abort_handle();
        Self {
            handoff,
            abort,
            ended: R::task(task),
            accepted: 0,
            writes: 0,
            most_pending: 0,
            tickets: Vec::new(),
        }
    }

    /// Something that tells how much is pending and does not keep the stream open.
    pub fn pending(&self) -> impl Fn() -> usize + Send + use<W> {
        let weak: WeakWriteHandoff<W> = self.handoff.downgrade();
        move || weak.upgrade().map_or(0, |handoff| handoff.pending_bytes())
    }

    /// The handle.
    pub fn handoff(&self) -> &WriteHandoff<W> {
        &self.handoff
    }

    /// Passes on the first `n` bytes of `buffer`.
    ///
    /// # Errors
    ///
    /// Why the stream has ended.
    pub async fn write_prefix(&mut self, buffer: &mut HandoffBuffer, n: usize) -> Result<(), CloseReason> {
        match self.handoff.write_prefix(buffer, n).await {
            Ok(ticket) => {
                self.count(n, ticket);
                Ok(())
            }
            Err(error) => {
                Err(self.handoff.close_reason().unwrap_or_else(|| panic!("it is open, and {error}")))
            }
        }
    }

    /// Passes on an owned frame.
    ///
    /// # Errors
    ///
    /// Why the stream has ended.
    ///
    /// # Panics
    ///
    /// If the frame does not come back as it went in.
    pub async fn write(&mut self, frame: Bytes) -> Result<(), CloseReason> {
        let len = frame.len();
        let same = frame.as_ptr().addr();
        match self.handoff.write(frame).await {
            Ok(ticket) => {
                self.count(len, ticket);
                Ok(())
            }
            Err(error) => {
                let reason = error.close_reason().cloned();
                let back = error.into_bytes();
                assert!(
                    back.len() == len && back.as_ptr().addr() == same,
                    "a refused frame comes back as it was"
                );
                Err(reason.expect("a frame is no longer than the budget"))
            }
        }
    }

    fn count(&mut self, n: usize, ticket: WriteTicket) {
        assert_eq!(ticket.positions(), self.accepted..self.accepted + n as u64, "a ticket knows its place");
        #[expect(clippy::manual_is_multiple_of, reason = "the library's tests use this on Rust 1.85, too")]
        if self.writes % TICKET == 0 {
            self.tickets.push(ticket);
        }
        self.writes += 1;
        self.accepted += n as u64;
        self.most_pending = self.most_pending.max(self.handoff.pending_bytes());
    }

    /// Ends the stream, by an abort if it does not end in another way within `patience`; what became of it.
    ///
    /// # Errors
    ///
    /// A promise of the handoff that was not kept.
    pub async fn part<R: Runtime>(self, parting: Parting, patience: Duration) -> Result<Outcome, String> {
        let Self { handoff, abort, mut ended, accepted, most_pending, tickets, .. } = self;
        let budget = handoff.config().max_pending_bytes();
        let began = Instant::now();
        match parting {
            // It begins at the call.
            Parting::Close => drop(handoff.close()),
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
        let outcome = match ended {
            Ok(_) => {
                let (written, unwritten) = (accepted, Vec::new());
                Outcome { reason: CloseReason::Closed, accepted, written, unwritten, most_pending, took }
            }
            Err(failure) => {
                let (reason, written) = (failure.reason().clone(), failure.written());
                let Range { start, end } = failure.in_doubt();
                if start != end {
                    return Err(format!("{start}..{end} is in doubt, and the writer does not lie: {reason}"));
                }
                let unwritten = failure.into_parts().1.concat();
                Outcome { reason, accepted, written, unwritten, most_pending, took }
            }
        };
        outcome.check(budget, &tickets).map(|()| outcome)
    }
}

impl Outcome {
    /// Whether the books are balanced.
    fn check(&self, budget: usize, tickets: &[WriteTicket]) -> Result<(), String> {
        let Self { reason, accepted, written, unwritten, most_pending, .. } = self;
        if written + unwritten.len() as u64 != *accepted {
            let unwritten = unwritten.len();
            return Err(format!("{written} written and {unwritten} handed back of {accepted}: {reason}"));
        }
        if *most_pending > budget {
            return Err(format!("{most_pending} bytes were pending, and the budget is {budget}"));
        }
        for ticket in tickets {
            let Range { start, end } = ticket.positions();
            match ticket.try_result() {
                Some(Ok(())) if end <= *written => {}
                Some(Err(error))
                    if error.written() == written.clamp(&start, &end) - start && end > *written => {}
                fate => {
                    return Err(format!(
                        "the ticket of {start}..{end} says {fate:?}, with {written} written"
                    ));
                }
            }
        }
        Ok(())
    }
}
