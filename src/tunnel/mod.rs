//! Copying bytes in both directions between two streams, until both have ended.
//!
//! A [`Tunnel`] writes what it reads from either side to the other side. A proxy uses it once it
//! has read enough to know where a connection goes; the bytes that it has read so far [go
//! first](Tunnel::with_first_to_b). [`Forward`] is one direction alone.
//!
//! ```
//! use futures_handoff::{HandoffBuffer, tunnel::Tunnel};
//! # use futures_handoff_runtimes::io::duplex;
//! # use futures_util::{AsyncReadExt, AsyncWriteExt};
//!
//! # futures_executor::block_on(async {
//! # let ((mut user, mut client), (server, mut backend)) = (duplex(1024), duplex(1024));
//! # let play = async {
//! #     user.write_all(b"GET /\n and more").await.unwrap();
//! #     user.close().await.unwrap();
//! #     let mut question = String::new();
//! #     backend.read_to_string(&mut question).await.unwrap();
//! #     assert_eq!(question, "GET /\n and more");
//! #     backend.write_all(b"the answer").await.unwrap();
//! #     backend.close().await.unwrap();
//! #     let mut answer = String::new();
//! #     user.read_to_string(&mut answer).await.unwrap();
//! #     assert_eq!(answer, "the answer");
//! # };
//! # let proxy = async {
//! let mut buffer = HandoffBuffer::new(8 * 1024);
//! while buffer.find(b"\n").is_none() {
//!     if buffer.read_available(&mut client).await? == 0 {
//!         // The client left before its first line.
//!         return Err(std::io::ErrorKind::UnexpectedEof.into());
//!     }
//! }
//! // Choose the server by `buffer.peek()`, connect, and copy the request and the answer.
//! let mut tunnel = Tunnel::new(client, server).with_first_to_b(buffer.freeze_all());
//! let (sent, answered) = tunnel.run().await.into_result()?;
//! # assert_eq!((sent, answered), (15, 10));
//! # Ok::<_, std::io::Error>(())
//! # };
//! # futures_util::join!(play, proxy).1.unwrap();
//! # });
//! ```
//!
//! # What it does
//!
//! - **Half-close.** When one side ends, the tunnel writes all of its bytes to the other side and
//!   closes that writer. The other direction continues, so the answer to a finished request still
//!   arrives.
//! - **Errors.** When a reader fails, the tunnel writes and flushes the bytes that were read
//!   before, and ends without closing the other side: a stream that was cut short must not look
//!   complete. When a writer fails, the other direction continues, because a server may answer
//!   before it has read the whole request. The tunnel reads and drops what still arrives for the
//!   failed writer, so that a reset does not destroy the answer. A writer that fails because its
//!   connection was reset has also ended its reader: the tunnel ends as after an error of that
//!   reader, once all that had arrived is written.
//! - **Memory.** A direction holds at most its [budget](Tunnel::with_budget), and no block while it
//!   waits for its reader with nothing left to write. Reads adapt between 2 KiB and 256 KiB. While
//!   a writer is not ready, the tunnel reads on, up to the budget.
//! - **Flushes.** When all is written and there is nothing more to read for now, the tunnel flushes
//!   the writer, which may buffer as TLS does.
//! - A tunnel spawns nothing, has no timer, and needs no runtime. Both directions run in the task
//!   that polls it.

mod direction;
mod forward;
mod halves;
mod report;
mod scratch;

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};

pub use forward::Forward;
pub use halves::Halves;
pub use report::{End, Report, Transfer};

use direction::Direction;

/// The default budget of a direction, which is the largest read size.
const BUDGET: usize = 256 * 1024;

