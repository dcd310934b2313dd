//! The handle as a [`Sink`].

use super::{
    adapter::Adapter,
    error::{CloseReason, Never, WriteError},
    handoff::WriteHandoff,
    phase::Via,
    port::accept,
    queue::Chunk,
};
use bytes::Bytes;
use futures_io::AsyncWrite;
use futures_sink::Sink;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

/// A [`WriteHandoff`] as a [`Sink`] of chunks. Made by [`WriteHandoff::into_sink`].
///
/// Each clone is a handle of its own. `poll_ready` waits in the line for room, and reserves nothing: a sink that is ready and idle,
/// or whose future was dropped, costs others nothing. So its item may find no room any more. Then it waits in the line by itself
/// and is accepted in its turn, without the sink, which is ready again after that: each sink may have one item beside what the
/// budget holds, as each sender of a channel of `futures` has.
///
/// `poll_flush` waits until all that the sink has taken is written and flushed. `poll_close` does that and gives up the handle; if
/// it was the last one, it waits until the stream has ended.
///
/// # Drop
///
/// What the sink has taken is written all the same. The handle is given up.
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
pub struct HandoffSink<W> {
    adapter: Adapter<W>,
}

impl<W> HandoffSink<W> {
    pub(crate) fn new(handoff: &WriteHandoff<W>) -> Self {
        Self { adapter: Adapter::new(handoff) }
    }
}

/// A chunk that was not there to be rejected.
fn no_chunk(reason: CloseReason) -> WriteError {
    WriteError::new(Bytes::new(), Never::Closed(reason))
}

impl<W: AsyncWrite + Unpin> Sink<Bytes> for HandoffSink<W> {
    type Error = WriteError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        self.get_mut().adapter.poll_turn(cx).map_err(no_chunk)
    }

    /// # Errors
    ///
    /// [`WriteError::TooLarge`] with the chunk where it is larger than the byte budget, and [`WriteError::Closed`].
    ///
    /// # Panics
    ///
    /// Where no `poll_ready` was ready before it.
    fn start_send(self: Pin<&mut Self>, bytes: Bytes) -> Result<(), WriteError> {
        let adapter = &mut self.get_mut().adapter;
        assert!(adapter.take_turn(), "`start_send` needs a `poll_ready` that was ready before it");
        adapter.forget_flush();
        let side = adapter.side();
        let config = *side.core.config();
        let (len, limit) = (bytes.len(), config.max_pending_bytes());
        if len > limit {
            return Err(WriteError::new(bytes, Never::TooLarge { len, limit }));
        }
        let state = side.core.lock();
        if let Some(reason) = adapter.closed(&state) {
            drop(state);
            return Err(WriteError::new(bytes, Never::Closed(reason)));
        }
        if state.admit(state.room_of(len)).is_ok() {
            accept(&**side, Via::Call, state, bytes);
            return Ok(());
        }
        drop(state);
        // A small one may be part of something large.
        let item = Chunk::Owned(bytes).copied_up_to(config.copy_max(), Vec::with_capacity);
        adapter
            .defer(item)
            .map_err(|(item, reason)| WriteError::new(item.into_bytes(), Never::Closed(reason)))
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
        self.adapter.side().core.debug("HandoffSink", f)
    }
}
