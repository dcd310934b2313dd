//! What the handles of a stream share with its task: the stream and the writer.

use super::{
    batch::Batch,
    config::{Inline, WriteHandoffConfig},
    error::CloseReason,
    payload::Payload,
    queue::{Chunk, discard},
    state::{Caller, Via},
    stream::{Stream, WakeList},
};
use crate::{
    contain::contain,
    sync::{Arc, Mutex, MutexGuard},
};
use bytes::Bytes;
use futures_io::AsyncWrite;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

/// A boxed writer of any type: the writer of a [`WriteHandoff`](crate::WriteHandoff) without a type
/// parameter.
///
/// # Examples
///
/// ```
/// use futures_handoff::{BoxWriter, WriteHandoff, WriteHandoffConfig};
/// use futures_util::io;
///
/// fn greet(peer: &WriteHandoff) -> io::Result<()> {
///     Ok(peer.try_write_fire_and_forget("hello".into())?)
/// }
///
/// for is_muted in [true, false] {
///     let writer: BoxWriter = if is_muted { Box::new(io::sink()) } else { Box::new(Vec::new()) };
///     let (handoff, task) = WriteHandoff::new(writer, WriteHandoffConfig::default());
///     greet(&handoff)?;
///     handoff.close();
///     futures_executor::block_on(task)?;
///     assert_eq!(handoff.stats().written, 5);
/// }
/// # Ok::<_, io::Error>(())
/// ```
pub type BoxWriter = Box<dyn AsyncWrite + Send + Unpin>;

/// A stream and its writer. The handles and the task hold it.
#[derive(Debug)]
pub(crate) struct Shared<W> {
    pub(crate) stream: Arc<Stream>,
    inline: Inline,
    cell: Mutex<WriterCell<W>>,
    /// The task has the writer, and this value has none: see [`remote`](Self::remote).
    pub(crate) is_remote: bool,
}

impl<W> Shared<W> {
    pub(crate) fn new(writer: W, config: WriteHandoffConfig) -> Self {
        Self {
            stream: Arc::new(Stream::new(config)),
            inline: config.inline(),
            cell: Mutex::new(WriterCell::new(Some(writer))),
            is_remote: false,
        }
    }

    /// For handles that leave the writer to the task, whatever its type is.
    pub(crate) fn remote(stream: &Arc<Stream>) -> Self {
        Self {
            stream: Arc::clone(stream),
            inline: Inline::Never,
            cell: Mutex::new(WriterCell::new(None)),
            is_remote: true,
        }
    }

    /// Describes the calling producer.
    #[inline]
    pub(crate) fn caller(&self, via: Via) -> Caller {
        self.stream.caller(self.inline, via)
    }

    /// Locks the cell for the party that set the phase to `Busy`. The lock is free.
    #[inline]
    pub(crate) fn cell(&self) -> MutexGuard<'_, WriterCell<W>> {
        self.cell.lock_free()
    }

    /// Takes the writer and the unwritten bytes, once the stream has ended.
    pub(crate) fn take_parts(&self) -> (Option<W>, Vec<Bytes>) {
        if self.is_remote {
            return (None, Vec::new());
        }
        let mut cell = self.cell.lock();
        let mut unwritten = cell.batch.drain();
        unwritten.extend(self.stream.lock().queue.drain().into_iter().map(Chunk::into_bytes));
        (cell.writer.take(), unwritten)
    }

    /// Drops the writer, once the stream has ended.
    pub(crate) fn drop_writer(&self) {
        let writer = self.cell.lock().writer.take();
        contain(|| drop(writer));
    }
}

impl<W> Drop for Shared<W> {
    /// No handle is left that could ask for the unwritten bytes, but tickets may keep the rest of
    /// the stream alive for long.
    fn drop(&mut self) {
        if !self.is_remote {
            let queued = self.stream.lock().queue.drain();
            discard(queued);
        }
    }
}

/// The writer and the bytes that are being written. Only the party that set the phase to `Busy`
/// locks it, so it never waits for the lock. After the end, the party that takes the writer locks
/// it.
#[derive(Debug)]
pub(crate) struct WriterCell<W> {
    pub(crate) writer: Option<W>,
    pub(crate) batch: Batch,
    /// The flush before the end is done.
    pub(crate) flushed: bool,
    /// Why the holder has to end the stream: the writer has failed or is closed.
    pub(crate) end: Option<CloseReason>,
}

