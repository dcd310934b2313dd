//! What becomes of one side of a connection when the other one has failed.

use std::{pin::pin, time::Duration};

use futures_util::{
    AsyncReadExt,
    future::{Either, select},
};
use rustix::net::sockopt::set_socket_linger;

use crate::net::{Runtime, Socket};

/// How long the bytes written before may take to reach the peer.
const DELIVERY: Duration = Duration::from_secs(1);

/// How long a client may send on after its answer has ended.
const UPLOAD: Duration = Duration::from_secs(10);

/// Resets a connection after the bytes written to it had time to arrive, since a reset drops the
/// others. An orderly end would make a truncated stream look complete.
pub async fn after_delivery<R: Runtime>(socket: R::Tcp) {
    R::sleep(DELIVERY).await;
    // If the option cannot be set, the connection ends without a reset.
    let _ = set_socket_linger(socket.fd(), Some(Duration::ZERO));
}

/// Reads and drops what a client sends after its answer has ended, until it ends or sends nothing
/// for a while. A socket that is closed with unread bytes resets the connection, and the client
/// would lose the rest of its answer.
pub async fn after_upload<R: Runtime>(mut socket: R::Tcp) {
    let reading = async {
        let mut scratch = vec![0; 16 * 1024];
        while let Either::Left((Ok(1..), _)) =
            select(pin!(socket.read(&mut scratch)), pin!(R::sleep(DELIVERY))).await
        {}
    };
    select(pin!(reading), pin!(R::sleep(UPLOAD))).await;
}
