//! The poll methods that two forms of a handle share: the `Sink` and the `AsyncWrite`.

use super::{
    drive::{send_locked, send_now},
    error::CloseReason,
    flush::FlushWaiter,
    lifecycle::EndWaiter,
    queue::Chunk,
    room::enter_line,
    shared::Shared,
    state::{State, Via, Want},
    stream::{Waiting, WakeList, wait_until},
};
use crate::{contain::contain, sync::Arc};
use futures_io::AsyncWrite;
use std::{
    mem,
    task::{Context, Poll, ready},
};

/// A handle in the form of poll methods.
///
/// It reserves no room. An item that finds no room waits in line and is accepted there, even if the
/// adapter is no longer polled: the future that polled it may be gone.
pub(super) struct Adapter<W> {
    pub(super) shared: Arc<Shared<W>>,
    /// Its place in the line for room: its number, and what it waits for.
    place: Option<(u64, Want)>,
    /// It had its turn and has not used it.
    ready: bool,
    flush: FlushWaiter,
    end: EndWaiter,
    pub(super) stage: Stage,
}

/// How far an adapter is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It counts as a handle.
    Open,
    /// It was not the last handle. Its bytes are being flushed.
    Flushing,
    /// It was the last handle. The stream is being closed.
    Closing,
    Closed,
}

impl<W> Adapter<W> {
    pub(super) fn new(shared: &Arc<Shared<W>>) -> Self {
        shared.stream.add_handle();
        Self {
            shared: Arc::clone(shared),
            place: None,
            ready: false,
            flush: FlushWaiter::default(),
            end: EndWaiter::default(),
            stage: Stage::Open,
        }
    }

    /// Why the adapter takes no more writes; `None` while it does.
    pub(super) fn closed(&self, state: &State) -> Option<CloseReason> {
        if self.stage == Stage::Open { state.closed() } else { Some(CloseReason::Closed) }
    }

    /// Uses up its turn. Drops a flush that was given up, which would not cover the new bytes.
    pub(super) fn take_turn(&mut self) -> bool {
        self.flush.leave(&self.shared.stream);
        mem::take(&mut self.ready)
    }

    /// Puts an item that was not accepted at once into the line. Returns it if the stream is
    /// closed.
    pub(super) fn defer(&mut self, item: Chunk) -> Result<(), (Chunk, CloseReason)> {
        let stream = &self.shared.stream;
        let mut state = stream.lock();
        if let Some(reason) = state.closed() {
            drop(state);
            return Err((item, reason));
        }
        let want = Want::Item(item.as_slice().len());
        self.place = Some((state.defer(item), want));
        // There may be room for it by now.
        stream.notify(state, &mut WakeList::new(stream));
        Ok(())
    }

    /// Stops waiting for a turn. An item stays in line.
    fn leave_line(&mut self) {
        let Some((id, Want::Turn)) = self.place else { return };
        self.place = None;
        let stream = &self.shared.stream;
        let mut state = stream.lock();
        let waker = state.line.remove(id);
        stream.notify(state, &mut WakeList::new(stream));
        contain(|| drop(waker));
    }
}

impl<W: AsyncWrite + Unpin> Adapter<W> {
    /// Waits until its item is accepted, or its turn has come.
    fn poll_place(&mut self, cx: &Context<'_>) -> Poll<()> {
        let Some((id, want)) = self.place else { return Poll::Ready(()) };
        let gone = |state: &State| (!state.line.contains(id)).then_some(());
        let waiting = wait_until(&self.shared.stream, cx, (id, want), |state| &mut state.line, gone);
        drop(ready!(waiting));
        self.place = None;
        self.ready = want == Want::Turn;
        Poll::Ready(())
    }

    /// Waits until it may submit something: there is some room, or its turn has come.
    pub(super) fn poll_turn(&mut self, cx: &Context<'_>) -> Poll<Result<(), CloseReason>> {
        ready!(self.poll_place(cx));
        let stream = &self.shared.stream;
        let mut state = stream.lock();
        if state.budget.must_yield(cx) {
            return stream.yield_now(state, cx);
        }
        let check = |state: &State| match self.closed(state) {
            Some(reason) => Some(Err(reason)),
            None if self.ready || (state.line.is_empty() && state.has_some_room()) => Some(Ok(())),
            None => None,
        };
        let answer = match check(&state) {
            Some(answer) => Ok((state, answer)),
            None => enter_line(&self.shared, cx, state, check, |_| Want::Turn),
        };
        let Ok((state, answer)) = answer.map_err(|place| self.place = Some(place)) else {
            return Poll::Pending;
        };
        drop(state);
        self.ready = answer.is_ok();
        Poll::Ready(answer)
    }

    /// Waits until all that it has submitted is written and flushed.
    pub(super) fn poll_flush(&mut self, cx: &Context<'_>) -> Poll<Result<(), CloseReason>> {
        self.leave_line();
        ready!(self.poll_place(cx));
        self.poll_flushed(cx)
    }

    fn poll_flushed(&mut self, cx: &Context<'_>) -> Poll<Result<(), CloseReason>> {
        let Self { shared, flush, .. } = self;
        flush.poll(&shared.stream, cx, None, |state| send_locked(shared, state, Via::Poll))
    }

    /// Gives up the handle and waits until its bytes are flushed. If it was the last handle, waits
    /// until the stream has ended.
    pub(super) fn poll_close(&mut self, cx: &Context<'_>) -> Poll<Result<(), CloseReason>> {
        if self.stage == Stage::Open {
            self.leave_line();
            ready!(self.poll_place(cx));
            self.flush.leave(&self.shared.stream);
            self.stage = Stage::Flushing;
            if self.shared.stream.drop_handle() {
                self.stage = Stage::Closing;
                send_now(&self.shared, Via::Poll);
            }
        }
        let result = match self.stage {
            Stage::Flushing => ready!(self.poll_flushed(cx)),
            Stage::Closing => ready!(self.end.poll(&self.shared.stream, cx)),
            Stage::Open | Stage::Closed => Ok(()),
        };
        self.stage = Stage::Closed;
        Poll::Ready(result)
    }
}

impl<W> Clone for Adapter<W> {
    /// Makes another handle, which waits for nothing. The clone of a closed adapter is closed.
    fn clone(&self) -> Self {
        let mut clone = Self::new(&self.shared);
        if self.stage != Stage::Open {
            clone.stage = Stage::Closed;
            clone.shared.stream.drop_handle();
        }
        clone
    }
}

impl<W> Drop for Adapter<W> {
    fn drop(&mut self) {
        self.leave_line();
        let stream = &self.shared.stream;
        if let Some((id, want)) = self.place {
            // The item stays in line, without a waker.
            let mut state = stream.lock();
            let waker = if state.line.contains(id) { state.line.put(id, want, None) } else { None };
            drop(state);
            contain(|| drop(waker));
        }
        self.flush.leave(stream);
        self.end.leave(stream);
        if self.stage == Stage::Open {
            stream.drop_handle();
        }
    }
}
