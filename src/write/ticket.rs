//! Tickets: positions in the stream that can be waited for.

use super::{
    contain::contain, core::SharedCore, error::CloseReason, flush::FlushTurn, outcome::TicketError,
    port::wait_until, state::State,
};
use crate::{error::POLLED_AFTER_COMPLETION, sync::Ordering};
use std::{
    fmt,
    future::Future,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Tells when an accepted write has been written, and what became of it if it was not.
///
/// A ticket is a future that completes once the writer has taken all bytes of the write. It holds two positions and the
/// stream's counters, not the writer: it is `Send` and `Sync` whatever the writer is, it allocates nothing, and
/// dropping it costs nothing and changes nothing, the write goes on. It may be polled again after it has completed and
/// then gives the same answer.
///
/// `Ok` means that the writer took the bytes, in order, after all that was accepted before. Whether it has passed them on
/// is another question: see [`flushed`](Self::flushed).
///
/// # Cancel safety
///
/// Dropping it while it waits, or polling it by `&mut`, loses nothing.
///
/// # Examples
///
/// ```
/// use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};
/// use futures_util::{future::join, io::Cursor};
///
/// let (handoff, task) = WriteHandoff::new(Cursor::new(Vec::new()), WriteHandoffConfig::default());
/// let producer = async move {
///     let ticket = handoff.write(Bytes::from_static(b"hello")).await.unwrap();
///     assert!(ticket.try_result().is_none());
///     ticket.await.unwrap();
/// };
/// let (writer, ()) = futures_executor::block_on(join(task, producer));
/// assert_eq!(writer.unwrap().into_inner(), b"hello");
/// ```
pub struct WriteTicket {
    core: SharedCore,
    range: Range<u64>,
    /// 0 while it is not in the list of waiters.
    id: u64,
}

impl WriteTicket {
    pub(crate) fn new(core: SharedCore, range: Range<u64>) -> Self {
        Self { core, range, id: 0 }
    }

    /// The bytes of the stream that this ticket is for, counted from the first byte that the handoff accepted. Empty for a
    /// barrier.
    pub fn positions(&self) -> Range<u64> {
        self.range.clone()
    }

    /// The answer, if there is one yet. Never waits.
    ///
    /// # Errors
    ///
    /// [`TicketError`] once the stream has ended with bytes of this write unwritten.
    pub fn try_result(&self) -> Option<Result<(), TicketError>> {
        if self.is_written() {
            return Some(Ok(()));
        }
        let state = self.core.lock();
        let reason = state.end.clone()?;
        if state.written >= self.range.end {
            return Some(Ok(()));
        }
        let Range { start, end } = self.range;
        let written = state.written.clamp(start, end);
        let doubtful = (state.written + state.in_doubt).clamp(written, end);
        Some(Err(TicketError {
            reason,
            len: end - start,
            written: written - start,
            in_doubt: doubtful - written,
        }))
    }

    /// Waits for the answer: the ticket itself, for code that reads better with a verb.
    ///
    /// # Errors
    ///
    /// [`TicketError`] once the stream has ended with bytes of this write unwritten.
    pub async fn wait(self) -> Result<(), TicketError> {
        self.await
    }

    /// Waits until the writer has confirmed a flush of these bytes, and asks for one if nobody has.
    ///
    /// # Errors
    ///
    /// Why the stream ended, if it did before such a flush.
    ///
    /// # Cancel safety
    ///
    /// A flush that nobody waits for any more holds up nobody.
    pub fn flushed(&self) -> Flushed {
        Flushed { core: self.core.clone(), position: self.range.end, turn: FlushTurn::default(), done: false }
    }

    fn is_written(&self) -> bool {
        self.core.written.load(Ordering::Acquire) >= self.range.end
    }
}

impl Future for WriteTicket {
    type Output = Result<(), TicketError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.is_written() {
            // The party that wrote it takes the ticket off the list, in this section or one of the next.
            this.id = 0;
            return Poll::Ready(Ok(()));
        }
        let end = this.range.end;
        let answer = |state: &State| (state.end.is_some() || state.written >= end).then_some(());
        if this.id == 0 {
            let waker = cx.waker().clone();
            let mut state = this.core.lock();
            if answer(&state).is_none() {
                this.id = state.new_id();
                state.budget.waited();
                let replaced = state.tickets.put((end, this.id), (), Some(waker));
                debug_assert!(replaced.is_none(), "the number is new");
                return Poll::Pending;
            }
            drop(state);
        } else {
            let key = (end, this.id);
            let waiting = wait_until(&this.core, cx, (key, ()), |state| &mut state.tickets, answer);
            drop(ready!(waiting));
        }
        match this.try_result() {
            Some(result) => Poll::Ready(result),
            None => Poll::Pending,
        }
    }
}

impl Drop for WriteTicket {
    #[inline]
    fn drop(&mut self) {
        if self.id != 0 {
            self.leave();
        }
    }
}

impl WriteTicket {
    fn leave(&self) {
        if !self.is_written() {
            let waker = self.core.lock().tickets.remove((self.range.end, self.id));
            contain(|| drop(waker));
        }
    }
}

impl fmt::Debug for WriteTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteTicket")
            .field("positions", &self.range)
            .field("written", &self.is_written())
            .finish()
    }
}

/// Future of [`WriteTicket::flushed`].
///
/// # Panics
///
/// When it is polled after it has completed.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Flushed {
    core: SharedCore,
    position: u64,
    turn: FlushTurn,
    done: bool,
}

impl Future for Flushed {
    type Output = Result<(), CloseReason>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { core, position, turn, done } = self.get_mut();
        assert!(!*done, "{POLLED_AFTER_COMPLETION}");
        let result = ready!(turn.poll(core, cx, Some(*position)));
        *done = true;
        Poll::Ready(result)
    }
}

impl Drop for Flushed {
    fn drop(&mut self) {
        self.turn.leave(&self.core);
    }
}

impl fmt::Debug for Flushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flushed").field("position", &self.position).finish_non_exhaustive()
    }
}
