//! Writing straight out of a read buffer.

use super::{
    borrowed::Borrowed,
    core::StateGuard,
    error::{Never, PermitError, WritePrefixError},
    phase::Phase,
    port::{Port, Turn, go_on, join, ticket},
    ticket::WriteTicket,
};
use crate::HandoffBuffer;
use std::{
    fmt,
    future::Future,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// The longest prefix that is copied because it has to wait. To own it would part the buffer from its block, and
/// getting another costs more than copying this much.
const COPY_MAX: usize = 4 * 1024;

/// Future of [`WriteHandoff::write_prefix`](crate::WriteHandoff::write_prefix).
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WritePrefix<'a, P: Port> {
    port: &'a P,
    buffer: &'a mut HandoffBuffer,
    n: usize,
    turn: Turn,
}

impl<'a, P: Port> WritePrefix<'a, P> {
    pub(crate) fn new(port: &'a P, buffer: &'a mut HandoffBuffer, n: usize) -> Self {
        Self { port, buffer, n, turn: Turn::default() }
    }
}

impl<P: Port> Future for WritePrefix<'_, P> {
    type Output = Result<WriteTicket, WritePrefixError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        check(this.buffer, this.n)?;
        if this.turn.is_waiting() {
            return this.poll_in_line(cx);
        }
        let mut state = this.port.core().lock();
        match join_prefix(this.port, &mut state, this.buffer, this.n) {
            Some(range) => {
                drop(state);
                Poll::Ready(Ok(ticket(this.port, range)))
            }
            None => this.enter(cx, state),
        }
    }
}

impl<'a, P: Port> WritePrefix<'a, P> {
    #[inline(never)]
    fn enter(
        &mut self,
        cx: &mut Context<'_>,
        state: StateGuard<'a>,
    ) -> Poll<Result<WriteTicket, WritePrefixError>> {
        let n = self.n;
        let admitted = ready!(self.turn.enter(self.port, cx, state, |state| state.room_of(n)));
        Poll::Ready(self.conclude(admitted))
    }

    #[inline(never)]
    fn poll_in_line(&mut self, cx: &mut Context<'_>) -> Poll<Result<WriteTicket, WritePrefixError>> {
        let admitted = ready!(self.turn.poll_in_line(self.port.core(), cx));
        Poll::Ready(self.conclude(admitted))
    }

    fn conclude(&mut self, admitted: Result<StateGuard<'a>, Never>) -> Result<WriteTicket, WritePrefixError> {
        let state = admitted.map_err(|never| WritePrefixError::Refused(PermitError::new(never.into())))?;
        let range = accept_prefix(self.port, state, self.buffer, self.n);
        self.turn.pass_on(self.port.core());
        Ok(ticket(self.port, range?))
    }
}

impl<P: Port> Drop for WritePrefix<'_, P> {
    fn drop(&mut self) {
        self.turn.leave(self.port.core());
    }
}

impl<P: Port> fmt::Debug for WritePrefix<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WritePrefix").field("n", &self.n).finish_non_exhaustive()
    }
}

pub(crate) fn try_write_prefix<P: Port>(
    port: &P,
    buffer: &mut HandoffBuffer,
    n: usize,
) -> Result<WriteTicket, WritePrefixError> {
    check(buffer, n)?;
    let mut state = port.core().lock();
    if let Some(range) = join_prefix(port, &mut state, buffer, n) {
        drop(state);
        return Ok(ticket(port, range));
    }
    match state.admit(state.room_of(n)) {
        Ok(()) => Ok(ticket(port, accept_prefix(port, state, buffer, n)?)),
        Err(refusal) => {
            drop(state);
            Err(WritePrefixError::Refused(PermitError::new(refusal)))
        }
    }
}

fn check(buffer: &HandoffBuffer, requested: usize) -> Result<(), WritePrefixError> {
    if requested > buffer.len() { Err(out_of_bounds(requested, buffer.len())) } else { Ok(()) }
}

fn out_of_bounds(requested: usize, available: usize) -> WritePrefixError {
    WritePrefixError::OutOfBounds { requested, available }
}

/// [`join`] for the first `n` bytes of `buffer`; it holds at least as many.
#[inline]
fn join_prefix<P: Port>(
    port: &P,
    state: &mut StateGuard<'_>,
    buffer: &mut HandoffBuffer,
    n: usize,
) -> Option<Range<u64>> {
    let range = join(port.core(), state, &buffer.peek()[..n])?;
    let copied = buffer.advance(n);
    debug_assert!(copied.is_ok(), "within the buffer");
    Some(range)
}

/// Accepts the first `n` bytes of `buffer` in a section that has admitted them: copied where they are few, offered to the
/// writer where they are, and owned only if they have to wait.
fn accept_prefix<'a, P: Port>(
    port: &'a P,
    mut state: StateGuard<'a>,
    buffer: &mut HandoffBuffer,
    n: usize,
) -> Result<Range<u64>, WritePrefixError> {
    let caller = port.caller();
    let sends = state.sends(&caller, n);
    if state.copies(n) || n <= COPY_MAX && !sends {
        let range = state.accept(n);
        state.push_copy(&buffer.peek()[..n]);
        let next = state.after_push(&caller);
        // Still under the lock, and so before user code runs: this only moves a cursor.
        let copied = buffer.advance(n);
        debug_assert!(copied.is_ok(), "within the buffer");
        go_on(port, state, next);
        return Ok(range);
    }
    if sends {
        let range = state.accept(n);
        state.items += 1;
        state.phase = Phase::Busy;
        port.drive(state, Borrowed::prefix(buffer, n));
        return Ok(range);
    }
    // It has to be owned to wait. This may allocate and copy under the lock, which is this crate's own code: giving the lock
    // up here would let a close come between, with the bytes out of the buffer and not accepted.
    let Ok(bytes) = buffer.split_prefix(n) else { return Err(out_of_bounds(n, buffer.len())) };
    let range = state.accept(n);
    let copied = state.push(bytes);
    debug_assert!(copied.is_none(), "longer than what is copied");
    let next = state.after_push(&caller);
    go_on(port, state, next);
    Ok(range)
}
