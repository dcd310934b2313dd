//! Tokio, with worker threads and without.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use futures_handoff::TokioIo;
use futures_util::{AsyncRead, AsyncWrite};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Builder,
};

use super::{Runtime, socket::sockets, workers};

/// Tokio's multi-threaded runtime. Every [`block_on`](Runtime::block_on) has one of its own.
#[derive(Debug)]
pub struct Tokio;

/// Tokio's single-threaded runtime. Every [`block_on`](Runtime::block_on) has one of its own.
#[derive(Debug)]
pub struct TokioCurrent;

macro_rules! runtime {
    ($name:ident, $label:literal, $builder:expr) => {
        impl Runtime for $name {
            const NAME: &'static str = $label;

            type Tcp = TokioIo<TcpStream>;
            #[cfg(unix)]
            type Unix = TokioIo<UnixStream>;

            sockets!(TokioIo::new);

            fn block_on<F: Future>(future: F) -> F::Output {
                $builder.enable_all().build().expect("the runtime can be started").block_on(future)
            }

            fn spawn(future: impl Future<Output = ()> + Send + 'static) {
                tokio::spawn(future);
            }

            fn halves(
                connection: Self::Tcp,
            ) -> io::Result<(impl AsyncRead + Unpin + Send + 'static, impl AsyncWrite + Unpin + Send + 'static)> {
                let (reader, writer) = connection.into_inner().into_split();
                Ok((TokioIo::new(reader), TokioIo::new(writer)))
            }

            async fn sleep(duration: Duration) {
                tokio::time::sleep(duration).await;
            }
        }
    };
}

runtime!(Tokio, "tokio", Builder::new_multi_thread().worker_threads(workers()));
runtime!(TokioCurrent, "tokio_current", Builder::new_current_thread());
