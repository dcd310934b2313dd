//! A source that reads from memory and a sink that compares with it.

use std::{
    io::{self, IoSlice},
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::{Buf, Bytes};
use futures_util::{AsyncRead, AsyncWrite, FutureExt};

use super::Connection;
use crate::stream::{Failure, Payloads, Proxy, Settings, Verifier};

/// Sets up one connection for each payload.
pub fn connections(
    proxy: impl Proxy<Source, Sink>,
    payloads: &Payloads,
    settings: &Settings,
) -> Vec<Connection> {
    let settings = *settings;
    let connect = |(stream, payload): (usize, &Bytes)| -> Connection {
        let (sent, len) = (payload.clone(), payload.len());
        Box::pin(async move {
            let start = Instant::now();
            let outcome = Arc::new(Outcome::default());
            let source = Source::new(sent.clone(), &settings);
            let sink = Sink { verifier: Verifier::new(stream, sent), outcome: Arc::clone(&outcome) };
            let proxied = AssertUnwindSafe(proxy.run(source, sink, settings)).catch_unwind().await;
            let latency = start.elapsed();
            if let Some(failure) = outcome.failure().take() {
                return Err(failure);
            }
            let offset = outcome.checked.load(Ordering::Acquire);
            match proxied {
                Err(_) => Err(Failure::Panicked { stream }),
                Ok(Ok(())) if offset == len => Ok(latency),
                Ok(result) => Err(Failure::Loss { stream, offset, len, cause: result.err() }),
            }
        })
    };
    payloads.streams().iter().enumerate().map(connect).collect()
}

/// Gives a payload in pieces.
#[derive(Debug)]
pub struct Source {
    left: Bytes,
    arrival: usize,
    /// What the caller of the last read had no room for.
    left_of_arrival: usize,
    burst: usize,
    left_of_burst: usize,
}

impl Source {
    fn new(payload: Bytes, settings: &Settings) -> Self {
        let (arrival, burst) = (settings.arrival(), settings.burst);
        let never = usize::MAX;
        let burst = if burst == 0 { never } else { burst };
        Self { left: payload, arrival, left_of_arrival: arrival, burst, left_of_burst: burst }
    }

    /// How much of `room` the next read fills.
    fn poll_len(&mut self, cx: &mut Context<'_>, room: usize) -> Poll<usize> {
        if self.left_of_burst == 0 {
            self.left_of_burst = self.burst;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let n = self.left_of_arrival.min(room).min(self.left.len());
        self.left_of_arrival -= n;
        if self.left_of_arrival == 0 {
            self.left_of_arrival = self.arrival;
        }
        self.left_of_burst = self.left_of_burst.saturating_sub(n);
        Poll::Ready(n)
    }
}

impl AsyncRead for Source {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let n = ready!(self.poll_len(cx, buf.len()));
        self.left.copy_to_slice(&mut buf[..n]);
        Poll::Ready(Ok(n))
    }
}

/// What a sink found, readable after it is gone.
#[derive(Debug, Default)]
struct Outcome {
    checked: AtomicUsize,
    failure: Mutex<Option<Failure>>,
}

impl Outcome {
    fn failure(&self) -> MutexGuard<'_, Option<Failure>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes everything and compares it with the payload.
#[derive(Debug)]
pub struct Sink {
    verifier: Verifier,
    outcome: Arc<Outcome>,
}

impl Sink {
    fn take(&mut self, received: &[u8]) -> io::Result<usize> {
        let result = self.verifier.check(received);
        self.outcome.checked.store(self.verifier.checked(), Ordering::Release);
        result.map_err(|failure| {
            // The first failure is the one to report.
            self.outcome.failure().get_or_insert(failure);
            io::ErrorKind::InvalidData
        })?;
        Ok(received.len())
    }

    fn take_all(&mut self, received: &[IoSlice<'_>]) -> io::Result<usize> {
        received.iter().map(|slice| self.take(slice)).sum()
    }
}

impl AsyncWrite for Sink {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.take(buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.take_all(bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The same source and sink, as Tokio's traits, for implementations made for them.
#[cfg(feature = "peers")]
mod tokio {
    use std::task::ready;

    use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::{Buf, Context, IoSlice, Pin, Poll, Sink, Source, io};
    use crate::stream::transport::IntoTokio;

    impl IntoTokio for Source {
        type Io = Self;

        fn into_tokio(self) -> Self {
            self
        }
    }

    impl IntoTokio for Sink {
        type Io = Self;

        fn into_tokio(self) -> Self {
            self
        }
    }

    impl AsyncRead for Source {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let n = ready!(self.poll_len(cx, buf.remaining()));
            buf.put_slice(&self.left[..n]);
            self.left.advance(n);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Sink {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(self.take(buf))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(self.take_all(bufs))
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
}
