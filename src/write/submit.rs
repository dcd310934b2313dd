//! The futures that wait for room.

use super::{
    contain::contain,
    core::StateGuard,
    error::{Never, PermitError, WriteError},
    permit::Permit,
    phase::Via,
    port::{Port, Turn, accept, accept_all, accept_first, join, room_of_parts, ticket, yield_now},
    state::Room,
    ticket::WriteTicket,
};
use crate::error::POLLED_AFTER_COMPLETION;
use bytes::Bytes;
use std::{
    fmt,
    future::Future,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Waits for room for a chunk and submits it.
struct Submission<'a, P: Port> {
    port: &'a P,
    bytes: Option<Bytes>,
    turn: Turn,
}

impl<'a, P: Port> Submission<'a, P> {
    fn new(port: &'a P, bytes: Bytes) -> Self {
        Self { port, bytes: Some(bytes), turn: Turn::default() }
    }

    #[inline]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Range<u64>, WriteError>> {
        if self.turn.is_waiting() {
            return self.poll_in_line(cx);
        }
        let bytes = self.bytes.as_ref().expect(POLLED_AFTER_COMPLETION);
        let mut state = self.port.core().lock();
        if state.budget.must_yield(cx) {
            return yield_now(state, cx);
        }
        match join(self.port.core(), &mut state, bytes) {
            Some(range) => {
                drop(state);
                let copied = self.bytes.take();
                contain(|| drop(copied));
                Poll::Ready(Ok(range))
            }
            None => self.enter(cx, state),
        }
    }

    #[inline(never)]
    fn enter(&mut self, cx: &mut Context<'_>, state: StateGuard<'a>) -> Poll<Result<Range<u64>, WriteError>> {
        let bytes = self.bytes.take().expect(POLLED_AFTER_COMPLETION);
        let len = bytes.len();
        let (state, bytes) = match accept_first(self.port, Via::Poll, state, bytes) {
            Ok(range) => return Poll::Ready(Ok(range)),
            Err(refused) => refused,
        };
        self.bytes = Some(bytes);
        let admitted = ready!(self.turn.enter(self.port, cx, state, |state| state.room_of(len)));
        self.conclude(admitted)
    }

    #[inline(never)]
    fn poll_in_line(&mut self, cx: &mut Context<'_>) -> Poll<Result<Range<u64>, WriteError>> {
        let admitted = ready!(self.turn.poll_in_line(self.port.core(), cx));
        self.conclude(admitted)
    }

    fn conclude(&mut self, admitted: Result<StateGuard<'a>, Never>) -> Poll<Result<Range<u64>, WriteError>> {
        let bytes = self.bytes.take().expect(POLLED_AFTER_COMPLETION);
        Poll::Ready(match admitted {
            Ok(state) => {
                let range = accept(self.port, Via::Poll, state, bytes);
                self.turn.pass_on(self.port.core());
                Ok(range)
            }
            Err(never) => Err(WriteError::new(bytes, never)),
        })
    }
}

impl<P: Port> Drop for Submission<'_, P> {
    fn drop(&mut self) {
        self.turn.leave(self.port.core());
    }
}

/// Future of [`WriteHandoff::write`](crate::WriteHandoff::write).
///
/// # Panics
///
/// When it is polled after it has completed.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Write<'a, P: Port>(Submission<'a, P>);

impl<'a, P: Port> Write<'a, P> {
    pub(crate) fn new(port: &'a P, bytes: Bytes) -> Self {
        Self(Submission::new(port, bytes))
    }
}

impl<P: Port> Future for Write<'_, P> {
    type Output = Result<WriteTicket, WriteError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let submission = &mut self.get_mut().0;
        submission.poll(cx).map_ok(|range| ticket(submission.port, range))
    }
}

/// Future of [`WriteHandoff::write_fire_and_forget`](crate::WriteHandoff::write_fire_and_forget).
///
/// # Panics
///
/// When it is polled after it has completed.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WriteFireAndForget<'a, P: Port>(Submission<'a, P>);

