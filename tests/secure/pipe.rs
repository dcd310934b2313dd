//! A deterministic pipe that never yields by itself, as tests that cancel after each number of
//! polls need.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use futures_util::{AsyncRead, AsyncWrite};

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// The writer is closed or gone.
    ended: bool,
    /// The reader is gone.
    broken: bool,
    waiting: Option<Waker>,
}

impl State {
    /// Waits for the other end, after it was woken.
    fn wait<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        self.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[derive(Clone)]
struct Shared(Arc<Mutex<State>>);

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Changes the state, and wakes the other end.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let (changed, waiting) = {
            let mut state = self.state();
            (change(&mut state), state.waiting.take())
        };
        waiting.into_iter().for_each(Waker::wake);
        changed
    }
}

/// The end that is read. Dropped, it breaks the pipe.
pub(crate) struct PipeReader(Shared);

/// The end that is written to. Closed or dropped, it ends the pipe.
pub(crate) struct PipeWriter(Shared);

/// A pipe that holds up to `capacity` bytes.
pub(crate) fn pipe(capacity: usize) -> (PipeReader, PipeWriter) {
    let shared = Shared(Arc::new(Mutex::new(State { capacity, ..State::default() })));
    (PipeReader(shared.clone()), PipeWriter(shared))
}

impl AsyncRead for PipeReader {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        {
            let mut state = self.0.state();
            if state.bytes.is_empty() && !state.ended {
                return state.wait(cx);
            }
        }
        Poll::Ready(self.0.change(|state| io::Read::read(&mut state.bytes, buf)))
    }
}

impl AsyncWrite for PipeWriter {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        {
            let mut state = self.0.state();
            if state.broken {
                return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
            }
            if state.bytes.len() == state.capacity {
                return state.wait(cx);
            }
        }
        Poll::Ready(Ok(self.0.change(|state| {
            let n = buf.len().min(state.capacity - state.bytes.len());
            state.bytes.extend(&buf[..n]);
            n
        })))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.change(|state| state.ended = true);
        Poll::Ready(Ok(()))
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        self.0.change(|state| state.broken = true);
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.0.change(|state| state.ended = true);
    }
}
