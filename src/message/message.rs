//! A received message, which stays charged until its consumer has finished with it.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use crate::sync::Arc;

use super::{shared::Shared, state::Entry};

/// A received message. The message and its bytes stay charged until it is dropped or [moved
/// out](Self::into_inner).
///
/// # Examples
///
/// ```
/// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
///
/// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(8, 1000));
/// sender.try_send(String::from("in use"), 6)?;
/// let message = receiver.try_recv()?;
/// assert_eq!((message.len(), message.bytes()), (6, 6));
/// // It has left the queue and is still charged.
/// assert_eq!((sender.len(), sender.pending_bytes()), (0, 6));
/// let text: String = message.into_inner();
/// assert_eq!((sender.pending_bytes(), &text[..]), (0, "in use"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Message<T> {
    // Fields are dropped in this order: the charge ends after the value is gone.
    value: T,
    charge: Charge<T>,
}

impl<T> Message<T> {
    #[inline]
    pub(super) fn new((value, bytes): Entry<T>, shared: &Arc<Shared<T>>) -> Self {
        Self { value, charge: Charge { shared: Arc::clone(shared), bytes } }
    }

    /// Moves the value out and ends its charge.
    #[inline]
    pub fn into_inner(self) -> T {
        let Self { value, charge } = self;
        drop(charge);
        value
    }

    /// Moves the value out and keeps its charge, for work that continues without the message, such
    /// as writing a reply.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
    ///
    /// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(8, 1000));
    /// sender.try_send(vec![1, 2, 3], 3)?;
    /// let (request, charge) = receiver.try_recv()?.into_parts();
    /// let reply: Vec<u8> = request.into_iter().rev().collect();
    /// // The request is gone. It stays charged until the reply is written.
    /// assert_eq!((sender.pending_bytes(), charge.bytes()), (3, 3));
    /// assert_eq!(reply, [3, 2, 1]);
    /// drop(charge);
    /// assert_eq!(sender.pending_bytes(), 0);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn into_parts(self) -> (T, Charge<T>) {
        (self.value, self.charge)
    }

    /// Turns the message into one that can be cloned. It stays charged until the last clone is
    /// dropped.
    pub fn into_shared(self) -> SharedMessage<T> {
        SharedMessage(Arc::new(self))
    }

    /// The bytes that the message declares.
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

/// The charge of a message that was moved out, from [`Message::into_parts`]. Dropping it ends the
/// charge.
///
/// # Examples
///
/// ```
/// use futures_handoff::message::{Charge, MessageHandoff, MessageHandoffConfig};
///
/// /// A reply that holds back new requests until it is written.
/// struct Reply {
///     text: String,
///     _charge: Charge<u32>,
/// }
///
/// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(1, 1000));
/// sender.try_send(7, 4)?;
/// let (number, charge) = receiver.try_recv()?.into_parts();
/// let reply = Reply { text: number.to_string(), _charge: charge };
/// assert!(sender.try_send(8, 4).unwrap_err().is_full());
/// assert_eq!(reply.text, "7");
/// drop(reply);
/// assert!(sender.try_send(8, 4).is_ok());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping a charge gives its room back"]
pub struct Charge<T> {
    shared: Arc<Shared<T>>,
    bytes: usize,
}

impl<T> Charge<T> {
    /// The charged bytes. One message is charged as well.
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
/// the last owner is dropped.
///
/// # Examples
///
/// ```
/// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
///
/// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(8, 1000));
/// sender.try_send(String::from("to both"), 7)?;
/// let left = receiver.try_recv()?.into_shared();
/// let right = left.clone();
/// assert_eq!((left.len(), right.bytes()), (7, 7));
/// drop(left);
/// assert_eq!(sender.pending_bytes(), 7);
/// drop(right);
/// assert_eq!(sender.pending_bytes(), 0);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct SharedMessage<T>(Arc<Message<T>>);

impl<T> SharedMessage<T> {
    /// Returns the message, still charged, if this is its only owner.
    ///
    /// # Errors
    ///
    /// Returns this clone while there are other clones.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
    ///
    /// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(8, 1000));
    /// sender.try_send("shared", 6)?;
    /// let shared = receiver.try_recv()?.into_shared();
    /// let other = shared.clone();
    /// let shared = shared.try_unwrap().unwrap_err();
    /// drop(other);
    /// assert_eq!(shared.try_unwrap().unwrap().into_inner(), "shared");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_unwrap(self) -> Result<Message<T>, Self> {
        Arc::try_unwrap(self.0).map_err(Self)
    }

    /// The bytes that the message declares.
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
