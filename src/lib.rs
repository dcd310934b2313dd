//! Move owned bytes across async I/O boundaries, on any runtime or none.
//!
//! - [`HandoffBuffer`] is the read half: a bounded buffer that is protocol state. Bytes arrive in any pieces, whole messages
//!   leave as owned [`Bytes`](bytes::Bytes), and what is unread survives errors, cancelled futures and a change of protocol.
//! - [`WriteHandoff`] is the write half: any number of producers hand bytes to a writer that belongs to a task, in one order,
//!   within a budget of bytes and entries, and learn what became of each write.
//!
//! Both work over [`futures_io::AsyncRead`] and [`futures_io::AsyncWrite`].
//!
//! ```
//! use futures_handoff::{Delimiter, HandoffBuffer, WriteHandoff, WriteHandoffConfig};
//! use futures_util::future::join;
//!
//! # fn main() -> std::io::Result<()> {
//! let mut reader: &[u8] = b"first\nsecond\n";
//! let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
//! let route = async move {
//!     let mut buffer = HandoffBuffer::new(64 * 1024);
//!     let mut lines = Delimiter::new(b"\n");
//!     while let Some(line) = buffer.next_frame(&mut reader, &mut lines).await? {
//!         handoff.write_fire_and_forget(line).await?;
//!     }
//!     Ok::<_, std::io::Error>(())
//! };
//! let (written, routed) = futures_executor::block_on(join(task, route));
//! routed?;
//! assert_eq!(written?, b"first\nsecond\n");
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! - What a write accepts is written in the order of acceptance, exactly once; after a failure it is known of every byte
//!   whether it was written, and the unwritten ones come back.
//! - A rejected write hands its bytes back, on the waiting path too.
//! - Memory stays within what was configured, whatever the peer sends or refuses to take.
//! - Nothing hangs silently: when a stream ends, everything that waits for it ends with the one cause.
//! - Readers, writers, wakers and byte owners may be wrong or hostile: a count that cannot be is an error, a writer's panic
//!   ends its stream and reaches no producer, and user code never runs under a lock.
//!
//! # What it does not do
//!
//! It parses no protocol, spawns nothing by itself, has no timer, and is not zero-copy: small pieces are copied on purpose.
//! One consumer of lines is served well by a `BufReader`, one codec in both directions by a `Framed`, one producer that may
//! wait for its socket by `write_all`, and typed messages that need no bound once received by a channel.
//!
//! # Running the writer task
//!
//! [`WriteHandoff::new`] returns a [`WriteTask`], which is a plain future: spawn it, run it on a thread of its own, or let it
//! [run with](WriteTask::run_until) a connection's loop in one task, which costs least. [`WriteHandoff::spawn`] hands it to an
//! [`Executor`]; the features bring some, and any type can be one. Nothing is written before the task is polled for the first time.
//!
//! # Two peers that answer each other
//!
//! A loop that reads and waits for room to write stops reading when its peer takes nothing: that is
//! what holds a fast peer back. It must not be what both sides do. Where each answers in its read
//! loop, both come to wait for room while nobody reads, and neither goes on: no budget is large
//! enough, for the memory is bounded on each side and on the way. So a loop that also gets answers
//! reads on whatever waits to be written: it hands questions to a task that writes, by a queue that
//! holds as many as may be open at a time. A side that has as many open waits for an answer before
//! it asks again; one that asks more breaks the protocol, and is read no more.
//!
//! ```
//! use std::io;
//!
//! use futures_channel::mpsc;
//! use futures_handoff::{
//!     Delimiter, HandoffBuffer, WriteHandoff,
//!     bytes::{Bytes, BytesMut},
//! };
//! use futures_util::{AsyncRead, AsyncWrite, StreamExt, future::join};
//!
//! /// Answers lines that start with `?`, and gives the others, the answers of the peer, to `answered`.
//! async fn answer<R, W>(
//!     mut reader: R,
//!     out: WriteHandoff<W>,
//!     most_open: usize,
//!     mut answered: impl FnMut(Bytes),
//! ) -> io::Result<()>
//! where
//!     R: AsyncRead + Unpin,
//!     W: AsyncWrite + Unpin,
//! {
//!     let (mut questions, mut open) = mpsc::channel(most_open);
//!     let read = async move {
//!         let mut buffer = HandoffBuffer::new(1024);
//!         let mut lines = Delimiter::new(b"\n");
//!         while let Some(line) = buffer.next_frame(&mut reader, &mut lines).await? {
//!             if line.starts_with(b"?") {
//!                 // Never waits. A peer that asks more than was agreed on is read no more.
//!                 questions.try_send(line).map_err(io::Error::other)?;
//!             } else {
//!                 answered(line);
//!             }
//!         }
//!         Ok(())
//!     };
//!     let write = async move {
//!         while let Some(question) = open.next().await {
//!             let mut answer = BytesMut::from(question);
//!             answer[0] = b'!';
//!             // Only this waits for room, and the reader goes on meanwhile.
//!             out.write_fire_and_forget(answer.freeze()).await?;
//!         }
//!         Ok(())
//!     };
//!     // What was asked before the end, or before an error, is answered first.
//!     let (read, written) = join(read, write).await;
//!     read.and(written)
//! }
//!
//! let (out, task) = WriteHandoff::new(Vec::new(), futures_handoff::WriteHandoffConfig::default());
//! let mut answers = Vec::new();
//! let answering = answer(&b"?one\n!two\n"[..], out, 8, |line| answers.push(line));
//! let (written, answered) = futures_executor::block_on(join(task, answering));
//! answered?;
//! assert_eq!(written?, b"!one\n");
//! assert_eq!(answers, ["!two\n"]);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Cancel safety
//!
//! A future is *cancel safe* here if dropping it before it completes has no effect beyond giving up the wait: no byte is
//! lost, duplicated or half submitted, no room stays taken, and nobody else waits longer for it. Every future of this
//! crate is, with these remarks:
//!
//! - A `write` that is dropped while it waits has submitted nothing; the chunk that it holds is dropped with it. Where that is
//!   a loss, [`reserve`](WriteHandoff::reserve) room first: no chunk is in the future then.
//! - Room that was granted to a future goes on when that future is polled or dropped. One that is kept and neither polled
//!   nor dropped keeps the room from others.
//! - A method that is not a future acts when it is called, as [`close`](WriteHandoff::close) does; a future acts when it is
//!   polled, as that of [`into_parts`](WriteHandoff::into_parts) does. That one closes the handoff for good at its first poll.
//!
//! # Features
//!
//! None is on by default. Each only adds; none changes what the rest does.
//!
//! | feature | adds |
//! |---|---|
//! | `tokio` | `Tokio`; [`Executor`] for `tokio::runtime::Handle` and `tokio::task::LocalSet`; `TokioIo` for Tokio's streams |
//! | `smol` | `Smol`; [`Executor`] for `smol::Executor` and `smol::LocalExecutor` |
//! | `async-std` | `AsyncStd`. async-std is discontinued upstream (RUSTSEC-2025-0052) |
//! | `fragment` | [`fragment`](https://docs.rs/futures-handoff/latest/futures_handoff/fragment/): long messages through short packets, without copies |
//! | `message` | [`message`](https://docs.rs/futures-handoff/latest/futures_handoff/message/): owned messages between tasks, bounded until they are done with |
//! | `secure` | [`secure`](https://docs.rs/futures-handoff/latest/futures_handoff/secure/): authenticated, encrypted messages over any reader and writer |
//! | `secure-rustcrypto` | the same with ciphers in Rust alone, for targets without a C compiler |
//! | `tunnel` | [`tunnel`](https://docs.rs/futures-handoff/latest/futures_handoff/tunnel/): both directions between two streams |
//! | `tracing` | an event for each write handoff that ends: `DEBUG` after an orderly close, `WARN` with the reason otherwise |
//!
//! # Where to read on
//!
//! When bytes leave, how room is shared and how a stream ends is told at [`WriteHandoff`]; what memory is held and when
//! bytes are copied at [`HandoffBuffer`] and [`WriteHandoffConfig`]. The README has a table of what happens at each event.
//!
//! # Stability
//!
//! Until 1.0, minor releases may break. The types of [`bytes`], `futures-core`, `futures-io` and `futures-sink` are part of the
//! interface, and those of a runtime with its feature.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used)]
// Positions of a stream have 64 bits, also where `usize` has 32.
#![deny(clippy::cast_possible_truncation)]

