//! A buffer and its reader as one reader.

use std::{
    io::{self, IoSlice, IoSliceMut},
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};

use super::{buffer::HandoffBuffer, error::BufferError};

impl HandoffBuffer {
    /// Returns a reader of the unconsumed bytes, followed by the bytes of `reader`.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::HandoffBuffer;
    /// use futures_util::AsyncReadExt;
    ///
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"TUNNEL\nopaque bytes";
    /// let mut buffer = HandoffBuffer::new(10);
    /// buffer.read_available(&mut reader).await?;
    /// buffer.advance(7)?;
    ///
    /// let mut rest = Vec::new();
    /// buffer.into_reader(reader).read_to_end(&mut rest).await?;
    /// assert_eq!(rest, b"opaque bytes");
    /// # Ok::<_, std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[must_use = "the reader holds the unconsumed bytes"]
    pub fn into_reader<R>(self, reader: R) -> HandoffReader<R> {
        HandoffReader { buffer: self, reader }
    }
}

/// A [`HandoffBuffer`] in front of a reader; see [`HandoffBuffer::into_reader`].
///
/// It implements [`AsyncRead`] and [`AsyncBufRead`], for code that takes a reader. If the buffer is
/// empty, a read of at least its read size bypasses it. If the inner stream is a writer, writes go
/// straight to it.
///
/// # Cancel safety
///
/// A read that is dropped before it completes loses nothing. Reads yield to other tasks [from time
/// to time](crate::HandoffBufferConfig::with_cooperative).
///
/// # Examples
///
/// ```
/// use futures_handoff::HandoffBuffer;
/// use futures_util::AsyncReadExt;
///
/// # futures_executor::block_on(async {
/// let mut connection: &[u8] = b"PROXY 10.0.0.1\nhello";
/// let mut buffer = HandoffBuffer::new(12);
/// buffer.fill_to(&mut connection, 6).await?;
/// buffer.advance(6)?;
///
/// let mut reader = buffer.into_reader(connection);
/// assert_eq!(reader.buffer(), b"10.0.0");
/// assert_eq!(*reader.get_ref(), b".1\nhello");
/// let mut address = [0; 9];
/// reader.read_exact(&mut address).await?;
/// assert_eq!(&address, b"10.0.0.1\n");
/// # Ok::<_, std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct HandoffReader<R> {
    buffer: HandoffBuffer,
    reader: R,
}

impl<R> HandoffReader<R> {
    /// The inner reader.
    pub fn get_ref(&self) -> &R {
        &self.reader
    }

    /// The inner reader. A read from it skips the buffered bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{HandoffBuffer, HandoffBufferConfig};
    /// use futures_util::AsyncReadExt;
    ///
    /// # futures_executor::block_on(async {
    /// let config = HandoffBufferConfig::new(64).with_read_reserve(4);
    /// let mut buffer = HandoffBuffer::with_config(config);
    /// let mut inner: &[u8] = b"headbody";
    /// buffer.read_available(&mut inner).await?;
    ///
    /// let mut reader = buffer.into_reader(inner);
    /// let mut direct = String::new();
    /// reader.get_mut().read_to_string(&mut direct).await?;
    /// assert_eq!((&direct[..], reader.buffer()), ("body", &b"head"[..]));
    /// # Ok::<_, std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The bytes that were read from the inner reader and not consumed.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{HandoffBuffer, HandoffBufferConfig, bytes::BytesMut};
    ///
    /// let config = HandoffBufferConfig::new(64);
    /// let buffer = HandoffBuffer::from_tail(BytesMut::from("tail"), config)?;
    /// assert_eq!(buffer.into_reader(futures_util::io::empty()).buffer(), b"tail");
    /// # Ok::<_, futures_handoff::BufferError>(())
    /// ```
    pub fn buffer(&self) -> &[u8] {
        self.buffer.peek()
    }

