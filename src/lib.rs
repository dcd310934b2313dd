//! Many tasks write to one connection, in order and within a budget. A bounded read buffer keeps
//! the bytes that are not parsed yet across errors, cancellation and changes of protocol.
//!
//! - [`HandoffBuffer`] is the read half. Bytes arrive in pieces of any size, whole messages leave
//!   as owned [`Bytes`](bytes::Bytes), and the unconsumed rest stays.
//! - [`WriteHandoff`] is the write half. Any number of producers hand bytes to a task that owns the
//!   writer. A ticket reports the outcome of a write.
//!
//! Both use [`futures_io::AsyncRead`] and [`futures_io::AsyncWrite`], and work on Tokio, smol,
//! async-std or without a runtime. There is no `unsafe` code.
//!
//! ```
//! use futures_handoff::{Delimiter, HandoffBuffer, WriteHandoff, WriteHandoffConfig};
//!
//! # fn main() -> std::io::Result<()> {
//! # futures_executor::block_on(async {
//! // Any reader and any writer.
//! let mut reader: &[u8] = b"first\nsecond\n";
//! let (out, mut task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
//! let connection = async move {
//!     let mut buffer = HandoffBuffer::new(64 * 1024);
//!     let mut lines = Delimiter::new(b"\n");
//!     while let Some(line) = buffer.next_frame(&mut reader, &mut lines).await? {
//!         // Waits for room in the budget, not for the writer.
//!         out.write_fire_and_forget(line).await?;
//!     }
//!     Ok::<_, std::io::Error>(())
//! };
//! // The task owns the writer. Here it runs together with the loop; a runtime can also spawn it.
//! let served = task.run_until(connection).await;
//! // The last handle is dropped: the task writes the rest, closes the writer and returns it.
//! assert_eq!(task.await?, b"first\nsecond\n");
//! served
//! # })
//! # }
//! ```
//!
//! # The path of the data
//!
//! ```text
//!             borrowed for one call               owned by the connection
//!   reader -------------------------> HandoffBuffer   (at most max_len unconsumed bytes)
//!                                         |
//!           look: peek, find              |  take: next_frame, split_prefix, parse --> Bytes ---+
//!                                         |                                                     |
//!                                         |  send: write_prefix (borrowed unless it must wait)  | write, try_write
//!                                         |              |                                      |
//!                                         |              v                                      v
//!                                         |         WriteHandoff   (any number of clones)
//!                                         |              |   queue, within max_items and max_pending_bytes
//!      continue: take_tail, into_reader <-+              |
//!                                                        +--> WriteTicket   (a position: holds no bytes, no writer)
//!                                                        v
//!                                                    WriteTask -----> writer   (returned at the end)
//! ```
//!
//! # The guide
//!
//! | to | read |
//! |---|---|
//! | get whole messages out of a stream | [`guide::reading`] |
//! | write from many tasks, with back pressure | [`guide::writing`] |
//! | know when bytes are sent and flushed | [`guide::sending`] |
//! | end a stream, or drop a future | [`guide::closing`], [`guide::cancelling`], [`guide::events`] |
//! | forward bytes | [`guide::routing`], [`tunnels`](guide/tunnels/index.html), [`guide::answering`] |
//! | use TLS, datagrams or encryption | [`guide::tls`], [`guide::packets`] |
//! | choose a runtime and settings | [`runtimes`](guide/runtimes/index.html), [`guide::tuning`] |
//! | test your own code | [`guide::testing`] |
//! | migrate code | [from Tokio](guide/from_tokio/index.html), [`guide::from_futures`], [`guide::from_bytes_handoff`] |
//!
//! # What it promises
//!
//! - The writer gets the bytes of accepted writes in the order of acceptance, exactly once. After a
//!   failure, the program knows which bytes were written, and gets the unwritten ones back.
//! - A rejected write returns its bytes, also if it had to wait.
//! - Memory stays within the configured limits, whatever the peer sends or does not accept.
//! - When a stream ends, everything that waits for it ends with the same cause.
//! - Readers, writers, wakers and owners of bytes may be faulty or hostile. An impossible byte
//!   count is an error. A panic of a writer ends its stream and reaches no producer. User code
//!   never runs under a lock.
//! - Every future can be [dropped](guide::cancelling) at any time without losing bytes.
//!
//! The crate parses no protocol, opens no connection, spawns no task on its own and has no timer.
//! It copies small chunks, because copying them is cheaper than reference counting and vectored
//! I/O.
//!
//! # Features
//!
//! No feature is on by default. Features are additive.
//!
//! | feature | adds |
//! |---|---|
//! | `tokio` | `Tokio`; [`Executor`] for `tokio::runtime::Handle` and `tokio::task::LocalSet`; `TokioIo` for Tokio's streams |
//! | `smol` | `Smol`; [`Executor`] for `smol::Executor` and `smol::LocalExecutor` |
//! | `async-std` | `AsyncStd`. async-std is discontinued upstream (RUSTSEC-2025-0052) |
//! | `fragment` | [`fragment`](https://docs.rs/futures-handoff/latest/futures_handoff/fragment/): long messages in short packets, without copies |
//! | `message` | [`message`](https://docs.rs/futures-handoff/latest/futures_handoff/message/): owned messages between tasks, which count against the limits until the receiver has finished with them |
//! | `secure` | [`secure`](https://docs.rs/futures-handoff/latest/futures_handoff/secure/): authenticated, encrypted messages over any reader and writer |
//! | `secure-rustcrypto` | the same with ciphers in pure Rust, for targets without a C compiler |
//! | `tunnel` | [`tunnel`](https://docs.rs/futures-handoff/latest/futures_handoff/tunnel/): both directions between two streams |
//! | `tracing` | an event for each write handoff that ends: `DEBUG` after an orderly close, `WARN` with the reason otherwise |
//!
//! # Stability
//!
//! Until 1.0, minor releases may have breaking changes. The public API includes types of [`bytes`],
//! `futures-core`, `futures-io` and `futures-sink`, and of a runtime if its feature is on.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used)]
// Positions in a stream have 64 bits, even where `usize` has 32.
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
#[cfg(any(doc, doctest))]
pub mod guide;
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

/// Runs the code in the README as tests.
#[cfg(all(doctest, feature = "smol", feature = "tokio", feature = "tunnel"))]
#[doc = include_str!("../README.md")]
pub struct ReadmeDoctests;
