//! UDP sockets of each runtime. A program for one runtime does not need this file.

use std::{
    future::poll_fn,
    io, mem,
    net::{SocketAddr, UdpSocket},
    task::Poll,
};

use async_io::Async;
use futures_handoff_runtimes::{Local, Runtime};

/// What the two sides need from a runtime, besides the timer of [`Runtime`].
pub(crate) trait Udp: Runtime {
    type Socket;

    async fn open(address: SocketAddr) -> io::Result<Self::Socket>;

    fn address(socket: &Self::Socket) -> io::Result<SocketAddr>;

    async fn send(socket: &Self::Socket, packet: &[u8], to: SocketAddr) -> io::Result<usize>;

    /// Cancel safe: dropping the future loses no packet.
    async fn recv(socket: &Self::Socket, packet: &mut [u8]) -> io::Result<(usize, SocketAddr)>;
}

macro_rules! udp {
    ($runtime:ty, $socket:ty, $open:expr, $address:expr) => {
        impl Udp for $runtime {
            type Socket = $socket;

            async fn open(address: SocketAddr) -> io::Result<Self::Socket> {
                $open(address).await
            }

            fn address(socket: &Self::Socket) -> io::Result<SocketAddr> {
                $address(socket)
            }

            async fn send(socket: &Self::Socket, packet: &[u8], to: SocketAddr) -> io::Result<usize> {
                socket.send_to(packet, to).await
            }

            async fn recv(socket: &Self::Socket, packet: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
                socket.recv_from(packet).await
            }
        }
    };
    ($runtime:ident, $socket:ty) => {
        udp!(futures_handoff_runtimes::$runtime, $socket, <$socket>::bind, <$socket>::local_addr);
    };
}

udp!(
    Local,
    Async<UdpSocket>,
    |address: SocketAddr| async move { Async::<UdpSocket>::bind(address) },
    |socket: &Async<UdpSocket>| socket.get_ref().local_addr()
);
#[cfg(feature = "tokio")]
udp!(Tokio, tokio::net::UdpSocket);
#[cfg(feature = "tokio")]
udp!(TokioCurrent, tokio::net::UdpSocket);
#[cfg(feature = "smol")]
udp!(Smol, smol::net::UdpSocket);
#[cfg(feature = "async-std")]
udp!(AsyncStd, async_std::net::UdpSocket);

/// Yields to other tasks. Each runtime has its own function for it.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