/// Both directions between two streams: `a`, the first side, and `b`, the second. See the
/// [module](self).
///
/// To end a direction, the tunnel closes the writer, which has to shut down its write direction.
/// The peer then sees the end of the stream and can still answer. TLS streams do that, and the TCP
/// streams of smol and of Tokio (in a `TokioIo`). The TCP streams of async-std and
/// `async_io::Async` only flush when they are closed. They need a wrapper whose `poll_close` calls
/// `shutdown(Shutdown::Write)`. Without it, the peer sees the end only when the tunnel is dropped.
///
/// Any type that reads and writes is a stream. [`Halves`] makes a stream of a reader and a writer,
/// such as the [`into_writer`](crate::WriteHandoff::into_writer) of a
/// [`WriteHandoff`](crate::WriteHandoff).
///
/// # Examples
///
/// ```
/// use futures_handoff::{
///     bytes::Bytes,
///     tunnel::{End, Halves, Tunnel},
/// };
///
/// # futures_executor::block_on(async {
/// // Any two streams. These read from a slice and write to a vector.
/// let client = Halves::new(&b"GET /"[..], Vec::new());
/// let server = Halves::new(&b"200 OK"[..], Vec::new());
/// let header = Bytes::from("PROXY UNKNOWN\r\n");
/// let mut tunnel = Tunnel::new(client, server).with_budget(64 * 1024).with_first_to_b(header);
///
/// let report = tunnel.run().await;
/// assert!(matches!((report.a_to_b.end, report.b_to_a.end), (End::Closed, End::Closed)));
/// assert_eq!(tunnel.bytes(), (20, 6));
/// let parts = tunnel.into_parts();
/// assert_eq!(parts.b.writer, b"PROXY UNKNOWN\r\nGET /");
/// assert_eq!(parts.a.writer, b"200 OK");
/// # });
/// ```
pub struct Tunnel<A, B> {
    a: A,
    b: B,
    to_b: Direction,
    to_a: Direction,
    ended: (Option<End>, Option<End>),
    reported: bool,
}

