//! How much the peers together may make a reassembler hold.

use std::time::Duration;

/// What a [`Reassembler`](super::Reassembler) takes on, whatever its peers send.
///
/// A message counts against the limits from its first packet until it is complete, cancelled or
/// expired, with its whole length: what a packet announces is reserved before it is allocated. A
/// message of one packet is complete at once, and counts against nothing.
///
/// # Examples
///
/// ```
/// use futures_handoff::fragment::Limits;
///
/// let limits = Limits::default().with_max_message_len(64 * 1024).with_max_bytes(1024 * 1024);
/// assert_eq!(limits.max_bytes(), 1024 * 1024);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    max_message_len: usize,
    max_in_flight: usize,
    max_bytes: usize,
    max_in_flight_per_peer: usize,
    max_bytes_per_peer: usize,
    min_stride: usize,
    idle: Duration,
    lifetime: Duration,
    remember: usize,
}

impl Default for Limits {
    /// Messages of up to 1 MiB; 1,024 incomplete ones with 64 MiB together, of which a peer has up
    /// to 64 with 8 MiB; packets with 64 bytes of a message or more; 30 seconds without a new
    /// fragment, and 5 minutes in all; 4,096 remembered.
    fn default() -> Self {
        Self {
            max_message_len: 1024 * 1024,
            max_in_flight: 1024,
            max_bytes: 64 * 1024 * 1024,
            max_in_flight_per_peer: 64,
            max_bytes_per_peer: 8 * 1024 * 1024,
            min_stride: 64,
            idle: Duration::from_secs(30),
            lifetime: Duration::from_secs(300),
            remember: 4096,
        }
    }
}

impl Limits {
    /// Sets the longest message, in bytes. The default is 1 MiB; more than `u32::MAX`, the most a
    /// header can tell, or than `isize::MAX`, the most an allocation can have, counts as that. The
    /// budgets of bytes have to hold it, or a message of that length is never accepted.
    #[must_use = "returns the changed limits"]
    pub fn with_max_message_len(self, max_message_len: usize) -> Self {
        let most = (u32::MAX as usize).min(usize::MAX >> 1);
        Self { max_message_len: max_message_len.min(most), ..self }
    }

    /// Sets how many messages of all peers may be incomplete at a time. The default is 1,024.
    #[must_use = "returns the changed limits"]
    pub fn with_max_in_flight(self, messages: usize) -> Self {
        Self { max_in_flight: messages, ..self }
    }

    /// Sets how many bytes incomplete messages of all peers may need together: their whole lengths,
    /// and a bit for each fragment. The default is 64 MiB.
    #[must_use = "returns the changed limits"]
    pub fn with_max_bytes(self, bytes: usize) -> Self {
        Self { max_bytes: bytes, ..self }
    }

    /// Sets how many messages of one peer may be incomplete at a time. The default is 64.
    #[must_use = "returns the changed limits"]
    pub fn with_max_in_flight_per_peer(self, messages: usize) -> Self {
        Self { max_in_flight_per_peer: messages, ..self }
    }

    /// Sets how many bytes incomplete messages of one peer may need together. The default is 8 MiB.
    #[must_use = "returns the changed limits"]
    pub fn with_max_bytes_per_peer(self, bytes: usize) -> Self {
        Self { max_bytes_per_peer: bytes, ..self }
    }

    /// Sets the fewest bytes of a message that its packets carry, unless it has only one. The
    /// default is 64. Short ones cost a peer little and the reassembler much.
    #[must_use = "returns the changed limits"]
    pub fn with_min_stride(self, bytes: u16) -> Self {
        Self { min_stride: bytes.into(), ..self }
    }

    /// Sets for how long a message is kept without a new fragment. Duplicates are none. The default
    /// is 30 seconds.
    #[must_use = "returns the changed limits"]
    pub fn with_idle(self, idle: Duration) -> Self {
        Self { idle, ..self }
    }

    /// Sets for how long an incomplete message is kept at all. The default is 5 minutes.
    #[must_use = "returns the changed limits"]
    pub fn with_lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime, ..self }
    }

    /// Sets how many completed and cancelled messages of all peers are remembered, so that late
    /// packets of them are known for duplicates. The default is 4,096. With 0, a message that
    /// arrives twice is delivered twice.
    #[must_use = "returns the changed limits"]
    pub fn with_remember(self, messages: usize) -> Self {
        Self { remember: messages, ..self }
    }

    /// The longest message, in bytes.
    #[must_use]
    pub fn max_message_len(&self) -> usize {
        self.max_message_len
    }

    /// How many messages of all peers may be incomplete at a time.
    #[must_use]
    pub fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    /// How many bytes incomplete messages of all peers may need together.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// How many messages of one peer may be incomplete at a time.
    #[must_use]
    pub fn max_in_flight_per_peer(&self) -> usize {
        self.max_in_flight_per_peer
    }

    /// How many bytes incomplete messages of one peer may need together.
    #[must_use]
    pub fn max_bytes_per_peer(&self) -> usize {
        self.max_bytes_per_peer
    }

    /// The fewest bytes of a message that its packets carry, unless it has only one.
    #[must_use]
    pub fn min_stride(&self) -> usize {
        self.min_stride
    }

    /// For how long a message is kept without a new fragment.
    #[must_use]
    pub fn idle(&self) -> Duration {
        self.idle
    }

    /// For how long an incomplete message is kept at all.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// How many completed and cancelled messages are remembered.
    #[must_use]
    pub fn remember(&self) -> usize {
        self.remember
    }
}
