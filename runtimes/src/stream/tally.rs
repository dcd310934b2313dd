//! Counts what the proxies ask of their streams.
//!
//! The counters are those of the process, as its CPU time is, and only rise. A stream counts for itself and adds when
//! it closes or is dropped, so that counting costs no more than an increment.

use std::{
    io::{self, IoSlice},
    mem,
    ops::{Add, Sub},
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    task::{Context, Poll},
};

use futures_handoff::WriteStats;
use futures_util::{AsyncRead, AsyncWrite};
use serde::{Deserialize, Serialize};

static READ_CALLS: AtomicU64 = AtomicU64::new(0);
static WRITE_CALLS: AtomicU64 = AtomicU64::new(0);
static HANDOFF_CALLS: AtomicU64 = AtomicU64::new(0);
static INLINE_CALLS: AtomicU64 = AtomicU64::new(0);

/// How often the proxies called their streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Polls of a reader for bytes.
    pub read_calls: u64,
    /// Polls of a writer with bytes, vectored or not.
    pub write_calls: u64,
    /// The writer calls of handoffs.
    pub handoff_calls: u64,
    /// Those of them that a producer made, not the task.
    pub inline_calls: u64,
}

impl Tally {
    /// The counters as they stand.
    #[must_use]
    pub fn now() -> Self {
        Self {
            read_calls: READ_CALLS.load(Relaxed),
            write_calls: WRITE_CALLS.load(Relaxed),
            handoff_calls: HANDOFF_CALLS.load(Relaxed),
            inline_calls: INLINE_CALLS.load(Relaxed),
        }
    }

    /// Adds what a handoff did in its life.
    pub fn add(stats: &WriteStats) {
        HANDOFF_CALLS.fetch_add(stats.write_calls, Relaxed);
        INLINE_CALLS.fetch_add(stats.inline_write_calls, Relaxed);
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            read_calls: self.read_calls + other.read_calls,
            write_calls: self.write_calls + other.write_calls,
            handoff_calls: self.handoff_calls + other.handoff_calls,
            inline_calls: self.inline_calls + other.inline_calls,
        }
    }
}

impl Sub for Tally {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            read_calls: self.read_calls - earlier.read_calls,
            write_calls: self.write_calls - earlier.write_calls,
            handoff_calls: self.handoff_calls - earlier.handoff_calls,
            inline_calls: self.inline_calls - earlier.inline_calls,
        }
    }
}

/// What one stream has counted and not added yet.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) reads: u64,
    pub(super) writes: u64,
}

impl Calls {
    /// Adds to the counters of the process.
    pub(super) fn settle(&mut self) {
        READ_CALLS.fetch_add(mem::take(&mut self.reads), Relaxed);
        WRITE_CALLS.fetch_add(mem::take(&mut self.writes), Relaxed);
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        self.settle();
    }
}

/// A stream that counts how often it is called.
#[derive(Debug)]
pub struct Metered<S> {
    stream: S,
    calls: Calls,
}

impl<S> Metered<S> {
    /// Counts the calls of `stream`.
    pub fn new(stream: S) -> Self {
        Self { stream, calls: Calls::default() }
    }

    /// The stream, and a counter that has begun.
    #[cfg(feature = "peers")]
    pub(super) fn into_parts(self) -> (S, Calls) {
        (self.stream, self.calls)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.calls.reads += 1;
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Poll::Ready(Ok(0) | Err(_)) = polled {
            self.calls.settle();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.calls.writes += 1;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.calls.writes += 1;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.calls.settle();
        Pin::new(&mut self.stream).poll_close(cx)
    }
}
