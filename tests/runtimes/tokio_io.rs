//! `TokioIo` forwards everything.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use futures_executor::block_on;
use futures_handoff::TokioIo;
use futures_util::{AsyncReadExt, AsyncWriteExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Records its calls.
#[derive(Default)]
struct Recorder {
    vectored: bool,
    calls: Vec<String>,
}

impl AsyncWrite for Recorder {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.calls.push(format!("write {}", buf.len()));
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.calls.push(format!("write {} slices", bufs.len()));
        Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.calls.push("flush".into());
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.calls.push("shutdown".into());
        Poll::Ready(Ok(()))
    }
}

/// Replaces the borrowed buffer by its own.
struct Swapper;

impl AsyncRead for Swapper {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut own = ReadBuf::new(Box::leak(Box::new([7; 64])));
        own.set_filled(2);
        *buf = own;
        Poll::Ready(Ok(()))
    }
}

#[test]
fn slices_reach_a_writer_that_takes_them() {
    let mut writer = TokioIo::new(Recorder { vectored: true, ..Recorder::default() });
    let slices = [IoSlice::new(b"ab"), IoSlice::new(b"cde")];
    assert_eq!(block_on(writer.write_vectored(&slices)).unwrap(), 5);
    assert_eq!(writer.get_ref().calls, ["write 2 slices"]);
}

#[test]
fn another_writer_gets_the_first_slice_that_holds_something() {
    let mut writer = TokioIo::new(Recorder::default());
    let slices = [IoSlice::new(b""), IoSlice::new(b"cde"), IoSlice::new(b"f")];
    assert_eq!(block_on(writer.write_vectored(&slices)).unwrap(), 3);
    assert_eq!(block_on(writer.write_vectored(&[])).unwrap(), 0);
    assert_eq!(writer.into_inner().calls, ["write 3", "write 0"]);
}

#[test]
fn flush_and_close_reach_the_writer() {
    let mut writer = TokioIo::new(Recorder::default());
    block_on(async {
        writer.write_all(b"a").await.unwrap();
        writer.flush().await.unwrap();
        writer.close().await.unwrap();
    });
    assert_eq!(writer.get_mut().calls, ["write 1", "flush", "shutdown"]);
}

#[test]
fn reads_report_what_was_filled_and_then_the_end() {
    let mut reader = TokioIo::new(&b"abc"[..]);
    let mut buf = [0; 2];
    block_on(async {
        assert_eq!(reader.read(&mut buf).await.unwrap(), 2);
        assert_eq!(reader.read(&mut buf).await.unwrap(), 1);
        assert_eq!(&buf, b"cb");
        assert_eq!(reader.read(&mut buf).await.unwrap(), 0);
    });
}

#[test]
fn a_reader_that_swaps_the_buffer_is_an_error() {
    let mut buf = [0; 8];
    let error = block_on(TokioIo::new(Swapper).read(&mut buf)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Other);
    assert_eq!(buf, [0; 8]);
}
