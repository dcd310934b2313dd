//! The scripted other end of a connection, and the descriptors and memory of the process. A peer is
//! a plain socket, the same with every runtime; only the tested side differs.

use std::{
    fs, io,
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use async_io::Async;
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use rustix::{
    net::sockopt::{set_socket_linger, set_socket_recv_buffer_size, set_socket_send_buffer_size},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use socket2::SockRef;

/// What a narrow socket buffers in each direction, before the system doubles it. With less than a
/// segment of the loopback interface, which is 64 KiB, every segment waits for a timer.
const NARROW: usize = 64 * 1024;

/// One end of a TCP connection. Dropping it closes the connection as a program does that ends.
///
/// Reads and writes take `&self`, so that one can wait while the other goes on; each is for one
/// task at a time.
#[derive(Debug)]
pub(crate) struct Peer(Async<TcpStream>);

/// Where peers wait to be connected to: a free port of the loopback interface.
#[derive(Debug)]
pub(crate) struct Peers(Async<TcpListener>);

impl Peers {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(Async::<TcpListener>::bind((Ipv4Addr::LOCALHOST, 0))?))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.get_ref().local_addr().unwrap()
    }

    /// From now on connections have short segments, and the sockets on both sides buffer little:
    /// the other side, which is not ours, buffers by the segment. So its writes are soon short and
    /// have to wait.
    pub(crate) fn narrow(&self) {
        let socket = SockRef::from(self.0.get_ref());
        socket.set_tcp_mss(1000).unwrap();
        socket.set_recv_buffer_size(NARROW).unwrap();
    }

    pub(crate) async fn accept(&self) -> Peer {
        Peer::new(self.0.accept().await.unwrap().0)
    }
}

impl Peer {
    fn new(stream: Async<TcpStream>) -> Self {
        // It fails if the connection is gone, which shows later.
        let _ = stream.get_ref().set_nodelay(true);
        Self(stream)
    }

    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::new(Async::<TcpStream>::connect(address).await?))
    }

    /// From now on the socket buffers little, so that stalls have an effect soon.
    pub(crate) fn narrow(&self) {
        set_socket_recv_buffer_size(self.0.get_ref(), NARROW).unwrap();
        set_socket_send_buffer_size(self.0.get_ref(), NARROW).unwrap();
    }

    /// Reads once; 0 at the end.
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buffer).await
    }

    /// Reads up to the end. What came before a failure is in `received`, too.
    pub(crate) async fn read_to_end(&self, received: &mut Vec<u8>) -> io::Result<()> {
        (&self.0).read_to_end(received).await.map(drop)
    }

    pub(crate) async fn read_exact(&self, buffer: &mut [u8]) -> io::Result<()> {
        (&self.0).read_exact(buffer).await
    }

    pub(crate) async fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.0).write_all(bytes).await
    }

    /// Shuts down the direction that this end writes: the other side reads the end of the stream,
    /// and can go on writing.
    pub(crate) fn end(&self) -> io::Result<()> {
        self.0.get_ref().shutdown(Shutdown::Write)
    }

    /// Ends the connection with a reset: bytes on the way are lost in both directions, and the
    /// other side gets an error.
    pub(crate) fn reset(self) -> io::Result<()> {
        // A linger time of zero resets; std has no stable method for it.
        Ok(set_socket_linger(self.0.get_ref(), Some(Duration::ZERO))?)
    }
}

impl AsyncRead for Peer {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &self.0).poll_read(cx, buf)
    }
}

/// Closing it shuts down the direction that it writes.
impl AsyncWrite for Peer {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &self.0).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &self.0).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.end())
    }
}

/// How many descriptors this process has open, on Linux.
pub(crate) fn open_descriptors() -> usize {
    // The one of the list itself does not count.
    fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

/// How many bytes of memory this process has resident, on Linux.
pub(crate) fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
}

/// Sets how many descriptors this process may have.
pub(crate) fn limit_descriptors(limit: usize) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(limit as u64), maximum }).unwrap();
}
