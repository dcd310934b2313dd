//! Key agreement: the trait of a handshake and the messages that it exchanges.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};

use super::{error::HandshakeError, keys::SessionKeys};
use crate::HandoffBuffer;

/// The length of the length prefix.
const PREFIX: usize = 2;

/// The part of a side in a handshake.
///
/// # Examples
///
/// ```
/// use futures_handoff::secure::Role;
///
/// /// The values of both sides, in the same order on both sides.
/// fn in_order(role: Role, ours: u8, theirs: u8) -> [u8; 2] {
///     match role {
///         Role::Initiator => [ours, theirs],
///         Role::Responder => [theirs, ours],
///     }
/// }
///
/// assert_eq!(in_order(Role::Initiator, 2, 3), in_order(Role::Responder, 3, 2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The side that speaks first.
    Initiator,
    /// The side that answers.
    Responder,
}

/// A protocol that agrees on keys and authenticates the peer. [`Noise`](super::Noise) implements
/// it.
///
/// An implementation has to bind the prologue: if the two sides have different prologues, it has to
/// fail on at least one side before that side has keys. Its keys must differ in each handshake,
/// whatever a peer sends.
///
/// # Examples
///
/// Both sides agree on a protocol version first. Noise binds the versions, so an attacker cannot
/// lower them:
///
/// ```
/// use std::future::pending;
///
/// use futures_handoff::secure::{
///     Config, Handshake, HandshakeError, HandshakeIo, Noise, PublicKey, Role, SessionKeys, StaticKey,
///     accept, connect,
/// };
/// use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, future::try_join};
///
/// struct Versioned(u8, Noise);
///
/// impl Handshake for Versioned {
///     type Peer = (PublicKey, u8);
///
///     async fn run<R, W>(
///         self,
///         role: Role,
///         prologue: &[u8],
///         io: &mut HandshakeIo<R, W>,
///     ) -> Result<((PublicKey, u8), SessionKeys), HandshakeError>
///     where
///         R: AsyncRead + Unpin,
///         W: AsyncWrite + Unpin,
///     {
///         let Self(ours, noise) = self;
///         io.send(&[ours]).await?;
///         let [theirs] = io.receive(1).await?[..] else { return Err(HandshakeError::Truncated) };
///         let versions = if role == Role::Initiator { [ours, theirs] } else { [theirs, ours] };
///         let prologue = [prologue, &versions].concat();
///         let (peer, keys) = noise.run(role, &prologue, io).await?;
///         Ok(((peer, ours.min(theirs)), keys))
///     }
/// }
///
/// # futures_executor::block_on(async {
/// # let (near, far) = futures_handoff_runtimes::io::duplex(64 * 1024);
/// # let ((near_reader, near_writer), (far_reader, far_writer)) = (near.split(), far.split());
/// let (old, new) = (Noise::xx(StaticKey::generate()), Noise::xx(StaticKey::generate()));
/// let config = Config::new("example.org/chat");
/// let (connected, accepted) = try_join(
///     connect(near_reader, near_writer, Versioned(2, old), &config, pending()),
///     accept(far_reader, far_writer, Versioned(3, new), &config, pending()),
/// ).await?;
/// assert_eq!((connected.peer.1, accepted.peer.1), (2, 2));
/// # Ok::<_, HandshakeError>(()) }).unwrap();
/// ```
pub trait Handshake {
    /// The identity that the peer has proved.
    type Peer;

    /// Exchanges messages until both sides have keys.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`]. Both halves of the connection are dropped then.
    fn run<R, W>(
        self,
        role: Role,
        prologue: &[u8],
        io: &mut HandshakeIo<R, W>,
    ) -> impl Future<Output = Result<(Self::Peer, SessionKeys), HandshakeError>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin;
}

/// The connection as a [`Handshake`] sees it. It carries messages, each after its length in 2
/// bytes, most significant byte first. The example at [`Handshake`] sends and receives one.
pub struct HandshakeIo<R, W> {
    pub(super) reader: R,
    pub(super) writer: W,
    /// Bytes that were read beyond the last message belong to the records.
    pub(super) buffer: HandoffBuffer,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> HandshakeIo<R, W> {
    /// Sends a message and flushes the writer.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Io`] if the writer fails, and [`HandshakeError::Invalid`] for more than
    /// 65,535 bytes.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: a part of the message may have left. Drop the connection.
    pub async fn send(&mut self, message: &[u8]) -> Result<(), HandshakeError> {
        let Ok(len) = u16::try_from(message.len()) else {
            return Err(HandshakeError::Invalid("a handshake message has at most 65,535 bytes"));
        };
        let mut framed = Vec::with_capacity(PREFIX + message.len());
        framed.extend_from_slice(&len.to_be_bytes());
        framed.extend_from_slice(message);
        let mut left = &framed[..];
        while !left.is_empty() {
            match poll_fn(|cx| pin!(&mut self.writer).poll_write(cx, left)).await? {
                0 => return Err(std::io::Error::from(std::io::ErrorKind::WriteZero).into()),
                n => {
                    left = left.get(n..).ok_or_else(|| {
                        std::io::Error::other("the writer reports more bytes written than it was given")
                    })?;
                }
            }
        }
        Ok(poll_fn(|cx| pin!(&mut self.writer).poll_flush(cx)).await?)
    }

    /// Receives the next message, of up to `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::TooLong`] as soon as a longer message is announced,
    /// [`HandshakeError::Truncated`] if the connection ends before the message is complete, and
    /// [`HandshakeError::Io`] if the reader fails.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn receive(&mut self, limit: usize) -> Result<Bytes, HandshakeError> {
        self.fill_to(PREFIX).await?;
        let prefix = self.buffer.peek().first_chunk::<PREFIX>().ok_or(HandshakeError::Truncated)?;
        let len = usize::from(u16::from_be_bytes(*prefix));
        if len > limit {
            return Err(HandshakeError::TooLong { len, limit });
        }
        self.fill_to(PREFIX + len).await?;
        self.buffer.advance(PREFIX)?;
        Ok(self.buffer.split_prefix(len)?)
    }

    async fn fill_to(&mut self, n: usize) -> Result<(), HandshakeError> {
        if self.buffer.fill_to(&mut self.reader, n).await? { Ok(()) } else { Err(HandshakeError::Truncated) }
    }
}

impl<R, W> std::fmt::Debug for HandshakeIo<R, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandshakeIo").finish_non_exhaustive()
    }
}

/// Returns the result of `work`, or an error if the deadline passes first.
pub(super) async fn before<T>(
    deadline: impl Future<Output = ()>,
    work: impl Future<Output = Result<T, HandshakeError>>,
) -> Result<T, HandshakeError> {
    let (mut deadline, mut work) = (pin!(deadline), pin!(work));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Pending => deadline.as_mut().poll(cx).map(|()| Err(HandshakeError::Deadline)),
        done => done,
    })
    .await
}
