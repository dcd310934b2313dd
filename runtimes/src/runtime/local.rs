//! No runtime at all.

#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::{
    future::Future,
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    panic::AssertUnwindSafe,
    sync::OnceLock,
    time::Duration,
};

use async_io::{Async, Timer};
use futures_executor::ThreadPool;
use futures_util::{AsyncRead, AsyncWrite, FutureExt};

use super::{CloseWrite, Runtime, Socket, workers};

/// Plain threads that poll futures, and sockets that belong to no runtime.
#[derive(Debug)]
pub struct Local;

fn pool() -> &'static ThreadPool {
    static POOL: OnceLock<ThreadPool> = OnceLock::new();
    POOL.get_or_init(|| {
        ThreadPool::builder()
            .pool_size(workers())
            .name_prefix("local-")
            .create()
            .expect("the threads of the pool can be started")
    })
}

impl Runtime for Local {
    const NAME: &'static str = "local";

    type Tcp = Socket<Async<TcpStream>>;
    #[cfg(unix)]
    type Unix = Socket<Async<UnixStream>>;
    type Listener = Async<TcpListener>;

    fn block_on<F: Future>(future: F) -> F::Output {
        futures_executor::block_on(future)
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        // A panic would end the thread of the pool. Its message has been printed when it gets here.
        pool().spawn_ok(AssertUnwindSafe(future).catch_unwind().map(drop));
    }

    async fn bind(address: SocketAddr) -> io::Result<Self::Listener> {
        Async::<TcpListener>::bind(address)
    }

    fn local_addr(listener: &Self::Listener) -> io::Result<SocketAddr> {
        listener.get_ref().local_addr()
    }

    async fn accept(listener: &mut Self::Listener) -> io::Result<Self::Tcp> {
        let (stream, _) = Async::<TcpListener>::accept(listener).await?;
        stream.get_ref().set_nodelay(true)?;
        Ok(Socket::new(stream))
    }

    async fn connect(address: SocketAddr) -> io::Result<Self::Tcp> {
        let stream = Async::<TcpStream>::connect(address).await?;
        stream.get_ref().set_nodelay(true)?;
        Ok(Socket::new(stream))
    }

    #[cfg(unix)]
    fn unix_pair() -> io::Result<(Self::Unix, Self::Unix)> {
        let (near, far) = Async::<UnixStream>::pair()?;
        Ok((Socket::new(near), Socket::new(far)))
    }

    fn halves(
        connection: Self::Tcp,
    ) -> io::Result<(impl AsyncRead + Unpin + Send + 'static, impl AsyncWrite + Unpin + Send + 'static)> {
        let writer = connection.get_ref().get_ref().try_clone()?;
        Ok((connection, Socket::new(Async::new(writer)?)))
    }

    async fn sleep(duration: Duration) {
        Timer::after(duration).await;
    }
}

impl CloseWrite for Async<TcpStream> {
    fn close_write(&self) -> io::Result<()> {
        self.get_ref().shutdown(Shutdown::Write)
    }
}

#[cfg(unix)]
impl CloseWrite for Async<UnixStream> {
    fn close_write(&self) -> io::Result<()> {
        self.get_ref().shutdown(Shutdown::Write)
    }
}
