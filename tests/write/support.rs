//! Shared by the tests of the write half.

use std::{
    fmt,
    future::Future,
    io::{self, IoSlice},
    ops::Deref,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
};

use futures_test::task::{AwokenCount, new_count_waker};
use futures_util::AsyncWrite;

pub(crate) use futures_handoff::{
    CloseReason, HandoffBuffer, HandoffBufferConfig, HandoffSink, HandoffWriter, Inline, RejectReason,
    WriteHandoff, WriteHandoffConfig, WriteTask, WriterFailure, bytes::Bytes,
};
pub(crate) use futures_handoff_runtimes::{
    self as runtimes, Task,
    io::{Call, EndStep, Gate, ScriptReader, ScriptWriter, WriteLog, WriteStep},
};
pub(crate) use futures_util::FutureExt;

/// Polls a future as an executor does, but by hand: once at first, and then once after every
/// wake-up.
pub(crate) struct Hand<F> {
    future: Pin<Box<F>>,
    waker: Waker,
    wakes: AwokenCount,
    /// The number of wake-ups at the last poll.
    seen: Option<usize>,
    polls: usize,
}

impl<F: Future> Hand<F> {
    pub(crate) fn new(future: F) -> Self {
        let (waker, wakes) = new_count_waker();
        Self { future: Box::pin(future), waker, wakes, seen: None, polls: 0 }
    }

    /// A future that was polled once, and waits.
    #[track_caller]
    pub(crate) fn waiting(future: F) -> Self {
        let mut hand = Self::new(future);
        assert!(hand.run().is_none(), "it does not wait");
        hand
    }

    /// Polls it until it is done or sleeps.
    pub(crate) fn run(&mut self) -> Option<F::Output> {
        while self.is_due() {
            self.seen = Some(self.wakes.get());
            self.polls += 1;
            let polled = self.future.as_mut().poll(&mut Context::from_waker(&self.waker));
            if let Poll::Ready(output) = polled {
                return Some(output);
            }
        }
        None
    }

    /// Wakes it.
    pub(crate) fn wake(&self) {
        self.waker.wake_by_ref();
    }

    /// The future, to be polled in some other way.
    pub(crate) fn into_future(self) -> Pin<Box<F>> {
        self.future
    }

    /// Whether an executor would poll it.
    pub(crate) fn is_due(&self) -> bool {
        self.seen.is_none_or(|seen| self.wakes.get() > seen)
    }

    /// How often it was polled.
    pub(crate) fn polls(&self) -> usize {
        self.polls
    }
}

/// A handle to a stream that must have all its room free when this is dropped.
pub(crate) struct Settled<W>(pub(crate) WriteHandoff<W>);

impl<W> Deref for Settled<W> {
    type Target = WriteHandoff<W>;

    fn deref(&self) -> &WriteHandoff<W> {
        &self.0
    }
}

impl<W> Drop for Settled<W> {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        assert_eq!((self.pending_bytes(), self.stats().pending_items), (0, 0), "room is still taken");
        let free = if self.is_closed() { 0 } else { self.config().max_pending_bytes() };
        assert_eq!(self.available(), free, "room is still reserved");
    }
}

/// A stream whose task was polled once, on this thread, so that it has started.
pub(crate) fn stream<W: AsyncWrite + Unpin>(
    writer: W,
    config: WriteHandoffConfig,
) -> (Settled<W>, Hand<WriteTask<W>>) {
    let (handoff, task) = WriteHandoff::new(writer, config);
    (Settled(handoff), Hand::waiting(task))
}

/// A handle, its task, and what the writer did.
type Stream = (Settled<ScriptWriter>, Hand<WriteTask<ScriptWriter>>, WriteLog);

/// A [`Stream`], and the gate that its writer waits for.
type Gated = (Settled<ScriptWriter>, Hand<WriteTask<ScriptWriter>>, WriteLog, Gate);

/// A stream into this writer.
pub(crate) fn over(writer: ScriptWriter, config: WriteHandoffConfig) -> Stream {
    let log = writer.log();
    let (handoff, task) = stream(writer, config);
    (handoff, task, log)
}

