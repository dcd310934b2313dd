//! Tokio.

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    os::fd::{AsFd, BorrowedFd},
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_handoff::TokioIo;
use tokio::{io::Interest, net, runtime::Builder};

use super::{Ready, Runtime, Socket};

/// Tokio: the current-thread scheduler for one thread, and the multi-thread scheduler for more.
#[derive(Debug)]
pub struct Tokio;

impl Runtime for Tokio {
    const NAME: &'static str = "tokio";

    type Tcp = TokioIo<net::TcpStream>;
    type Listener = net::TcpListener;

    fn run<F: Future + Send>(threads: usize, future: F) -> F::Output {
        let mut builder =
            if threads == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
        builder.worker_threads(threads).enable_all().build().expect("the runtime starts").block_on(future)
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(future);
    }

    fn listener(socket: TcpListener) -> io::Result<net::TcpListener> {
        net::TcpListener::from_std(socket)
    }

    async fn accept(listener: &net::TcpListener) -> io::Result<(Self::Tcp, SocketAddr)> {
        let (stream, peer) = listener.accept().await?;
        Ok((TokioIo::new(stream), peer))
    }

    async fn connect(address: SocketAddr) -> io::Result<Self::Tcp> {
        Ok(TokioIo::new(net::TcpStream::connect(address).await?))
    }

    async fn sleep(period: Duration) {
        tokio::time::sleep(period).await;
    }
}

impl Socket for TokioIo<net::TcpStream> {
    fn fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }

    fn poll_io<T>(
        &self,
        cx: &mut Context<'_>,
        ready: Ready,
        mut operation: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        let stream = self.get_ref();
        loop {
            let interest = match ready {
                Ready::Read => {
                    ready!(stream.poll_read_ready(cx))?;
                    Interest::READABLE
                }
                Ready::Write => {
                    ready!(stream.poll_write_ready(cx))?;
                    Interest::WRITABLE
                }
            };
            match stream.try_io(interest, &mut operation) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }
}
