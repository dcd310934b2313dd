//! The streams of the transports as Tokio's, for implementations made for those.
//!
//! Each is as direct as through `futures_io`: nothing is zeroed, copied or dropped on the way.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use futures_handoff::TokioIo;
use futures_util::AsyncWrite as FuturesWrite;

use super::{Sink, Source};
use crate::{
    harness::{Metered, measure::metered_writes},
    io::Duplex,
};

/// A stream that has Tokio's traits, or wraps one that has.
pub trait IntoTokio {
    /// The stream with Tokio's traits.
    type Io: Unpin + Send + 'static;

    /// Takes it out of its wrapper, if it has one.
    fn into_tokio(self) -> Self::Io;
}

impl<S: Unpin + Send + 'static> IntoTokio for TokioIo<S> {
    type Io = S;

    fn into_tokio(self) -> S {
        self.into_inner()
    }
}

impl<S: IntoTokio> IntoTokio for Metered<S> {
    type Io = Metered<S::Io>;

    fn into_tokio(self) -> Self::Io {
        Metered { stream: self.stream.into_tokio(), calls: self.calls }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
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

metered_writes!(AsyncWrite, poll_shutdown, is_write_vectored);

impl AsyncRead for Source {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buf.put_slice(ready!(self.poll_next(cx, buf.remaining())));
        Poll::Ready(Ok(()))
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

impl AsyncRead for Duplex {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_read_into(cx, Append(buf)).map_ok(drop)
    }
}

macro_rules! write_as_futures_io {
    ($stream:ty) => {
        impl IntoTokio for $stream {
            type Io = Self;

            fn into_tokio(self) -> Self {
                self
            }
        }

        impl AsyncWrite for $stream {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                FuturesWrite::poll_write(self, cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                FuturesWrite::poll_write_vectored(self, cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                FuturesWrite::poll_flush(self, cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                FuturesWrite::poll_close(self, cx)
            }
        }
    };
}

write_as_futures_io!(Duplex);
write_as_futures_io!(Sink);

impl IntoTokio for Source {
    type Io = Self;

    fn into_tokio(self) -> Self {
        self
    }
}
