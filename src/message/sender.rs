//! The sending end.

use std::{fmt, future::poll_fn};

use crate::sync::Arc;

use super::{
    MessageHandoffConfig, MessageSink, Permit,
    error::{RejectReason, SendError},
    shared::Shared,
    state::Told,
    waiting::{Closing, RoomOf},
};

/// The sending end of a [`MessageHandoff`](super::MessageHandoff). Clones send to the same
/// receivers.
///
/// Each message declares its bytes. The unit is up to the program: the length of a buffer, its
/// allocated size, or a weight.
///
/// # Room
///
/// Senders get room in the order in which they began to wait. Nothing overtakes a waiting
/// sender, so small messages cannot starve a large one. A message that is larger than the limit is
/// rejected at once.
///
/// # Drop
///
/// Dropping the last sender closes the handoff.
///
/// # Examples
///
/// ```
/// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
///
/// # futures_executor::block_on(async {
/// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(16, 64 * 1024));
/// let other = sender.clone();
/// sender.send(vec![1; 1000], 1000).await?;
/// other.send(vec![2; 500], 500).await?;
/// assert_eq!((sender.len(), sender.is_empty()), (2, false));
///
/// // A message in use leaves the queue and stays charged.
/// let first = receiver.recv().await.unwrap();
/// assert_eq!((sender.len(), sender.pending_items(), sender.pending_bytes()), (1, 2, 1500));
/// drop(first);
/// assert_eq!((sender.pending_items(), sender.pending_bytes()), (1, 500));
/// assert_eq!((sender.receiver_count(), sender.config().max_items()), (1, 16));
/// # Ok::<_, futures_handoff::message::SendError<_>>(()) }).unwrap();
/// ```
pub struct Sender<T> {
    pub(super) shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// Sends a message if there is room for it now and no other sender waits.
    ///
    /// # Errors
    ///
    /// Any [`RejectReason`]. The error returns the message.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
    ///
    /// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(1, 1000));
    /// sender.try_send("first", 5).unwrap();
    /// let error = sender.try_send("second", 6).unwrap_err();
    /// assert!(error.is_full());
    /// let second = error.into_message();
    /// drop(receiver.try_recv());
    /// assert!(sender.try_send(second, 6).is_ok());
    /// ```
    #[inline]
    pub fn try_send(&self, message: T, bytes: usize) -> Result<(), SendError<T>> {
        self.shared.try_send(message, bytes)
    }

    /// Sends a message, and waits until there is room for it.
    ///
    /// # Errors
    ///
    /// [`RejectReason::TooLarge`], at once, and [`RejectReason::Closed`]. The error returns the
    /// message.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it completes has sent nothing. Its message is dropped with
    /// it. To keep the message, [`reserve`](Self::reserve) room first.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig, RejectReason};
    /// use futures_util::future::join;
    ///
    /// # futures_executor::block_on(async {
    /// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(1, 1000));
    /// sender.send("first", 5).await?;
    /// // The second send completes when the first message is received and its charge ends.
    /// let receive = async { receiver.recv().await.map(|message| message.into_inner()) };
    /// let (sent, received) = join(sender.send("second", 6), receive).await;
    /// sent?;
    /// assert_eq!(received, Some("first"));
    ///
    /// let error = sender.send("too large", 1001).await.unwrap_err();
    /// assert_eq!(error.reason(), RejectReason::TooLarge { bytes: 1001, limit: 1000 });
    /// # Ok::<_, futures_handoff::message::SendError<_>>(()) }).unwrap();
    /// ```
    pub async fn send(&self, message: T, bytes: usize) -> Result<(), SendError<T>> {
        let mut room = RoomOf::new(&self.shared, bytes);
        let mut unsent = Some(message);
        let sent = poll_fn(|cx| {
            room.poll(cx, |state| match unsent.take() {
                Some(message) => state.push((message, bytes)),
                None => Told::default(),
            })
        });
        let sent = sent.await;
        match (sent, unsent) {
            (Err(reason), Some(message)) => Err(SendError::new(message, reason)),
            _ => Ok(()),
        }
    }

    /// Sends a message as [`send`](Self::send) does, from a thread without an executor. The thread
    /// sleeps while it waits.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    ///
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
    ///
    /// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(2, 1000));
    /// let producer = thread::spawn(move || (0..10).try_for_each(|n| sender.send_blocking(n, 4)));
    /// let mut received = Vec::new();
    /// while let Some(n) = receiver.recv_blocking() {
    ///     received.push(*n);
    /// }
    /// producer.join().unwrap()?;
    /// assert_eq!(received, (0..10).collect::<Vec<_>>());
    /// # Ok::<_, futures_handoff::message::SendError<_>>(())
    /// ```
    #[cfg(not(target_family = "wasm"))]
    pub fn send_blocking(&self, message: T, bytes: usize) -> Result<(), SendError<T>> {
        super::blocking::block_on(self.send(message, bytes))
    }

