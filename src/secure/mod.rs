//! Authenticated, encrypted messages over any reader and writer.
//!
//! [`connect`] and [`accept`] run a handshake over a connection, after which both sides know who
//! the peer is. Messages then travel in both directions. Each message arrives whole, once, in order
//! and unchanged, or the receiver returns an error. Nothing here needs a runtime. A [`Sender`]
//! encrypts a message directly from the caller's slice when the [`WriteHandoff`] under it has
//! room. A [`Receiver`] decrypts it directly out of its [`HandoffBuffer`].
//!
//! **This module has not been audited.**
//! [docs/security.md](https://docs.rs/crate/futures-handoff/latest/source/docs/security.md) states
//! what it promises, what it does not promise, and the wire format.
//!
//! # What an application has to do
//!
//! - **Know keys.** A peer is its [`PublicKey`]. The initiator of [`Noise::ik`] names the
//!   responder. A responder decides in [`Noise::admit`] which peers to serve. Without that,
//!   `accept` takes any peer, and the application has to check [`Session::peer`].
//! - **Set a deadline.** Without one, a silent peer is waited for without end. The deadline covers
//!   the handshake only.
//! - **Run the task** of the session: spawn [`WriteTask::detach`], or run the sending code with
//!   [`WriteTask::run_until`].
//! - **Close.** [`Sender::close`] tells the peer that all was sent. Without it the peer gets
//!   [`ReceiveError::Truncated`]. Only a message from the peer can tell that it has *received*
//!   everything.
//! - **Wait for the first message** before anything that cannot be undone, after accepting a
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
//!     // The writer task runs beside the sending code. On a runtime, spawn it.
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
//!     // The peer has closed: this was all.
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

/// The size of a read. One read can bring a long message or many short ones. A waiting connection
/// holds no memory for it.
const READ_SIZE: usize = 128 * 1024;

/// An encrypted connection. Its parts are independent, and each can move to its own task.
///
/// # Examples
///
/// ```
/// use std::future::pending;
///
/// use futures_handoff::secure::{Config, Noise, StaticKey, accept, connect};
/// use futures_util::{AsyncReadExt, future::try_join};
///
/// # futures_executor::block_on(async {
/// # let (near, far) = futures_handoff_runtimes::io::duplex(64 * 1024);
/// # let ((near_reader, near_writer), (far_reader, far_writer)) = (near.split(), far.split());
/// let (alice, bob) = (StaticKey::generate(), StaticKey::generate());
/// let (alice_public, bob_public) = (alice.public(), bob.public());
/// let config = Config::new("example.org/chat/1");
/// let (at_alice, mut at_bob) = try_join(
///     connect(near_reader, near_writer, Noise::xx(alice), &config, pending()),
///     accept(far_reader, far_writer, Noise::xx(bob), &config, pending()),
/// ).await?;
/// assert_eq!((at_alice.peer, at_bob.peer), (bob_public, alice_public));
/// assert_eq!(at_alice.binding, at_bob.binding);
///
/// let (sender, mut task) = (at_alice.sender, at_alice.task);
/// task.run_until(async { sender.send(b"hello").await?.await.map_err(std::io::Error::from) }).await?;
/// assert_eq!(at_bob.receiver.recv().await?.unwrap(), "hello");
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Session<R, W = BoxWriter, P = PublicKey> {
    /// The identity that the peer has proved. With [`Noise::ik`] and [`Noise::kk`] the proof of the
    /// initiator is complete only when its first message has arrived: see [`Noise`].
    pub peer: P,
    /// A value that is the same on both sides and in no other session. An application that signs
    /// it, or includes it in a token, binds the signature or token to this connection.
    pub binding: [u8; 32],
    /// Sends messages. It can be cloned.
    pub sender: Sender<W>,
    /// Receives messages.
    pub receiver: Receiver<R>,
    /// Writes what is sent. Nothing leaves before it runs: spawn [`WriteTask::detach`], or run the
    /// sending code with [`WriteTask::run_until`].
    pub task: WriteTask<W>,
    /// Keys for packets between the two sides outside the connection, as over UDP.
    #[cfg(feature = "fragment")]
    #[cfg_attr(docsrs, doc(cfg(feature = "fragment")))]
    pub packets: PacketKeys,
}