/// A stream into a writer that takes everything.
pub(crate) fn willing(config: WriteHandoffConfig) -> Stream {
    over(ScriptWriter::willing(), config)
}

/// A stream into a writer that follows a script.
pub(crate) fn scripted(steps: impl IntoIterator<Item = WriteStep>, config: WriteHandoffConfig) -> Stream {
    over(ScriptWriter::new(steps), config)
}

/// A stream into a writer that takes everything, and whose first flush waits for the gate.
pub(crate) fn flush_gated(config: WriteHandoffConfig) -> Gated {
    let gate = Gate::new();
    let writer = ScriptWriter::willing().with_flush([EndStep::Wait(gate.clone())]);
    let (handoff, task, log) = over(writer, config);
    (handoff, task, log, gate)
}

/// A stream into a writer that takes nothing before the gate is opened.
pub(crate) fn gated(config: WriteHandoffConfig) -> Gated {
    gated_after(0, config)
}

/// The same, but the writer first takes this many bytes in one call.
pub(crate) fn gated_after(taken: usize, config: WriteHandoffConfig) -> Gated {
    let gate = Gate::new();
    let first = (taken > 0).then_some(WriteStep::Accept(taken));
    let (handoff, task, log) = scripted(first.into_iter().chain([WriteStep::Wait(gate.clone())]), config);
    (handoff, task, log, gate)
}

/// The outcome of a task that runs in the background.
pub(crate) type Ended<W> = Task<Result<W, WriterFailure<W>>>;

/// A stream whose task runs in the background.
pub(crate) fn background<R: runtimes::Runtime>(
    writer: ScriptWriter,
    config: WriteHandoffConfig,
) -> (Settled<ScriptWriter>, Ended<ScriptWriter>, WriteLog) {
    let log = writer.log();
    let (handoff, task) = WriteHandoff::new(writer, config);
    (Settled(handoff), R::task(task), log)
}

/// A read buffer with these bytes in it.
pub(crate) fn holding(bytes: &[u8]) -> HandoffBuffer {
    HandoffBuffer::from_tail(bytes.into(), HandoffBufferConfig::new(1 << 20)).unwrap()
}

pub(crate) fn defaults() -> WriteHandoffConfig {
    WriteHandoffConfig::default()
}

/// A configuration with these limits, and the default thresholds where the limits allow them.
pub(crate) fn limits(max_items: usize, max_pending_bytes: usize) -> WriteHandoffConfig {
    WriteHandoffConfig::new(max_items, max_pending_bytes)
}

/// The defaults without the flush of a quiet stream: all calls of the writer are writes.
pub(crate) fn unflushed() -> WriteHandoffConfig {
    defaults().with_flush_when_idle(false)
}

/// The same, and producers may poll the writer anywhere, inside of a poll or not.
pub(crate) fn direct() -> WriteHandoffConfig {
    unflushed().with_inline(Inline::Always)
}

/// A [`direct`] configuration with these limits.
pub(crate) fn direct_limits(max_items: usize, max_pending_bytes: usize) -> WriteHandoffConfig {
    limits(max_items, max_pending_bytes).with_flush_when_idle(false).with_inline(Inline::Always)
}

/// A configuration in which every byte is a chunk of its own, producers send nothing, and nothing
/// is flushed automatically.
pub(crate) fn ungathered(max_items: usize, max_pending_bytes: usize) -> WriteHandoffConfig {
    let config = limits(max_items, max_pending_bytes).with_copy_max(0);
    config.with_inline(Inline::Never).with_flush_when_idle(false)
}

/// Closes the stream, and then waits for its end.
pub(crate) fn closing<W: AsyncWrite + Unpin>(
    handoff: &WriteHandoff<W>,
) -> impl Future<Output = Result<(), CloseReason>> {
    handoff.close();
    handoff.closed()
}

/// Whether it is more than the limit could ever allow.
pub(crate) fn is_too_large(reason: &RejectReason) -> bool {
    matches!(reason, RejectReason::TooLarge { .. } | RejectReason::TooManyChunks { .. })
}

/// Pending once without a wake-up, like a future that waits for a reader.
pub(crate) async fn pause() {
    futures_util::pending!();
}

