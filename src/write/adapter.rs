//! A handle as a [`Sink`] and as an [`AsyncWrite`].

use super::{
    config::MAX_COPY,
    drive::{carry_out, send_locked, send_now},
    error::{CloseReason, RejectReason, WriteError},
    flush::FlushWaiter,
    lifecycle::EndWaiter,
    payload::{Owned, Payload, Slice},
    queue::Chunk,
    room::enter_line,
    shared::{BoxWriter, Shared},
    state::{State, Via, Want},
    stream::{Waiting, WakeList, wait_until},
    submit::{accept, sends, try_submit},
};
use crate::{contain::contain, sync::Arc};
use bytes::Bytes;
use futures_io::AsyncWrite;
use futures_sink::Sink;
use std::{
    fmt,
    io::{self, IoSlice},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A handle in the form of poll methods.
///
/// It reserves no room. An item that finds no room waits in line and is accepted there, even if the
/// adapter is no longer polled: the future that polled it may be gone.
struct Adapter<W> {
    shared: Arc<Shared<W>>,
    /// Its place in the line for room: its number, and what it waits for.
    place: Option<(u64, Want)>,
    /// It had its turn and has not used it.
    ready: bool,
    flush: FlushWaiter,
    end: EndWaiter,
    stage: Stage,
}

/// How far an adapter is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It counts as a handle.
    Open,
    /// It was not the last handle. Its bytes are being flushed.
    Flushing,
    /// It was the last handle. The stream is being closed.
    Closing,
    Closed,
}

