//! A writer that counts and forgets what it takes.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::AsyncWrite;

use crate::io::Gate;

/// Takes everything at once, unless it is stalled. Clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Discard {
    taken: Arc<AtomicU64>,
    stall: Option<Arc<Stall>>,
}

/// From when it is armed until the gate is open, nothing is taken.
#[derive(Debug, Default)]
pub(super) struct Stall {
    armed: AtomicBool,
    gate: Gate,
}

impl Stall {
    pub(super) fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    pub(super) fn end(&self) {
        self.gate.open();
    }
}

impl Discard {
    /// One that can be stalled.
    pub(super) fn stalling(stall: Arc<Stall>) -> Self {
        Self { stall: Some(stall), ..Self::default() }
    }

    /// How many bytes it has taken.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::SeqCst)
    }

    fn take(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if let Some(stall) = &self.stall
            && stall.armed.load(Ordering::SeqCst)
            && stall.gate.poll_pass(cx).is_pending()
        {
            return Poll::Pending;
        }
        let n = bufs.iter().map(|buf| buf.len()).sum();
        self.taken.fetch_add(n as u64, Ordering::SeqCst);
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for Discard {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.take(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.take(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(feature = "peers")]
impl tokio::io::AsyncWrite for Discard {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.take(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.take(cx, bufs)
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
