//! What tests, benchmarks and examples need from a runtime, and an adapter for each.

mod local;
mod socket;
mod workers;

#[cfg(feature = "async-std")]
mod async_std;
#[cfg(feature = "smol")]
mod smol;
#[cfg(feature = "tokio")]
mod tokio;

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_channel::oneshot;
use futures_util::{
    AsyncRead, AsyncWrite, FutureExt,
    future::{Either, select},
};

#[cfg(feature = "async-std")]
pub use async_std::AsyncStd;
pub use local::Local;
#[cfg(feature = "smol")]
pub use smol::Smol;
pub use socket::{CloseWrite, Socket};
#[cfg(feature = "tokio")]
pub use tokio::{Tokio, TokioCurrent};
pub use workers::{set_workers, workers};

use crate::io::{Duplex, duplex};

/// A runtime: it runs futures, and has sockets and a timer.
pub trait Runtime: Send + Sync + 'static {
    /// The name in test paths, benchmark labels and tables.
    const NAME: &'static str;

    /// A TCP connection. Closing it shuts down its write direction.
    type Tcp: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// A Unix stream socket. Closing it shuts down its write direction. Those of smol and async-std
    /// take one slice of a vectored write at a time.
    #[cfg(unix)]
    type Unix: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// A listening TCP socket.
    type Listener: Send + 'static;

    /// Runs `future` on the calling thread, with the runtime. Must not be nested.
    fn block_on<F: Future>(future: F) -> F::Output;

    /// Runs `future` in the background. Must be called from inside [`block_on`](Self::block_on) or
    /// another task.
    fn spawn(future: impl Future<Output = ()> + Send + 'static);

    /// Listens at `address`; port 0 picks a free port.
    fn bind(address: SocketAddr) -> impl Future<Output = io::Result<Self::Listener>> + Send;

    /// Where `listener` listens.
    fn local_addr(listener: &Self::Listener) -> io::Result<SocketAddr>;

    /// Waits for a connection. `TCP_NODELAY` is on.
    fn accept(listener: &mut Self::Listener) -> impl Future<Output = io::Result<Self::Tcp>> + Send;

    /// Opens a connection. `TCP_NODELAY` is on.
    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<Self::Tcp>> + Send;

    /// The two directions of a connection, each of which can belong to a task of its own. Closing
    /// the second shuts down the write direction.
    ///
    /// # Errors
    ///
    /// If the system has no descriptor for another handle to the socket, if one is needed.
    fn halves(
        connection: Self::Tcp,
    ) -> io::Result<(impl AsyncRead + Unpin + Send + 'static, impl AsyncWrite + Unpin + Send + 'static)>;

    /// Two Unix sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// If they cannot be opened.
    #[cfg(unix)]
    fn unix_pair() -> io::Result<(Self::Unix, Self::Unix)>;

    /// Waits for at least `duration`.
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send;

    /// A pair of in-memory streams; each direction holds up to `capacity` bytes.
    fn duplex(capacity: usize) -> (Duplex, Duplex) {
        duplex(capacity)
    }

    /// Runs `future` in the background and gives a way to its output.
    fn task<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Task<T> {
        let (sender, receiver) = oneshot::channel();
        Self::spawn(async move {
            // The waiter for the output may have been dropped.
            let _ = sender.send(future.await);
        });
        Task { receiver }
    }

    /// The output of `future`, or `None` if it takes longer than `duration`.
    fn timeout<F: Future>(duration: Duration, future: F) -> impl Future<Output = Option<F::Output>> {
        async move {
            let sleep = Box::pin(Self::sleep(duration));
            match select(Box::pin(future), sleep).await {
                Either::Left((output, _)) => Some(output),
                Either::Right(_) => None,
            }
        }
    }

    /// Two ends of a loopback connection: the one that connected, the one that accepted.
    ///
    /// No other client may connect to `listener` meanwhile.
    fn tcp_pair(
        listener: &mut Self::Listener,
    ) -> impl Future<Output = io::Result<(Self::Tcp, Self::Tcp)>> + Send {
        async move {
            let connected = Self::connect(Self::local_addr(listener)?).await?;
            let accepted = Self::accept(listener).await?;
            Ok((connected, accepted))
        }
    }
}

/// The output of a future that runs in the background. Dropping it leaves that future running.
///
/// # Panics
///
/// Awaiting it panics if the future was dropped or panicked.
#[derive(Debug)]
pub struct Task<T> {
    receiver: oneshot::Receiver<T>,
}

impl<T> Task<T> {
    /// Waits for the output; `None` if the future was dropped or panicked.
    pub async fn outcome(self) -> Option<T> {
        self.receiver.await.ok()
    }
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.receiver
            .poll_unpin(cx)
            .map(|output| output.expect("the background task panicked or was dropped"))
    }
}