    /// Returns the buffer, with its unconsumed bytes, and the inner reader.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::HandoffBuffer;
    /// use futures_util::AsyncBufReadExt;
    ///
    /// # futures_executor::block_on(async {
    /// let inner: &[u8] = b"line\nrest";
    /// let mut reader = HandoffBuffer::new(64).into_reader(inner);
    /// let mut line = String::new();
    /// reader.read_line(&mut line).await?;
    /// assert_eq!(line, "line\n");
    /// let (buffer, _inner) = reader.into_parts();
    /// assert_eq!(buffer.peek(), b"rest");
    /// # Ok::<_, std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[must_use = "the buffer may hold bytes"]
    pub fn into_parts(self) -> (HandoffBuffer, R) {
        (self.buffer, self.reader)
    }
}

impl<R: AsyncRead + Unpin> HandoffReader<R> {
    /// Makes sure that bytes are buffered, unless the stream has ended. Spends from the buffer's
    /// budget once in each call, so that reads of buffered bytes yield to other tasks too.
    fn poll_buffered(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.buffer.is_empty() {
            ready!(self.buffer.poll_read_available(cx, Pin::new(&mut self.reader)))?;
        } else {
            ready!(self.buffer.budget.poll(cx));
            self.buffer.budget.spend(0);
        }
        Poll::Ready(Ok(()))
    }

    /// Whether a read of `n` bytes bypasses the buffer.
    fn bypasses(&self, n: usize) -> bool {
        self.buffer.is_empty() && n >= self.buffer.pace.size()
    }

    /// Reads at most `given` bytes past the buffer. The buffer yields to other tasks and frees
    /// memory as in its own reads.
    fn poll_past(
        &mut self,
        cx: &mut Context<'_>,
        given: usize,
        read: impl FnOnce(Pin<&mut R>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        ready!(self.buffer.budget.poll(cx));
        self.buffer.shed(0);
        match read(Pin::new(&mut self.reader), cx) {
            Poll::Pending => {
                self.buffer.budget.waited();
                self.buffer.rest();
                Poll::Pending
            }
            Poll::Ready(read) => {
                let read = read.and_then(|n| check(n, given));
                self.buffer.budget.spend(read.as_ref().map_or(0, |n| *n));
                Poll::Ready(read)
            }
        }
    }

    fn copy_to(&mut self, out: &mut [u8]) -> usize {
        let buffered = self.buffer.peek();
        let n = out.len().min(buffered.len());
        out[..n].copy_from_slice(&buffered[..n]);
        self.buffer.consume(n);
        n
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for HandoffReader<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.bypasses(out.len()) {
            return self.poll_past(cx, out.len(), |reader, cx| reader.poll_read(cx, out));
        }
        if !out.is_empty() {
            ready!(self.poll_buffered(cx))?;
        }
        Poll::Ready(Ok(self.copy_to(out)))
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        outs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let room = outs.iter().fold(0_usize, |sum, out| sum.saturating_add(out.len()));
        if self.bypasses(room) {
            return self.poll_past(cx, room, |reader, cx| reader.poll_read_vectored(cx, outs));
        }
        if room > 0 {
            ready!(self.poll_buffered(cx))?;
        }
        Poll::Ready(Ok(outs.iter_mut().map(|out| self.copy_to(out)).sum()))
    }
}

impl<R: AsyncRead + Unpin> AsyncBufRead for HandoffReader<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        ready!(this.poll_buffered(cx))?;
        Poll::Ready(Ok(this.buffer.peek()))
    }

    /// Consumes `n` bytes, or all buffered bytes if there are fewer.
    fn consume(mut self: Pin<&mut Self>, n: usize) {
        let n = n.min(self.buffer.len());
        self.buffer.consume(n);
    }
}

impl<R: AsyncWrite + Unpin> AsyncWrite for HandoffReader<R> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.reader).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.reader).poll_write_vectored(cx, slices)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reader).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reader).poll_close(cx)
    }
}

/// Rejects a reader that reports more bytes than it had room for. The caller would otherwise trust
/// bytes that were not written.
fn check(reported: usize, given: usize) -> io::Result<usize> {
    if reported > given { Err(BufferError::InvalidReader { reported, given }.into()) } else { Ok(reported) }
}
