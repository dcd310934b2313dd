//! Authenticated, encrypted messages over any reader and writer.
//!
//! [`connect`] and [`accept`] run a handshake over a connection, after which both sides know who
//! the other one is. Then messages go in both directions: each arrives whole, once, in order, and
//! unchanged, or the receiver says why not. Nothing here needs a runtime. A [`Sender`] seals a
//! message straight from where it lies, once the [`WriteHandoff`] under it has room, and a
//! [`Receiver`] opens it straight out of its [`HandoffBuffer`].
//!
//! **Nobody has audited this.** What it promises and what it does not is in
//! [docs/security.md](https://docs.rs/crate/futures-handoff/latest/source/docs/security.md), with
//! the format of the wire.
//!
//! # What an application has to do
//!
//! - **Know keys.** A peer is its [`PublicKey`]. The initiator of [`Noise::ik`] names the one that
//!   it wants to reach; a responder decides in [`Noise::admit`] whom it serves. Without that,
//!   `accept` takes any peer, and the application has to look at [`Session::peer`].
//! - **Give a deadline**, or a peer that says nothing is waited for without end. There is none
//!   after the handshake.
//! - **Run the task** of the session: spawn [`WriteTask::detach`], or [`WriteTask::run_until`] with
//!   what sends.
//! - **Close.** [`Sender::close`] tells the peer that all was sent; without it the peer sees
//!   [`ReceiveError::Truncated`]. That the peer has *received* all, only a message of its own can
//!   tell.
//! - **Wait for the first message** before anything that cannot be undone, where it has accepted a
//!   session of `ik` or `kk`: see [`Noise`].
//!
//! ```
//! use std::future::pending;
//!
//! use futures_handoff::secure::{self, Config, Noise, StaticKey};
//! use futures_util::{AsyncReadExt, future::try_join};
//! # use futures_handoff_runtimes::io::duplex;
//!
//! # futures_executor::block_on(async {
//! # let (near, far) = duplex(64 * 1024);
//! let (alice, bob) = (StaticKey::generate(), StaticKey::generate());
//! let (bob_public, config) = (bob.public(), Config::new("example.org/greeting/1"));
//!
//! let asks = async {
//!     let (reader, writer) = near.split();
//!     let session = secure::connect(reader, writer, Noise::ik(alice, Some(bob_public)), &config, pending()).await?;
//!     // The writer task runs beside what sends; on a runtime it would be spawned.
//!     let ask = async {
//!         session.sender.send(b"who are you?").await?;
//!         Ok(session.sender.close().await?)
//!     };
//!     let (_, sent) = futures_util::join!(session.task, ask);
//!     sent
//! };
//! let hears = async {
//!     let (reader, writer) = far.split();
//!     let mut session = secure::accept(reader, writer, Noise::ik(bob, None), &config, pending()).await?;
//!     let question = session.receiver.recv().await?;
//!     assert_eq!(question.unwrap(), "who are you?");
//!     // The peer has said that this was all.
//!     assert_eq!(session.receiver.recv().await?, None);
//!     Ok::<_, std::io::Error>(())
//! };
//! try_join(asks, hears).await.unwrap();
//! # });
//! ```

mod aead;
mod config;
mod error;
mod handshake;
mod keys;
mod noise;
mod open;
#[cfg(feature = "fragment")]
mod packets;
mod receiver;
mod record;
mod seal;
mod sealing;
mod sender;
mod sink;
mod slab;
#[cfg(test)]
mod tests;
#[cfg(feature = "fragment")]
mod window;

use std::future::Future;

use futures_io::{AsyncRead, AsyncWrite};

pub use aead::Suite;
pub use config::Config;
pub use error::{HandshakeError, ReceiveError, SendError};
pub use handshake::{Handshake, HandshakeIo, Role};
pub use keys::{ParseKeyError, PublicKey, SessionKeys, StaticKey};
pub use noise::Noise;
#[cfg(feature = "fragment")]
#[cfg_attr(docsrs, doc(cfg(feature = "fragment")))]
pub use packets::{PacketKeys, PacketOpener, PacketSealer};
pub use receiver::Receiver;
pub use sender::Sender;
pub use sink::SenderSink;

use crate::{BoxWriter, HandoffBuffer, HandoffBufferConfig, WriteHandoff, WriteTask};

/// How much a receiver reads at a time, so that one read brings a long message or many short ones.
/// A connection that waits holds nothing of it.
const READ_SIZE: usize = 128 * 1024;

