//! Agreeing on keys: what a handshake is, and the messages that it exchanges.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};

use super::{error::HandshakeError, keys::SessionKeys};
use crate::HandoffBuffer;

/// The length in front of a message.
const PREFIX: usize = 2;

/// The part that a side has in a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It speaks first.
    Initiator,
    /// It answers.
    Responder,
}

/// A way to agree on keys and to learn the name of the peer. [`Noise`](super::Noise) is one.
///
/// An implementation has to bind the prologue: if the two sides were given different ones, it has
/// to fail on at least one of them before that side has keys. Its keys must differ in each
/// handshake, whatever a peer sends.
pub trait Handshake {
    /// What the peer has proved to be.
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

/// The connection, as a [`Handshake`] sees it: messages, each behind its length in 2 bytes, most
/// significant first.
pub struct HandshakeIo<R, W> {
    pub(super) reader: R,
    pub(super) writer: W,
    /// What was read beyond the last message is for the records.
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
    /// None: a part of the message may have left. Give the connection up.
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
                        std::io::Error::other("the writer claims to have written more than it was given")
                    })?;
                }
            }
        }
        Ok(poll_fn(|cx| pin!(&mut self.writer).poll_flush(cx)).await?)
    }

    /// Receives the next message, which may have up to `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::TooLong`] as soon as a longer one is announced,
    /// [`HandshakeError::Truncated`] if the connection ends before, and [`HandshakeError::Io`] if
    /// the reader fails.
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

/// What `work` gives, unless the deadline comes first.
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
