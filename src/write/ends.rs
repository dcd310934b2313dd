//! How a stream ends, and handles that do not keep it open.

use super::{
    contain::contain,
    core::{Core, SharedCore},
    drive::Side,
    error::CloseReason,
    handoff::WriteHandoff,
    outcome::WriterFailure,
    phase::{Closing, Via},
    port::{Port, hurry, wait_until},
    task::outcome,
    wakes::Wakes,
};
use crate::{
    error::POLLED_AFTER_COMPLETION,
    sync::{Arc, Weak},
};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A place among those who wait for the end.
///
/// Must be [`leave`](Self::leave)d before it is dropped.
#[derive(Debug, Default)]
pub(crate) struct EndTurn {
    /// 0 while not waiting.
    id: u64,
}

impl EndTurn {
    pub(crate) fn poll(&mut self, core: &Core, cx: &mut Context<'_>) -> Poll<CloseReason> {
        if self.id == 0 {
            self.id = core.lock().new_id();
        }
        let wait = wait_until(core, cx, (self.id, ()), |state| &mut state.closers, |state| state.end.clone());
        let (state, reason) = ready!(wait);
        drop(state);
        self.leave(core);
        Poll::Ready(reason)
    }

    pub(crate) fn leave(&mut self, core: &Core) {
        if self.id != 0 {
            let waker = core.lock().closers.remove(self.id);
            self.id = 0;
            contain(|| drop(waker));
        }
    }
}

/// Future of [`WriteHandoff::close`](crate::WriteHandoff::close).
///
/// # Panics
///
/// When it is polled after it has completed.
#[must_use = "closing has begun; how it ends is only known once this has been awaited"]
pub struct Close<'a, P: Port> {
    closed: Closed<'a, P>,
}

impl<'a, P: Port> Close<'a, P> {
    /// Begins to close at once, and does it if this thread may poll the writer.
    pub(crate) fn new(port: &'a P) -> Self {
        let core = port.core();
        let mut wakes = Wakes::new(core);
        let mut state = core.lock();
        state.close(Closing::Close, &mut wakes);
        core.tell(state, &mut wakes);
        hurry(port, Via::Call);
        Self { closed: Closed::new(port) }
    }
}

impl<P: Port> Future for Close<'_, P> {
    type Output = Result<(), CloseReason>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let reason = ready!(Pin::new(&mut self.get_mut().closed).poll(cx));
        Poll::Ready(if reason.is_closed() { Ok(()) } else { Err(reason) })
    }
}

/// Future of [`WriteHandoff::closed`](crate::WriteHandoff::closed).
///
/// # Panics
///
/// When it is polled after it has completed.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Closed<'a, P: Port> {
    port: &'a P,
    turn: EndTurn,
    done: bool,
}

impl<'a, P: Port> Closed<'a, P> {
    pub(crate) fn new(port: &'a P) -> Self {
        Self { port, turn: EndTurn::default(), done: false }
    }
}

impl<P: Port> Future for Closed<'_, P> {
    type Output = CloseReason;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let this = self.get_mut();
        assert!(!this.done, "{POLLED_AFTER_COMPLETION}");
        let reason = ready!(this.turn.poll(this.port.core(), cx));
        this.done = true;
        Poll::Ready(reason)
    }
}

impl<P: Port> Drop for Closed<'_, P> {
    fn drop(&mut self) {
        self.turn.leave(self.port.core());
    }
}

impl<P: Port> fmt::Debug for Close<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Close").finish_non_exhaustive()
    }
}

impl<P: Port> fmt::Debug for Closed<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed").finish_non_exhaustive()
    }
}

/// Future of [`WriteHandoff::into_parts`](crate::WriteHandoff::into_parts).
///
/// # Panics
///
/// When it is polled after it has completed.
#[must_use = "the handoff is closed to writes; the writer is only had once this has been awaited"]
pub struct IntoParts<W> {
    handoff: WriteHandoff<W>,
    turn: EndTurn,
    done: bool,
}

impl<W> IntoParts<W> {
    /// Stops accepting at once.
    pub(crate) fn new(handoff: WriteHandoff<W>) -> Self {
        handoff.core().lock().parts_wanted += 1;
        handoff.core().close(Closing::Detach);
        Self { handoff, turn: EndTurn::default(), done: false }
    }
}

impl<W> Future for IntoParts<W> {
    type Output = Result<W, WriterFailure<W>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { handoff, turn, done } = self.get_mut();
        assert!(!*done, "{POLLED_AFTER_COMPLETION}");
        ready!(turn.poll(handoff.core(), cx));
        *done = true;
        Poll::Ready(outcome(handoff.core(), Some(&handoff.side)))
    }
}

impl<W> Drop for IntoParts<W> {
    fn drop(&mut self) {
        self.turn.leave(self.handoff.core());
        self.handoff.core().lock().parts_wanted -= 1;
    }
}

impl<W> fmt::Debug for IntoParts<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoParts").finish_non_exhaustive()
    }
}

/// Ends a stream without waiting for its writer. Keeps nothing alive: it works, and is of use, after the last handle was
/// dropped, when the task is still trying to write what was left to a peer that takes nothing.
#[derive(Clone)]
pub struct AbortHandle {
    core: Weak<Core>,
}

impl AbortHandle {
    pub(crate) fn new(core: &SharedCore) -> Self {
        Self { core: Arc::downgrade(core) }
    }

    /// Stops the stream after the poll of the writer that is in progress, if any. Tickets, flushes and waiting producers end
    /// with [`CloseReason::Aborted`]; the task completes and gives back the writer, neither flushed nor closed, and
    /// the unwritten bytes. Does nothing to a stream that has ended.
    pub fn abort(&self) {
        if let Some(core) = self.core.upgrade() {
            core.end(CloseReason::Aborted);
        }
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").finish_non_exhaustive()
    }
}

/// A handle that does not keep the stream open, for registries. From
/// [`WriteHandoff::downgrade`](crate::WriteHandoff::downgrade).
pub struct WeakWriteHandoff<W> {
    pub(crate) side: Weak<Side<W>>,
}

impl<W> WeakWriteHandoff<W> {
    /// A handle, unless the last one has been dropped.
    pub fn upgrade(&self) -> Option<WriteHandoff<W>> {
        let side = self.side.upgrade()?;
        side.core.try_add_handle().then(|| WriteHandoff::counted(side))
    }
}

impl<W> Clone for WeakWriteHandoff<W> {
    fn clone(&self) -> Self {
        Self { side: self.side.clone() }
    }
}

impl<W> fmt::Debug for WeakWriteHandoff<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakWriteHandoff").finish_non_exhaustive()
    }
}
