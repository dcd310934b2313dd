//! What the scenarios need from the place where they run.

use std::{
    future::Future,
    io,
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use futures_handoff::{DetachedWriteTask, Executor, WriteHandoff, WriteHandoffConfig, bytes::Bytes};
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, future::BoxFuture};

/// A place where futures run. A scenario is one future there; this is what else it needs.
pub(crate) trait Place {
    /// One end of a TCP connection. It only has to read and write.
    type Stream: AsyncRead + AsyncWrite + Unpin + 'static;

    /// What runs the task of a handoff.
    fn executor(&self) -> impl Executor<DetachedWriteTask<Self::Stream>>;

    /// Runs a future beside the scenario.
    fn spawn(&self, future: BoxFuture<'static, ()>);

    /// Both ends of a new loopback connection.
    fn pair(&self) -> impl Future<Output = io::Result<(Self::Stream, Self::Stream)>>;

    /// Waits for a moment, so that sockets and other tasks make progress.
    fn moment(&self) -> impl Future<Output = ()>;
}

/// A handoff whose task runs at a place.
pub(crate) fn spawned<P: Place>(
    place: &P,
    stream: P::Stream,
    config: WriteHandoffConfig,
) -> WriteHandoff<P::Stream> {
    let (handoff, task) = WriteHandoff::new(stream, config);
    place.executor().execute(task.detach());
    handoff
}

pub(crate) const MOMENT: Duration = Duration::from_millis(1);

/// A stream that may not leave its thread.
pub(crate) struct Bound<S>(S, PhantomData<Rc<()>>);

impl<S> Bound<S> {
    pub(crate) fn both((near, far): (S, S)) -> (Self, Self) {
        (Self(near, PhantomData), Self(far, PhantomData))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bound<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bound<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

/// Bytes that show their position in a stream.
pub(crate) fn payload(len: usize) -> Bytes {
    (0..len as u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

/// All that arrives until the end.
pub(crate) async fn received(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    bytes
}

/// Compares without printing, as this may be megabytes.
#[track_caller]
pub(crate) fn assert_same(received: &[u8], sent: &[u8]) {
    let differs = received.iter().zip(sent).position(|(a, b)| a != b);
    assert!(received == sent, "{} of {} bytes, first difference at {differs:?}", received.len(), sent.len());
}
