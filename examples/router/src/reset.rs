//! Resets one side of a connection when the other one has failed.

use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use crate::net::{Runtime, Socket};

/// How long the bytes written before may take to reach the peer.
const DELIVERY: Duration = Duration::from_secs(1);

/// Resets a connection after the bytes written to it had time to arrive, since a reset drops the
/// others. An orderly end would make a truncated stream look complete.
pub async fn after_delivery<R: Runtime>(socket: R::Tcp) {
    R::sleep(DELIVERY).await;
    // If the option cannot be set, the connection ends without a reset.
    let _ = set_socket_linger(socket.fd(), Some(Duration::ZERO));
}
