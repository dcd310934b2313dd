//! What the peers do is counted in the round that they do it in.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use clap::Parser;
use futures_handoff_runtimes::{
    Runtime, Tokio, TokioCurrent,
    stream::{
        Proxy, Settings,
        implementations::{Peer1, Peer2},
        transport::IntoTokio,
    },
    watched,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
}

/// A reader of nothing but a tunnel, and a writer that says when it is gone.
#[derive(Debug, Default)]
struct Ends {
    left: &'static [u8],
    gone: Arc<AtomicBool>,
}

impl IntoTokio for Ends {
    type Io = Self;

    fn into_tokio(self) -> Self {
        self
    }
}

impl AsyncRead for Ends {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.left).poll_read(cx, buf)
    }
}

impl AsyncWrite for Ends {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Release);
    }
}

fn closes_before_it_is_done<R: Runtime>(peer: impl Proxy<Ends, Ends> + std::fmt::Debug) {
    R::block_on(async {
        let Line { settings } = Line::parse_from(["test"]);
        let mut reader = Ends::default();
        reader.left = b"GET /a\nTUNNEL\nopaque";
        let writer = Ends::default();
        let gone = Arc::clone(&writer.gone);
        peer.run(reader, writer, settings).await.unwrap();
        assert!(gone.load(Ordering::Acquire), "the writer of {peer:?} is still open on {}", R::NAME);
    });
}

#[test]
fn a_peer_is_done_when_its_writer_is_closed() {
    watched("a_peer_is_done_when_its_writer_is_closed", || {
        closes_before_it_is_done::<Tokio>(Peer1);
        closes_before_it_is_done::<Tokio>(Peer2);
        closes_before_it_is_done::<TokioCurrent>(Peer1);
        closes_before_it_is_done::<TokioCurrent>(Peer2);
    });
}
