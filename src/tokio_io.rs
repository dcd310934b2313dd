//! Tokio's streams as `futures_io` streams.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_io::{AsyncRead, AsyncWrite};
use tokio::io::{AsyncRead as TokioRead, AsyncWrite as TokioWrite, ReadBuf};

/// A Tokio reader or writer as a [`futures_io`] one.
///
/// Other adapters use the default `poll_write_vectored`, which writes only the first slice.
/// Gathered chunks then cost a system call each. This adapter forwards vectored writes if the inner
/// writer [supports them](TokioWrite::is_write_vectored). Closing shuts the inner writer down.
///
/// The inner stream must be `Unpin`. Wrap any other as `TokioIo::new(Box::pin(stream))`.
///
/// # Examples
///
/// ```
/// use futures_handoff::TokioIo;
/// use futures_util::{AsyncReadExt, AsyncWriteExt};
///
/// # futures_executor::block_on(async {
/// let mut reader = TokioIo::new(&b"GET /"[..]);
/// let mut method = [0; 3];
/// reader.read_exact(&mut method).await?;
/// assert_eq!((&method, *reader.get_ref()), (b"GET", &b" /"[..]));
///
/// let mut writer = TokioIo::new(Vec::new());
/// writer.write_all(b"200 OK").await?;
/// writer.get_mut().extend_from_slice(b"\r\n");
/// assert_eq!(writer.into_inner(), b"200 OK\r\n");
/// # Ok::<_, std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokioIo<T> {
    inner: T,
}

impl<T> TokioIo<T> {
    /// Wraps `inner`.
    pub const fn new(inner: T) -> Self {
        Self { inner }
    }

    /// The wrapped stream.
    pub const fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The wrapped stream. The adapter buffers nothing, so direct reads and writes are safe.
    pub const fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Returns the wrapped stream.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl<T: TokioRead + Unpin> AsyncRead for TokioIo<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let offered = buf.as_ptr();
        let mut read = ReadBuf::new(buf);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut read))?;
        let filled = read.filled();
        // A reader can replace the `ReadBuf` by another one. The bytes are not in `buf` then.
        if filled.as_ptr() != offered {
            return Poll::Ready(Err(io::Error::other("the reader replaced its read buffer by another one")));
        }
        Poll::Ready(Ok(filled.len()))
    }
}

impl<T: TokioWrite + Unpin> AsyncWrite for TokioIo<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let inner = Pin::new(&mut self.inner);
        if inner.is_write_vectored() {
            inner.poll_write_vectored(cx, bufs)
        } else {
            let first = bufs.iter().find(|slice| !slice.is_empty());
            inner.poll_write(cx, first.map_or(&[], |slice| slice))
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
