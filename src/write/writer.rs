//! A handle as an [`AsyncWrite`].

use super::{
    adapter::Adapter,
    config::MAX_COPY,
    drive::carry_out,
    payload::Slice,
    queue::Chunk,
    shared::{BoxWriter, Shared},
    state::{State, Via},
    submit::{accept, sends},
};
use crate::sync::Arc;
use futures_io::AsyncWrite;
use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A [`WriteHandoff`](crate::WriteHandoff) as an [`AsyncWrite`]. Made by
/// [`WriteHandoff::into_writer`](crate::WriteHandoff::into_writer).
///
/// Each clone is a handle of its own. A write takes as many bytes as there is room for, and waits
/// in line while there is none. It reserves no room, so a write that is dropped while it waits
/// keeps no room from other producers. If other producers take the room before the write is polled
/// again, its bytes wait in line, and the write completes: each writer may hold up to 16 KiB beyond
/// the budget. Bytes are copied, up to 16 KiB in a call. Only a large slice that may be sent at
/// once is offered to the writer in place. Small writes allocate nothing once the stream has grown
/// to what it needs.
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
