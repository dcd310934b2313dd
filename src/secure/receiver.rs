//! The receiving half.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use futures_io::AsyncRead;

use super::{
    config::Config,
    error::ReceiveError,
    keys::DirectionKey,
    open::{Opened, Opener},
};
use crate::{HandoffBuffer, coop::Budget};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// The peer has sent everything.
    Closed,
    /// A call has failed.
    Failed,
}

/// Receives the messages of a peer, in order. From [`Session`](super::Session).
///
/// It is also a [`Stream`], which ends after an error.
///
/// # Memory
///
/// It buffers up to 128 KiB, or two records of the longest length if that is more. It buffers
/// nothing while it waits for a quiet connection. Messages are decrypted into blocks that are
/// reused when all messages in them are dropped. Messages of up to 1 KiB share blocks of 8 KiB. The
/// messages of one batch share a block. Any other message has a block of at most four times its
/// length, or 4 KiB. So nothing is allocated for a message if earlier messages are dropped in time.
/// To keep a short message for long, copy it. While it waits, the receiver keeps one block, and 8
/// KiB for short messages.
///
/// # Cancel safety
///
/// Dropping any of its futures loses nothing.
///
/// # Examples
///
/// ```
#[doc = include_str!("session_example.in")]
/// // `sender` belongs to one side, `receiver` to the other.
/// sender.send(b"one").await?;
/// sender.send(b"two").await?;
/// sender.close().await?;
/// let mut received = Vec::new();
/// while let Some(message) = receiver.recv().await? {
///     received.push(message);
/// }
/// // The peer has closed, so these are all of its messages.
/// assert!(receiver.is_closed());
/// assert_eq!(received, ["one", "two"]);
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub struct Receiver<R> {
    reader: R,
    buffer: HandoffBuffer,
    opener: Opener,
    stage: Stage,
    budget: Budget,
}

impl<R> Receiver<R> {
    pub(super) fn new(reader: R, buffer: HandoffBuffer, key: DirectionKey, config: &Config) -> Self {
        let opener = Opener::new(key, config);
        Self { reader, buffer, opener, stage: Stage::Open, budget: Budget::new(true) }
    }

    /// The reader. Bytes that are read from it directly are lost to the receiver, and the next
    /// record fails to open.
    pub fn get_ref(&self) -> &R {
        &self.reader
    }

    /// Whether the peer has closed and all of its messages were received.
    pub fn is_closed(&self) -> bool {
        self.stage == Stage::Closed
    }

    /// Returns the next message that was already read. Never reads. Returns `None` if no whole
    /// record is buffered, and at the end: see [`is_closed`](Self::is_closed).
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("session_example.in")]
    /// sender.send_batch(&["one", "two"]).await?;
    /// let mut messages = vec![receiver.recv().await?.unwrap()];
    /// // Handle together what has arrived together.
    /// while let Some(message) = receiver.try_recv()? {
    ///     messages.push(message);
    /// }
    /// assert_eq!(messages, ["one", "two"]);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn try_recv(&mut self) -> Result<Option<Bytes>, ReceiveError> {
        match self.stage {
            Stage::Closed => Ok(None),
            Stage::Failed => Err(ReceiveError::Closed),
            Stage::Open => self.next().inspect_err(|_| self.fail()),
        }
    }

    /// Returns the next message if it is buffered.
    #[inline]
    fn next(&mut self) -> Result<Option<Bytes>, ReceiveError> {
        loop {
            if let Some(message) = self.opener.next_of_batch() {
                return Ok(Some(message));
            }
            let buffered = self.buffer.peek();
            let Some(header) = self.opener.header(buffered)? else { return Ok(None) };
            let len = header.wire_len();
            let Some(record) = buffered.get(..len) else { return Ok(None) };
            let opened = self.opener.open(header, record)?;
            self.buffer.advance(len)?;
            match opened {
                Opened::Message(message) => return Ok(Some(message)),
                Opened::Nothing => {}
                Opened::Close => {
                    self.stage = Stage::Closed;
                    return Ok(None);
                }
            }
        }
    }

    /// Ends the receiver: nothing is received after an error.
    #[cold]
    fn fail(&mut self) {
        self.stage = Stage::Failed;
    }
}

impl<R: AsyncRead + Unpin> Receiver<R> {
    /// Receives the next message. Returns `None` when the peer has closed.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`]. Nothing is received after an error. [`Truncated`](ReceiveError::Truncated)
    /// means that the connection ended without the peer's close. Every later call returns
    /// [`Closed`](ReceiveError::Closed).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Complexity
    ///
    /// A message is decrypted once, from the read buffer into its own memory, without a copy.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("session_example.in")]
    /// use futures_handoff::secure::ReceiveError;
    ///
    /// sender.send(b"incomplete").await?;
    /// // The peer stops without `close`.
    /// drop(sender);
    /// assert_eq!(receiver.recv().await?.unwrap(), "incomplete");
    /// assert!(matches!(receiver.recv().await, Err(ReceiveError::Truncated { .. })));
    /// assert!(matches!(receiver.recv().await, Err(ReceiveError::Closed)));
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn recv(&mut self) -> Result<Option<Bytes>, ReceiveError> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The poll form of [`recv`](Self::recv).
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ReceiveError>> {
        ready!(self.budget.poll(cx));
        loop {
            match self.try_recv() {
                Ok(None) if self.stage == Stage::Open => {}
                received => {
                    self.budget
                        .spend(received.as_ref().map_or(0, |message| message.as_ref().map_or(0, Bytes::len)));
                    return Poll::Ready(received);
                }
            }
            let reader = Pin::new(&mut self.reader);
            let Poll::Ready(read) = self.buffer.poll_read_available(cx, reader) else {
                self.budget.waited();
                self.opener.rest();
                return Poll::Pending;
            };
            match read {
                Ok(0) => {
                    self.fail();
                    return Poll::Ready(Err(ReceiveError::Truncated { buffered: self.buffer.len() }));
                }
                Ok(_) => {}
                Err(error) => {
                    self.fail();
                    return Poll::Ready(Err(error.into()));
                }
            }
        }
    }
}

impl<R: AsyncRead + Unpin> Stream for Receiver<R> {
    type Item = Result<Bytes, ReceiveError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.stage == Stage::Failed {
            return Poll::Ready(None);
        }
        this.poll_recv(cx).map(Result::transpose)
    }
}

impl<R> fmt::Debug for Receiver<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("stage", &self.stage)
            .field("buffered", &self.buffer.len())
            .finish_non_exhaustive()
    }
}
