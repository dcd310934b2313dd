//! The sending half.

use std::{fmt, future::Future, sync::Arc};

use futures_io::AsyncWrite;

use super::{
    config::Config,
    error::SendError,
    keys::DirectionKey,
    record::WireRoom,
    seal::{SealState, Sealer, Sealing},
};
use crate::{
    Accepted, BoxWriter, CloseReason, WriteHandoff,
    sync::Mutex,
    write::internals::{Via, reserve_room, try_reserve_room},
};

/// Sends messages to a peer. From [`Session`](super::Session).
///
/// Clones send over the same connection. Each message is sent whole, in the order of acceptance. A
/// message is encrypted when the write handoff has room for it, so a message that is not
/// accepted has no effect.
///
/// # The end
///
/// [`close`](Self::close) tells the peer that all was sent. If the last sender is dropped without
/// it, the accepted messages are still written, and the peer gets
/// [`Truncated`](super::ReceiveError::Truncated). So an error or a panic before `close` never looks
/// like a complete stream.
///
/// Neither a ticket nor `flush` nor `close` shows that the peer has received anything: they report
/// on the writer. If that matters, let the peer send a receipt before it closes.
///
/// # Memory
///
/// As for the [`WriteHandoff`] under it, except for records in blocks. A queued record that was not
/// combined with others keeps a block of at most four times its length, or 4 KiB. Many short
/// records of that kind take many times their length, for example those of a long message with a
/// small [`max_record_len`](super::Config::with_max_record_len). Written blocks are reused. The
/// session keeps at most as many blocks as fill the budget. After a burst, it releases all but two
/// of them one by one, each after 64 messages that do not need it. Records of up to
/// [`copy_max`](crate::WriteHandoffConfig::with_copy_max) bytes (1 KiB) are copied once, to be
/// written together.
///
/// # Cancel safety
///
/// A `send` that is dropped before it completes has sent nothing, and the two sides stay
/// synchronised: call it again.
///
/// # Examples
///
/// ```
#[doc = include_str!("session_example.in")]
/// use futures_handoff::CloseReason;
///
/// // `sender` belongs to one side, `receiver` to the other.
/// assert_eq!(sender.max_message_len(), 256 * 1024);
/// let other = sender.clone();
/// sender.send(b"from one task").await?;
/// other.send(b"from another").await?;
/// assert_eq!(receiver.recv().await?.unwrap(), "from one task");
/// assert_eq!(receiver.recv().await?.unwrap(), "from another");
///
/// assert!(sender.close_reason().is_none());
/// sender.close().await?;
/// assert!(matches!(other.close_reason(), Some(CloseReason::Closed)));
/// assert_eq!(receiver.recv().await?, None);
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub struct Sender<W = BoxWriter> {
    pub(super) handoff: WriteHandoff<W>,
    pub(super) sealing: Arc<Sealing>,
    /// Whether it is counted among the senders that may still send.
    pub(super) counted: bool,
}

impl<W> Sender<W> {
    pub(super) fn new(handoff: WriteHandoff<W>, key: DirectionKey, config: &Config) -> Self {
        let state = SealState {
            sealer: Sealer::new(key, config),
            records: Vec::new(),
            views: Vec::new(),
            closed: false,
            senders: 1,
        };
        let sealing = Sealing {
            state: Mutex::new(state),
            max_message_len: config.max_message_len(),
            max_record_len: config.max_record_len(),
        };
        Self { handoff, sealing: Arc::new(sealing), counted: true }
    }

    /// The longest message, in bytes.
    pub fn max_message_len(&self) -> usize {
        self.sealing.max_message_len
    }

