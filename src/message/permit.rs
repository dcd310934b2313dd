//! Reserved room for a message that is made later.

use std::fmt;

use super::{Sender, error::SendError};

/// Room for one message, from [`Sender::reserve`]. The message is made after the wait, so a
/// cancelled future holds none.
///
/// # Drop
///
/// The room goes to the waiting senders.
///
/// # Examples
///
/// ```
/// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
///
/// # futures_executor::block_on(async {
/// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(16, 64 * 1024));
/// let permit = sender.reserve(1000).await?;
/// assert_eq!((permit.bytes(), sender.pending_bytes()), (1000, 1000));
/// permit.send(vec![0; 1000])?;
/// assert_eq!(receiver.recv().await.unwrap().len(), 1000);
///
/// drop(sender.reserve(1000).await?);
/// assert_eq!(sender.pending_bytes(), 0);
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[must_use = "dropping a permit gives its room back"]
pub struct Permit<'a, T> {
    sender: &'a Sender<T>,
    /// `None` after it was used.
    bytes: Option<usize>,
}

impl<'a, T> Permit<'a, T> {
    pub(super) fn new(sender: &'a Sender<T>, bytes: usize) -> Self {
        Self { sender, bytes: Some(bytes) }
    }

    /// Sends the message. Never waits.
    ///
    /// # Errors
    ///
    /// [`RejectReason::Closed`](super::RejectReason::Closed) if the handoff was closed in the
    /// meantime. The error returns the message.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
    ///
    /// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(16, 1000));
    /// let (first, second) = (sender.try_reserve(5)?, sender.try_reserve(6)?);
    /// first.send("first")?;
    /// receiver.close();
    /// let error = second.send("second").unwrap_err();
    /// assert!(error.is_closed());
    /// assert_eq!((error.into_message(), receiver.len()), ("second", 1));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn send(mut self, message: T) -> Result<(), SendError<T>> {
        let bytes = self.bytes.take().unwrap_or_default();
        self.sender.shared.send_charged(message, bytes)
    }

    /// Turns the permit into one that owns a sender, for use in another task. It keeps the handoff
    /// open as any sender does.
    pub fn into_owned(mut self) -> OwnedPermit<T> {
        OwnedPermit { bytes: self.bytes.take(), sender: self.sender.clone() }
    }

    /// The reserved bytes.
    pub fn bytes(&self) -> usize {
        self.bytes.unwrap_or_default()
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        if let Some(bytes) = self.bytes.take() {
            self.sender.shared.release(bytes);
        }
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

/// Room for one message that borrows nothing, from [`Permit::into_owned`].
///
/// # Drop
///
/// As for [`Permit`]. Its sender is dropped as well.
///
/// # Examples
///
/// ```
/// use std::thread;
///
/// use futures_handoff::message::{MessageHandoff, MessageHandoffConfig};
///
/// let (sender, receiver) = MessageHandoff::new(MessageHandoffConfig::new(16, 1000));
/// let permit = sender.try_reserve(4)?.into_owned();
/// assert_eq!((permit.bytes(), receiver.sender_count()), (4, 2));
/// thread::spawn(move || permit.send(42)).join().unwrap()?;
/// assert_eq!(*receiver.try_recv()?, 42);
/// assert_eq!(receiver.sender_count(), 1);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping a permit gives its room back"]
pub struct OwnedPermit<T> {
    sender: Sender<T>,
    /// `None` after it was used.
    bytes: Option<usize>,
}

impl<T> OwnedPermit<T> {
    /// Sends the message, as [`Permit::send`] does. Never waits.
    ///
    /// # Errors
    ///
    /// As for [`Permit::send`].
    pub fn send(mut self, message: T) -> Result<(), SendError<T>> {
        Permit { bytes: self.bytes.take(), sender: &self.sender }.send(message)
    }

    /// The reserved bytes.
    pub fn bytes(&self) -> usize {
        self.bytes.unwrap_or_default()
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        drop(Permit { bytes: self.bytes.take(), sender: &self.sender });
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}
