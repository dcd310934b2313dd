//! Writing straight out of a read buffer.

use super::{
    borrowed::Borrowed,
    core::StateGuard,
    error::{Never, PermitError, WriteError, WritePrefixError},
    permit::send_reserved,
    phase::{Phase, Via},
    port::{Port, Turn, go_on, ticket, try_admit, yield_now},
    state::State,
    ticket::WriteTicket,
};
use crate::{HandoffBuffer, WriteHandoff, WriteSender, error::POLLED_AFTER_COMPLETION};
use futures_io::AsyncWrite;
use std::{
    fmt,
    future::Future,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// The longest prefix that is copied because it has to wait. To own it would part the buffer from its block, and
/// getting another costs more than copying this much.
pub(super) const COPY_MAX: usize = 4 * 1024;

/// A prefix on its way in, for both futures.
struct Submission<'a, P: Port> {
    port: &'a P,
    /// `None` once it has completed.
    buffer: Option<&'a mut HandoffBuffer>,
    n: usize,
    turn: Turn,
}

impl<'a, P: Port> Submission<'a, P> {
    fn new(port: &'a P, buffer: &'a mut HandoffBuffer, n: usize) -> Self {
        Self { port, buffer: Some(buffer), n, turn: Turn::default() }
    }

    #[inline]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Range<u64>, WritePrefixError>> {
        let buffer = self.buffer.take().expect(POLLED_AFTER_COMPLETION);
        let polled = self.poll_with(cx, buffer);
        if polled.is_pending() {
            self.buffer = Some(buffer);
        }
        polled
    }

    #[inline]
    fn poll_with(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut HandoffBuffer,
    ) -> Poll<Result<Range<u64>, WritePrefixError>> {
        check(buffer, self.n)?;
        if self.turn.is_waiting() {
            return self.poll_in_line(cx, buffer);
        }
        let mut state = self.port.core().lock();
        if state.budget.must_yield(cx) {
            return yield_now(state, cx);
        }
        match join_prefix(self.port, &mut state, buffer, self.n) {
            Some(range) => Poll::Ready(Ok(range)),
            None => self.enter(cx, state, buffer),
        }
    }

    #[inline(never)]
    fn enter(
        &mut self,
        cx: &mut Context<'_>,
        state: StateGuard<'a>,
        buffer: &mut HandoffBuffer,
    ) -> Poll<Result<Range<u64>, WritePrefixError>> {
        let n = self.n;
        match accept_first(self.port, Via::Poll, state, buffer, n) {
            Ok(range) => Poll::Ready(Ok(range)),
            Err(state) => {
                let admitted = ready!(self.turn.enter(self.port, cx, state, |state| state.room_of(n)));
                Poll::Ready(self.conclude(admitted, buffer))
            }
        }
    }

    #[inline(never)]
    fn poll_in_line(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut HandoffBuffer,
    ) -> Poll<Result<Range<u64>, WritePrefixError>> {
        let admitted = ready!(self.turn.poll_in_line(self.port.core(), cx));
        Poll::Ready(self.conclude(admitted, buffer))
    }

    fn conclude(
        &mut self,
        admitted: Result<StateGuard<'a>, Never>,
        buffer: &mut HandoffBuffer,
    ) -> Result<Range<u64>, WritePrefixError> {
        let state = admitted.map_err(|never| WritePrefixError::Refused(PermitError::new(never.into())))?;
        let range = accept_prefix(self.port, Via::Poll, state, buffer, self.n);
        self.turn.pass_on(self.port.core());
        range
    }
}

impl<P: Port> Drop for Submission<'_, P> {
    fn drop(&mut self) {
        self.turn.leave(self.port.core());
    }
}

/// Future of [`WriteHandoff::write_prefix`].
///
/// # Panics
///
/// When it is polled after it has completed.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WritePrefix<'a, P: Port>(Submission<'a, P>);

