//! smol and async-std: two executors, and the sockets and timers of the reactor that they share.

use std::{
    future::Future,
    io::{self, IoSlice, Read},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use async_io::{Async, Timer};
use futures_util::{AsyncRead, AsyncWrite, FutureExt};

use super::{Ready, Runtime, Socket};

/// A task that panics ends with the usual message. It must not end the thread that runs it.
///
/// Not an `async fn`, which would hold the task twice.
fn caught(future: impl Future<Output = ()>) -> impl Future<Output = ()> {
    AssertUnwindSafe(future).catch_unwind().map(drop)
}

/// What is the same for both.
macro_rules! sockets {
    () => {
        type Tcp = Tcp;
        type Listener = Async<TcpListener>;

        fn listener(socket: TcpListener) -> io::Result<Async<TcpListener>> {
            Async::new_nonblocking(socket)
        }

        async fn accept(listener: &Async<TcpListener>) -> io::Result<(Tcp, SocketAddr)> {
            let (stream, peer) = listener.accept().await?;
            Ok((stream.into(), peer))
        }

        async fn connect(address: SocketAddr) -> io::Result<Tcp> {
            Ok(Async::<TcpStream>::connect(address).await?.into())
        }

        async fn sleep(period: Duration) {
            Timer::after(period).await;
        }
    };
}

/// smol's executor.
#[cfg(feature = "smol")]
#[derive(Debug)]
pub struct Smol;

#[cfg(feature = "smol")]
static EXECUTOR: async_executor::Executor<'static> = async_executor::Executor::new();

#[cfg(feature = "smol")]
impl Runtime for Smol {
    const NAME: &'static str = "smol";

    fn run<F: Future + Send>(threads: usize, future: F) -> F::Output {
        for _ in 1..threads {
            std::thread::spawn(|| async_io::block_on(EXECUTOR.run(std::future::pending::<()>())));
        }
        async_io::block_on(EXECUTOR.run(future))
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        EXECUTOR.spawn(caught(future)).detach();
    }

    sockets!();
}

/// async-std's executor. Its reactor is that of smol. It is used directly here, as async-std's own
/// sockets do not report readiness.
#[cfg(feature = "async-std")]
#[derive(Debug)]
pub struct AsyncStd;

#[cfg(feature = "async-std")]
impl Runtime for AsyncStd {
    const NAME: &'static str = "async-std";

    fn run<F: Future + Send>(threads: usize, future: F) -> F::Output {
        let config = async_global_executor::GlobalExecutorConfig::default()
            .with_min_threads(threads)
            .with_max_threads(threads);
        async_global_executor::init_with_config(config);
        async_std::task::block_on(future)
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        async_std::task::spawn(caught(future));
    }

    sockets!();
}

/// A connection of the reactor. Closing it shuts down its write direction.
#[derive(Debug)]
pub struct Tcp {
    stream: Async<TcpStream>,
    /// The last read emptied the socket, so the next one waits for the reactor first. A task that
    /// is woken for one of its connections polls the other one too, and that would be a useless
    /// system call.
    drained: bool,
}

impl From<Async<TcpStream>> for Tcp {
    fn from(stream: Async<TcpStream>) -> Self {
        Self { stream, drained: false }
    }
}

impl Socket for Tcp {
    fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    fn poll_io<T>(
        &self,
        cx: &mut Context<'_>,
        ready: Ready,
        mut operation: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            match operation() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
            match ready {
                Ready::Read => ready!(self.stream.poll_readable(cx))?,
                Ready::Write => ready!(self.stream.poll_writable(cx))?,
            }
        }
    }
}

impl AsyncRead for Tcp {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            if self.drained {
                ready!(self.stream.poll_readable(cx))?;
                self.drained = false;
            }
            match self.stream.get_ref().read(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.drained = true,
                Ok(len) => {
                    // The reactor reports again an event that it has reported before.
                    self.drained = 0 < len && len < buf.len();
                    return Poll::Ready(Ok(len));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Tcp {
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
        Poll::Ready(self.stream.get_ref().shutdown(Shutdown::Write))
    }
}
