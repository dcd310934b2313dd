//! What the proxy needs from a runtime: tasks, a timer and sockets.

#[cfg(any(feature = "smol", feature = "async-std"))]
mod reactor;
#[cfg(feature = "tokio")]
mod tokio;

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr, TcpListener},
    os::fd::BorrowedFd,
    pin::pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{
    AsyncRead, AsyncWrite,
    future::{Either, select},
};
use rustix::net::{listen as set_backlog, sockopt::set_socket_reuseaddr};

#[cfg(feature = "async-std")]
pub use reactor::AsyncStd;
#[cfg(feature = "smol")]
pub use reactor::Smol;
#[cfg(feature = "tokio")]
pub use tokio::Tokio;

/// The backlog: connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 4096;

/// A runtime.
pub trait Runtime: Send + Sync + 'static {
    /// Its name for `--runtime`.
    const NAME: &'static str;

    /// A TCP connection. Closing it shuts down its write direction.
    type Tcp: Socket;

    /// A listening TCP socket.
    type Listener: Send + Sync + 'static;

    /// Runs `future` with this many worker threads. To be called once.
    fn run<F: Future + Send>(threads: usize, future: F) -> F::Output;

    /// Runs `future` in the background.
    fn spawn(future: impl Future<Output = ()> + Send + 'static);

    /// Registers a non-blocking listening socket with this runtime.
    fn listener(socket: TcpListener) -> io::Result<Self::Listener>;

    /// Waits for a connection.
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<(Self::Tcp, SocketAddr)>> + Send;

    /// Opens a connection.
    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<Self::Tcp>> + Send;

    /// Waits for at least `period`.
    fn sleep(period: Duration) -> impl Future<Output = ()> + Send;
}

/// Which readiness an operation waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// Something can be read, or the stream has ended.
    Read,
    /// Something can be written.
    Write,
}

/// A socket on which the program can make its own system calls.
pub trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The descriptor.
    fn fd(&self) -> BorrowedFd<'_>;

    /// Does an operation, and repeats it when the socket is ready, until it does not fail with
    /// [`io::ErrorKind::WouldBlock`].
    fn poll_io<T>(
        &self,
        cx: &mut Context<'_>,
        ready: Ready,
        operation: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>>;
}

/// A listening socket at `address`.
///
/// # Errors
///
/// If there cannot be one, such as where another program listens already.
pub fn listen<R: Runtime>(address: SocketAddr) -> io::Result<R::Listener> {
    let socket = TcpListener::bind(address)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen at {address}: {error}")))?;
    set_socket_reuseaddr(&socket, true)?;
    // The one of std is short.
    set_backlog(&socket, BACKLOG)?;
    socket.set_nonblocking(true)?;
    R::listener(socket)
}

/// An IPv4 address as such, even if a dual-stack socket reports it as an IPv6 address.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::from((ip, address.port())),
        IpAddr::V6(_) => address,
    }
}

/// The output of `future`, or `None` if it takes longer than `period`.
pub async fn within<R: Runtime, F: Future>(period: Duration, future: F) -> Option<F::Output> {
    match select(pin!(future), pin!(R::sleep(period))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}
