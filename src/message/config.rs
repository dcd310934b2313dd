//! How much may be between the two ends.

/// Limits of a [`MessageHandoff`](super::MessageHandoff).
///
/// Both limits count what was sent and is not [done with](super::Message) yet: queued messages,
/// room that is reserved, and received messages that are still in use. A message of no bytes counts
/// as a message.
///
/// # Examples
///
/// ```
/// use futures_handoff::message::MessageHandoffConfig;
///
/// let config = MessageHandoffConfig::new(64, 1024 * 1024).with_max_items(128);
/// assert_eq!((config.max_items(), config.max_bytes()), (128, 1024 * 1024));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageHandoffConfig {
    max_items: usize,
    max_bytes: usize,
    cooperative: bool,
}

impl MessageHandoffConfig {
    /// Limits the messages that are not done with, and their declared bytes.
    ///
    /// # Panics
    ///
    /// When a limit is zero.
    #[track_caller]
    pub fn new(max_items: usize, max_bytes: usize) -> Self {
        Self::default().with_max_items(max_items).with_max_bytes(max_bytes)
    }

    /// Limits the messages that are not done with. The default is 1024.
    ///
    /// # Panics
    ///
    /// When it is zero.
    #[must_use = "returns the changed configuration"]
    #[track_caller]
    pub fn with_max_items(self, max_items: usize) -> Self {
        assert!(max_items > 0, "max_items must be at least 1 message");
        Self { max_items, ..self }
    }

    /// Limits the declared bytes of the messages that are not done with. No single message may
    /// declare more. The default is 256 KiB, as for a
    /// [`WriteHandoff`](crate::WriteHandoffConfig::with_max_pending_bytes).
    ///
    /// # Panics
    ///
    /// When it is zero.
    #[must_use = "returns the changed configuration"]
    #[track_caller]
    pub fn with_max_bytes(self, max_bytes: usize) -> Self {
        assert!(max_bytes > 0, "max_bytes must be at least 1 byte");
        Self { max_bytes, ..self }
    }

    /// Sets whether a future of the handoff yields once after about 500 operations that were all
    /// done at once, so that a loop over messages that never run out lets other tasks run. The
    /// default is yes.
    #[must_use = "returns the changed configuration"]
    pub fn with_cooperative(self, cooperative: bool) -> Self {
        Self { cooperative, ..self }
    }

    /// The most messages that are not done with.
    pub fn max_items(&self) -> usize {
        self.max_items
    }

    /// The most declared bytes of messages that are not done with.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Whether futures let other tasks run now and then.
    pub(super) fn cooperative(&self) -> bool {
        self.cooperative
    }
}

impl Default for MessageHandoffConfig {
    fn default() -> Self {
        Self { max_items: 1024, max_bytes: 256 * 1024, cooperative: true }
    }
}
