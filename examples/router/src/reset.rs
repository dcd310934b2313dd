//! Telling one side that the other one has failed.

use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use crate::net::{Runtime, Socket};

/// How long what was written before has to get to the other side.
const DELIVERY: Duration = Duration::from_secs(1);

/// Resets a connection, after what was written to it had time to arrive: a reset drops what has
/// not. An end in order would make what was cut short look whole.
pub async fn after_delivery<R: Runtime>(socket: R::Tcp) {
    R::sleep(DELIVERY).await;
    // If it cannot be set, the connection ends as it does.
    let _ = set_socket_linger(socket.fd(), Some(Duration::ZERO));
}
