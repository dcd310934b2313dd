//! Readers that follow a script, and a way to run futures that cannot hang.

use std::{
    future::Future,
    io,
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

pub(crate) use futures_handoff_runtimes::io::{ReadStep as Step, ScriptReader as Script};

use futures_handoff::{Filled, FrameError, FrameFinder, HandoffBuffer, HandoffBufferConfig, bytes::Bytes};
use futures_io::AsyncRead;

/// Claims to have filled what it was offered, and has written nothing.
pub(crate) struct Liar;

impl AsyncRead for Liar {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }
}

/// Runs a future to its end. One that is still pending after very many polls hangs, and fails the
/// test.
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

/// The panic message of `call`.
pub(crate) fn panics<T>(call: impl FnOnce() -> T) -> String {
    let Err(panic) = catch_unwind(AssertUnwindSafe(call)) else { panic!("it does not panic") };
    let message = panic.downcast_ref::<String>().map(String::as_str);
    message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap().to_owned()
}

/// The panic message of a future that is polled after completion.
pub(crate) fn polled_again<F: Future>(future: F) -> String {
    let mut future = pin!(future);
    assert!(poll_once(future.as_mut()).is_ready());
    panics(|| poll_once(future.as_mut()).is_ready())
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

/// Makes a reader without bytes wait.
pub(crate) fn wait(buffer: &mut HandoffBuffer) {
    assert!(poll_once(pin!(buffer.read_available(&mut Script::new([Step::stuck()])))).is_pending());
}

/// A frame, `None` at the end, or the error.
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

/// Deterministic random numbers: each call returns one below its argument.
pub(crate) fn random(mut seed: u64) -> impl FnMut(usize) -> usize {
    move |n| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % n as u64).unwrap()
    }
}

/// `n` bytes that differ everywhere.
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
