//! The end that sends.

use std::{fmt, future::poll_fn};

use crate::sync::Arc;

use super::{
    MessageHandoffConfig, MessageSink, Permit,
    error::{RejectReason, SendError},
    shared::Shared,
    state::Told,
    waiting::{Closing, RoomOf},
};

/// The end of a [`MessageHandoff`](super::MessageHandoff) that sends. Clones of it send to the same
/// receivers.
///
/// Each message declares its bytes, by whatever measure the limit is meant in: the length of a
/// buffer, what was allocated, a weight.
///
/// # Room
///
/// Those that wait for room get it in the order in which they began to wait, and nothing overtakes
/// them: a large message does not starve behind small ones. A message that is larger than the limit
/// is refused at once.
///
/// # Drop
///
/// The last one closes the handoff.
pub struct Sender<T> {
    pub(super) shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// Sends a message if there is room for it now, and nobody waits for room.
    ///
    /// # Errors
    ///
    /// Any [`RejectReason`]. The error hands the message back.
    #[inline]
    pub fn try_send(&self, message: T, bytes: usize) -> Result<(), SendError<T>> {
        self.shared.try_send(message, bytes)
    }

    /// Sends a message once there is room for it.
    ///
    /// # Errors
    ///
    /// [`RejectReason::TooLarge`], at once, and [`RejectReason::Closed`]. The error hands the
    /// message back.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it completes has sent nothing; the message that it holds is
    /// dropped with it. Where that is a loss, [`reserve`](Self::reserve) room first.
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

    /// As [`send`](Self::send), for a thread that runs no executor: it sleeps while it waits.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    #[cfg(not(target_family = "wasm"))]
    pub fn send_blocking(&self, message: T, bytes: usize) -> Result<(), SendError<T>> {
        super::blocking::block_on(self.send(message, bytes))
    }

    /// Reserves room for a message if there is some now, and nobody waits for room.
    ///
    /// # Errors
    ///
    /// Any [`RejectReason`].
    pub fn try_reserve(&self, bytes: usize) -> Result<Permit<'_, T>, RejectReason> {
        self.shared.try_charge(bytes).map(|()| Permit::new(self, bytes))
    }

    /// Reserves room for a message once there is some.
    ///
    /// # Errors
    ///
    /// [`RejectReason::TooLarge`], at once, and [`RejectReason::Closed`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn reserve(&self, bytes: usize) -> Result<Permit<'_, T>, RejectReason> {
        let mut room = RoomOf::new(&self.shared, bytes);
        poll_fn(|cx| room.poll(cx, |_| Told::default())).await.map(|()| Permit::new(self, bytes))
    }

    /// Takes the oldest queued message back, so that there is room for a newer one. `None` if none
    /// is queued: what takes the room then is reserved, or in use at a receiver.
    ///
    /// The room goes to those that wait for it first.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig, SendError, Sender};
    ///
    /// /// Sends a message, at the cost of older ones.
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

    /// A sink, which asks `bytes_of` for the bytes that each message declares.
    pub fn into_sink<F: FnMut(&T) -> usize>(self, bytes_of: F) -> MessageSink<T, F> {
        MessageSink::new(self, bytes_of)
    }

    /// Closes the handoff: nothing more is accepted, and receivers get what is queued.
    pub fn close(&self) {
        self.shared.close();
    }

    /// Whether the handoff is closed, or its last receiver is gone.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().is_closed()
    }

    /// Waits until the handoff is closed, or its last receiver is gone.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn closed(&self) {
        let mut closing = Closing::new(&self.shared);
        poll_fn(|cx| closing.poll(cx)).await;
    }

    /// The messages that are queued.
    pub fn len(&self) -> usize {
        self.shared.lock().queued()
    }

    /// Whether no message is queued.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The messages that are charged: those that are queued, in use at receivers, and those that
    /// room is reserved for.
    pub fn pending_items(&self) -> usize {
        self.shared.lock().pending().0
    }

    /// The bytes of the messages that are charged.
    pub fn pending_bytes(&self) -> usize {
        self.shared.lock().pending().1
    }

    /// The receivers that there are.
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
