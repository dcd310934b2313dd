//! A reader and a writer of next to nothing, of which nothing is on the heap.

use std::{
    cell::Cell,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{AsyncRead, AsyncWrite};
use tokio::io::ReadBuf;

/// Of what all traffic consists.
const BYTE: u8 = b'x';

thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

/// How many bytes writers have taken on this thread.
pub(super) fn taken() -> u64 {
    TAKEN.get()
}

/// Bytes that come in pieces. After the last one there is nothing for now.
#[derive(Debug)]
pub(super) struct Arrival {
    left: usize,
    piece: usize,
}

impl Arrival {
    /// `count` bytes, at most `piece` at a time.
    pub(super) fn new(count: usize, piece: usize) -> Self {
        Self { left: count, piece }
    }

    /// Nothing for now.
    pub(super) fn none() -> Self {
        Self::new(0, 0)
    }

    /// How many of the next `room` bytes come; the waker is not kept, as nothing will ever come later.
    fn next(&mut self, room: usize) -> Poll<usize> {
        if self.left == 0 {
            return Poll::Pending;
        }
        let n = room.min(self.piece).min(self.left);
        self.left -= n;
        Poll::Ready(n)
    }
}

impl AsyncRead for Arrival {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.next(buf.len()).map(|n| {
            buf[..n].fill(BYTE);
            Ok(n)
        })
    }
}

impl tokio::io::AsyncRead for Arrival {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.next(buf.remaining()).map(|n| {
            buf.initialize_unfilled_to(n).fill(BYTE);
            buf.advance(n);
            Ok(())
        })
    }
}

/// Counts and forgets what it takes, and fails if that is not what arrived.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sink;

fn take(bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
    if bufs.iter().any(|buf| buf.iter().any(|&byte| byte != BYTE)) {
        return Poll::Ready(Err(io::Error::other("a byte came out that did not go in")));
    }
    let n = bufs.iter().map(|buf| buf.len()).sum();
    TAKEN.set(taken() + n as u64);
    Poll::Ready(Ok(n))
}

impl AsyncWrite for Sink {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        take(&[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        take(bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Sink {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        take(&[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        take(bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
