//! The limits of a message handoff.

/// The limits of a [`MessageHandoff`](super::MessageHandoff).
///
/// Both limits count queued messages, reserved room, and received messages that are still [in
/// use](super::Message). A message of no bytes counts as a message.
///
/// # Examples
///
/// ```
/// use futures_handoff::message::MessageHandoffConfig;
///
/// let config = MessageHandoffConfig::new(64, 1024 * 1024).with_max_items(128);
/// assert_eq!((config.max_items(), config.max_bytes()), (128, 1024 * 1024));
///
/// let default = MessageHandoffConfig::default();
/// assert_eq!((default.max_items(), default.max_bytes()), (1024, 256 * 1024));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageHandoffConfig {
    max_items: usize,
    max_bytes: usize,
    cooperative: bool,
}

impl MessageHandoffConfig {
    /// Sets the limits of charged messages and of their declared bytes.
    ///
    /// # Panics
    ///
    /// If a limit is zero.
    #[track_caller]
    pub fn new(max_items: usize, max_bytes: usize) -> Self {
        Self::default().with_max_items(max_items).with_max_bytes(max_bytes)
    }

    /// Sets the limit of charged messages. The default is 1024.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use = "returns the changed configuration"]
    #[track_caller]
    pub fn with_max_items(self, max_items: usize) -> Self {
        assert!(max_items > 0, "max_items must be at least 1 message");
        Self { max_items, ..self }
    }

    /// Sets the limit of the declared bytes of charged messages. No single message may declare
    /// more. The default is 256 KiB, as for a
    /// [`WriteHandoff`](crate::WriteHandoffConfig::with_max_pending_bytes).
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use = "returns the changed configuration"]
    #[track_caller]
    pub fn with_max_bytes(self, max_bytes: usize) -> Self {
        assert!(max_bytes > 0, "max_bytes must be at least 1 byte");
        Self { max_bytes, ..self }
    }

    /// Sets whether a future of the handoff yields once after 512 operations that completed
    /// without waiting. Other tasks then get to run beside a loop over messages that never run out.
    /// The default is `true`.
    #[must_use = "returns the changed configuration"]
    pub fn with_cooperative(self, cooperative: bool) -> Self {
        Self { cooperative, ..self }
    }

    /// The limit of charged messages.
    pub fn max_items(&self) -> usize {
        self.max_items
    }

    /// The limit of the declared bytes of charged messages.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Whether futures yield to other tasks from time to time.
    pub(super) fn cooperative(&self) -> bool {
        self.cooperative
    }
}

impl Default for MessageHandoffConfig {
    fn default() -> Self {
        Self { max_items: 1024, max_bytes: 256 * 1024, cooperative: true }
    }
}
