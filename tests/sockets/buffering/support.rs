//! Connections of which it is known when they are full, and streams whose task is run in either way.

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
    peer::{Peer, Peers},
    support::{send as respond, within},
};
pub(crate) use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use futures_channel::oneshot;

/// Longer than anything takes that arrives at all.
const LATEST: Duration = Duration::from_secs(20);

/// The output of a future that must not wait for ever.
pub(crate) async fn in_time<R: runtimes::Runtime, F: Future>(what: impl Display, future: F) -> F::Output {
    match within::<R, _>(LATEST, future).await {
        Some(output) => output,
        None => panic!("{what} has not come within {LATEST:?}"),
    }
}

/// Bytes that no encoder makes fewer of.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A connection to a peer that has small buffers.
pub(crate) async fn connected<R: runtimes::Runtime>() -> (Watched<R::Tcp>, Peer) {
    let peers = Peers::new().unwrap();
    let near = R::connect(peers.address()).await.unwrap();
    let peer = peers.accept().await;
    peer.narrow();
    (Watched { stream: near, full: Full::default() }, peer)
}

/// Whether a socket was too full to take anything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Full(Arc<AtomicBool>);

impl Full {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream that tells when it was too full.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    stream: S,
    full: Full,
}

impl<S> Watched<S> {
    pub(crate) fn full(&self) -> Full {
        self.full.clone()
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
            self.full.0.store(true, Ordering::Relaxed);
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

/// Writes messages of these lengths, each after the peer has answered the one before; it has got all when the stream ends.
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
            assert!(question == noise(len));
            peer_writer.write_all(b"!").await.unwrap();
        }
        assert_eq!(peer_reader.read(&mut [0; 1]).await.unwrap(), 0, "the writer was closed");
    });
    serve::<R, _, _>(way, writer, |handoff| async move {
        for len in lens {
            respond(&handoff, noise(*len).into(), 30_000).await;
            let mut answer = [0; 1];
            let answered =
                in_time::<R, _>(format!("with {way:?}, {len} bytes"), reader.read_exact(&mut answer));
            answered.await.unwrap();
        }
    })
    .await;
    in_time::<R, _>("the end", answering).await;
}

/// Writes noise until the socket was full; how much that is. If the writer buffers, it holds the last of it.
pub(crate) async fn fill<W: AsyncWrite + Unpin>(handoff: &WriteHandoff<W>, full: &Full) -> usize {
    const CHUNK: usize = 1000;
    let noise = Bytes::from(noise(64 * CHUNK));
    let mut len = 0;
    while !full.get() {
        let at = len % noise.len();
        handoff.write_fire_and_forget(noise.slice(at..at + CHUNK)).await.unwrap();
        len += CHUNK;
        while handoff.pending_bytes() > 0 && !full.get() {
            yield_now().await;
        }
    }
    len
}

/// What [`fill`] has written.
pub(crate) fn filling(len: usize) -> Vec<u8> {
    let noise = noise(64_000);
    noise.iter().copied().cycle().take(len).collect()
}

/// Lets other tasks run.
async fn yield_now() {
    let mut yielded = false;
    futures_util::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Reads noise as soon as it is told how much there is, says that it has come, and reads the end.
pub(crate) fn late_reader<R: runtimes::Runtime>(
    mut reader: impl AsyncRead + Unpin + Send + 'static,
) -> (oneshot::Sender<usize>, oneshot::Receiver<()>, Task<()>) {
    let (told, len) = oneshot::channel();
    let (said, arrived) = oneshot::channel();
    let task = R::task(async move {
        let Ok(len) = len.await else { return };
        let mut received = vec![0; len];
        reader.read_exact(&mut received).await.unwrap();
        assert!(received == filling(len));
        said.send(()).unwrap();
        assert_eq!(reader.read(&mut [0; 1]).await.unwrap(), 0, "the stream ends in order");
    });
    (told, arrived, task)
}

/// A peer that reads nothing before the socket is full gets the last byte, without anybody asking for a flush.
pub(crate) async fn a_late_reader_gets_the_tail<R, W>(
    way: (Inline, Run),
    writer: W,
    full: Full,
    reader: impl AsyncRead + Unpin + Send + 'static,
) where
    R: runtimes::Runtime,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (told, arrived, reading) = late_reader::<R>(reader);
    serve::<R, _, _>(way, writer, |handoff| async move {
        let len = in_time::<R, _>("a full socket", fill(&handoff, &full)).await;
        told.send(len).unwrap();
        in_time::<R, _>(format!("with {way:?}, the last of {len} bytes"), arrived).await.unwrap();
        assert_eq!(handoff.pending_bytes(), 0);
    })
    .await;
    in_time::<R, _>("the end", reading).await;
}
