//! What the two adapters of a handle have in common: how they wait and how they are closed.

use super::{
    contain::contain,
    drive::Side,
    ends::EndTurn,
    error::CloseReason,
    flush::FlushTurn,
    handoff::WriteHandoff,
    phase::Via,
    port::{Port, go_on, hurry, wait_until, yield_now},
    queue::Chunk,
    state::{State, Want},
    wakes::Wakes,
};
use crate::sync::Arc;
use futures_io::AsyncWrite;
use std::task::{Context, Poll, ready};

/// A handle that is polled.
///
/// Nothing that it waits for is reserved for it, and an item that it could not hand over at once is accepted in its turn without
/// it: the future that polled it may be gone.
pub(crate) struct Adapter<W> {
    side: Arc<Side<W>>,
    place: Option<Place>,
    /// It had a turn that it has not used.
    ready: bool,
    flush: FlushTurn,
    end: EndTurn,
    closing: Closing,
}

/// A place in the line for room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    id: u64,
    want: Want,
}

/// How far an adapter is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// It counts as a handle.
    No,
    /// It was not the last handle: what it has handed over is being flushed.
    Flush,
    /// It was the last handle: the stream is being closed.
    Stream,
    Done,
}

impl<W> Adapter<W> {
    pub(crate) fn new(handoff: &WriteHandoff<W>) -> Self {
        Self::over(Arc::clone(&handoff.side))
    }

    fn over(side: Arc<Side<W>>) -> Self {
        side.core.add_handle();
        Self {
            side,
            place: None,
            ready: false,
            flush: FlushTurn::default(),
            end: EndTurn::default(),
            closing: Closing::No,
        }
    }

    pub(crate) fn side(&self) -> &Arc<Side<W>> {
        &self.side
    }

    /// Why nothing more is accepted from it, once that is so.
    pub(crate) fn closed(&self, state: &State) -> Option<CloseReason> {
        if self.closing == Closing::No { state.closed() } else { Some(CloseReason::Closed) }
    }

    /// Whether it had its turn, which this uses up.
    pub(crate) fn take_turn(&mut self) -> bool {
        std::mem::take(&mut self.ready)
    }

    /// Puts an item into the line that was not accepted at once. It comes back if the stream has been closed.
    pub(crate) fn defer(&mut self, item: Chunk) -> Result<(), (Chunk, CloseReason)> {
        let core = &self.side.core;
        let mut state = core.lock();
        if let Some(reason) = state.closed() {
            drop(state);
            return Err((item, reason));
        }
        let want = Want::Item(item.as_slice().len());
        let id = state.defer(item);
        self.place = Some(Place { id, want });
        // There may be room for it by now.
        core.tell(state, &mut Wakes::new(core));
        Ok(())
    }

    /// Gives up waiting for a turn. An item stays in the line.
    fn leave_line(&mut self) {
        let Some(Place { id, want: Want::Turn }) = self.place else { return };
        self.place = None;
        let core = &self.side.core;
        let mut state = core.lock();
        let waker = state.rooms.remove(id);
        core.tell(state, &mut Wakes::new(core));
        contain(|| drop(waker));
    }
}

impl<W: AsyncWrite + Unpin> Adapter<W> {
    /// Waits until its item has been accepted, or its turn has come.
    fn poll_place(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(Place { id, want }) = self.place else { return Poll::Ready(()) };
        let gone = |state: &State| (!state.rooms.contains(id)).then_some(());
        let (state, ()) = ready!(wait_until(&self.side.core, cx, (id, want), |state| &mut state.rooms, gone));
        drop(state);
        self.place = None;
        self.ready = want == Want::Turn;
        Poll::Ready(())
    }

    /// Waits until something may be handed over: there is some room, or there was when its turn came.
    pub(crate) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        ready!(self.poll_place(cx));
        let side = &self.side;
        let mut hurried = false;
        let mut waker = None;
        loop {
            let mut state = side.core.lock();
            if let Some(reason) = self.closed(&state) {
                drop(state);
                return Poll::Ready(Err(reason));
            }
            if self.ready || (state.rooms.is_empty() && state.has_some_room()) {
                if state.budget.must_yield(cx) {
                    return yield_now(state, cx);
                }
                drop(state);
                self.ready = true;
                return Poll::Ready(Ok(()));
            }
            if !hurried {
                hurried = true;
                let next = state.hurry(&side.caller(Via::Poll));
                go_on(&**side, state, next);
                continue;
            }
            if waker.is_none() {
                drop(state);
                waker = Some(cx.waker().clone());
                continue;
            }
            let id = state.new_id();
            state.budget.waited();
            state.rooms.put(id, Want::Turn, waker);
            drop(state);
            self.place = Some(Place { id, want: Want::Turn });
            return Poll::Pending;
        }
    }

    /// Waits until all that it has handed over is written and flushed.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        self.leave_line();
        ready!(self.poll_place(cx));
        self.flush.poll(&*self.side, cx, None)
    }

    /// A flush that was given up would be resumed by the next one, and does not cover what comes now.
    pub(crate) fn forget_flush(&mut self) {
        self.flush.leave(&self.side.core);
    }

    /// Gives up the handle, and waits until what it has handed over is flushed; until the stream has ended, if it was the last.
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        if self.closing == Closing::No {
            self.leave_line();
            ready!(self.poll_place(cx));
            self.forget_flush();
            self.closing = Closing::Flush;
            if self.side.core.drop_handle() {
                self.closing = Closing::Stream;
                hurry(&*self.side, Via::Poll);
            }
        }
        let result = match self.closing {
            Closing::Flush => ready!(self.flush.poll(&*self.side, cx, None)),
            Closing::Stream => match ready!(self.end.poll(&self.side.core, cx)) {
                CloseReason::Closed => Ok(()),
                reason => Err(reason),
            },
            Closing::No | Closing::Done => Ok(()),
        };
        self.closing = Closing::Done;
        Poll::Ready(result)
    }
}

impl<W> Clone for Adapter<W> {
    /// Another handle, which waits for nothing. That of a closed adapter is closed.
    fn clone(&self) -> Self {
        let mut clone = Self::over(Arc::clone(&self.side));
        if self.closing != Closing::No {
            clone.closing = Closing::Done;
            clone.side.core.drop_handle();
        }
        clone
    }
}

impl<W> Drop for Adapter<W> {
    fn drop(&mut self) {
        self.leave_line();
        let core = &self.side.core;
        if let Some(Place { id, want }) = self.place {
            // The item stays, without a waker.
            let mut state = core.lock();
            let waker = if state.rooms.contains(id) { state.rooms.put(id, want, None) } else { None };
            drop(state);
            contain(|| drop(waker));
        }
        self.flush.leave(core);
        self.end.leave(core);
        if self.closing == Closing::No {
            core.drop_handle();
        }
    }
}
