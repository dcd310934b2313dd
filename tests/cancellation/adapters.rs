//! Tokio's streams as `futures-io` streams: they hold nothing back.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_handoff::TokioIo;
use futures_handoff_runtimes::cancel::at_every_poll;
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::io::{AsyncRead as TokioRead, AsyncWrite as TokioWrite, ReadBuf};

use super::{
    cancelled,
    slow::{Slow, SlowReader, writes_through},
};

const CONTENT: &[u8] = b"neither lost nor there twice";

/// A stream as Tokio has them.
struct Foreign<T>(T);

impl TokioRead for Foreign<SlowReader> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut piece = [0; 16];
        let most = room.remaining().min(piece.len());
        let n = ready!(Pin::new(&mut self.0).poll_read(cx, &mut piece[..most]))?;
        room.put_slice(&piece[..n]);
        Poll::Ready(Ok(()))
    }
}

impl TokioWrite for Foreign<Slow> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

cancelled! {
    "AsyncRead for TokioIo"
    fn a_read_of_a_foreign_stream() {
        let most = at_every_poll(|cut| {
            let source = SlowReader::new(CONTENT);
            let mut reader = TokioIo::new(Foreign(source.clone()));
            let mut out = Vec::new();
            let read = async {
                let mut piece = [0; 5];
                while out.len() < CONTENT.len() {
                    let n = reader.read(&mut piece).await.unwrap();
                    out.extend_from_slice(&piece[..n]);
                }
            };
            cut.run(read, || source.unblock());
            assert_eq!([out, source.left()].concat(), CONTENT, "all of it is somewhere");
        });
        assert!(most > CONTENT.len() / 3);
    }

    "AsyncWrite for TokioIo"
    fn a_write_to_a_foreign_stream() {
        writes_through(|slow| TokioIo::new(Foreign(slow)));
    }
}