impl<A, B> Tunnel<A, B>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    /// A tunnel between two streams. Allocates nothing. Bytes move only while the tunnel
    /// [runs](Self::run).
    pub fn new(a: A, b: B) -> Self {
        Self {
            a,
            b,
            to_b: Direction::new(BUDGET),
            to_a: Direction::new(BUDGET),
            ended: (None, None),
            reported: false,
        }
    }

    /// Sets the most bytes that each direction holds (default: 256 KiB). Bytes from
    /// [`with_first_to_b`](Self::with_first_to_b) and [`with_first_to_a`](Self::with_first_to_a)
    /// may exceed it. A read asks for at most the budget, and at most 256 KiB.
    ///
    /// # Panics
    ///
    /// If `bytes` is 0.
    #[must_use = "returns the changed tunnel"]
    #[track_caller]
    pub fn with_budget(mut self, bytes: usize) -> Self {
        self.to_b.set_budget(bytes);
        self.to_a.set_budget(bytes);
        self
    }

    /// Adds bytes to write to the second side before everything that the tunnel will read from the
    /// first: the bytes that a [`HandoffBuffer`](crate::HandoffBuffer) still holds
    /// ([`freeze_all`](crate::HandoffBuffer::freeze_all)), or a header. Several calls write in
    /// their order.
    #[must_use = "returns the changed tunnel"]
    pub fn with_first_to_b(mut self, bytes: Bytes) -> Self {
        self.to_b.give(bytes);
        self
    }

    /// Adds bytes to write to the first side before everything that the tunnel will read from the
    /// second, such as the answer of a proxy. Several calls write in their order.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{
    ///     bytes::Bytes,
    ///     tunnel::{Halves, Tunnel},
    /// };
    ///
    /// # futures_executor::block_on(async {
    /// let client = Halves::new(futures_util::io::empty(), Vec::new());
    /// let server = Halves::new(&b"220 ready\r\n"[..], Vec::new());
    /// let established = Bytes::from("HTTP/1.1 200 Connection established\r\n\r\n");
    /// let mut tunnel = Tunnel::new(client, server).with_first_to_a(established);
    /// assert_eq!(tunnel.run().await.into_result()?, (0, 50));
    /// let answer = tunnel.into_parts().a.writer;
    /// assert_eq!(answer, b"HTTP/1.1 200 Connection established\r\n\r\n220 ready\r\n");
    /// # Ok::<_, std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[must_use = "returns the changed tunnel"]
    pub fn with_first_to_a(mut self, bytes: Bytes) -> Self {
        self.to_a.give(bytes);
        self
    }

    /// Copies bytes until both directions have ended, or one reader has failed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing that was read, and a later call continues. To end the
    /// tunnel, drop it, or take the streams and the unwritten bytes with
    /// [`into_parts`](Self::into_parts).
    ///
    /// # Panics
    ///
    /// If the tunnel has already ended.
    ///
    /// # Examples
    ///
    /// A server that shuts down ends its tunnels:
    ///
    /// ```
    /// use std::pin::pin;
    ///
    /// use futures_handoff::tunnel::Tunnel;
    /// use futures_util::future::{Either, select};
    ///
    /// # use futures_handoff_runtimes::io::duplex;
    /// # let ((_user, client), (server, _backend)) = (duplex(1024), duplex(1024));
    /// # let shutdown = std::future::ready(());
    /// # futures_executor::block_on(async {
    /// let mut tunnel = Tunnel::new(client, server);
    /// let report = match select(pin!(tunnel.run()), shutdown).await {
    ///     Either::Left((report, _)) => Some(report),
    ///     Either::Right(((), _)) => None,
    /// };
    /// assert!(report.is_none(), "both sides are still open");
    /// assert_eq!(tunnel.bytes(), (0, 0));
    /// # });
    /// ```
    pub async fn run(&mut self) -> Report {
        poll_fn(|cx| self.poll(cx)).await;
        self.report(false)
    }

    /// As [`run`](Self::run), but also ends when nothing was read or written for an idle period.
    ///
    /// `timer` returns a future that completes after the period, such as `||
    /// tokio::time::sleep(period)`, or with smol `|| async { smol::Timer::after(period).await; }`.
    /// To reset a timer for every byte would cost too much. Instead, a timer that completes after
    /// bytes have moved is replaced by a new one. So the tunnel ends between one and two periods
    /// after its last byte.
    ///
    /// # Cancel safety
    ///
    /// As for [`run`](Self::run). A later call starts a new period.
    ///
    /// # Panics
    ///
    /// If the tunnel has already ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{io, time::Duration};
    ///
    /// use async_io::Timer;
    /// use futures_handoff::tunnel::Tunnel;
    ///
    /// # use futures_handoff_runtimes::io::duplex;
    /// # let ((_user, client), (server, _backend)) = (duplex(1024), duplex(1024));
    /// # futures_executor::block_on(async {
    /// let period = Duration::from_millis(10);
    /// let mut tunnel = Tunnel::new(client, server);
    /// let report = tunnel.run_with_idle(|| async move { _ = Timer::after(period).await }).await;
    /// assert!(report.idle);
    /// assert_eq!(report.into_result().unwrap_err().kind(), io::ErrorKind::TimedOut);
    /// # });
    /// ```
    pub async fn run_with_idle<F: Future<Output = ()>>(&mut self, mut timer: impl FnMut() -> F) -> Report {
        let mut running = pin!(timer());
        let mut seen = self.activity();
        let idle = poll_fn(|cx| {
            if self.poll(cx).is_ready() {
                return Poll::Ready(false);
            }
            while running.as_mut().poll(cx).is_ready() {
                let activity = self.activity();
                if activity == seen {
                    return Poll::Ready(true);
                }
                seen = activity;
                running.set(timer());
            }
            Poll::Pending
        })
        .await;
        self.report(idle)
    }

    fn activity(&self) -> u64 {
        self.to_b.activity().wrapping_add(self.to_a.activity())
    }

    /// Ready when the tunnel has ended.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        assert!(!self.reported, "the tunnel has already ended");
        let Self { a, b, to_b, to_a, ended, .. } = self;
        let a_failed = step(cx, to_b, &mut ended.0, a, b);
        if let Some(kind) = ended.0.as_ref().and_then(End::lost) {
            to_a.reader_was_lost(kind);
        }
        let b_failed = step(cx, to_a, &mut ended.1, b, a);
        if let Some(kind) = ended.1.as_ref().and_then(End::lost) {
            to_b.reader_was_lost(kind);
        }
        let both = matches!(ended, (Some(_), Some(_)));
        if a_failed || b_failed || both { Poll::Ready(()) } else { Poll::Pending }
    }

    fn report(&mut self, idle: bool) -> Report {
        self.reported = true;
        let transfer = |direction: &Direction, end: Option<End>| Transfer {
            bytes: direction.written(),
            end: end.unwrap_or(End::Unfinished),
        };
        let (a_to_b, b_to_a) = (self.ended.0.take(), self.ended.1.take());
        Report { a_to_b: transfer(&self.to_b, a_to_b), b_to_a: transfer(&self.to_a, b_to_a), idle }
    }

    /// The number of bytes written to the second side and to the first side so far.
    pub fn bytes(&self) -> (u64, u64) {
        (self.to_b.written(), self.to_a.written())
    }

    /// Returns the streams, and the bytes that were read from each and not written to the other.
    /// See [`Parts`] for an example.
    pub fn into_parts(self) -> Parts<A, B> {
        Parts { a: self.a, b: self.b, to_b: self.to_b.into_unwritten(), to_a: self.to_a.into_unwritten() }
    }
}