/// The result of a call of the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallResult {
    Wrote(usize),
    Done,
    Pending,
    /// [`WriterCell::end`] has the reason.
    Failed {
        in_doubt: usize,
    },
}

impl<W> WriterCell<W> {
    fn new(writer: Option<W>) -> Self {
        Self { writer, batch: Batch::new(), flushed: false, end: None }
    }

    /// Interprets a poll of the writer that was offered `offered` bytes; `None` is a panic. A panic
    /// is a failure like any other, whichever party polled.
    #[inline]
    pub(crate) fn judge(&mut self, polled: Option<Poll<io::Result<usize>>>, offered: usize) -> CallResult {
        match polled {
            Some(Poll::Pending) => CallResult::Pending,
            Some(Poll::Ready(Ok(n))) if (1..=offered).contains(&n) => CallResult::Wrote(n),
            Some(Poll::Ready(Ok(0))) => self.failed(CloseReason::WriteZero, 0),
            Some(Poll::Ready(Ok(n))) => {
                self.failed(CloseReason::InvalidWriter { reported: n, given: offered }, offered)
            }
            Some(Poll::Ready(Err(error))) => self.failed(error.into(), 0),
            None => self.failed(CloseReason::Panicked, offered),
        }
    }

    #[cold]
    fn failed(&mut self, reason: CloseReason, in_doubt: usize) -> CallResult {
        self.end = Some(reason);
        CallResult::Failed { in_doubt }
    }
}

impl<W: AsyncWrite + Unpin> WriterCell<W> {
    /// Offers the writer the batch, followed by the payload.
    pub(crate) fn write(&mut self, cx: &mut Context<'_>, payload: &mut dyn Payload) -> CallResult {
        let Self { writer: Some(writer), batch, .. } = self else { return CallResult::Pending };
        let mut offered = 0;
        let polled = contain(|| {
            batch.offer(payload.as_slice(), |slices| match slices {
                [slice] => {
                    offered = slice.len();
                    Pin::new(writer).poll_write(cx, slice)
                }
                slices => {
                    offered = slices.iter().map(|slice| slice.len()).sum();
                    Pin::new(writer).poll_write_vectored(cx, slices)
                }
            })
        });
        let result = self.judge(polled, offered);
        if let CallResult::Wrote(n) = result {
            let beyond = self.batch.advance(n, offered);
            payload.advance(beyond);
        }
        result
    }

    #[inline]
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) -> CallResult {
        self.ask(|writer| writer.poll_flush(cx))
    }

    pub(crate) fn close(&mut self, cx: &mut Context<'_>) -> CallResult {
        self.ask(|writer| writer.poll_close(cx))
    }

    /// Makes a call of the writer that takes no bytes.
    #[inline]
    fn ask(&mut self, ask: impl FnOnce(Pin<&mut W>) -> Poll<io::Result<()>>) -> CallResult {
        let Some(writer) = &mut self.writer else { return CallResult::Pending };
        match contain(|| ask(Pin::new(writer))) {
            Some(Poll::Ready(Ok(()))) => CallResult::Done,
            Some(Poll::Pending) => CallResult::Pending,
            Some(Poll::Ready(Err(error))) => self.failed(error.into(), 0),
            None => self.failed(CloseReason::Panicked, 0),
        }
    }
}

impl<W> Drop for WriterCell<W> {
    /// A producer may drop the last handle, and it is not the cause of a panic in the writer's
    /// drop.
    fn drop(&mut self) {
        let writer = self.writer.take();
        contain(|| drop(writer));
    }
}

/// The right to poll the writer. Panics of user code are caught. If this crate itself panics while
/// it holds the right, the stream ends and does not hang.
pub(crate) struct WriterGuard<'a, W> {
    pub(crate) stream: &'a Arc<Stream>,
    pub(crate) cell: Option<MutexGuard<'a, WriterCell<W>>>,
}

impl<'a, W> WriterGuard<'a, W> {
    pub(crate) fn new(shared: &'a Shared<W>, cell: MutexGuard<'a, WriterCell<W>>) -> Self {
        Self { stream: &shared.stream, cell: Some(cell) }
    }
}

impl<W> Drop for WriterGuard<'_, W> {
    fn drop(&mut self) {
        if self.cell.take().is_some() {
            let mut wakes = WakeList::new(self.stream);
            let mut state = self.stream.lock();
            state.finish(CloseReason::Panicked, &mut wakes);
            self.stream.notify(state, &mut wakes);
        }
    }
}
