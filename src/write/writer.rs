//! The handle as an [`AsyncWrite`].

use super::{
    adapter::Adapter, borrowed::Borrowed, config::MAX_COPY, handoff::WriteHandoff, phase::Via, port::Port,
    port::go_on, queue::Chunk, state::State,
};
use futures_io::AsyncWrite;
use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A [`WriteHandoff`] as an [`AsyncWrite`]. Made by [`WriteHandoff::into_writer`].
///
/// Each clone is a handle of its own. A write takes as much as there is room for, and waits in the line while there is none. It
/// reserves nothing: one that is dropped while it waits costs others nothing. Bytes are copied, up to 16 KiB in a call; only a
/// large slice that finds the writer idle is offered to it where it lies. Nothing is allocated for small ones once the stream has
/// grown to what it needs.
///
/// `poll_flush` waits until all that this writer has taken is written and flushed. `poll_close` does that and gives up the handle;
/// if it was the last one, it waits until the stream has ended.
///
/// # Drop
///
/// What it has taken is written all the same. The handle is given up.
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
pub struct HandoffWriter<W> {
    adapter: Adapter<W>,
}

impl<W> HandoffWriter<W> {
    pub(crate) fn new(handoff: &WriteHandoff<W>) -> Self {
        Self { adapter: Adapter::new(handoff) }
    }
}

impl<W: AsyncWrite + Unpin> HandoffWriter<W> {
    /// Hands over some of the bytes of `bufs`, of which there are any. Its turn has come.
    fn submit(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let side = self.adapter.side();
        let mut state = side.core.lock();
        if let Some(reason) = self.adapter.closed(&state) {
            drop(state);
            return Err(reason.into());
        }
        let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
        let first = &first[..first.len().min(side.core.config().max_pending_bytes())];
        if first.len() > MAX_COPY / 2 {
            let counts_for = state.borrowed_len(first.len());
            if state.express(first.len(), counts_for, || side.caller(Via::Poll)).is_some() {
                side.drive(state, Borrowed::slice(first));
                return Ok(first.len());
            }
        }
        let n = copy(&mut state, bufs);
        if n > 0 {
            let next = state.after_push(&side.caller(Via::Poll));
            go_on(&**side, state, next);
            return Ok(n);
        }
        drop(state);
        // There was room when its turn came, and others have taken it since. This waits in the line by itself.
        let limit = MAX_COPY.min(side.core.config().max_pending_bytes());
        let mut block =
            Vec::with_capacity(bufs.iter().map(|buf| buf.len()).fold(0, usize::saturating_add).min(limit));
        for buf in bufs {
            block.extend_from_slice(&buf[..buf.len().min(block.capacity() - block.len())]);
        }
        let n = block.len();
        self.adapter.defer(Chunk::Gathered(block)).map(|()| n).map_err(|(_, reason)| reason.into())
    }
}

/// Accepts a copy of as many of the bytes as there is room for, up to [`MAX_COPY`].
fn copy(state: &mut State, bufs: &[IoSlice<'_>]) -> usize {
    let mut left = MAX_COPY;
    for buf in bufs {
        let n = buf.len().min(left).min(state.room_for_copies());
        if n > 0 {
            state.accept(n);
            state.push_copy(&buf[..n]);
            left -= n;
        }
        if n < buf.len() {
            break;
        }
    }
    MAX_COPY - left
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
            let closed = this.adapter.closed(&this.adapter.side().core.lock());
            return Poll::Ready(closed.map_or(Ok(0), |reason| Err(reason.into())));
        }
        ready!(this.adapter.poll_turn(cx))?;
        this.adapter.take_turn();
        this.adapter.forget_flush();
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
        self.adapter.side().core.debug("HandoffWriter", f)
    }
}
