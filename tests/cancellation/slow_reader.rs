//! A reader that is pending once at each call and gives a few bytes at a time.

use std::{
    io, mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use futures_util::AsyncRead;

/// The most that a read gives.
const SHORT: usize = 3;

#[derive(Debug, Default)]
struct Source {
    left: Vec<u8>,
    blocked: bool,
    ready: bool,
    waker: Option<Waker>,
}

/// Clones are the same reader.
#[derive(Debug, Clone, Default)]
pub(crate) struct SlowReader(Arc<Mutex<Source>>);

impl SlowReader {
    pub(crate) fn new(content: &[u8]) -> Self {
        let source = Source { left: content.to_vec(), ..Source::default() };
        Self(Arc::new(Mutex::new(source)))
    }

    fn source(&self) -> MutexGuard<'_, Source> {
        self.0.lock().unwrap()
    }

    /// Becomes ready for one call, if it was pending.
    pub(crate) fn unblock(&self) -> bool {
        let mut source = self.source();
        let was_blocked = mem::take(&mut source.blocked);
        source.ready |= was_blocked;
        let waker = source.waker.take();
        drop(source);
        waker.into_iter().for_each(Waker::wake);
        was_blocked
    }

    /// What it has not given.
    pub(crate) fn left(&self) -> Vec<u8> {
        self.source().left.clone()
    }
}

impl AsyncRead for SlowReader {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut source = self.source();
        source.blocked = !mem::take(&mut source.ready);
        if source.blocked {
            source.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = room.len().min(SHORT).min(source.left.len());
        room[..n].copy_from_slice(&source.left[..n]);
        source.left.drain(..n);
        Poll::Ready(Ok(n))
    }
}
