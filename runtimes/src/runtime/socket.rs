//! Shared by the sockets of the adapters.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{AsyncRead, AsyncWrite};

/// A stream whose write direction can be shut down by itself.
pub trait CloseWrite {
    /// Shuts down the write direction: the other side reads the end of the stream.
    fn close_write(&self) -> io::Result<()>;
}

/// Makes `poll_close` of a stream shut down its write direction.
///
/// The streams of async-io and async-std only flush when they are closed, and shut down when they
/// are dropped.
#[derive(Debug, Clone)]
pub struct Socket<S> {
    stream: S,
}

impl<S> Socket<S> {
    /// Wraps `stream`.
    pub fn new(stream: S) -> Self {
        Self { stream }
    }

    /// The stream inside.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + CloseWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.close_write())
    }
}

/// The socket part of a [`Runtime`](crate::Runtime) whose crate names its sockets as `std` does.
/// They must be in scope; `$wrap` converts one of them to the type of the adapter.
#[cfg(any(feature = "tokio", feature = "smol", feature = "async-std"))]
macro_rules! sockets {
    ($wrap:path) => {
        type Listener = TcpListener;

        async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
            TcpListener::bind(address).await
        }

        fn local_addr(listener: &TcpListener) -> io::Result<SocketAddr> {
            listener.local_addr()
        }

        async fn accept(listener: &mut TcpListener) -> io::Result<Self::Tcp> {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok($wrap(stream))
        }

        async fn connect(address: SocketAddr) -> io::Result<Self::Tcp> {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok($wrap(stream))
        }

        #[cfg(unix)]
        fn unix_pair() -> io::Result<(Self::Unix, Self::Unix)> {
            let (near, far) = UnixStream::pair()?;
            Ok(($wrap(near), $wrap(far)))
        }
    };
}

#[cfg(any(feature = "tokio", feature = "smol", feature = "async-std"))]
pub(crate) use sockets;
