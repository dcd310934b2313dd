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

use bytes::Bytes;
use futures_util::{AsyncRead, AsyncWrite, FutureExt};

use super::{Carried, Connection};
use crate::{
    Runtime,
    harness::{Failure, FrameClock, Metered, Payloads, Proxy, Settings, Verifier},
};

/// Sets up one connection for each payload.
pub(super) fn connections<R: Runtime>(
    proxy: impl Proxy<Metered<Source>, Metered<Sink>>,
    payloads: &Payloads,
    settings: &Settings,
) -> Vec<Connection> {
    let settings = *settings;
    let connect = |(stream, payload): (usize, &Bytes)| -> Connection {
        let (sent, len) = (payload.clone(), payload.len());
        Box::pin(async move {
            let start = Instant::now();
            let outcome = Arc::new(Outcome::default());
            let lines = FrameClock::new(&settings);
            let source = Source::new(sent.clone(), &settings, lines.clone());
            let sink = Sink {
                verifier: Verifier::new(stream, sent),
                outcome: Arc::clone(&outcome),
                lines,
                latencies: Vec::new(),
            };
            let proxied = proxy.run::<R>(Metered::new(source), Metered::new(sink), settings);
            let proxied = AssertUnwindSafe(proxied).catch_unwind().await;
            let latency = start.elapsed();
            let Found { failure, lines } = std::mem::take(&mut *outcome.found());
            if let Some(failure) = failure {
                return Err(failure);
            }
            let offset = outcome.checked.load(Ordering::Acquire);
            match proxied {
                Err(_) => Err(Failure::Panicked { stream }),
                Ok(Ok(())) if offset == len => Ok(Carried { latency, lines }),
                Ok(result) => Err(Failure::Loss { stream, offset, len, cause: result.err() }),
            }
        })
    };
    payloads.streams().iter().enumerate().map(connect).collect()
}

/// Returns a payload in pieces. Cheap for each piece, as there may be very many.
#[derive(Debug)]
pub struct Source {
    payload: Bytes,
    given: usize,
    /// Where the arrival ends that is being given. The caller of a read may have had no room for
    /// all of it.
    arrived: usize,
    arrival: usize,
    /// Where the caller has to wait once.
    pause: usize,
    burst: usize,
    lines: Option<Arc<FrameClock>>,
}

impl Source {
    fn new(payload: Bytes, settings: &Settings, lines: Option<Arc<FrameClock>>) -> Self {
        let burst = if settings.burst == 0 { usize::MAX } else { settings.burst };
        Self { payload, given: 0, arrived: 0, arrival: settings.arrival(), pause: burst, burst, lines }
    }

    /// What the next read gives that has so much room.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>, room: usize) -> Poll<&[u8]> {
        let from = self.given;
        if from >= self.pause {
            self.pause = from.saturating_add(self.burst);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if from == self.arrived {
            self.arrived = self.payload.len().min(from.saturating_add(self.arrival));
        }
        self.given = self.arrived.min(from.saturating_add(room));
        if let Some(lines) = &self.lines {
            lines.sent(from, self.given);
        }
        Poll::Ready(&self.payload[from..self.given])
    }
}

impl AsyncRead for Source {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let next = ready!(self.poll_next(cx, buf.len()));
        buf[..next.len()].copy_from_slice(next);
        Poll::Ready(Ok(next.len()))
    }
}

/// The result of a sink, readable after it is dropped.
#[derive(Debug, Default)]
struct Outcome {
    checked: AtomicUsize,
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    failure: Option<Failure>,
    lines: Vec<u64>,
}

impl Outcome {
    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes everything and compares it with the payload.
#[derive(Debug)]
pub struct Sink {
    verifier: Verifier,
    outcome: Arc<Outcome>,
    lines: Option<Arc<FrameClock>>,
    latencies: Vec<u64>,
}

impl Sink {
    pub(super) fn take(&mut self, received: &[u8]) -> io::Result<usize> {
        let before = self.verifier.checked();
        let result = self.verifier.check(received);
        self.outcome.checked.store(self.verifier.checked(), Ordering::Release);
        result.map_err(|failure| {
            // The first failure is the one to report.
            self.outcome.found().failure.get_or_insert(failure);
            io::ErrorKind::InvalidData
        })?;
        if let Some(lines) = &self.lines {
            lines.received(before, self.verifier.checked(), &mut self.latencies);
            if self.verifier.is_complete() {
                self.outcome.found().lines.append(&mut self.latencies);
            }
        }
        Ok(received.len())
    }

    pub(super) fn take_all(&mut self, received: &[IoSlice<'_>]) -> io::Result<usize> {
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