impl<W> Adapter<W> {
    fn new(shared: &Arc<Shared<W>>) -> Self {
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
    fn closed(&self, state: &State) -> Option<CloseReason> {
        if self.stage == Stage::Open { state.closed() } else { Some(CloseReason::Closed) }
    }

    /// Uses up its turn. Drops a flush that was given up, which would not cover the new bytes.
    fn take_turn(&mut self) -> bool {
        self.flush.leave(&self.shared.stream);
        mem::take(&mut self.ready)
    }

    /// Puts an item that was not accepted at once into the line. Returns it if the stream is
    /// closed.
    fn defer(&mut self, item: Chunk) -> Result<(), (Chunk, CloseReason)> {
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
    fn poll_turn(&mut self, cx: &Context<'_>) -> Poll<Result<(), CloseReason>> {
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
    fn poll_flush(&mut self, cx: &Context<'_>) -> Poll<Result<(), CloseReason>> {
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
    fn poll_close(&mut self, cx: &Context<'_>) -> Poll<Result<(), CloseReason>> {
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

/// A [`WriteHandoff`](crate::WriteHandoff) as a [`Sink`] of chunks. Made by
/// [`WriteHandoff::into_sink`](crate::WriteHandoff::into_sink).
///
/// Each clone is a handle of its own. `poll_ready` waits in line for room and reserves none, so a
/// sink that is ready and idle, or whose future was dropped, keeps no room from other producers.
/// The next item may therefore find no room. It then waits in line and is accepted in its turn,
/// whether the sink is polled or not. Then the sink is ready again. So each sink may hold one item
/// beyond the budget, as each sender of a channel of `futures` may.
///
/// `poll_flush` waits until all chunks of the sink are written and flushed. `poll_close` does the
/// same and gives up the handle. If it was the last handle, `poll_close` waits until the stream has
/// ended.
///
/// # Drop
///
/// Chunks that the sink has taken are still written. The handle is given up.
///
/// # Examples
///
/// ```
/// use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};
/// use futures_util::{SinkExt, StreamExt, future::join, stream};
///
/// # futures_executor::block_on(async {
/// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
/// let lines = stream::iter(["one\n", "two\n"]).map(|line| Ok(Bytes::from_static(line.as_bytes())));
/// let (written, sent) = join(task, lines.forward(handoff.into_sink())).await;
/// sent?;
/// assert_eq!(written?, b"one\ntwo\n");
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub struct HandoffSink<W = BoxWriter> {
    adapter: Adapter<W>,
}

impl<W> HandoffSink<W> {
    pub(crate) fn new(shared: &Arc<Shared<W>>) -> Self {
        Self { adapter: Adapter::new(shared) }
    }
}

/// An error without a chunk.
fn no_chunk(reason: CloseReason) -> WriteError {
    WriteError::new(Bytes::new(), reason)
}

impl<W: AsyncWrite + Unpin> Sink<Bytes> for HandoffSink<W> {
    type Error = WriteError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        self.get_mut().adapter.poll_turn(cx).map_err(no_chunk)
    }

    /// # Errors
    ///
    /// [`WriteError`] with the chunk if it is larger than the byte budget, or if the handoff is
    /// closed.
    ///
    /// # Panics
    ///
    /// If no `poll_ready` returned `Ready` before it.
    fn start_send(self: Pin<&mut Self>, bytes: Bytes) -> Result<(), WriteError> {
        let adapter = &mut self.get_mut().adapter;
        assert!(adapter.take_turn(), "`start_send` needs a `poll_ready` that was ready before it");
        if adapter.stage != Stage::Open {
            return Err(WriteError::new(bytes, CloseReason::Closed));
        }
        let mut chunk = Owned(Some(bytes));
        match try_submit(&adapter.shared, &mut chunk) {
            Ok(_) => Ok(()),
            Err(RejectReason::Full { .. }) => {
                // A small chunk may be a slice of a large block.
                let limits = adapter.shared.stream.lock().limits;
                let item = chunk.make_chunk(&limits, &mut Vec::with_capacity);
                adapter.defer(item).map_err(|(item, reason)| WriteError::new(item.into_bytes(), reason))
            }
            Err(reason) => Err(WriteError::new(chunk.own(), reason)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        self.get_mut().adapter.poll_flush(cx).map_err(no_chunk)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        self.get_mut().adapter.poll_close(cx).map_err(no_chunk)
    }
}

impl<W> Clone for HandoffSink<W> {
    fn clone(&self) -> Self {
        Self { adapter: self.adapter.clone() }
    }
}

impl<W> fmt::Debug for HandoffSink<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.adapter.shared.stream.debug("HandoffSink", f)
    }
}

/// A [`WriteHandoff`](crate::WriteHandoff) as an [`AsyncWrite`]. Made by
/// [`WriteHandoff::into_writer`](crate::WriteHandoff::into_writer).
///
/// Each clone is a handle of its own. A write takes as many bytes as there is room for, and waits
/// in line while there is none. It reserves no room, so a write that is dropped while it waits
/// keeps no room from other producers. Bytes are copied, up to 16 KiB in a call. Only a large slice
/// that may be sent at once is offered to the writer in place. Small writes allocate nothing once
/// the stream has grown to what it needs.
///
/// `poll_flush` waits until all bytes of this writer are written and flushed. `poll_close` does the
/// same and gives up the handle. If it was the last handle, `poll_close` waits until the stream has
/// ended.
///
/// # Drop
///
/// Bytes that the writer has taken are still written. The handle is given up.
///
/// # Examples
///
/// ```
/// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
/// use futures_util::{AsyncWriteExt, future::join};
///
/// # futures_executor::block_on(async {
/// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
/// let mut writer = handoff.into_writer();
/// let produce = async move {
///     writer.write_all(b"borrowed bytes").await?;
///     writer.close().await
/// };
/// let (written, produced) = join(task, produce).await;
/// produced?;
/// assert_eq!(written?, b"borrowed bytes");
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub struct HandoffWriter<W = BoxWriter> {
    adapter: Adapter<W>,
}

impl<W> HandoffWriter<W> {
    pub(crate) fn new(shared: &Arc<Shared<W>>) -> Self {
        Self { adapter: Adapter::new(shared) }
    }
}

impl<W: AsyncWrite + Unpin> HandoffWriter<W> {
    /// Submits some of the bytes of `bufs`, which are not all empty. Its turn has come.
    fn submit(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let shared = &self.adapter.shared;
        let limit = shared.stream.config().max_pending_bytes();
        let mut state = shared.stream.lock();
        if let Some(reason) = self.adapter.closed(&state) {
            drop(state);
            return Err(reason.into());
        }
        let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
        let first = &first[..first.len().min(limit)];
        if first.len() > MAX_COPY / 2 && state.admits(state.room_of(first.len())) {
            let mut payload = Slice(first);
            if sends(&state, &payload, &shared.caller(Via::Poll)) {
                return Ok(accept(shared, Via::Poll, state, &mut payload).map(|_| first.len())?);
            }
        }
        let n = copy(&mut state, bufs);
        if n > 0 {
            let next = state.after_push(&shared.caller(Via::Poll));
            carry_out(shared, state, next);
            return Ok(n);
        }
        drop(state);
        // Other producers have taken the room since its turn came. The bytes wait in line.
        let len = bufs.iter().map(|buf| buf.len()).fold(0, usize::saturating_add);
        let mut block = Vec::with_capacity(len.min(MAX_COPY).min(limit));
        for buf in bufs {
            block.extend_from_slice(&buf[..buf.len().min(block.capacity() - block.len())]);
        }
        let n = block.len();
        self.adapter.defer(Chunk::Block(block)).map(|()| n).map_err(|(_, reason)| reason.into())
    }
}
/// Accepts a copy of as many of the bytes as there is room for, up to [`MAX_COPY`].
fn copy(state: &mut State, bufs: &[IoSlice<'_>]) -> usize {
    let mut left = MAX_COPY;
    for buf in bufs {
        let n = buf.len().min(left).min(state.room_for_copies());
        if n > 0 {
            state.accepted += n as u64;
            state.push_copy(&buf[..n]);
            left -= n;
        }
        if n < buf.len() {
            break;
        }
    }
    let copied = MAX_COPY - left;
    if copied > 0 {
        state.count_write(copied);
    }
    copied
}

impl<W: AsyncWrite + Unpin> AsyncWrite for HandoffWriter<W> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if bufs.iter().all(|buf| buf.is_empty()) {
            let closed = this.adapter.closed(&this.adapter.shared.stream.lock());
            return Poll::Ready(closed.map_or(Ok(0), |reason| Err(reason.into())));
        }
        ready!(this.adapter.poll_turn(cx))?;
        this.adapter.take_turn();
        Poll::Ready(this.submit(bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().adapter.poll_flush(cx).map_err(io::Error::from)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().adapter.poll_close(cx).map_err(io::Error::from)
    }
}

impl<W> Clone for HandoffWriter<W> {
    fn clone(&self) -> Self {
        Self { adapter: self.adapter.clone() }
    }
}

impl<W> fmt::Debug for HandoffWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.adapter.shared.stream.debug("HandoffWriter", f)
    }
}