    /// Why nothing more is sent, or `None` while the sender is open.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.handoff.close_reason()
    }

    /// Ends the connection without waiting for its writer, as [`WriteHandoff::abort`] does. The
    /// peer gets [`Truncated`](super::ReceiveError::Truncated) when the connection ends.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("session_example.in")]
    /// use futures_handoff::secure::{ReceiveError, SendError};
    ///
    /// sender.abort();
    /// assert!(matches!(sender.send(b"late").await, Err(SendError::Closed(_))));
    /// // The writer is dropped with the last sender.
    /// drop(sender);
    /// assert!(matches!(receiver.recv().await, Err(ReceiveError::Truncated { buffered: 0 })));
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn abort(&self) {
        self.handoff.abort();
    }
}

impl<W: AsyncWrite + Unpin> Sender<W> {
    /// Sends a message, and waits until there is room for it.
    ///
    /// The result can be awaited until the message is written, kept as a ticket, or dropped at no
    /// cost.
    ///
    /// # Errors
    ///
    /// [`SendError::TooLong`] for a message longer than [`max_message_len`](Self::max_message_len),
    /// [`SendError::Closed`] when nothing more is sent.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it completes has sent nothing.
    ///
    /// # Complexity
    ///
    /// The message is encrypted directly from the slice. Nothing is allocated once the session has
    /// its blocks.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("session_example.in")]
    /// // Accepted: the message is in the queue.
    /// sender.send(b"first").await?;
    /// // Written: the writer has taken it.
    /// sender.send(b"second").await?.await?;
    /// assert_eq!(receiver.recv().await?.unwrap(), "first");
    /// assert_eq!(receiver.recv().await?.unwrap(), "second");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn send(&self, message: &[u8]) -> Result<Accepted<'_>, SendError> {
        let permit = reserve_room(&self.handoff.shared, self.room_of(message)?).await?;
        self.seal_message(permit, Via::Poll, message)
    }

    /// [`send`](Self::send) if there is room now. Never waits.
    ///
    /// # Errors
    ///
    /// As for `send`, and [`SendError::Full`].
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("session_example.in")]
    /// use futures_handoff::secure::SendError;
    ///
    /// // A sample that does not fit is dropped.
    /// match sender.try_send(b"temperature: 21.5") {
    ///     Ok(_) => assert_eq!(receiver.recv().await?.unwrap(), "temperature: 21.5"),
    ///     Err(SendError::Full) => {}
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn try_send(&self, message: &[u8]) -> Result<Accepted<'_>, SendError> {
        let permit = try_reserve_room(&self.handoff.shared, self.room_of(message)?)?;
        self.seal_message(permit, Via::Call, message)
    }

    /// Sends messages together, in as few records as possible: short messages cost much less this
    /// way. The peer receives them one by one. Either all of them are sent, or none. Waits until
    /// there is room for all of them.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send). Also [`SendError::TooLong`] if all records together exceed the
    /// budget of the write handoff, and [`SendError::TooMany`] if there are more records than the
    /// queue can hold.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it completes has sent nothing.
    ///
    /// # Complexity
    ///
    /// Messages that share a record are copied into it, once.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("session_example.in")]
    /// sender.send_batch(&["one", "two", "three"]).await?;
    /// assert_eq!(receiver.recv().await?.unwrap(), "one");
    /// // All three were in one record.
    /// assert_eq!(receiver.try_recv()?.unwrap(), "two");
    /// assert_eq!(receiver.try_recv()?.unwrap(), "three");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn send_batch<M: AsRef<[u8]>>(&self, messages: &[M]) -> Result<Accepted<'_>, SendError> {
        let (views, room) = self.views(messages)?;
        let permit = reserve_room(&self.handoff.shared, room).await?;
        self.seal_batch(permit, Via::Poll, views)
    }

    /// [`send_batch`](Self::send_batch) if there is room now. Never waits.
    ///
    /// # Errors
    ///
    /// As for `send_batch`, and [`SendError::Full`].
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("session_example.in")]
    /// use futures_handoff::secure::SendError;
    ///
    /// let samples = ["21.5", "21.6", "21.4"];
    /// match sender.try_send_batch(&samples) {
    ///     Ok(_) => assert_eq!(receiver.recv().await?.unwrap(), "21.5"),
    ///     // None of them was sent.
    ///     Err(SendError::Full) => {}
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn try_send_batch<M: AsRef<[u8]>>(&self, messages: &[M]) -> Result<Accepted<'_>, SendError> {
        let (views, room) = self.views(messages)?;
        match try_reserve_room(&self.handoff.shared, room) {
            Ok(permit) => self.seal_batch(permit, Via::Call, views),
            Err(reason) => {
                self.keep(views);
                Err(reason.into())
            }
        }
    }

    /// Runs a future and writes what it sends when it is about to wait, without waking the writer
    /// task. As [`WriteHandoff::batching`].
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("session_example.in")]
    /// let received = sender.batching(async {
    ///     sender.send(b"header").await?;
    ///     sender.send(b"body").await?;
    ///     // Both leave in one write when this is about to wait.
    ///     Ok::<_, std::io::Error>([receiver.recv().await?, receiver.recv().await?])
    /// });
    /// assert_eq!(received.await?.map(Option::unwrap), ["header", "body"]);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn batching<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        self.handoff.batching(future)
    }

    /// Starts to write what was sent, now. Never waits. As [`WriteHandoff::dispatch`].
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("session_example.in")]
    /// sender.send(b"what is 6 times 7?").await?;
    /// // Before a long computation, which does not wait for anything.
    /// sender.dispatch();
    /// let product: u32 = std::iter::repeat_n(7, 6).sum();
    /// assert_eq!(product, 42);
    /// assert_eq!(receiver.recv().await?.unwrap(), "what is 6 times 7?");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn dispatch(&self) {
        self.handoff.dispatch();
    }

    /// Waits until everything sent so far is written and the writer has confirmed a flush.
    ///
    /// # Errors
    ///
    /// Why the connection ended, if it ended before that.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the wait. The messages are still written.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("session_example.in")]
    /// for _ in 0..100 {
    ///     sender.send(b"entry").await?;
    /// }
    /// sender.flush().await?;
    /// // Written and flushed. Only an answer would show that the peer has it.
    /// assert_eq!(receiver.recv().await?.unwrap(), "entry");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn flush(&self) -> Result<(), SendError> {
        Ok(self.handoff.flush().await?)
    }

    /// Tells the peer that all was sent, closes the writer, and waits until that is done. Other
    /// senders can send nothing more.
    ///
    /// # Errors
    ///
    /// Why the connection ended, if it ended in another way.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped while it waits for room for the close record, it has no effect.
    /// If it is dropped later, the closing continues.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("session_example.in")]
    /// sender.send(b"the last message").await?;
    /// sender.close().await?;
    /// assert!(sender.send(b"late").await.is_err());
    /// assert_eq!(receiver.recv().await?.unwrap(), "the last message");
    /// // The peer has sent all. Without `close` this would be an error.
    /// assert_eq!(receiver.recv().await?, None);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn close(&self) -> Result<(), SendError> {
        let room = WireRoom::record(0).into();
        match reserve_room(&self.handoff.shared, room).await {
            Ok(permit) => self.seal_close(permit)?,
            // Another sender has closed, or the connection has failed. `closed` returns which.
            Err(_) if self.handoff.is_closed() => {}
            Err(reason) => return Err(reason.into()),
        }
        Ok(self.handoff.closed().await?)
    }
}

impl<W> Clone for Sender<W> {
    fn clone(&self) -> Self {
        self.sealing.state.lock().senders += usize::from(self.counted);
        Self { handoff: self.handoff.clone(), sealing: Arc::clone(&self.sealing), counted: self.counted }
    }
}

impl<W> Drop for Sender<W> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<W> fmt::Debug for Sender<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("handoff", &self.handoff).finish_non_exhaustive()
    }
}