/// Continues a direction, or discards what arrives for a writer that has failed. Returns whether
/// the reader has failed.
fn step<R, W>(
    cx: &mut Context<'_>,
    direction: &mut Direction,
    ended: &mut Option<End>,
    reader: &mut R,
    writer: &mut W,
) -> bool
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    if ended.is_none() {
        if let Poll::Ready(end) = direction.poll(cx, Pin::new(reader), Pin::new(writer)) {
            *ended = Some(end);
        }
    }
    match ended {
        Some(End::Read(_)) => true,
        Some(End::Write(_)) => direction.discard(cx, Pin::new(reader)),
        _ => false,
    }
}

impl<A, B> fmt::Debug for Tunnel<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel")
            .field("a_to_b", &self.to_b.written())
            .field("b_to_a", &self.to_a.written())
            .finish_non_exhaustive()
    }
}

/// The streams of a tunnel and the bytes that it has not written, from [`Tunnel::into_parts`].
///
/// # Examples
///
/// A tunnel is stopped while the server does not read. Another one continues with the same streams:
///
/// ```
/// use futures_handoff::tunnel::Tunnel;
/// use futures_util::{AsyncReadExt, AsyncWriteExt, FutureExt, join};
/// # use futures_handoff_runtimes::io::duplex;
///
/// # futures_executor::block_on(async {
/// # let ((mut user, client), (server, mut backend)) = (duplex(64), duplex(4));
/// user.write_all(b"hello").await?;
/// user.close().await?;
/// let mut tunnel = Tunnel::new(client, server);
/// assert!(tunnel.run().now_or_never().is_none(), "the server has room for 4 bytes");
///
/// let parts = tunnel.into_parts();
/// assert_eq!(parts.to_b, "o");
/// let mut tunnel = Tunnel::new(parts.a, parts.b)
///     .with_first_to_b(parts.to_b)
///     .with_first_to_a(parts.to_a);
/// let mut received = String::new();
/// let serve = async {
///     backend.read_to_string(&mut received).await?;
///     backend.close().await
/// };
/// let (report, served) = join!(tunnel.run(), serve);
/// served?;
/// assert_eq!(report.into_result()?, (1, 0));
/// assert_eq!(received, "hello");
/// # Ok::<_, std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Parts<A, B> {
    /// The first side.
    pub a: A,
    /// The second side.
    pub b: B,
    /// What was read from the first side and not written to the second.
    pub to_b: Bytes,
    /// What was read from the second side and not written to the first.
    pub to_a: Bytes,
}
