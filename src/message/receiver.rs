//! The receiving end.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;

use crate::sync::Arc;

use super::{
    Message, MessageHandoffConfig,
    error::TryRecvError,
    shared::Shared,
    state::By,
    waiting::{Arrival, ArrivalAt},
};

/// The receiving end of a [`MessageHandoff`](super::MessageHandoff), and a [`Stream`]. Each message
/// goes to one of its clones.
///
/// Waiting receivers get messages in the order in which they began to wait. A receiver that waits
/// as a stream may never be polled again, so it does not hold back a message from the receivers
/// behind it.
///
/// # Drop
///
/// Dropping the last receiver closes the handoff and drops the queued messages.
///
/// # Examples
///
/// ```
/// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
/// use futures_util::StreamExt;
///
/// # futures_executor::block_on(async {
/// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(16, 64 * 1024));
/// (1..=3).try_for_each(|number| sender.try_send(number, 4))?;
/// assert_eq!((receiver.len(), receiver.is_empty(), receiver.sender_count()), (3, false, 1));
///
/// let first = receiver.recv().await.unwrap();
/// assert_eq!((*first, receiver.pending_items(), receiver.pending_bytes()), (1, 3, 12));
/// drop((first, sender));
/// assert!(receiver.is_closed());
/// assert_eq!(receiver.config().max_items(), 16);
/// assert_eq!(receiver.map(|number| *number).collect::<Vec<_>>().await, [2, 3]);
/// # Ok::<_, futures_handoff::message::SendError<_>>(()) }).unwrap();
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// Its wait as a stream.
    arrival: Arrival,
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared, arrival: Arrival::default() }
    }

    /// Takes the oldest queued message. Never waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] while messages may still come, [`TryRecvError::Closed`] at the end.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig, TryRecvError};
    ///
    /// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(16, 1000));
    /// sender.try_send("one", 3)?;
    /// assert_eq!(*receiver.try_recv()?, "one");
    /// assert_eq!(receiver.try_recv().unwrap_err(), TryRecvError::Empty);
    /// drop(sender);
    /// assert_eq!(receiver.try_recv().unwrap_err(), TryRecvError::Closed);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_recv(&self) -> Result<Message<T>, TryRecvError> {
        let mut state = self.shared.lock();
        let Some(entry) = state.pop() else {
            return Err(if state.is_closed() { TryRecvError::Closed } else { TryRecvError::Empty });
        };
        drop(state);
        Ok(Message::new(entry, &self.shared))
    }

    /// Takes the oldest message, and waits until there is one. Returns `None` when the handoff is
    /// closed and the queue is empty.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: only the poll that returns a message takes it out of the queue.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
    /// use futures_util::future::join;
    ///
    /// # futures_executor::block_on(async {
    /// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(1, 1000));
    /// let produce = async move {
    ///     for number in 1..=3 {
    ///         sender.send(number, 4).await.unwrap();
    ///     }
    /// };
    /// let consume = async {
    ///     let mut sum = 0;
    ///     while let Some(number) = receiver.recv().await {
    ///         sum += *number;
    ///     }
    ///     sum
    /// };
    /// assert_eq!(join(produce, consume).await.1, 6);
    /// # });
    /// ```
    pub async fn recv(&self) -> Option<Message<T>> {
        let mut waiting = ArrivalAt { shared: &self.shared, arrival: Arrival::default() };
        let entry = poll_fn(|cx| waiting.arrival.poll(&self.shared, By::Future, cx)).await?;
        Some(Message::new(entry, &self.shared))
    }

    /// Takes a message as [`recv`](Self::recv) does, on a thread without an executor. The thread
    /// sleeps while it waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    ///
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
    ///
    /// # futures_executor::block_on(async {
    /// let (sender, receiver) = MessageHandoff::<&str>::new(MessageHandoffConfig::new(16, 1000));
    /// let worker = thread::spawn(move || {
    ///     let mut done = Vec::new();
    ///     while let Some(job) = receiver.recv_blocking() {
    ///         done.push(job.into_inner());
    ///     }
    ///     done
    /// });
    /// sender.send("job 1", 5).await?;
    /// sender.send("job 2", 5).await?;
    /// drop(sender);
    /// assert_eq!(worker.join().unwrap(), ["job 1", "job 2"]);
    /// # Ok::<_, futures_handoff::message::SendError<_>>(()) }).unwrap();
    /// ```
    #[cfg(not(target_family = "wasm"))]
    pub fn recv_blocking(&self) -> Option<Message<T>> {
        super::blocking::block_on(self.recv())
    }

    /// Takes all queued messages, oldest first. They stay charged.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
    ///
    /// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(16, 1000));
    /// (1..=3).try_for_each(|number| sender.try_send(number, 4))?;
    /// let batch = receiver.drain();
    /// assert_eq!((receiver.len(), receiver.pending_items()), (0, 3));
    /// assert_eq!(batch.into_iter().map(|number| number.into_inner()).sum::<i32>(), 6);
    /// assert_eq!(receiver.pending_items(), 0);
    /// # Ok::<_, futures_handoff::message::SendError<_>>(())
    /// ```
    pub fn drain(&self) -> Vec<Message<T>> {
        let queue = self.shared.lock().take_all();
        queue.into_iter().map(|entry| Message::new(entry, &self.shared)).collect()
    }

    /// Closes the handoff. It accepts nothing more, and receivers get the queued messages.
    ///
    /// # Examples
    ///
    /// A consumer that shuts down finishes what was accepted:
    ///
    /// ```
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
    ///
    /// # futures_executor::block_on(async {
    /// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(16, 1000));
    /// sender.send("accepted", 8).await?;
    /// receiver.close();
    /// assert!(sender.send("late", 4).await.unwrap_err().is_closed());
    /// assert_eq!(*receiver.recv().await.unwrap(), "accepted");
    /// assert!(receiver.recv().await.is_none());
    /// # Ok::<_, futures_handoff::message::SendError<_>>(()) }).unwrap();
    /// ```
    pub fn close(&self) {
        self.shared.close();
    }

    /// Whether the handoff was closed or the last sender was dropped. Messages may still be queued.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().is_closed()
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

    /// The number of senders, including those of owned permits.
    pub fn sender_count(&self) -> usize {
        self.shared.lock().senders
    }

    /// The limits.
    pub fn config(&self) -> MessageHandoffConfig {
        *self.shared.lock().config()
    }
}

impl<T> Stream for Receiver<T> {
    type Item = Message<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message<T>>> {
        let Self { shared, arrival } = &mut *self;
        arrival.poll(shared, By::Stream, cx).map(|entry| entry.map(|entry| Message::new(entry, shared)))
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.lock().add_receiver();
        Self::new(Arc::clone(&self.shared))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.arrival.leave(&self.shared);
        self.shared.drop_receiver();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.debug("Receiver", f)
    }
}
