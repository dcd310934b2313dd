//! Connections that report when they are full, and streams whose task runs by itself or with a
//! producer.

pub(crate) use std::{
    fmt::Display,
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

pub(crate) use futures_handoff::{HandoffBuffer, Inline, WriteHandoff, WriteHandoffConfig, bytes::Bytes};
pub(crate) use futures_handoff_runtimes::{self as runtimes, Task};

pub(crate) use crate::{
    peer::Peer,
    support::{payload, send as respond, within},
};
pub(crate) use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::support;
use futures_channel::oneshot;
use futures_test::future::FutureTestExt;
use futures_util::future::ready;

/// Longer than any arrival takes.
const LATEST: Duration = Duration::from_secs(20);

/// The output of a future that must not wait for ever.
pub(crate) async fn in_time<R: runtimes::Runtime, F: Future>(what: impl Display, future: F) -> F::Output {
    match within::<R, _>(LATEST, future).await {
        Some(output) => output,
        None => panic!("{what} has not come within {LATEST:?}"),
    }
}

/// A connection to a peer that has small buffers.
pub(crate) async fn connected<R: runtimes::Runtime>() -> (Watched<R::Tcp>, Peer) {
    let (stream, peer) = support::connected::<R>().await;
    peer.narrow();
    (Watched { stream, full: Full::default() }, peer)
}

/// Whether a socket was too full to take anything.
pub(crate) type Full = Arc<AtomicBool>;

/// A stream that tells when it was too full.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    stream: S,
    full: Full,
}

impl<S> Watched<S> {
    pub(crate) fn full(&self) -> Full {
        Arc::clone(&self.full)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        if written.is_pending() {
            self.full.store(true, Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

/// How the task of a stream is run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Run {
    Spawned,
    Until,
}

/// All ways to write: which party polls the writer, and how the task is run.
pub(crate) fn ways() -> impl Iterator<Item = (Inline, Run)> {
    let inline = [Inline::SameThread, Inline::Always, Inline::Never];
    inline.into_iter().flat_map(|inline| [Run::Spawned, Run::Until].map(|run| (inline, run)))
}

/// Runs a producer and the task of the stream that it writes to, and then closes the stream.
pub(crate) async fn serve<R, W, F>(
    (inline, run): (Inline, Run),
    writer: W,
    produce: impl FnOnce(WriteHandoff<W>) -> F,
) -> F::Output
where
    R: runtimes::Runtime,
    W: AsyncWrite + Unpin + Send + 'static,
    F: Future,
{
    let config = WriteHandoffConfig::default().with_inline(inline);
    let (handoff, mut task) = WriteHandoff::new(writer, config);
    match run {
        Run::Spawned => {
            let task = R::task(task);
            let output = produce(handoff).await;
            assert!(in_time::<R, _>("the end of the stream", task).await.is_ok());
            output
        }
        Run::Until => {
            let output = task.run_until(produce(handoff)).await;
            assert!(in_time::<R, _>("the end of the stream", task).await.is_ok());
            output
        }
    }
}

/// Writes messages of these lengths, each after the peer has answered the one before. The peer has
/// everything when the stream ends.
pub(crate) async fn each_message_arrives<R, W>(
    way: (Inline, Run),
    writer: W,
    mut reader: impl AsyncRead + Unpin,
    (mut peer_reader, mut peer_writer): (
        impl AsyncRead + Unpin + Send + 'static,
        impl AsyncWrite + Unpin + Send + 'static,
    ),
    lens: &[usize],
) where
    R: runtimes::Runtime,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let expected = lens.to_vec();
    let answering = R::task(async move {
        for len in expected {
            let mut question = vec![0; len];
            peer_reader.read_exact(&mut question).await.unwrap();
            assert!(question == payload(len));
            peer_writer.write_all(b"!").await.unwrap();
        }
        assert_eq!(peer_reader.read(&mut [0; 1]).await.unwrap(), 0, "the writer was closed");
    });
    serve::<R, _, _>(way, writer, |handoff| async move {
        for len in lens {
            respond(&handoff, payload(*len).into(), 30_000).await;
            let mut answer = [0; 1];
            let answered =
                in_time::<R, _>(format!("with {way:?}, {len} bytes"), reader.read_exact(&mut answer));
            answered.await.unwrap();
        }
    })
    .await;
    in_time::<R, _>("the end", answering).await;
}

/// Writes until the socket was full; how much that is. If the writer buffers, it holds the last of
/// it.
pub(crate) async fn fill<W: AsyncWrite + Unpin>(handoff: &WriteHandoff<W>, full: &Full) -> usize {
    const CHUNK: usize = 1000;
    let bytes = Bytes::from(payload(64 * CHUNK));
    let mut len = 0;
    while !full.load(Ordering::Relaxed) {
        let at = len % bytes.len();
        handoff.write_fire_and_forget(bytes.slice(at..at + CHUNK)).await.unwrap();
        len += CHUNK;
        while handoff.pending_bytes() > 0 && !full.load(Ordering::Relaxed) {
            ready(()).pending_once().await;
        }
    }
    len
}

/// What [`fill`] has written.
pub(crate) fn filling(len: usize) -> Vec<u8> {
    let bytes = payload(64_000);
    bytes.iter().copied().cycle().take(len).collect()
}

/// A peer that reads nothing before the socket is full gets the last byte, although nothing
/// requests a flush.
pub(crate) async fn a_late_reader_gets_the_tail<R, W>(
    way: (Inline, Run),
    writer: W,
    full: Full,
    mut reader: impl AsyncRead + Unpin + Send + 'static,
) where
    R: runtimes::Runtime,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (told, len) = oneshot::channel();
    let (said, arrived) = oneshot::channel();
    let reading = R::task(async move {
        let Ok(len) = len.await else { return };
        let mut received = vec![0; len];
        reader.read_exact(&mut received).await.unwrap();
        assert!(received == filling(len));
        said.send(()).unwrap();
        assert_eq!(reader.read(&mut [0; 1]).await.unwrap(), 0, "the stream ends in order");
    });
    serve::<R, _, _>(way, writer, |handoff| async move {
        let len = in_time::<R, _>("a full socket", fill(&handoff, &full)).await;
        told.send(len).unwrap();
        in_time::<R, _>(format!("with {way:?}, the last of {len} bytes"), arrived).await.unwrap();
        assert_eq!(handoff.pending_bytes(), 0);
    })
    .await;
    in_time::<R, _>("the end", reading).await;
}
