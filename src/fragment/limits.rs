//! The limits of what peers can make a reassembler hold.

use std::time::Duration;

/// What a [`Reassembler`](super::Reassembler) accepts, whatever its peers send.
///
/// A message counts against the limits from its first packet until it is complete, cancelled or
/// expired. It counts with its whole length, which is reserved before it is allocated. A message of
/// one packet is complete at once and counts against no limit.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use futures_handoff::fragment::Limits;
///
/// let limits = Limits::default()
///     .with_max_message_len(64 * 1024)
///     .with_max_in_flight(100)
///     .with_max_bytes(4 * 1024 * 1024)
///     .with_max_in_flight_per_peer(4)
///     .with_max_bytes_per_peer(128 * 1024)
///     .with_min_stride(500)
///     .with_idle(Duration::from_secs(5))
///     .with_lifetime(Duration::from_secs(60))
///     .with_remember(1_000);
/// assert_eq!((limits.max_message_len(), limits.min_stride()), (64 * 1024, 500));
/// assert_eq!((limits.max_in_flight(), limits.max_bytes()), (100, 4 * 1024 * 1024));
/// assert_eq!((limits.max_in_flight_per_peer(), limits.max_bytes_per_peer()), (4, 128 * 1024));
/// assert_eq!((limits.idle().as_secs(), limits.lifetime().as_secs()), (5, 60));
/// assert_eq!(limits.remember(), 1_000);
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
    /// Messages of up to 1 MiB. Up to 1,024 incomplete messages with 64 MiB together, and up to 64
    /// with 8 MiB for a peer. At least 64 bytes of a message in a packet. 30 seconds without a new
    /// fragment, and 5 minutes in total. 4,096 remembered messages.
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
    /// Sets the longest message, in bytes. The default is 1 MiB. The value is limited to
    /// `u32::MAX`, the most in a header, and to `isize::MAX`, the largest allocation. The byte
    /// budgets have to hold such a message. Otherwise a message of that length is never accepted.
    #[must_use = "returns the changed limits"]
    pub fn with_max_message_len(self, max_message_len: usize) -> Self {
        let most = (u32::MAX as usize).min(usize::MAX >> 1);
        Self { max_message_len: max_message_len.min(most), ..self }
    }

    /// Sets the limit of incomplete messages of all peers. The default is 1,024.
    #[must_use = "returns the changed limits"]
    pub fn with_max_in_flight(self, messages: usize) -> Self {
        Self { max_in_flight: messages, ..self }
    }

    /// Sets the limit of the bytes for incomplete messages of all peers: their whole lengths, and a
    /// bit for each fragment. The default is 64 MiB.
    #[must_use = "returns the changed limits"]
    pub fn with_max_bytes(self, bytes: usize) -> Self {
        Self { max_bytes: bytes, ..self }
    }

    /// Sets the limit of incomplete messages of one peer. The default is 64.
    #[must_use = "returns the changed limits"]
    pub fn with_max_in_flight_per_peer(self, messages: usize) -> Self {
        Self { max_in_flight_per_peer: messages, ..self }
    }

    /// Sets the limit of the bytes for incomplete messages of one peer. The default is 8 MiB.
    #[must_use = "returns the changed limits"]
    pub fn with_max_bytes_per_peer(self, bytes: usize) -> Self {
        Self { max_bytes_per_peer: bytes, ..self }
    }

    /// Sets the fewest message bytes in a packet. A message of one packet may have fewer. The
    /// default is 64. Short packets cost a peer little and the reassembler much.
    #[must_use = "returns the changed limits"]
    pub fn with_min_stride(self, bytes: u16) -> Self {
        Self { min_stride: bytes.into(), ..self }
    }

    /// Sets the time for which a message is kept without a new fragment. Duplicates do not count.
    /// The default is 30 seconds.
    #[must_use = "returns the changed limits"]
    pub fn with_idle(self, idle: Duration) -> Self {
        Self { idle, ..self }
    }

    /// Sets the time for which an incomplete message is kept in total. The default is 5 minutes.
    #[must_use = "returns the changed limits"]
    pub fn with_lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime, ..self }
    }

    /// Sets how many completed and cancelled messages of all peers are remembered. Late packets of
    /// a remembered message are duplicates. The default is 4,096. With 0, a message that arrives
    /// twice is delivered twice.
    #[must_use = "returns the changed limits"]
    pub fn with_remember(self, messages: usize) -> Self {
        Self { remember: messages, ..self }
    }

    /// The longest message, in bytes.
    #[must_use]
    pub fn max_message_len(&self) -> usize {
        self.max_message_len
    }

    /// The limit of incomplete messages of all peers.
    #[must_use]
    pub fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    /// The limit of the bytes for incomplete messages of all peers.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// The limit of incomplete messages of one peer.
    #[must_use]
    pub fn max_in_flight_per_peer(&self) -> usize {
        self.max_in_flight_per_peer
    }

    /// The limit of the bytes for incomplete messages of one peer.
    #[must_use]
    pub fn max_bytes_per_peer(&self) -> usize {
        self.max_bytes_per_peer
    }

    /// The fewest message bytes in a packet. A message of one packet may have fewer.
    #[must_use]
    pub fn min_stride(&self) -> usize {
        self.min_stride
    }

    /// The time for which a message is kept without a new fragment.
    #[must_use]
    pub fn idle(&self) -> Duration {
        self.idle
    }

    /// The time for which an incomplete message is kept in total.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// The number of completed and cancelled messages that are remembered.
    #[must_use]
    pub fn remember(&self) -> usize {
        self.remember
    }
}
