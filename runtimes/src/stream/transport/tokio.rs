//! The streams of the transports as Tokio's, for implementations made for those.
//!
//! Each one is as direct as it is through `futures_io`: nothing is zeroed, copied or dropped on the way.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use futures_handoff::TokioIo;

use crate::{
    io::Duplex,
    stream::tally::{Calls, Metered},
};

/// A stream that is one of Tokio's in disguise, or can be made one.
pub trait IntoTokio {
    /// The stream as one of Tokio's.
    type Io: Unpin + Send + 'static;

    /// Makes it one.
    fn into_tokio(self) -> Self::Io;
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> IntoTokio for TokioIo<S> {
    type Io = S;

    fn into_tokio(self) -> S {
        self.into_inner()
    }
}

/// An in-memory pipe with Tokio's traits.
#[derive(Debug)]
pub struct TokioDuplex {
    inner: Duplex,
}

impl IntoTokio for Duplex {
    type Io = TokioDuplex;

    fn into_tokio(self) -> TokioDuplex {
        TokioDuplex { inner: self }
    }
}

/// Appends to a `ReadBuf` without initialising it first.
struct Append<'a, 'b>(&'a mut ReadBuf<'b>);

impl io::Write for Append<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(self.0.remaining());
        self.0.put_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for TokioDuplex {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner.poll_read_into(cx, Append(buf)).map_ok(drop)
    }
}

impl AsyncWrite for TokioDuplex {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        futures_util::AsyncWrite::poll_write(Pin::new(&mut self.inner), cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        futures_util::AsyncWrite::poll_write_vectored(Pin::new(&mut self.inner), cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        futures_util::AsyncWrite::poll_flush(Pin::new(&mut self.inner), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        futures_util::AsyncWrite::poll_close(Pin::new(&mut self.inner), cx)
    }
}

/// A stream of Tokio's that counts how often it is called.
#[derive(Debug)]
pub struct TokioMetered<S> {
    stream: S,
    calls: Calls,
}

impl<S: IntoTokio> IntoTokio for Metered<S> {
    type Io = TokioMetered<S::Io>;

    fn into_tokio(self) -> Self::Io {
        let (stream, calls) = self.into_parts();
        TokioMetered { stream: stream.into_tokio(), calls }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TokioMetered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.calls.reads += 1;
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if polled.is_ready() && buf.filled().len() == before {
            self.calls.settle();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TokioMetered<S> {
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

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.calls.settle();
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
