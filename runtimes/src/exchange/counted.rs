//! A writer that counts how often it is called.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::AsyncWrite;

/// Calls of a writer with bytes.
#[derive(Debug, Default)]
pub(super) struct Calls {
    taken: AtomicU64,
    pending: AtomicU64,
}

impl Calls {
    /// How many so far took bytes, and how many were pending.
    pub(super) fn now(&self) -> (u64, u64) {
        (self.taken.load(Ordering::Acquire), self.pending.load(Ordering::Acquire))
    }

    /// Counts a call. It counts before it is made, so that whoever has seen the bytes arrive finds it, and does not any more
    /// once it turns out that it took nothing.
    fn count<T>(&self, call: impl FnOnce() -> Poll<T>) -> Poll<T> {
        self.taken.fetch_add(1, Ordering::AcqRel);
        let polled = call();
        if polled.is_pending() {
            self.taken.fetch_sub(1, Ordering::AcqRel);
            self.pending.fetch_add(1, Ordering::AcqRel);
        }
        polled
    }
}

/// Counts how often it is called.
#[derive(Debug)]
pub(super) struct Counted<W> {
    writer: W,
    calls: Arc<Calls>,
}

impl<W> Counted<W> {
    /// Counts the calls of `writer` in `calls`.
    pub(super) fn new(writer: W, calls: Arc<Calls>) -> Self {
        Self { writer, calls }
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Counted<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Self { writer, calls } = &mut *self;
        calls.count(|| Pin::new(writer).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { writer, calls } = &mut *self;
        calls.count(|| Pin::new(writer).poll_write_vectored(cx, bufs))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_close(cx)
    }
}
