//! A reader and a writer as one stream.

use std::{
    io::{self, IoSlice, IoSliceMut},
    pin::Pin,
    task::{Context, Poll},
};

use futures_io::{AsyncRead, AsyncWrite};

/// A reader and a writer as one stream, such as the halves of a split connection.
///
/// # Examples
///
/// ```
/// use futures_handoff::tunnel::Halves;
/// use futures_util::{AsyncReadExt, AsyncWriteExt};
///
/// # futures_executor::block_on(async {
/// let mut stream = Halves::new(&b"question"[..], Vec::new());
/// let mut question = String::new();
/// stream.read_to_string(&mut question).await?;
/// stream.write_all(b"answer").await?;
/// stream.close().await?;
/// assert_eq!((&question[..], &stream.writer[..]), ("question", &b"answer"[..]));
/// # Ok::<_, std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Halves<R, W> {
    /// The half to read from.
    pub reader: R,
    /// The half to write to.
    pub writer: W,
}

impl<R, W> Halves<R, W> {
    /// A stream that reads from `reader` and writes to `writer`.
    pub const fn new(reader: R, writer: W) -> Self {
        Self { reader, writer }
    }
}

impl<R: AsyncRead + Unpin, W: Unpin> AsyncRead for Halves<R, W> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.reader).poll_read(cx, buf)
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.reader).poll_read_vectored(cx, bufs)
    }
}

impl<R: Unpin, W: AsyncWrite + Unpin> AsyncWrite for Halves<R, W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writer).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writer).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_close(cx)
    }
}