#[cfg(any(feature = "fragment", feature = "secure", feature = "secure-rustcrypto"))]
mod blocks;
mod contain;
mod coop;
mod error;
mod executor;
#[cfg(feature = "fragment")]
#[cfg_attr(docsrs, doc(cfg(feature = "fragment")))]
pub mod fragment;
#[cfg(feature = "message")]
#[cfg_attr(docsrs, doc(cfg(feature = "message")))]
pub mod message;
mod read;
#[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
#[cfg_attr(docsrs, doc(cfg(feature = "secure")))]
pub mod secure;
mod sync;
#[cfg(feature = "tokio")]
mod tokio_io;
#[cfg(feature = "tunnel")]
#[cfg_attr(docsrs, doc(cfg(feature = "tunnel")))]
pub mod tunnel;
mod waiters;
mod waking;
mod write;

#[cfg(feature = "async-std")]
pub use crate::executor::AsyncStd;
#[cfg(feature = "smol")]
pub use crate::executor::Smol;
pub use crate::executor::{Executor, executor_fn};
#[cfg(feature = "tokio")]
pub use crate::{executor::Tokio, tokio_io::TokioIo};
pub use bytes;
pub use read::{
    BufferError, Delimiter, Filled, Found, FrameError, FrameFinder, Frames, HandoffBuffer,
    HandoffBufferConfig, HandoffReader, LengthPrefix, ParseCursor, Then,
};
pub use write::{
    Accepted, BoxWriter, CloseReason, DetachedWriteTask, HandoffSink, HandoffWriter, Inline, OwnedPermit,
    Permit, RejectReason, TicketError, WeakWriteHandoff, WriteError, WriteHandoff, WriteHandoffConfig,
    WriteStats, WriteTask, WriteTicket, WriterFailure,
};

/// The code in the README, as tests.
#[cfg(all(doctest, feature = "smol", feature = "tokio", feature = "tunnel"))]
#[doc = include_str!("../README.md")]
pub struct ReadmeDoctests;
