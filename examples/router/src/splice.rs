//! Moving bytes from one socket to the other in the kernel, through pipes.
//!
//! A direction holds a pipe only while something is in it. Each thread keeps a few empty pipes for
//! its connections. So an idle connection holds neither memory nor descriptors for this. Short
//! pieces are read and written, which takes fewer system calls.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    os::fd::OwnedFd,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use futures_handoff::bytes::{Buf, Bytes};
use rustix::{
    io::{Errno, read},
    pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice},
};

use crate::{
    net::{Ready, Runtime, Socket},
    reason::Reason,
    record::Outcome,
};

/// The capacity of a pipe, if the system allows it.
const CAPACITY: usize = 256 * 1024;

/// The most bytes to move at a time. A pipe counts its capacity in pages, and takes more if the
/// socket holds larger pieces.
const MOST: usize = 4 * CAPACITY;

/// Empty pipes that a thread keeps.
const SPARE: usize = 16;

/// Rounds of a direction before it yields to other tasks.
const ROUNDS: usize = 16;

/// The most bytes to read at a time without a pipe. The kernel does not report whether it has moved
/// everything. So for less than this a pipe costs three calls, and reading and writing cost two.
const SHORT: usize = 4 * 1024;

/// Short pieces, one after the other, that go through a pipe before they go without one.
const LEAN_READS: u8 = 4;

struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
}

