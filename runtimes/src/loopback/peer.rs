//! The other end of a connection, which does as it is told.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use async_io::Async;
use futures_util::{AsyncRead, AsyncWrite};
use rustix::net::sockopt::{set_socket_linger, set_socket_recv_buffer_size, set_socket_send_buffer_size};
use socket2::SockRef;

/// What a narrow socket buffers in each direction, before the system doubles it. With less than a segment of the loopback
/// interface, which is 64 KiB, every segment waits for a timer.
const NARROW: usize = 64 * 1024;

/// What a short segment carries.
const SEGMENT: u32 = 1000;

/// One end of a TCP connection. Dropping it closes the connection as a program does that ends.
///
/// Reads and writes take `&self`, so that one can wait while the other goes on; each is for one task at a time.
#[derive(Debug)]
pub struct Peer {
    stream: Async<TcpStream>,
}

/// Where peers wait to be connected to.
#[derive(Debug)]
pub struct Peers {
    listener: Async<TcpListener>,
}

impl Peers {
    /// Listens at a free port of the loopback interface.
    ///
    /// # Errors
    ///
    /// If there is none, or no descriptor for it.
    pub fn new() -> io::Result<Self> {
        Ok(Self { listener: Async::<TcpListener>::bind((Ipv4Addr::LOCALHOST, 0))? })
    }

    /// Where that is.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.get_ref().local_addr()
    }

    /// From now on connections have short segments, and the sockets on both sides buffer little: the other side, which belongs
    /// to somebody else, buffers by the segment. So its writes are soon short and have to wait.
    ///
    /// # Errors
    ///
    /// If the system does not allow it.
    pub fn narrow(&self) -> io::Result<()> {
        let socket = SockRef::from(self.listener.get_ref());
        socket.set_tcp_mss(SEGMENT)?;
        socket.set_recv_buffer_size(NARROW)
    }

    /// Waits for a connection.
    ///
    /// # Errors
    ///
    /// If it cannot be had.
    pub async fn accept(&self) -> io::Result<Peer> {
        Peer::new(self.listener.accept().await?.0)
    }
}

impl Peer {
    fn new(stream: Async<TcpStream>) -> io::Result<Self> {
        stream.get_ref().set_nodelay(true)?;
        Ok(Self { stream })
    }

    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// If nobody listens there, or there is no descriptor for it.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::new(Async::<TcpStream>::connect(address).await?)
    }

    /// From now on the socket buffers little, so that stalls are felt soon.
    ///
    /// # Errors
    ///
    /// If the system does not allow it.
    pub fn narrow(&self) -> io::Result<()> {
        set_socket_recv_buffer_size(self.stream.get_ref(), NARROW)?;
        Ok(set_socket_send_buffer_size(self.stream.get_ref(), NARROW)?)
    }

    /// Reads once; 0 at the end.
    ///
    /// # Errors
    ///
    /// As the socket does.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read_with(|mut stream| stream.read(buffer)).await
    }

    /// Reads up to the end. What came before a failure is in `received`, too.
    ///
    /// # Errors
    ///
    /// As the socket does.
    pub async fn read_to_end(&self, received: &mut Vec<u8>) -> io::Result<()> {
        let mut piece = vec![0; 16 * 1024];
        loop {
            match self.read(&mut piece).await? {
                0 => return Ok(()),
                n => received.extend_from_slice(&piece[..n]),
            }
        }
    }

    /// Reads exactly so much.
    ///
    /// # Errors
    ///
    /// As the socket does, and if the stream ends before.
    pub async fn read_exact(&self, buffer: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => filled += n,
            }
        }
        Ok(())
    }

    /// Writes all of it.
    ///
    /// # Errors
    ///
    /// As the socket does.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let n = self.stream.write_with(|mut stream| stream.write(bytes)).await?;
            bytes = &bytes[n..];
        }
        Ok(())
    }

    /// Shuts down the direction that this end writes: the other side reads the end of the stream, and can go on writing.
    ///
    /// # Errors
    ///
    /// If the connection is gone.
    pub fn end(&self) -> io::Result<()> {
        self.stream.get_ref().shutdown(Shutdown::Write)
    }

    /// Ends the connection with a reset: what is on the way is lost in both directions, and the other side finds an error.
    ///
    /// # Errors
    ///
    /// If the system does not allow it.
    pub fn reset(self) -> io::Result<()> {
        // To linger for no time at all is to reset; std has no stable way to ask for it.
        Ok(set_socket_linger(self.stream.get_ref(), Some(Duration::ZERO))?)
    }
}

impl AsyncRead for Peer {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &self.stream).poll_read(cx, buf)
    }
}

/// Closing it shuts down the direction that it writes.
impl AsyncWrite for Peer {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &self.stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &self.stream).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.end())
    }
}
