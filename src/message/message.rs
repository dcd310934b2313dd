//! A received message, which is charged until it is done with.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use crate::sync::Arc;

use super::{shared::Shared, state::Entry};

/// A received message. Its item and its bytes stay charged until it is done with: until this is
/// dropped, or [moved out](Self::into_inner).
///
/// # Examples
///
/// ```
/// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
///
/// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(8, 1000));
/// sender.try_send(String::from("in use"), 6)?;
/// let message = receiver.try_recv()?;
/// assert_eq!(message.len(), 6);
/// // It has left the queue, and still takes its room.
/// assert_eq!((sender.len(), sender.pending_bytes()), (0, 6));
/// let text: String = message.into_inner();
/// assert_eq!((sender.pending_bytes(), &text[..]), (0, "in use"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Message<T> {
    // Dropped in this order: what is not charged any more is gone.
    value: T,
    charge: Charge<T>,
}

impl<T> Message<T> {
    #[inline]
    pub(super) fn new((value, bytes): Entry<T>, shared: &Arc<Shared<T>>) -> Self {
        Self { value, charge: Charge { shared: Arc::clone(shared), bytes } }
    }

    /// Moves the message out, and ends its charge.
    #[inline]
    pub fn into_inner(self) -> T {
        let Self { value, charge } = self;
        drop(charge);
        value
    }

    /// Moves the message out, and keeps its charge: for work that goes on with something else, such
    /// as an answer that has to be written.
    #[inline]
    pub fn into_parts(self) -> (T, Charge<T>) {
        (self.value, self.charge)
    }

    /// Makes a message that can be cloned, and is charged until its last clone is dropped.
    pub fn into_shared(self) -> SharedMessage<T> {
        SharedMessage(Arc::new(self))
    }

    /// The bytes that it declares.
    pub fn bytes(&self) -> usize {
        self.charge.bytes
    }
}

impl<T> Deref for Message<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Message<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Message<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("value", &self.value).field("bytes", &self.charge.bytes).finish()
    }
}

/// The room of a message that was moved out, from [`Message::into_parts`]. Dropping it ends the
/// charge.
#[must_use = "dropping a charge gives its room back"]
pub struct Charge<T> {
    shared: Arc<Shared<T>>,
    bytes: usize,
}

impl<T> Charge<T> {
    /// The bytes that are charged, beside one item.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl<T> Drop for Charge<T> {
    #[inline]
    fn drop(&mut self) {
        self.shared.release(self.bytes);
    }
}

impl<T> fmt::Debug for Charge<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Charge").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// A received message with several owners, from [`Message::into_shared`]. It stays charged until
/// the last of them is dropped.
pub struct SharedMessage<T>(Arc<Message<T>>);

impl<T> SharedMessage<T> {
    /// Takes the message back, still charged.
    ///
    /// # Errors
    ///
    /// Gives this clone back while there are others.
    pub fn try_unwrap(self) -> Result<Message<T>, Self> {
        Arc::try_unwrap(self.0).map_err(Self)
    }

    /// The bytes that it declares.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

impl<T> Clone for SharedMessage<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for SharedMessage<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<Message<T>> for SharedMessage<T> {
    fn from(message: Message<T>) -> Self {
        message.into_shared()
    }
}

impl<T: fmt::Debug> fmt::Debug for SharedMessage<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMessage").field("value", &**self).field("bytes", &self.bytes()).finish()
    }
}