impl<P: Port> Future for WritePrefix<'_, P> {
    type Output = Result<WriteTicket, WritePrefixError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let submission = &mut self.get_mut().0;
        submission.poll(cx).map_ok(|range| ticket(submission.port, range))
    }
}

/// Future of [`WriteHandoff::write_prefix_fire_and_forget`].
///
/// # Panics
///
/// When it is polled after it has completed.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WritePrefixFireAndForget<'a, P: Port>(Submission<'a, P>);

impl<P: Port> Future for WritePrefixFireAndForget<'_, P> {
    type Output = Result<(), WritePrefixError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().0.poll(cx).map_ok(drop)
    }
}

/// Names a future, and how much it is to submit.
macro_rules! debug_prefix {
    ($name:ident) => {
        impl<P: Port> fmt::Debug for $name<'_, P> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("n", &self.0.n).finish_non_exhaustive()
            }
        }
    };
}

debug_prefix!(WritePrefix);
debug_prefix!(WritePrefixFireAndForget);

impl<W: AsyncWrite + Unpin> WriteHandoff<W> {
    /// Submits the first `n` bytes of `buffer` if there is room for them now.
    ///
    /// See [`write_prefix`](Self::write_prefix).
    ///
    /// # Errors
    ///
    /// [`WritePrefixError`]; the buffer is unchanged.
    pub fn try_write_prefix(
        &self,
        buffer: &mut HandoffBuffer,
        n: usize,
    ) -> Result<WriteTicket, WritePrefixError> {
        try_submit_prefix(self, buffer, n).map(|range| ticket(self, range))
    }

    /// As [`try_write_prefix`](Self::try_write_prefix), without a ticket.
    ///
    /// # Errors
    ///
    /// [`WritePrefixError`]; the buffer is unchanged.
    pub fn try_write_prefix_fire_and_forget(
        &self,
        buffer: &mut HandoffBuffer,
        n: usize,
    ) -> Result<(), WritePrefixError> {
        try_submit_prefix(self, buffer, n).map(drop)
    }

    /// Submits the first `n` bytes of `buffer`, waiting for room for all of them if need be.
    ///
    /// A short prefix is copied, once. A longer one is offered to the writer where it lies in the buffer, if with what is held
    /// it makes three quarters of [`send_at`](crate::WriteHandoffConfig::with_send_at) or more; only what has to wait is
    /// copied, up to 4 KiB, or becomes owned. So bytes that the writer takes right away are neither copied nor allocated for.
    ///
    /// # Errors
    ///
    /// [`WritePrefixError`] when the buffer holds fewer bytes, when they are more than the byte budget, and when the stream
    /// takes no more writes; the buffer is unchanged.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it has accepted nothing and the buffer is unchanged.
    pub fn write_prefix<'a>(&'a self, buffer: &'a mut HandoffBuffer, n: usize) -> WritePrefix<'a, Self> {
        WritePrefix(Submission::new(self, buffer, n))
    }

    /// As [`write_prefix`](Self::write_prefix), without a ticket, which saves counting a reference to the stream. What becomes
    /// of the bytes shows in [`flush`](Self::flush), [`close`](Self::close) or a later ticket.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{HandoffBuffer, WriteHandoff, WriteHandoffConfig};
    ///
    /// # futures_executor::block_on(async {
    /// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let mut buffer = HandoffBuffer::new(64)?;
    /// buffer.read_available(&mut &b"one\ntwo"[..]).await?;
    /// handoff.write_prefix_fire_and_forget(&mut buffer, 4).await?;
    /// assert_eq!(buffer.peek(), b"two");
    /// drop(handoff);
    /// assert_eq!(task.await?, b"one\n");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn write_prefix_fire_and_forget<'a>(
        &'a self,
        buffer: &'a mut HandoffBuffer,
        n: usize,
    ) -> WritePrefixFireAndForget<'a, Self> {
        WritePrefixFireAndForget(Submission::new(self, buffer, n))
    }
}