/// An encrypted connection. Its parts are independent: each can go to a task of its own.
#[derive(Debug)]
#[non_exhaustive]
pub struct Session<R, W = BoxWriter, P = PublicKey> {
    /// What the peer has proved to be. With [`Noise::ik`] and [`Noise::kk`] the proof of the
    /// initiator is complete once the first message has come from it: see there.
    pub peer: P,
    /// A value that is the same on both sides and in no other session. An application that signs
    /// it, or puts it into a token, ties that to this connection.
    pub binding: [u8; 32],
    /// Sends messages. It can be cloned.
    pub sender: Sender<W>,
    /// Receives messages.
    pub receiver: Receiver<R>,
    /// Writes what is sent. Nothing leaves before it runs: spawn [`WriteTask::detach`], or run it
    /// in the task that sends, with [`WriteTask::run_until`].
    pub task: WriteTask<W>,
    /// Keys for packets that go between the two sides beside the connection, as over UDP.
    #[cfg(feature = "fragment")]
    #[cfg_attr(docsrs, doc(cfg(feature = "fragment")))]
    pub packets: PacketKeys,
}

/// Opens a session as the side that speaks first.
///
/// `deadline` is anything that completes when it is too late, such as a timer of the runtime, or
/// [`pending`](std::future::pending). It covers the whole handshake, the admission of the peer
/// included. With Tokio it is `tokio::time::sleep(duration)`, with smol `async {
/// smol::Timer::after(duration).await; }`.
///
/// `reader` and `writer` are the halves of one connection, or any two streams. On a socket, turn
/// Nagle's algorithm off: what is sent leaves together as it is.
///
/// # Errors
///
/// [`HandshakeError`]. `reader` and `writer` are dropped. The peer is not told why: it sees the
/// connection end.
///
/// # Cancel safety
///
/// Dropping the future drops `reader` and `writer`: a handshake cannot be taken up again.
pub async fn connect<R, W, H>(
    reader: R,
    writer: W,
    handshake: H,
    config: &Config,
    deadline: impl Future<Output = ()>,
) -> Result<Session<R, W, H::Peer>, HandshakeError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
    H: Handshake,
{
    open(Role::Initiator, reader, writer, handshake, config, deadline).await
}

/// Opens a session as the side that answers.
///
/// With [`Noise::ik`] and [`Noise::kk`] it succeeds also where an attacker sends the first message
/// of an earlier handshake once more. No message comes out of such a session, and nobody can read
/// what is sent in it; wait for the first message before anything that cannot be undone.
///
/// # Errors
///
/// As for [`connect`].
///
/// # Cancel safety
///
/// As for [`connect`].
pub async fn accept<R, W, H>(
    reader: R,
    writer: W,
    handshake: H,
    config: &Config,
    deadline: impl Future<Output = ()>,
) -> Result<Session<R, W, H::Peer>, HandshakeError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
    H: Handshake,
{
    open(Role::Responder, reader, writer, handshake, config, deadline).await
}

async fn open<R, W, H>(
    role: Role,
    reader: R,
    writer: W,
    handshake: H,
    config: &Config,
    deadline: impl Future<Output = ()>,
) -> Result<Session<R, W, H::Peer>, HandshakeError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
    H: Handshake,
{
    let buffer = HandoffBuffer::with_config(read_config(config));
    let mut io = HandshakeIo { reader, writer, buffer };
    let prologue = config.prologue();
    let (peer, keys) = handshake::before(deadline, handshake.run(role, &prologue, &mut io)).await?;
    let (from_initiator, from_responder) = keys.directions(config.suite(), config.rekey_after());
    let (outgoing, incoming) = match role {
        Role::Initiator => (from_initiator, from_responder),
        Role::Responder => (from_responder, from_initiator),
    };
    let (handoff, task) = WriteHandoff::new(io.writer, config.write());
    Ok(Session {
        peer,
        binding: keys.binding,
        sender: Sender::new(handoff, outgoing, config),
        receiver: Receiver::new(io.reader, io.buffer, incoming, config),
        task,
        #[cfg(feature = "fragment")]
        packets: keys.into_packets(role, config.suite()),
    })
}

/// A buffer in which a record fits, and the beginning of the next one. So does the longest message
/// of a handshake.
fn read_config(config: &Config) -> HandoffBufferConfig {
    let record = config.max_record_len() + record::OVERHEAD;
    HandoffBufferConfig::new((2 * record).max(READ_SIZE)).with_read_reserve(READ_SIZE)
}