/// Opens a session as the side that speaks first.
///
/// `deadline` is any future that completes when the handshake has taken too long, such as a timer
/// of the runtime, or [`pending`](std::future::pending). It covers the whole handshake, including
/// the admission of the peer. With Tokio it is `tokio::time::sleep(duration)`, with smol `async {
/// smol::Timer::after(duration).await; }`.
///
/// `reader` and `writer` are the halves of one connection, or any two streams. On a socket, turn
/// Nagle's algorithm off. The sender already combines what leaves together.
///
/// # Errors
///
/// [`HandshakeError`]. `reader` and `writer` are dropped. The peer does not learn the reason: it
/// sees the connection end.
///
/// # Cancel safety
///
/// Dropping the future drops `reader` and `writer`. A handshake cannot be resumed.
///
/// # Examples
///
/// ```
/// use futures_handoff::secure::{Config, HandshakeError, Noise, StaticKey, connect};
/// use futures_util::AsyncReadExt;
///
/// # futures_executor::block_on(async {
/// # let (stream, _silent_peer) = futures_handoff_runtimes::io::duplex(64 * 1024);
/// # let timeout = std::future::ready(());
/// # let (key, server) = (StaticKey::generate(), StaticKey::generate().public());
/// let (reader, writer) = stream.split();
/// let (handshake, config) = (Noise::ik(key, Some(server)), Config::new("example.org/chat/1"));
/// match connect(reader, writer, handshake, &config, timeout).await {
///     Ok(session) => println!("connected to {}", session.peer),
///     Err(error) => assert!(matches!(error, HandshakeError::Deadline)),
/// }
/// # });
/// ```
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
/// With [`Noise::ik`] and [`Noise::kk`] it also succeeds if an attacker replays the first message
/// of an earlier handshake. No message comes out of such a session, and no one can read what is
/// sent in it. Wait for the first message before anything that cannot be undone.
///
/// # Errors
///
/// As for [`connect`].
///
/// # Cancel safety
///
/// As for [`connect`].
///
/// # Examples
///
/// A responder that serves known peers only:
///
/// ```
/// use std::future::pending;
///
/// use futures_handoff::secure::{Config, HandshakeError, Noise, StaticKey, accept, connect};
/// use futures_util::{AsyncReadExt, future::join};
///
/// # futures_executor::block_on(async {
/// # let (near, far) = futures_handoff_runtimes::io::duplex(64 * 1024);
/// # let (near_reader, near_writer) = near.split();
/// let (server, config) = (StaticKey::generate(), Config::new("example.org/chat/1"));
/// let (known, server_public) = (StaticKey::generate().public(), server.public());
/// let (reader, writer) = far.split();
/// let handshake = Noise::ik(server, None).admit(|peer| async move { peer == known });
/// let accepting = accept(reader, writer, handshake, &config, pending());
/// # let stranger = Noise::ik(StaticKey::generate(), Some(server_public));
/// # let connecting = connect(near_reader, near_writer, stranger, &config, pending());
/// # let (accepted, connected) = join(accepting, connecting).await;
/// // A peer with another key connects.
/// assert!(matches!(accepted.unwrap_err(), HandshakeError::Refused));
/// # assert!(matches!(connected.unwrap_err(), HandshakeError::Truncated));
/// # });
/// ```
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

/// A buffer that holds a record and the beginning of the next one. It also holds the longest
/// handshake message.
fn read_config(config: &Config) -> HandoffBufferConfig {
    let record = config.max_record_len() + record::OVERHEAD;
    HandoffBufferConfig::new((2 * record).max(READ_SIZE)).with_read_reserve(READ_SIZE)
}