impl<'a, P: Port> WriteFireAndForget<'a, P> {
    pub(crate) fn new(port: &'a P, bytes: Bytes) -> Self {
        Self(Submission::new(port, bytes))
    }
}

impl<P: Port> Future for WriteFireAndForget<'_, P> {
    type Output = Result<(), WriteError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().0.poll(cx).map_ok(drop)
    }
}

/// Future of [`WriteHandoff::write_all`](crate::WriteHandoff::write_all).
///
/// # Panics
///
/// When it is polled after it has completed.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WriteAll<'a, P: Port, B> {
    port: &'a P,
    parts: Option<B>,
    turn: Turn,
}

impl<'a, P: Port, B: AsMut<[Bytes]>> WriteAll<'a, P, B> {
    pub(crate) fn new(port: &'a P, parts: B) -> Self {
        Self { port, parts: Some(parts), turn: Turn::default() }
    }
}

impl<P: Port, B: AsMut<[Bytes]> + Unpin> Future for WriteAll<'_, P, B> {
    type Output = Result<WriteTicket, WriteError<B>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        // Looked at before the lock is taken: this is user code.
        let slice = this.parts.as_mut().expect(POLLED_AFTER_COMPLETION).as_mut();
        let room = room_of_parts(slice);
        // What waits in line is the room for the parts that there were then.
        if this.turn.room().is_some_and(|asked| asked.bytes < room.bytes || asked.items < room.items) {
            this.turn.leave(this.port.core());
        }
        let accepted = ready!(this.turn.poll(this.port, cx, |_| room))
            .map(|state| accept_all(this.port, Via::Poll, state, slice));
        this.turn.pass_on(this.port.core());
        let parts = this.parts.take().expect(POLLED_AFTER_COMPLETION);
        Poll::Ready(match accepted {
            Ok(range) => Ok(ticket(this.port, range)),
            Err(never) => Err(WriteError::new(parts, never)),
        })
    }
}

impl<P: Port, B> Drop for WriteAll<'_, P, B> {
    fn drop(&mut self) {
        self.turn.leave(self.port.core());
    }
}

/// Future of [`WriteHandoff::reserve`](crate::WriteHandoff::reserve).
///
/// # Panics
///
/// When it is polled after it has completed.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Reserve<'a, P: Port> {
    port: &'a P,
    bytes: usize,
    turn: Turn,
    done: bool,
}

impl<'a, P: Port> Reserve<'a, P> {
    pub(crate) fn new(port: &'a P, bytes: usize) -> Self {
        Self { port, bytes, turn: Turn::default(), done: false }
    }
}

impl<'a, P: Port> Future for Reserve<'a, P> {
    type Output = Result<Permit<'a, P>, PermitError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { port, bytes, turn, done } = self.get_mut();
        assert!(!*done, "{POLLED_AFTER_COMPLETION}");
        let room = Room { bytes: *bytes, items: 1 };
        let admitted = ready!(turn.poll(*port, cx, |_| room));
        *done = true;
        Poll::Ready(match admitted {
            Ok(mut state) => {
                state.budget.spend(0);
                Ok(Permit::new(*port, state, room))
            }
            Err(never) => Err(PermitError::new(never.into())),
        })
    }
}

impl<P: Port> Drop for Reserve<'_, P> {
    fn drop(&mut self) {
        self.turn.leave(self.port.core());
    }
}

/// Names a future, never what it carries.
macro_rules! debug_waiting {
    ($name:ident $(, $param:ident)?) => {
        impl<P: Port $(, $param)?> fmt::Debug for $name<'_, P $(, $param)?> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

debug_waiting!(Write);
debug_waiting!(WriteFireAndForget);
debug_waiting!(WriteAll, B);
debug_waiting!(Reserve);
