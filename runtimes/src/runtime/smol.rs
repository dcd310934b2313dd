//! smol.

use std::{
    convert::identity,
    future::{self, Future},
    io,
    net::SocketAddr,
    panic::catch_unwind,
    sync::Once,
    thread,
    time::Duration,
};

use futures_util::{AsyncRead, AsyncWrite};
#[cfg(unix)]
use smol::net::unix::UnixStream;
use smol::{
    Executor, Timer,
    net::{TcpListener, TcpStream},
};

use super::{Runtime, socket::sockets, workers};

/// smol, with a global executor built as [`smol::spawn`] builds its own.
///
/// Not the executor of smol itself, whose number of threads can only be set by an environment
/// variable.
#[derive(Debug)]
pub struct Smol;

fn executor() -> &'static Executor<'static> {
    static EXECUTOR: Executor<'static> = Executor::new();
    static START: Once = Once::new();
    START.call_once(|| {
        for worker in 0..workers() {
            thread::Builder::new()
                .name(format!("smol-{worker}"))
                .spawn(|| {
                    loop {
                        // A task that panics must not take the thread with it.
                        let _ = catch_unwind(|| smol::block_on(EXECUTOR.run(future::pending::<()>())));
                    }
                })
                .expect("the threads of the executor can be started");
        }
    });
    &EXECUTOR
}

impl Runtime for Smol {
    const NAME: &'static str = "smol";

    type Tcp = TcpStream;
    #[cfg(unix)]
    type Unix = UnixStream;

    sockets!(identity);

    fn block_on<F: Future>(future: F) -> F::Output {
        smol::block_on(future)
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        executor().spawn(future).detach();
    }

    fn halves(
        connection: Self::Tcp,
    ) -> io::Result<(impl AsyncRead + Unpin + Send + 'static, impl AsyncWrite + Unpin + Send + 'static)> {
        Ok((connection.clone(), connection))
    }

    async fn sleep(duration: Duration) {
        Timer::after(duration).await;
    }
}
