//! An in-memory pipe in both directions.

use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::{AsyncRead, AsyncWrite};

/// A pair of connected streams; each direction holds up to `capacity` bytes.
///
/// # Panics
///
/// If `capacity` is 0.
pub fn duplex(capacity: usize) -> (Duplex, Duplex) {
    let (left_reader, right_writer) = piper::pipe(capacity);
    let (right_reader, left_writer) = piper::pipe(capacity);
    let left = Duplex { reader: left_reader, writer: Some(left_writer) };
    let right = Duplex { reader: right_reader, writer: Some(right_writer) };
    (left, right)
}

/// One end of an in-memory stream. Vectored writes take every slice that fits.
///
/// Closing or dropping it ends what the other side reads, after what is in the pipe.
pub struct Duplex {
    reader: piper::Reader,
    /// `None` once closed.
    writer: Option<piper::Writer>,
}

impl Duplex {
    /// Reads into anything that can be written to, such as uninitialised memory.
    pub fn poll_read_into(&mut self, cx: &mut Context<'_>, into: impl io::Write) -> Poll<io::Result<usize>> {
        self.reader.poll_drain(cx, into)
    }
}

impl fmt::Debug for Duplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Duplex")
            .field("readable", &self.reader.len())
            .field("unread", &self.writer.as_ref().map(piper::Writer::len))
            .finish()
    }
}

impl AsyncRead for Duplex {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.reader.poll_drain_bytes(cx, buf).map(Ok)
    }
}

impl AsyncWrite for Duplex {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let writer = self.writer.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        match ready!(writer.poll_fill_bytes(cx, buf)) {
            0 => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            n => Poll::Ready(Ok(n)),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut slices = bufs.iter().filter(|slice| !slice.is_empty());
        let Some(first) = slices.next() else { return Poll::Ready(Ok(0)) };
        let mut written = ready!(self.as_mut().poll_write(cx, first))?;
        if written < first.len() {
            return Poll::Ready(Ok(written));
        }
        for slice in slices {
            let writer = self.writer.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            let n = writer.try_fill(slice);
            written += n;
            if n < slice.len() {
                break;
            }
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer = None;
        Poll::Ready(Ok(()))
    }
}