pub(crate) fn put<W: AsyncWrite + Unpin>(handoff: &WriteHandoff<W>, part: &'static str) {
    handoff.try_write_fire_and_forget(text(part)).unwrap();
}

/// Submits chunks of these lengths.
pub(crate) fn put_each<W: AsyncWrite + Unpin>(
    handoff: &WriteHandoff<W>,
    byte: u8,
    lens: impl IntoIterator<Item = usize>,
) {
    lens.into_iter().for_each(|len| handoff.try_write_fire_and_forget(filled(byte, len)).unwrap());
}

pub(crate) fn text(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

pub(crate) fn filled(byte: u8, len: usize) -> Bytes {
    Bytes::from(vec![byte; len])
}

/// `len` bytes that differ everywhere.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// A call of a [`FnWriter`].
pub(crate) enum Op<'a> {
    Write(&'a [IoSlice<'a>]),
    Flush,
    Close,
}

impl Op<'_> {
    /// Does everything at once.
    pub(crate) fn all(&self) -> Poll<io::Result<usize>> {
        let Op::Write(slices) = self else { return Poll::Ready(Ok(0)) };
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    /// Passes the call on to another writer.
    pub(crate) fn on(&self, writer: &mut ScriptWriter, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let writer = Pin::new(writer);
        match self {
            Op::Write([slice]) => writer.poll_write(cx, slice),
            Op::Write(slices) => writer.poll_write_vectored(cx, slices),
            Op::Flush => writer.poll_flush(cx).map_ok(|()| 0),
            Op::Close => writer.poll_close(cx).map_ok(|()| 0),
        }
    }
}

/// A closure that a writer runs inside of its next call.
#[derive(Clone, Default)]
pub(crate) struct Inside(Arc<Mutex<Option<Run>>>);

type Run = Box<dyn FnOnce() + Send>;

impl Inside {
    pub(crate) fn set(&self, run: impl FnOnce() + Send + 'static) {
        *self.0.lock().unwrap() = Some(Box::new(run));
    }

    /// Whether it has not been run.
    pub(crate) fn is_set(&self) -> bool {
        self.0.lock().unwrap().is_some()
    }

    pub(crate) fn run(&self) {
        let run = self.0.lock().unwrap().take();
        run.into_iter().for_each(|run| run());
    }
}

/// The closure of a writer.
pub(crate) type Poller = Box<dyn FnMut(Op<'_>, &mut Context<'_>) -> Poll<io::Result<usize>> + Send>;

/// A writer that runs the closure before each call.
pub(crate) fn running(mut writer: ScriptWriter) -> (FnWriter<Poller>, WriteLog, Inside) {
    let (log, inside) = (writer.log(), Inside::default());
    let run = inside.clone();
    let poller: Poller = Box::new(move |op, cx| {
        run.run();
        op.on(&mut writer, cx)
    });
    (FnWriter(poller), log, inside)
}

/// A writer made of a closure.
pub(crate) struct FnWriter<F>(pub(crate) F);

impl<F: FnMut(Op<'_>, &mut Context<'_>) -> Poll<io::Result<usize>> + Unpin> AsyncWrite for FnWriter<F> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        (self.0)(Op::Write(&[IoSlice::new(buf)]), cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        (self.0)(Op::Write(bufs), cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (self.0)(Op::Flush, cx).map_ok(drop)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (self.0)(Op::Close, cx).map_ok(drop)
    }
}

impl<F> fmt::Debug for FnWriter<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FnWriter")
    }
}

/// An owner of memory that records when it is freed.
pub(crate) struct Block {
    bytes: Vec<u8>,
    freed: Arc<AtomicBool>,
}

/// Whether a [`Block`] was freed.
#[derive(Clone)]
pub(crate) struct Freed(Arc<AtomicBool>);

impl Freed {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Block {
    pub(crate) fn bytes(bytes: Vec<u8>) -> (Bytes, Freed) {
        let freed = Arc::new(AtomicBool::new(false));
        (Bytes::from_owner(Self { bytes, freed: Arc::clone(&freed) }), Freed(freed))
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.freed.store(true, Ordering::SeqCst);
    }
}
