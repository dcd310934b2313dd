//! async-std, which is discontinued upstream.

use std::{
    future::Future,
    io,
    net::{Shutdown, SocketAddr},
    sync::Once,
    time::Duration,
};

use async_global_executor::GlobalExecutorConfig;
#[cfg(unix)]
use async_std::os::unix::net::UnixStream;
use async_std::{
    net::{TcpListener, TcpStream},
    task,
};
use futures_util::{AsyncRead, AsyncWrite};

use super::{CloseWrite, Runtime, Socket, socket::sockets, workers};

/// async-std's global executor.
#[derive(Debug)]
pub struct AsyncStd;

/// Sets the number of threads of the executor, which takes the first setting it gets.
fn start() {
    static START: Once = Once::new();
    START.call_once(|| {
        let threads = workers();
        async_global_executor::init_with_config(
            GlobalExecutorConfig::default().with_min_threads(threads).with_max_threads(threads),
        );
    });
}

impl Runtime for AsyncStd {
    const NAME: &'static str = "async_std";

    type Tcp = Socket<TcpStream>;
    #[cfg(unix)]
    type Unix = Socket<UnixStream>;

    sockets!(Socket::new);

    fn block_on<F: Future>(future: F) -> F::Output {
        start();
        task::block_on(future)
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        start();
        task::spawn(future);
    }

    fn halves(
        connection: Self::Tcp,
    ) -> io::Result<(impl AsyncRead + Unpin + Send + 'static, impl AsyncWrite + Unpin + Send + 'static)> {
        Ok((connection.clone(), connection))
    }

    async fn sleep(duration: Duration) {
        task::sleep(duration).await;
    }
}

impl CloseWrite for TcpStream {
    fn close_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

#[cfg(unix)]
impl CloseWrite for UnixStream {
    fn close_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}