thread_local! {
    static EMPTY: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

impl Pipe {
    fn take() -> io::Result<Self> {
        if let Some(pipe) = EMPTY.with_borrow_mut(Vec::pop) {
            return Ok(pipe);
        }
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // The system may allow less, in total or for each pipe. Then less is moved at a time.
        let _ = fcntl_setpipe_size(&writer, CAPACITY);
        Ok(Self { reader, writer })
    }

    /// Keeps an empty pipe for the next direction of this thread.
    fn put_back(self) {
        EMPTY.with_borrow_mut(|pipes| {
            if pipes.len() < SPARE {
                pipes.push(self);
            }
        });
    }
}

/// Where the bytes were read to: a pipe, or memory.
enum Piece {
    Piped(usize),
    Copied(Bytes),
}

/// How a direction ended.
enum End {
    Closed,
    Read(io::Error),
    Write(io::Error),
}

/// One direction.
#[derive(Default)]
struct Way {
    /// Bytes in memory that go before all that is read next.
    first: [Bytes; 2],
    pipe: Option<Pipe>,
    /// Bytes in the pipe.
    held: usize,
    /// How many pieces go through the pipe, unless they are short, before reading is tried again.
    long_reads: u8,
    /// Bytes that the writer has taken.
    moved: u64,
    /// How often something has moved.
    activity: u64,
    source_ended: bool,
    /// The connection that is read from was lost, and only a write to it has learned that.
    lost: Option<io::ErrorKind>,
    end: Option<End>,
}

impl Way {
    /// Moves bytes until one side is not ready, or the direction ends. Returns whether the reader
    /// has failed.
    fn poll<S: Socket>(&mut self, cx: &mut Context<'_>, from: &mut S, to: &mut S) -> bool {
        if self.end.is_none() {
            match self.carry(cx, from, to) {
                Poll::Ready(end) => {
                    self.pipe = None;
                    self.end = Some(end);
                }
                Poll::Pending => return false,
            }
        }
        match self.end {
            Some(End::Read(_)) => true,
            Some(End::Write(_)) => self.discard(cx, from),
            _ => false,
        }
    }

    /// How the connection that is written to was lost. A socket reports that once, and returns an
    /// end from then on.
    fn writer_was_lost(&self) -> Option<io::ErrorKind> {
        use io::ErrorKind::{ConnectionReset, HostUnreachable, NetworkDown, NetworkUnreachable, TimedOut};
        let Some(End::Write(error)) = &self.end else { return None };
        let lost = [ConnectionReset, TimedOut, HostUnreachable, NetworkUnreachable, NetworkDown];
        lost.contains(&error.kind()).then(|| error.kind())
    }

    /// Records that.
    fn reader_was_lost(&mut self, how: Option<io::ErrorKind>) {
        if !self.source_ended {
            self.lost = self.lost.or(how);
        }
    }

    fn carry<S: Socket>(&mut self, cx: &mut Context<'_>, from: &mut S, to: &mut S) -> Poll<End> {
        for _ in 0..ROUNDS {
            let step = match self.write(cx, to) {
                Poll::Ready(Ok(())) if self.source_ended => {
                    if let Some(kind) = self.lost {
                        return Poll::Ready(End::Read(kind.into()));
                    }
                    return Pin::new(to)
                        .poll_close(cx)
                        .map(|closed| closed.map_or_else(End::Write, |()| End::Closed));
                }
                Poll::Ready(Ok(())) => self.read(cx, from).map_err(End::Read),
                Poll::Ready(Err(error)) => Poll::Ready(Err(End::Write(error))),
                Poll::Pending => Poll::Pending,
            };
            if let Err(end) = ready!(step) {
                return Poll::Ready(end);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes all there is.
    fn write<S: Socket>(&mut self, cx: &mut Context<'_>, to: &mut S) -> Poll<io::Result<()>> {
        for bytes in &mut self.first {
            while !bytes.is_empty() {
                let written = ready!(Pin::new(&mut *to).poll_write(cx, bytes))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                bytes.advance(written);
                self.moved += written as u64;
                self.activity += 1;
            }
            *bytes = Bytes::new();
        }
        while let (Some(pipe), true) = (&self.pipe, self.held > 0) {
            let written = ready!(to.poll_io(cx, Ready::Write, || {
                Ok(splice(&pipe.reader, None, to.fd(), None, self.held, flags())?)
            }))?;
            self.held -= written;
            self.moved += written as u64;
            self.activity += 1;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads something. There must be nothing to write, and the pipe must be empty.
    fn read<S: Socket>(&mut self, cx: &mut Context<'_>, from: &mut S) -> Poll<io::Result<()>> {
        if self.long_reads == 0 {
            if let Some(pipe) = self.pipe.take() {
                pipe.put_back();
            }
            return self.copy(cx, from);
        }
        // Without descriptors for a pipe, bytes go through memory.
        let Ok(pipe) = self.pipe.take().map_or_else(Pipe::take, Ok) else {
            return self.copy(cx, from);
        };
        let read = from.poll_io(cx, Ready::Read, || {
            match splice(from.fd(), None, &pipe.writer, None, MOST, flags()) {
                // Before an urgent byte `splice` moves nothing, although there is something to
                // read. A read skips that byte.
                Err(Errno::AGAIN) => {
                    let mut bytes = [0; SHORT];
                    let n = read(from.fd(), &mut bytes)?;
                    Ok(Piece::Copied(Bytes::copy_from_slice(&bytes[..n])))
                }
                piped => Ok(Piece::Piped(piped?)),
            }
        });
        match read {
            Poll::Ready(Ok(Piece::Piped(n))) if n > 0 => {
                self.held = n;
                self.activity += 1;
                self.long_reads = if n >= SHORT { LEAN_READS } else { self.long_reads - 1 };
                self.pipe = Some(pipe);
            }
            Poll::Ready(Ok(Piece::Copied(bytes))) if !bytes.is_empty() => {
                self.first[0] = bytes;
                self.activity += 1;
                self.long_reads -= 1;
                pipe.put_back();
            }
            Poll::Ready(Ok(_)) => {
                self.source_ended = true;
                pipe.put_back();
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => {
                pipe.put_back();
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads a short piece, or the beginning of a long one, into memory.
    fn copy<S: Socket>(&mut self, cx: &mut Context<'_>, from: &mut S) -> Poll<io::Result<()>> {
        let mut bytes = [0; SHORT];
        match ready!(Pin::new(from).poll_read(cx, &mut bytes))? {
            0 => self.source_ended = true,
            n => {
                self.first[0] = Bytes::copy_from_slice(&bytes[..n]);
                self.activity += 1;
                self.long_reads = if n == SHORT { LEAN_READS } else { 0 };
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Drops bytes that still come for a failed writer, so that the answer is not lost in a reset.
    /// Returns whether the reader has failed.
    fn discard<S: Socket>(&mut self, cx: &mut Context<'_>, from: &mut S) -> bool {
        let mut scratch = [0; SHORT];
        for _ in 0..ROUNDS {
            if self.source_ended {
                return false;
            }
            match Pin::new(&mut *from).poll_read(cx, &mut scratch) {
                Poll::Ready(Ok(0)) => self.source_ended = true,
                Poll::Ready(Ok(_)) => self.activity += 1,
                Poll::Ready(Err(_)) => return true,
                Poll::Pending => return false,
            }
        }
        cx.waker().wake_by_ref();
        false
    }
}

fn flags() -> SpliceFlags {
    SpliceFlags::MOVE | SpliceFlags::NONBLOCK
}

/// Carries bytes in both directions until both have ended, or nothing has moved for one or two
/// times the period of `timer`. What is in `first` goes to the server before what the client sends.
/// It ends as a [`Tunnel`](futures_handoff::tunnel::Tunnel) does.
pub async fn carry<R: Runtime, F: Future<Output = ()>>(
    client: &mut R::Tcp,
    server: &mut R::Tcp,
    first: [Bytes; 2],
    mut timer: impl FnMut() -> F,
) -> Outcome {
    let mut up = Way { first, ..Way::default() };
    let mut down = Way::default();
    let mut running = pin!(timer());
    let mut seen = 0;
    let quiet = poll_fn(|cx| {
        let client_failed = up.poll(cx, client, server);
        down.reader_was_lost(up.writer_was_lost());
        let server_failed = down.poll(cx, server, client);
        up.reader_was_lost(down.writer_was_lost());
        if client_failed || server_failed || (up.end.is_some() && down.end.is_some()) {
            return Poll::Ready(false);
        }
        while running.as_mut().poll(cx).is_ready() {
            let activity = up.activity + down.activity;
            if activity == seen {
                return Poll::Ready(true);
            }
            seen = activity;
            running.set(timer());
        }
        Poll::Pending
    })
    .await;
    let answered = matches!(down.end, Some(End::Closed));
    let (reason, error) = match (up.end, down.end) {
        (Some(End::Read(error)), _) | (_, Some(End::Write(error))) => (Reason::ClientError, Some(error)),
        (Some(End::Write(error)), _) | (_, Some(End::Read(error))) => (Reason::UpstreamError, Some(error)),
        _ if quiet => (Reason::Idle, None),
        _ => (Reason::Closed, None),
    };
    Outcome { to_upstream: up.moved, to_client: down.moved, answered, reason, error }
}