impl<W: AsyncWrite + Unpin> WriteHandoff<W> {
    /// Submits all that `buffer` holds, in as many pieces as the byte budget asks for, and waits for room where there is none. For an
    /// empty buffer the ticket is a barrier; otherwise it is that of the last piece.
    ///
    /// [`write_prefix`](Self::write_prefix) of a whole buffer fails where the buffer holds more than the byte budget, which depends on
    /// how fast bytes arrive. This does not. Pieces of other producers may come between those of this one.
    ///
    /// # Errors
    ///
    /// [`WritePrefixError`] when the stream takes no more writes. What was not submitted is still in the buffer.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it has submitted what is no longer in the buffer. Call it again to go on.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{HandoffBuffer, WriteHandoff, WriteHandoffConfig};
    /// use futures_util::future::join;
    ///
    /// # futures_executor::block_on(async {
    /// let config = WriteHandoffConfig::new(4, 1000)?;
    /// let (handoff, task) = WriteHandoff::new(Vec::new(), config);
    /// let mut buffer = HandoffBuffer::new(4096)?;
    /// buffer.read_available(&mut &[b'x'; 4096][..]).await?;
    /// let relay = async move { Ok::<_, std::io::Error>(handoff.write_all_buf(&mut buffer).await?.await?) };
    /// let (written, relayed) = join(task, relay).await;
    /// relayed?;
    /// assert_eq!(written?.len(), 4096);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn write_all_buf(&self, buffer: &mut HandoffBuffer) -> Result<WriteTicket, WritePrefixError> {
        // Two pieces fit, so that one can be written while the next one is accepted.
        let piece = self.config().max_pending_bytes().div_ceil(2);
        while buffer.len() > piece {
            self.write_prefix_fire_and_forget(buffer, piece).await?;
        }
        self.write_prefix(buffer, buffer.len()).await
    }
}

impl WriteSender {
    /// As [`WriteHandoff::write_prefix`], but the prefix is always owned or copied.
    pub fn write_prefix<'a>(&'a self, buffer: &'a mut HandoffBuffer, n: usize) -> WritePrefix<'a, Self> {
        WritePrefix(Submission::new(self, buffer, n))
    }

    /// As [`WriteHandoff::write_prefix_fire_and_forget`], but the prefix is always owned or copied.
    pub fn write_prefix_fire_and_forget<'a>(
        &'a self,
        buffer: &'a mut HandoffBuffer,
        n: usize,
    ) -> WritePrefixFireAndForget<'a, Self> {
        WritePrefixFireAndForget(Submission::new(self, buffer, n))
    }

    /// As [`WriteHandoff::try_write_prefix`].
    ///
    /// # Errors
    ///
    /// [`WritePrefixError`]; the buffer is unchanged.
    pub fn try_write_prefix(
        &self,
        buffer: &mut HandoffBuffer,
        n: usize,
    ) -> Result<WriteTicket, WritePrefixError> {
        try_submit_prefix(self, buffer, n).map(|range| ticket(self, range))
    }

    /// As [`WriteHandoff::try_write_prefix_fire_and_forget`].
    ///
    /// # Errors
    ///
    /// [`WritePrefixError`]; the buffer is unchanged.
    pub fn try_write_prefix_fire_and_forget(
        &self,
        buffer: &mut HandoffBuffer,
        n: usize,
    ) -> Result<(), WritePrefixError> {
        try_submit_prefix(self, buffer, n).map(drop)
    }
}

fn try_submit_prefix<P: Port>(
    port: &P,
    buffer: &mut HandoffBuffer,
    n: usize,
) -> Result<Range<u64>, WritePrefixError> {
    check(buffer, n)?;
    let mut state = port.core().lock();
    if let Some(range) = join_prefix(port, &mut state, buffer, n) {
        return Ok(range);
    }
    let state = match accept_first(port, Via::Call, state, buffer, n) {
        Ok(range) => return Ok(range),
        Err(state) => state,
    };
    match try_admit(port, state, |state| state.room_of(n)) {
        Ok(state) => accept_prefix(port, Via::Call, state, buffer, n),
        Err(refusal) => Err(WritePrefixError::Refused(PermitError::new(refusal))),
    }
}

