//! A writer that tells when it is gone.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use futures_channel::oneshot;
use tokio::io::AsyncWrite;

/// A writer that somebody else's task owns, who does not say when that has ended.
///
/// Without this a proxy would be done while its writer is open still, and what that has counted would be missing.
pub(super) struct UntilGone<W> {
    writer: W,
    /// Fields are dropped in their order, so the writer is gone before this is.
    _sender: oneshot::Sender<()>,
}

impl<W> UntilGone<W> {
    pub(super) fn new(writer: W) -> (Self, Gone) {
        let (sender, receiver) = oneshot::channel();
        (Self { writer, _sender: sender }, Gone { receiver })
    }
}

/// The end of a writer.
pub(super) struct Gone {
    receiver: oneshot::Receiver<()>,
}

impl Gone {
    /// Waits until the writer has been dropped.
    pub(super) async fn wait(self) {
        // Nothing is ever sent.
        let _ = self.receiver.await;
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for UntilGone<W> {
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

    fn is_write_vectored(&self) -> bool {
        self.writer.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(cx)
    }
}
