//! Readers that follow a script, and a way to run futures that cannot hang.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses some of it")]

use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::{Pin, pin},
    sync::mpsc,
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use futures_handoff::{HandoffBuffer, HandoffBufferConfig, ReserveError};
use futures_io::AsyncRead;

/// What a reader does when it is polled.
pub enum Step {
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
pub struct Script {
    steps: VecDeque<Step>,
    /// The room each poll offered.
    pub offers: Vec<usize>,
    /// How many bytes it gave.
    pub given: usize,
}

impl Script {
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), offers: Vec::new(), given: 0 }
    }

    /// Gives `data` in pieces of `size` bytes, each followed by `Pending`.
    pub fn paced(data: &[u8], size: usize) -> Self {
        Self::new(data.chunks(size).flat_map(|piece| [Step::Data(piece.to_vec()), Step::Pending]))
    }

    /// Gives `data` in pieces of `size` bytes, one per read and without a pause.
    pub fn bursts(data: &[u8], size: usize) -> Self {
        Self::new(data.chunks(size).map(|piece| Step::Data(piece.to_vec())))
    }

    pub fn push(&mut self, step: Step) {
        self.steps.push_back(step);
    }

    /// Forgets its next step.
    pub fn pop(&mut self) {
        self.steps.pop_front();
    }

    pub fn polls(&self) -> usize {
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
pub struct Liar;

impl AsyncRead for Liar {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }
}

/// Runs a future to its end. One that is still pending after very many polls hangs, and fails the test.
pub fn finish<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    for _ in 0..1_000_000 {
        if let Poll::Ready(output) = poll_once(future.as_mut()) {
            return output;
        }
    }
    panic!("the future hangs");
}

/// Runs what ends at once if it is right, and would run for many minutes if it were not.
pub fn soon(work: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let worker = thread::spawn(move || {
        work();
        // Nobody listens any more only if the test has failed already.
        let _ = done.send(());
    });
    match wait.recv_timeout(Duration::from_secs(60)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        _ => worker.join().unwrap(),
    }
}

pub fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// `n` bytes, no two neighbouring windows alike.
pub fn bytes(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect()
}

pub fn buffer(max_len: usize) -> HandoffBuffer {
    HandoffBuffer::new(max_len).unwrap()
}

pub fn config(max_len: usize) -> HandoffBufferConfig {
    HandoffBufferConfig::new(max_len).unwrap()
}

/// A buffer of the largest limit for which there is no memory, and the error that says so.
pub fn out_of_memory() -> (HandoffBuffer, ReserveError) {
    let most = isize::MAX as usize;
    // Where `usize` has 32 bits a process can have so much once.
    let mut taken = Vec::new();
    for _ in 0..4 {
        let mut vast = buffer(most);
        match vast.reserve_read_capacity(most) {
            Ok(()) => taken.push(vast),
            Err(error) => return (vast, error),
        }
    }
    panic!("the system gave {} buffers of {most} bytes each", taken.len());
}

/// A buffer that holds `held`, read in one go.
pub fn holding(max_len: usize, held: &[u8]) -> HandoffBuffer {
    let mut buffer = buffer(max_len);
    buffer.reserve_read_capacity(held.len()).unwrap();
    let mut reader = held;
    while buffer.len() < held.len() {
        finish(buffer.read_available(&mut reader)).unwrap();
    }
    buffer
}
