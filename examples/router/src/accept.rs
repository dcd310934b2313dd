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

/// The first and the longest pause after a failed `accept`.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// The same warning is logged at most once in this time: at a limit, accepting can fail or wait
/// hundreds of times a second.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(10);

/// When a warning was last logged.
#[derive(Default)]
struct Seldom(Option<Instant>);

impl Seldom {
    /// Whether to log it again.
    fn is_due(&mut self) -> bool {
        let due = self.0.is_none_or(|at| at.elapsed() >= BETWEEN_WARNINGS);
        if due {
            self.0 = Some(Instant::now());
        }
        due
    }
}

/// Accepts connections of a listener until `stop` is closed. Open connections go on.
pub async fn run<R: Runtime>(listener: Arc<Listener>, socket: R::Listener, stop: Receiver<()>) {
    let mut stopped = pin!(stop.recv());
    let mut pause = PAUSES.0;
    let (mut full, mut failing) = (Seldom::default(), Seldom::default());
    loop {
        let next = pin!(next::<R>(&listener, &socket, &mut full));
        // Checks for a stop first, even if there is always a next connection.
        let accepted = match select(stopped.as_mut(), next).await {
            Either::Left(_) => return,
            Either::Right((accepted, _)) => accepted,
        };
        match accepted {
            Ok((client, peer)) => {
                pause = PAUSES.0;
                // Fails if the client has already left, which later calls will show.
                let _ = set_tcp_nodelay(client.fd(), true);
                R::spawn(connection::serve::<R>(client, canonical(peer), Seat::new(listener.clone())));
            }
            // The client left before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                listener.counters.accept_errors.inc();
                if failing.is_due() {
                    warn!(listener = %listener.address, %error, "accepting failed, will be tried again");
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
            warn!(listener = %listener.address, open = listener.open(), "max_connections is reached, new connections wait");
        }
        listener.room().await;
    }
    R::accept(socket).await
}
