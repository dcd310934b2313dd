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
    /// The peer has sent all.
    Closed,
    /// A call has failed.
    Failed,
}

/// Receives the messages of a peer, in their order. From [`Session`](super::Session).
///
/// It is a [`Stream`] as well, which ends after an error.
///
/// # Memory
///
/// It buffers up to 128 KiB, or two of the longest records if that is more, and nothing while it
/// waits for a quiet connection. A message is opened into memory that is used again when all that
/// shares it is dropped: messages of up to 1 KiB share blocks of 8 KiB, those of one batch share a
/// block, and others have a block that is at most four times as long as they are, or 4 KiB. So
/// nothing is allocated for a message as long as those before it are dropped in time; to keep a
/// short one for long, copy it. While it waits it keeps one block, and 8 KiB of short ones.
///
/// # Cancel safety
///
/// Dropping any of its futures loses nothing.
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

    /// The reader. What is read from it past the receiver is lost to it, and the next record does
    /// not open.
    pub fn get_ref(&self) -> &R {
        &self.reader
    }

    /// Whether the peer has said that it has sent all, and all of that was received.
    pub fn is_closed(&self) -> bool {
        self.stage == Stage::Closed
    }

    /// The next message of those that were read already. `None` where no whole record is there, and
    /// at the end: see [`is_closed`](Self::is_closed). Never reads.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<Option<Bytes>, ReceiveError> {
        match self.stage {
            Stage::Closed => Ok(None),
            Stage::Failed => Err(ReceiveError::Closed),
            Stage::Open => self.next().inspect_err(|_| self.fail()),
        }
    }

    /// The next message, if it is there.
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

    /// Nothing is received after an error.
    #[cold]
    fn fail(&mut self) {
        self.stage = Stage::Failed;
    }
}

impl<R: AsyncRead + Unpin> Receiver<R> {
    /// Receives the next message. `None` once the peer has said that it has sent all.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`], after which nothing more is received:
    /// [`Truncated`](ReceiveError::Truncated) where the connection ended without such a word, and
    /// [`Closed`](ReceiveError::Closed) from the next call on.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Complexity
    ///
    /// A message is decrypted once, from the read buffer into its own memory, and not copied.
    pub async fn recv(&mut self) -> Result<Option<Bytes>, ReceiveError> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The poll form of [`recv`](Self::recv).
    ///
    /// # Errors
    ///
    /// As there.
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
