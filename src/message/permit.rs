//! Room that is reserved for a message that is still to be made.

use std::fmt;

use super::{Sender, error::SendError};

/// Room for one message, from [`Sender::reserve`]. The message is in no future that could be
/// dropped.
///
/// # Drop
///
/// The room goes to those that wait for it.
#[must_use = "dropping a permit gives its room back"]
pub struct Permit<'a, T> {
    sender: &'a Sender<T>,
    /// `None` once it has been used.
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
    /// Only if the handoff was closed in the meantime. The error hands the message back.
    pub fn send(mut self, message: T) -> Result<(), SendError<T>> {
        let bytes = self.bytes.take().unwrap_or_default();
        self.sender.shared.send_charged(message, bytes)
    }

    /// The same permit with a sender of its own, for another task. It keeps the handoff open like
    /// any sender.
    pub fn into_owned(mut self) -> OwnedPermit<T> {
        OwnedPermit { bytes: self.bytes.take(), sender: self.sender.clone() }
    }

    /// The bytes that are reserved.
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
/// As for [`Permit`]; its sender is dropped.
#[must_use = "dropping a permit gives its room back"]
pub struct OwnedPermit<T> {
    sender: Sender<T>,
    /// `None` once it has been used.
    bytes: Option<usize>,
}

impl<T> OwnedPermit<T> {
    /// As [`Permit::send`].
    ///
    /// # Errors
    ///
    /// As for [`Permit::send`].
    pub fn send(mut self, message: T) -> Result<(), SendError<T>> {
        Permit { bytes: self.bytes.take(), sender: &self.sender }.send(message)
    }

    /// The bytes that are reserved.
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
