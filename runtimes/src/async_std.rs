//! async-std, which is discontinued upstream.

use std::{
    future::Future,
    io,
    net::{Shutdown, SocketAddr},
    sync::Once,
    time::Duration,
};

use async_global_executor::GlobalExecutorConfig;
use async_std::{
    net::{TcpListener, TcpStream},
    task,
};

use crate::{CloseWrite, Runtime, Tcp, workers};

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

    type Tcp = Tcp<TcpStream>;
    type Listener = TcpListener;

    fn block_on<F: Future>(future: F) -> F::Output {
        start();
        task::block_on(future)
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        start();
        task::spawn(future);
    }

    async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::bind(address).await
    }

    fn local_addr(listener: &TcpListener) -> io::Result<SocketAddr> {
        listener.local_addr()
    }

    async fn accept(listener: &mut TcpListener) -> io::Result<Self::Tcp> {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(Tcp::new(stream))
    }

    async fn connect(address: SocketAddr) -> io::Result<Self::Tcp> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Tcp::new(stream))
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
