//! Readers that follow a script, and a way to run futures that cannot hang.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use futures_handoff::{Filled, FrameError, FrameFinder, HandoffBuffer, HandoffBufferConfig, bytes::Bytes};
use futures_io::AsyncRead;

/// What a reader does when it is polled.
pub(crate) enum Step {
    /// Gives these bytes, over several reads if it has to.
    Data(Vec<u8>),
    /// Has nothing yet, and wakes the task at once.
    Pending,
    /// Has nothing, for good, and wakes nobody.
    Stuck,
    /// Ends, this once.
    End,
    Fail(io::ErrorKind),
    /// Fills what it is offered with `!`, then fails.
    SpoilAndFail,
    /// Fills what it is offered with `!`, then claims so many bytes more than that.
    Lie(usize),
    /// Fills what it is offered with `!`, then panics.
    Panic,
}

/// Follows its script, then ends for ever.
pub(crate) struct Script {
    steps: VecDeque<Step>,
    /// The room each poll offered.
    pub(crate) offers: Vec<usize>,
    /// How many bytes it gave.
    pub(crate) given: usize,
}

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), offers: Vec::new(), given: 0 }
    }

    /// Gives `data` in pieces of `size` bytes, each followed by `Pending`.
    pub(crate) fn paced(data: &[u8], size: usize) -> Self {
        Self::new(data.chunks(size).flat_map(|piece| [Step::Data(piece.to_vec()), Step::Pending]))
    }

    /// Gives `data` in pieces of `size` bytes, one per read and without a pause.
    pub(crate) fn bursts(data: &[u8], size: usize) -> Self {
        Self::new(data.chunks(size).map(|piece| Step::Data(piece.to_vec())))
    }

    pub(crate) fn push(&mut self, step: Step) {
        self.steps.push_back(step);
    }

    /// Forgets its next step.
    pub(crate) fn pop(&mut self) {
        self.steps.pop_front();
    }

    pub(crate) fn polls(&self) -> usize {
        self.offers.len()
    }
}

impl AsyncRead for Script {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        self.offers.push(room.len());
        let Some(step) = self.steps.pop_front() else {
            return Poll::Ready(Ok(0));
        };
        match step {
            Step::Data(mut data) => {
                let n = data.len().min(room.len());
                room[..n].copy_from_slice(&data[..n]);
                self.given += n;
                if n < data.len() {
                    data.drain(..n);
                    self.steps.push_front(Step::Data(data));
                }
                Poll::Ready(Ok(n))
            }
            Step::Pending => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Step::Stuck => {
                self.steps.push_front(Step::Stuck);
                Poll::Pending
            }
            Step::End => Poll::Ready(Ok(0)),
            Step::Fail(kind) => Poll::Ready(Err(kind.into())),
            Step::SpoilAndFail => {
                room.fill(b'!');
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            Step::Lie(more) => {
                room.fill(b'!');
                Poll::Ready(Ok(room.len() + more))
            }
            Step::Panic => {
                room.fill(b'!');
                panic!("scripted");
            }
        }
    }
}

/// Claims to have filled what it was offered, and has written nothing.
pub(crate) struct Liar;

impl AsyncRead for Liar {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }
}

/// Runs a future to its end. One that is still pending after very many polls hangs, and fails the test.
pub(crate) fn finish<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    for _ in 0..1_000_000 {
        if let Poll::Ready(output) = poll_once(future.as_mut()) {
            return output;
        }
    }
    panic!("the future hangs");
}

pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// What a future says when it is polled once more than it may be.
pub(crate) fn polled_again<F: Future>(future: F) -> String {
    let mut future = pin!(future);
    assert!(poll_once(future.as_mut()).is_ready());
    let panic = catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut()).is_ready())).unwrap_err();
    let message = panic.downcast_ref::<String>().map(String::as_str);
    message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap().to_owned()
}

/// Reads once.
pub(crate) fn read(buffer: &mut HandoffBuffer, reader: &mut (impl AsyncRead + Unpin + ?Sized)) -> usize {
    finish(buffer.read_available(reader)).unwrap()
}

/// Reads all of it.
pub(crate) fn read_all(buffer: &mut HandoffBuffer, mut data: &[u8]) {
    while !data.is_empty() {
        read(buffer, &mut data);
    }
}

/// Reads while it pays.
pub(crate) fn ready(buffer: &mut HandoffBuffer, reader: &mut Script, limit: usize) -> Filled {
    finish(buffer.read_ready(reader, limit)).unwrap()
}

/// Has a reader wait that has nothing.
pub(crate) fn wait(buffer: &mut HandoffBuffer) {
    assert!(poll_once(pin!(buffer.read_available(&mut Script::new([Step::Stuck])))).is_pending());
}

/// A frame, `None` at the end, or what is wrong.
pub(crate) fn next(
    buffer: &mut HandoffBuffer,
    reader: &mut (impl AsyncRead + Unpin + ?Sized),
    finder: &mut (impl FrameFinder + ?Sized),
) -> Result<Option<Bytes>, FrameError> {
    finish(buffer.next_frame(reader, finder))
}

/// A frame that is there.
pub(crate) fn frame(
    buffer: &mut HandoffBuffer,
    reader: &mut (impl AsyncRead + Unpin + ?Sized),
    finder: &mut (impl FrameFinder + ?Sized),
) -> Bytes {
    next(buffer, reader, finder).unwrap().unwrap()
}

/// Random numbers that are the same each time: each call gives one that is less than so many.
pub(crate) fn random(mut seed: u64) -> impl FnMut(usize) -> usize {
    move |n| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % n as u64).unwrap()
    }
}

/// `n` bytes, no two neighbouring windows alike.
pub(crate) fn bytes(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect()
}

pub(crate) fn buffer(max_len: usize) -> HandoffBuffer {
    HandoffBuffer::new(max_len)
}

pub(crate) fn config(max_len: usize) -> HandoffBufferConfig {
    HandoffBufferConfig::new(max_len)
}

/// A buffer of 1 MiB whose reads are of these sizes.
pub(crate) fn buffer_of_reads(sizes: RangeInclusive<usize>) -> HandoffBuffer {
    HandoffBuffer::with_config(config(1 << 20).with_read_size(sizes))
}

/// A buffer that holds `held`, read in one go.
pub(crate) fn holding(max_len: usize, held: &[u8]) -> HandoffBuffer {
    let mut buffer = buffer(max_len);
    buffer.reserve_read_capacity(held.len()).unwrap();
    read_all(&mut buffer, held);
    buffer
}