    /// Reserves room for a message if there is some now and no other sender waits.
    ///
    /// # Errors
    ///
    /// Any [`RejectReason`].
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig, RejectReason};
    ///
    /// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(16, 1000));
    /// let permit = sender.try_reserve(600)?;
    /// let reason = sender.try_reserve(600).unwrap_err();
    /// assert_eq!(reason, RejectReason::Full { bytes: 600, free_items: 15, free_bytes: 400 });
    /// permit.send(vec![0; 600]).unwrap();
    /// assert_eq!(receiver.len(), 1);
    /// # Ok::<_, RejectReason>(())
    /// ```
    pub fn try_reserve(&self, bytes: usize) -> Result<Permit<'_, T>, RejectReason> {
        self.shared.try_charge(bytes).map(|()| Permit::new(self, bytes))
    }

    /// Reserves room for a message, and waits until there is some. The message can be made
    /// afterwards.
    ///
    /// # Errors
    ///
    /// [`RejectReason::TooLarge`], at once, and [`RejectReason::Closed`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe. A future that is dropped returns the room that it was granted.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
    ///
    /// # futures_executor::block_on(async {
    /// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(16, 64 * 1024));
    /// let mut jobs = vec!["b", "a"];
    /// // A job leaves the list only when it is certain that it can be sent.
    /// let permit = sender.reserve(100).await?;
    /// if let Some(job) = jobs.pop() {
    ///     permit.send(job)?;
    /// }
    /// assert_eq!(*receiver.recv().await.unwrap(), "a");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn reserve(&self, bytes: usize) -> Result<Permit<'_, T>, RejectReason> {
        let mut room = RoomOf::new(&self.shared, bytes);
        poll_fn(|cx| room.poll(cx, |_| Told::default())).await.map(|()| Permit::new(self, bytes))
    }

    /// Takes the oldest message out of the queue, so that there is room for a newer one.
    /// Returns `None` if the queue is empty. All charges then belong to reserved room and to
    /// messages in use at receivers.
    ///
    /// Waiting senders get the room first.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig, SendError, Sender};
    ///
    /// /// Sends a message and drops older ones if the handoff is full.
    /// fn send_latest(sender: &Sender<u32>, mut message: u32) -> Result<(), SendError<u32>> {
    ///     loop {
    ///         match sender.try_send(message, 4) {
    ///             Err(error) if error.is_full() && sender.evict_oldest().is_some() => {
    ///                 message = error.into_message();
    ///             }
    ///             sent => return sent,
    ///         }
    ///     }
    /// }
    ///
    /// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(2, 1000));
    /// (1..=5).try_for_each(|message| send_latest(&sender, message))?;
    /// assert_eq!(receiver.drain().into_iter().map(|message| *message).collect::<Vec<_>>(), [4, 5]);
    /// # Ok::<_, SendError<u32>>(())
    /// ```
    pub fn evict_oldest(&self) -> Option<T> {
        self.shared.evict()
    }

    /// Turns the sender into a [`Sink`](futures_sink::Sink). `bytes_of` returns the bytes that a
    /// message declares.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
    /// use futures_util::{StreamExt, stream};
    ///
    /// # futures_executor::block_on(async {
    /// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(16, 64 * 1024));
    /// let lines = stream::iter(["GET /", "Host: example.org"]).map(Ok);
    /// // Closing the sink, as `forward` does, drops the sender.
    /// lines.forward(sender.into_sink(|line: &&str| line.len())).await?;
    /// assert_eq!(receiver.map(|line| line.len()).collect::<Vec<_>>().await, [5, 17]);
    /// # Ok::<_, futures_handoff::message::SendError<_>>(()) }).unwrap();
    /// ```
    pub fn into_sink<F: FnMut(&T) -> usize>(self, bytes_of: F) -> MessageSink<T, F> {
        MessageSink::new(self, bytes_of)
    }

    /// Closes the handoff. It accepts nothing more, and receivers get the queued messages.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig, TryRecvError};
    ///
    /// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(16, 1000));
    /// sender.try_send("last", 4)?;
    /// sender.close();
    /// assert!(sender.is_closed() && sender.try_send("late", 4).unwrap_err().is_closed());
    /// assert_eq!(*receiver.try_recv()?, "last");
    /// assert_eq!(receiver.try_recv().unwrap_err(), TryRecvError::Closed);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(&self) {
        self.shared.close();
    }

    /// Whether the handoff was closed or the last receiver was dropped.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().is_closed()
    }

    /// Waits until the handoff is closed or the last receiver is dropped.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
    /// use futures_util::future::{Either, pending, select};
    ///
    /// # futures_executor::block_on(async {
    /// let (sender, receiver) = MessageHandoff::<String>::new(MessageHandoffConfig::new(16, 1000));
    /// drop(receiver);
    /// // A producer stops its work when no receiver is left.
    /// let work = pending::<()>();
    /// let ended = select(Box::pin(sender.closed()), work).await;
    /// assert!(matches!(ended, Either::Left(_)));
    /// # });
    /// ```
    pub async fn closed(&self) {
        let mut closing = Closing::new(&self.shared);
        poll_fn(|cx| closing.poll(cx)).await;
    }

    /// The number of queued messages.
    pub fn len(&self) -> usize {
        self.shared.lock().queued()
    }

    /// Whether the queue is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of charged messages: queued, in use at receivers, and reserved.
    pub fn pending_items(&self) -> usize {
        self.shared.lock().pending().0
    }

    /// The bytes of the charged messages.
    pub fn pending_bytes(&self) -> usize {
        self.shared.lock().pending().1
    }

    /// The number of receivers.
    pub fn receiver_count(&self) -> usize {
        self.shared.lock().receivers()
    }

    /// The limits.
    pub fn config(&self) -> MessageHandoffConfig {
        *self.shared.lock().config()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.lock().senders += 1;
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.drop_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.debug("Sender", f)
    }
}
