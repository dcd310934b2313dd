//! Writing straight out of a read buffer.

use super::{
    core::StateGuard,
    drive::Borrowed,
    error::{PermitError, WritePrefixError},
    port::{Port, Turn, go_on, ticket},
    state::Phase,
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
        let Self { port, buffer, n, turn } = self.get_mut();
        check(buffer, *n)?;
        Poll::Ready(match ready!(turn.poll(*port, cx, |state| state.room_of(*n))) {
            Ok(state) => {
                let range = accept_prefix(*port, state, buffer, *n);
                turn.pass_on(port.core());
                Ok(ticket(*port, range?))
            }
            Err(never) => Err(WritePrefixError::Refused(PermitError::new(never.into()))),
        })
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
    let state = port.core().lock();
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

/// Accepts the first `n` bytes of `buffer` in a section that has admitted them: copied where they are few, offered to the
/// writer where they are, and owned only if they have to wait.
fn accept_prefix<'a, P: Port>(
    port: &'a P,
    mut state: StateGuard<'a>,
    buffer: &mut HandoffBuffer,
    n: usize,
) -> Result<Range<u64>, WritePrefixError> {
    let caller = port.caller();
    if state.copies(n) {
        let range = state.accept(n);
        state.push_copy(&buffer.peek()[..n]);
        let next = state.after_push(&caller);
        // Still under the lock, and so before user code runs: this only moves a cursor.
        let copied = buffer.advance(n);
        debug_assert!(copied.is_ok(), "within the buffer");
        go_on(port, state, next);
        return Ok(range);
    }
    if state.sends(&caller, n) {
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
