//! A handle as a [`Sink`].

use super::{
    adapter::{Adapter, Stage},
    error::{CloseReason, RejectReason, WriteError},
    payload::{Owned, Payload},
    shared::{BoxWriter, Shared},
    submit::try_submit,
};
use crate::sync::Arc;
use bytes::Bytes;
use futures_io::AsyncWrite;
use futures_sink::Sink;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

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
    /// If no `poll_ready` returned `Ready(Ok(()))` before it.
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
