//! The size of the task of a connection in any state.
#![cfg(unix)]

use std::net::SocketAddr;

use futures_handoff_router::{
    connection,
    listener::Seat,
    net::{AsyncStd, Runtime, Smol, Tokio},
};

/// Its part of the 4 KiB that a connection may keep, with its two sockets in the runtime.
const MOST: usize = 2304;

fn size<R: Runtime, F: Future>(_: impl FnOnce(R::Tcp, SocketAddr, Seat) -> F) -> usize {
    size_of::<F>()
}

#[test]
fn the_task_of_a_connection_is_small() {
    let sizes = [
        (Tokio::NAME, size::<Tokio, _>(connection::serve::<Tokio>)),
        (Smol::NAME, size::<Smol, _>(connection::serve::<Smol>)),
        (AsyncStd::NAME, size::<AsyncStd, _>(connection::serve::<AsyncStd>)),
    ];
    assert!(sizes.iter().all(|(_, size)| *size <= MOST), "{sizes:?}");
}
