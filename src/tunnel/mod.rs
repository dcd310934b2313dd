//! Bytes in both directions between two streams, until both have ended.
//!
//! A [`Tunnel`] carries what either side reads to the other one. It is what a proxy becomes once it
//! knows where a connection goes: what it has read by then [goes first](Tunnel::with_first_to_b).
//! [`Forward`] is one direction alone.
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
//!     assert_ne!(buffer.read_available(&mut client).await?, 0, "the client left before it said where to");
//! }
//! // Decide by `buffer.peek()`, connect to the server, and carry all of it there, and the answer back.
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
//! - **Half-close.** When one side ends, all it has sent is written to the other one, which is
//!   closed then. The other direction goes on, so that an answer arrives although the question is
//!   long over.
//! - **Errors.** What was read before a reader fails is written and flushed; then the tunnel ends,
//!   without closing the other side: what was cut short must not look whole. When a writer fails,
//!   the other direction goes on, as a server may answer without reading the whole question; what
//!   still comes for that writer is read and dropped, so that the answer is not lost in a reset.
//! - **Memory.** A direction holds at most its [budget](Tunnel::with_budget), and no block while it
//!   waits. Reads adapt between 4 KiB and 256 KiB. While a writer is behind, the tunnel reads on,
//!   up to the budget.
//! - **Flushes.** A writer that buffers, such as TLS, is flushed when nothing more is there to be
//!   written for now.
//! - It spawns nothing, has no timer, and needs no runtime: both directions run in the task that
//!   polls it.

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

/// What a direction holds at most, unless something else is set: the largest read.
const BUDGET: usize = 256 * 1024;

/// Both directions between two streams. See the [module](self).
///
/// To end a direction, the tunnel closes the writer, which has to shut down its write direction:
/// the other side sees the end of the stream then and can still answer. The TCP streams of Tokio
/// (in a `TokioIo`) and smol do that, and TLS streams. Those of async-std, and `async_io::Async`,
/// only flush when they are closed; they need a wrapper whose `poll_close` calls
/// `shutdown(Shutdown::Write)`, or the other side waits for an end that comes when the tunnel is
/// dropped.
///
/// The streams are anything that reads and writes; [`Halves`] makes one of two halves, and a
/// [`WriteHandoff`](crate::WriteHandoff) writes as
/// [`into_writer`](crate::WriteHandoff::into_writer).
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
    /// A tunnel between two streams. Allocates nothing; nothing moves before it [runs](Self::run).
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

    /// Sets how many bytes each direction holds at most, beside those that it was given first. The
    /// default is 256 KiB. It is also the largest read.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[must_use = "returns the changed tunnel"]
    #[track_caller]
    pub fn with_budget(mut self, bytes: usize) -> Self {
        self.to_b.set_budget(bytes);
        self.to_a.set_budget(bytes);
        self
    }

    /// Gives bytes that go to the second side before all that is read from the first from now on:
    /// what a [`HandoffBuffer`](crate::HandoffBuffer) still holds
    /// ([`freeze_all`](crate::HandoffBuffer::freeze_all)), or a header. What was given before goes
    /// before them.
    #[must_use = "returns the changed tunnel"]
    pub fn with_first_to_b(mut self, bytes: Bytes) -> Self {
        self.to_b.give(bytes);
        self
    }

    /// Gives bytes that go to the first side before all that is read from the second from now on,
    /// such as a greeting.
    #[must_use = "returns the changed tunnel"]
    pub fn with_first_to_a(mut self, bytes: Bytes) -> Self {
        self.to_a.give(bytes);
        self
    }

    /// Carries bytes until both directions have ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing that was read is lost, and a later call goes on. To end the tunnel,
    /// drop it, or take the streams and what is unwritten with [`into_parts`](Self::into_parts).
    ///
    /// # Panics
    ///
    /// If it has ended before.
    pub async fn run(&mut self) -> Report {
        poll_fn(|cx| self.poll(cx)).await;
        self.report(false)
    }

    /// As [`run`](Self::run), until nothing was read or written for an idle period.
    ///
    /// `timer` makes a future that completes after such a period, such as `||
    /// tokio::time::sleep(period)`, or with smol `|| async { smol::Timer::after(period).await; }`.
    /// A timer is not reset by every byte, which would cost more than the byte: one that completes
    /// after something has moved is replaced by a new one. So the tunnel ends between one and two
    /// periods after its last byte.
    ///
    /// # Cancel safety
    ///
    /// As for [`run`](Self::run). A later call begins a new period.
    ///
    /// # Panics
    ///
    /// If it has ended before.
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
        assert!(!self.reported, "the tunnel has ended before");
        let Self { a, b, to_b, to_a, ended, .. } = self;
        let a_failed = step(cx, to_b, &mut ended.0, a, b);
        let b_failed = step(cx, to_a, &mut ended.1, b, a);
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

    /// How many bytes have been written to the second side and to the first one, at any time.
    pub fn bytes(&self) -> (u64, u64) {
        (self.to_b.written(), self.to_a.written())
    }

    /// The streams, and what was read from each and not written to the other: to go on by other
    /// means.
    pub fn into_parts(self) -> Parts<A, B> {
        Parts { a: self.a, b: self.b, to_b: self.to_b.into_unwritten(), to_a: self.to_a.into_unwritten() }
    }
}

/// Goes on with a direction, or with what comes for a writer that has failed. Whether the reader
/// has failed.
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

/// What a tunnel was made of.
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
