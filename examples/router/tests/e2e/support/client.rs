//! Clients and ends of connections.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::Duration,
};

use rustix::net::sockopt::{set_socket_linger, set_tcp_cork};

use super::DEADLINE;

/// A connection with timeouts.
pub(crate) fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

#[track_caller]
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    patient(TcpStream::connect_timeout(&address, DEADLINE).unwrap())
}

#[track_caller]
pub(crate) fn write_all(mut stream: &TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
}

#[track_caller]
pub(crate) fn read_exact(mut stream: &TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// The bytes that arrive, and how the connection ends. A timeout is not an end.
#[track_caller]
pub(crate) fn read_all(mut stream: &TcpStream) -> (Vec<u8>, io::Result<()>) {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).map(drop);
    if let Err(error) = &end {
        assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "no end after {} bytes", bytes.len());
    }
    (bytes, end)
}

/// Sends this, shuts down, and returns the answer.
#[track_caller]
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let stream = connect(address);
    write_all(&stream, bytes);
    // The router may have refused it by now.
    _ = stream.shutdown(Shutdown::Write);
    let (answer, end) = read_all(&stream);
    end.unwrap();
    answer
}

/// Sends this and the end of the stream in one segment.
pub(crate) fn write_with_end(stream: &TcpStream, bytes: &[u8]) {
    set_tcp_cork(stream, true).unwrap();
    write_all(stream, bytes);
    stream.shutdown(Shutdown::Write).unwrap();
}

/// Ends a connection by a reset.
pub(crate) fn reset(stream: TcpStream) {
    set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
}

/// Calls `each` with all numbers below `count`, many at a time.
pub(crate) fn in_parallel(count: usize, each: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..count.min(32) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= count {
                        break;
                    }
                    each(number);
                }
            });
        }
    });
}

/// Connects once for each place in `bytes`, sends the bytes before it, and a little later the rest.
pub(crate) fn cut_everywhere(address: SocketAddr, bytes: &[u8], then: impl Fn(TcpStream) + Sync) {
    in_parallel(bytes.len() - 1, |number| {
        let stream = connect(address);
        let (front, rest) = bytes.split_at(number + 1);
        write_all(&stream, front);
        thread::sleep(Duration::from_millis(15));
        write_all(&stream, rest);
        then(stream);
    });
}

/// Bytes that differ at every place.
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}