fn check(buffer: &HandoffBuffer, requested: usize) -> Result<(), WritePrefixError> {
    if requested > buffer.len() { Err(out_of_bounds(requested, buffer.len())) } else { Ok(()) }
}

fn out_of_bounds(requested: usize, available: usize) -> WritePrefixError {
    WritePrefixError::OutOfBounds { requested, available }
}

/// Accepts the first `n` bytes of `buffer`, which holds at least as many, where copying them is all there is to do.
#[inline]
fn join_prefix<P: Port>(
    port: &P,
    state: &mut StateGuard<'_>,
    buffer: &mut HandoffBuffer,
    n: usize,
) -> Option<Range<u64>> {
    copy_prefix(state, buffer, n, |state, bytes| state.join(bytes, || port.core().is_batching()))
}

/// Accepts a prefix with nothing before it: one that is enough to be sent goes past the queue from where it lies, one that
/// its producer holds is copied. Otherwise nothing happens, and the guard comes back.
fn accept_first<'a, P: Port>(
    port: &'a P,
    via: Via,
    mut state: StateGuard<'a>,
    buffer: &mut HandoffBuffer,
    n: usize,
) -> Result<Range<u64>, StateGuard<'a>> {
    let counts_for = counts_for(&state, n);
    if let Some(range) = state.express(n, counts_for, || port.caller(via)) {
        port.drive(state, Borrowed::prefix(buffer, n));
        return Ok(range);
    }
    copy_prefix(&mut state, buffer, n, |state, bytes| state.hold(bytes, || port.core().is_batching()))
        .ok_or(state)
}

/// Takes the first `n` bytes out of `buffer` if they may be copied and `accept` does so.
#[inline]
fn copy_prefix(
    state: &mut State,
    buffer: &mut HandoffBuffer,
    n: usize,
    accept: impl FnOnce(&mut State, &[u8]) -> Option<Range<u64>>,
) -> Option<Range<u64>> {
    if n > COPY_MAX && !state.copies(n) {
        return None;
    }
    let range = accept(state, &buffer.peek()[..n])?;
    let copied = buffer.advance(n);
    debug_assert!(copied.is_ok(), "within the buffer");
    Some(range)
}

/// What a prefix counts for when it is asked whether it is enough to be sent.
#[inline]
fn counts_for(state: &StateGuard<'_>, n: usize) -> usize {
    if n > COPY_MAX { state.borrowed_len(n) } else { n }
}

/// Accepts the first `n` bytes of `buffer` in a section that has admitted them: copied where they are few, offered to the
/// writer where they are, and owned only if they have to wait.
fn accept_prefix<'a, P: Port>(
    port: &'a P,
    via: Via,
    mut state: StateGuard<'a>,
    buffer: &mut HandoffBuffer,
    n: usize,
) -> Result<Range<u64>, WritePrefixError> {
    let caller = port.caller(via);
    let sends = state.sends(&caller, counts_for(&state, n));
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
    // It has to be owned to wait. That may allocate and copy, which is not done under the lock: the room is reserved meanwhile.
    let room = state.room_of(n);
    state.reserve(room);
    drop(state);
    let bytes = buffer.split_front(n);
    send_reserved(port, via, Some(room), bytes).map_err(|refused| put_back(buffer, refused))
}

/// The stream was closed while the prefix was being taken out: it goes back to where it was.
#[cold]
fn put_back(buffer: &mut HandoffBuffer, refused: WriteError) -> WritePrefixError {
    let error = match &refused {
        WriteError::Closed { reason, .. } => PermitError::Closed(reason.clone()),
        WriteError::TooLarge { len, limit, .. } => PermitError::TooLarge { requested: *len, limit: *limit },
    };
    buffer.put_back(refused.into_bytes());
    WritePrefixError::Refused(error)
}
