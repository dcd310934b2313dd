//! Counts the calls that the proxies make of their streams.
//!
//! The counters are those of the process, as its CPU time is, and only rise. A stream counts for
//! itself and adds to them when it closes or is dropped, so that counting costs no more than an
//! increment.

use std::{
    io::{self, IoSlice},
    mem,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    task::{Context, Poll},
};

#[cfg(feature = "peers")]
use futures_channel::oneshot;
use futures_handoff::WriteStats;
use futures_util::{AsyncRead, AsyncWrite};

static READ_CALLS: AtomicU64 = AtomicU64::new(0);
static WRITE_CALLS: AtomicU64 = AtomicU64::new(0);
static HANDOFF_CALLS: AtomicU64 = AtomicU64::new(0);
static INLINE_CALLS: AtomicU64 = AtomicU64::new(0);

/// The calls of readers, of writers, of handoffs' writers, and those of these that a producer made.
pub(super) fn calls() -> [u64; 4] {
    [&READ_CALLS, &WRITE_CALLS, &HANDOFF_CALLS, &INLINE_CALLS].map(|counter| counter.load(Relaxed))
}

/// Counts the calls that a handoff made in its life.
pub(in crate::harness) fn count_handoff(stats: &WriteStats) {
    HANDOFF_CALLS.fetch_add(stats.write_calls, Relaxed);
    INLINE_CALLS.fetch_add(stats.inline_write_calls, Relaxed);
}

/// What one stream has counted and not added yet.
#[derive(Debug, Default)]
pub(in crate::harness) struct Calls {
    pub(in crate::harness) reads: u64,
    pub(in crate::harness) writes: u64,
    #[cfg(feature = "peers")]
    dropped: Option<oneshot::Sender<()>>,
}

impl Calls {
    /// Adds to the counters of the process.
    pub(in crate::harness) fn settle(&mut self) {
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
    /// Dropped before the calls, which tell of it.
    pub(in crate::harness) stream: S,
    pub(in crate::harness) calls: Calls,
}

impl<S> Metered<S> {
    /// Counts the calls of `stream`.
    pub fn new(stream: S) -> Self {
        Self { stream, calls: Calls::default() }
    }

    /// Fails as soon as the stream has been dropped.
    #[cfg(feature = "peers")]
    pub(in crate::harness) fn dropped(&mut self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.calls.dropped = Some(sender);
        receiver
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

/// Writes of a counted stream, by a trait whose last method is `$close`; Tokio's trait has another
/// one besides.
macro_rules! metered_writes {
    ($trait:ident, $close:ident $(, $is_write_vectored:ident)?) => {
        impl<S: $trait + Unpin> $trait for $crate::harness::Metered<S> {
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

            $(fn $is_write_vectored(&self) -> bool {
                self.stream.$is_write_vectored()
            })?

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.stream).poll_flush(cx)
            }

            fn $close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.calls.settle();
                Pin::new(&mut self.stream).$close(cx)
            }
        }
    };
}

metered_writes!(AsyncWrite, poll_close);

#[cfg(feature = "peers")]
pub(in crate::harness) use metered_writes;
