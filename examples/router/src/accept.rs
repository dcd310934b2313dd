//! Accepting connections, within a limit, until it is stopped.

use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use async_channel::Receiver;
use futures_util::future::{Either, select};
use rustix::net::sockopt::set_tcp_nodelay;
use tracing::warn;

use crate::{
    connection,
    listener::{Listener, Seat},
    net::{Runtime, Socket, canonical},
};

/// How long to wait after the first `accept` that fails, and after any number of them.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// At most once in this time the same warning is given: at a limit, accepting fails or waits, and
/// goes on, hundreds of times a second.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(10);

/// When a warning was given last.
#[derive(Default)]
struct Seldom(Option<Instant>);

impl Seldom {
    /// Whether it is to be given again.
    fn is_due(&mut self) -> bool {
        let due = self.0.is_none_or(|at| at.elapsed() >= BETWEEN_WARNINGS);
        if due {
            self.0 = Some(Instant::now());
        }
        due
    }
}

/// Accepts connections of a listener until `stop` is closed. Those that are open go on.
pub async fn run<R: Runtime>(listener: Arc<Listener>, socket: R::Listener, stop: Receiver<()>) {
    let mut stopped = pin!(stop.recv());
    let mut pause = PAUSES.0;
    let (mut full, mut failing) = (Seldom::default(), Seldom::default());
    loop {
        let next = pin!(next::<R>(&listener, &socket, &mut full));
        // A stop comes first, also where there is always a next connection.
        let accepted = match select(stopped.as_mut(), next).await {
            Either::Left(_) => return,
            Either::Right((accepted, _)) => accepted,
        };
        match accepted {
            Ok((client, peer)) => {
                pause = PAUSES.0;
                // It fails if the client has left already, which will be seen soon.
                let _ = set_tcp_nodelay(client.fd(), true);
                R::spawn(connection::serve::<R>(client, canonical(peer), Seat::new(listener.clone())));
            }
            // The client has left before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                listener.counters.accept_errors.inc();
                if failing.is_due() {
                    warn!(listener = %listener.address, %error, "accepting fails, will be tried again");
                }
                let waited = pin!(R::sleep(pause));
                if let Either::Right(_) = select(waited, stopped.as_mut()).await {
                    return;
                }
                pause = PAUSES.1.min(2 * pause);
            }
        }
    }
}

/// The next connection, once there is room for it.
async fn next<R: Runtime>(
    listener: &Listener,
    socket: &R::Listener,
    full: &mut Seldom,
) -> io::Result<(R::Tcp, SocketAddr)> {
    if listener.is_full() {
        if full.is_due() {
            warn!(listener = %listener.address, open = listener.open(), "max_connections is reached, others wait");
        }
        listener.room().await;
    }
    R::accept(socket).await
}
