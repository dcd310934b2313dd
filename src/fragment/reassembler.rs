//! From packets to messages.

use std::{fmt, hash::Hash, ops::Range, time::Instant};

use bytes::Bytes;

use super::{
    error::PacketError,
    header::{Geometry, HEADER_LEN, Header},
    limits::Limits,
    partial::{Known, Partials},
    received::{ReassemblerStats, Received},
    seal::OpenPacket,
};

/// Puts messages of any number of peers together, from packets in any order.
///
/// `K` identifies the sender of a packet: an address, the id of a connection, or `()` if there is
/// one peer. With encryption, use the owner of the keys, because an address can change. A
/// reassembler reads no socket and has no clock. The caller passes each packet that arrives, with
/// the time.
///
/// # Guarantees
///
/// - A message is delivered when every byte of it has arrived, as it was cut. The first packet
///   fixes its length and stride. Of two copies of a fragment the first one counts.
/// - A refused packet changes nothing, whatever the [reason](PacketError).
/// - A message is delivered once, if fewer than [`Limits::with_remember`] other messages are
///   completed or cancelled between two copies. Ids may wrap.
/// - Memory stays within [`Limits::max_bytes`], plus what is remembered, plus a few hundred bytes
///   for each incomplete message. Nothing is allocated for a new message before its
///   packet is opened and the limits allow it.
///
/// # Cost
///
/// A packet costs O(1), and one pass over its bytes, directly into their place. The first packet of
/// a message costs one pass more. A message allocates its bytes and a bit for each fragment.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
///
/// use futures_handoff::{
///     bytes::Bytes,
///     fragment::{Fragmenter, Limits, PacketPool, Plain, Reassembler, Received, Stride},
/// };
///
/// let message = Fragmenter::new(7, Bytes::from(vec![1; 5_000]), Stride::for_packets::<Plain>(1_200)?)?;
/// let packets = message.pack(&mut (0..5), &mut Plain, &mut PacketPool::default())?.unwrap();
///
/// let mut reassembler = Reassembler::new(Limits::default());
/// for (_, packet) in packets.iter().enumerate().filter(|(index, _)| *index != 3) {
///     reassembler.push(&"peer", &packet, &mut Plain, Instant::now())?;
/// }
/// // One packet was lost.
/// let missing: Vec<_> = reassembler.missing(&"peer", 7).unwrap().collect();
/// assert_eq!(missing, [3..4]);
///
/// let again = message.pack(&mut (3..4), &mut Plain, &mut PacketPool::default())?.unwrap();
/// let received = reassembler.push(&"peer", again.contents(), &mut Plain, Instant::now())?;
/// assert_eq!(received, Received::Complete { id: 7, payload: message.payload().clone() });
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Reassembler<K = ()> {
    limits: Limits,
    partials: Partials<K>,
    /// The buffer for packets whose message may not change yet.
    scratch: Vec<u8>,
    stats: ReassemblerStats,
}

impl<K: Eq + Hash + Clone> Reassembler<K> {
    /// Makes a reassembler without messages. Allocates nothing.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, partials: Partials::new(), scratch: Vec::new(), stats: ReassemblerStats::default() }
    }

    /// Accepts one packet: exactly one datagram, or one segment of a combined datagram (GRO). A
    /// receive buffer of [`MAX_PACKET_LEN`](super::MAX_PACKET_LEN) bytes holds any packet. A packet
    /// that a shorter buffer has cut off is refused.
    ///
    /// `open` is that of the peer: with encryption each peer has its own. It opens the packet
    /// before anything changes. If `now` is earlier than in a previous call, the previous time is
    /// used.
    ///
    /// If a limit would refuse a new message, expired messages are dropped first.
    ///
    /// # Errors
    ///
    /// [`PacketError`] for a packet that is malformed, that the peer did not seal, or that does not
    /// fit its message or the limits. Only the counts of [`ReassemblerStats`] change, and the next
    /// packet is handled as usual.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{collections::HashMap, net::SocketAddr, time::Instant};
    ///
    /// use futures_handoff::{
    ///     bytes::Bytes,
    ///     fragment::{Fragmenter, Limits, PacketError, Plain, Reassembler, Received, Stride},
    /// };
    ///
    /// # let message = Fragmenter::new(1, Bytes::from("hello"), Stride::for_packets::<Plain>(1_200)?)?;
    /// # let (header, bytes) = message.chunk(0).unwrap();
    /// # let mut datagram = [&header.encode(), bytes].concat();
    /// # let from = SocketAddr::from(([127, 0, 0, 1], 4_000));
    /// let mut reassembler = Reassembler::new(Limits::default());
    /// // `datagram` and `from` are those of `recv_from`.
    /// let received = reassembler.push(&from, &datagram, &mut Plain, Instant::now())?;
    /// assert_eq!(received, Received::Complete { id: 1, payload: Bytes::from("hello") });
    ///
    /// datagram.pop();
    /// let refused = reassembler.push(&from, &datagram, &mut Plain, Instant::now());
    /// assert_eq!(refused, Err(PacketError::Length { len: 4, expected: 5 }));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn push<O: OpenPacket>(
        &mut self,
        from: &K,
        packet: &[u8],
        open: &mut O,
        now: Instant,
    ) -> Result<Received, PacketError> {
        self.partials.advance(now);
        let received = self.place(from, packet, open);
        match &received {
            Ok(Received::Complete { .. }) => self.stats.completed += 1,
            Ok(Received::Duplicate { .. }) => self.stats.duplicates += 1,
            Ok(Received::Fragment { .. }) => {}
            Err(error) => {
                self.stats.refused += 1;
                self.stats.replayed += u64::from(matches!(error, PacketError::Replayed { .. }));
            }
        }
        received
    }

    #[inline]
    fn place<O: OpenPacket>(
        &mut self,
        from: &K,
        packet: &[u8],
        open: &mut O,
    ) -> Result<Received, PacketError> {
        let (head, sealed) = Header::split(packet)?;
        let header = Header::read(head)?;
        let len = self.check(&header, packet.len(), O::OVERHEAD)?;
        let Header { id, index, geometry } = header;
        match self.partials.find(from, id) {
            Some(Known::Partial(at)) => {
                let partial = self.partials.get_mut(at);
                if partial.geometry() != geometry {
                    return Err(PacketError::Mismatch);
                }
                if partial.contains(index) {
                    let plain = scratch(&mut self.scratch, len);
                    open.open(head, sealed, plain)?;
                    self.stats.conflicts += u64::from(partial.differs(index, plain));
                    return Ok(Received::Duplicate { id });
                }
                open.open(head, sealed, partial.place(index))?;
                partial.arrive(index);
                if partial.is_complete() {
                    let payload = self.partials.finish(at, &self.limits).into_bytes();
                    return Ok(Received::Complete { id, payload });
                }
                let arrived = partial.count();
                self.partials.progress(at);
                Ok(Received::Fragment { id, arrived, count: geometry.count() })
            }
            Some(Known::Done) => {
                open.open(head, sealed, scratch(&mut self.scratch, len))?;
                Ok(Received::Duplicate { id })
            }
            None if geometry.count() == 1 => {
                let plain = scratch(&mut self.scratch, len);
                open.open(head, sealed, plain)?;
                self.partials.remember(from.clone(), id, &self.limits);
                Ok(Received::Complete { id, payload: Bytes::copy_from_slice(plain) })
            }
            None => {
                self.admit(from, geometry)?;
                let plain = scratch(&mut self.scratch, len);
                open.open(head, sealed, plain)?;
                let partial = self.partials.begin(from, id, geometry, &self.limits);
                partial.place(index).copy_from_slice(plain);
                partial.arrive(index);
                Ok(Received::Fragment { id, arrived: 1, count: geometry.count() })
            }
        }
    }

    /// Checks a header against the limits and the length of the packet. Returns the number of
    /// message bytes in the packet.
    #[inline]
    fn check(&self, header: &Header, packet_len: usize, overhead: usize) -> Result<usize, PacketError> {
        let least = HEADER_LEN + overhead;
        let carried = packet_len.checked_sub(least).ok_or(PacketError::Short { len: packet_len, least })?;
        let Geometry { len, stride } = header.geometry;
        if len as usize > self.limits.max_message_len() {
            return Err(PacketError::TooLong { len: len as usize, limit: self.limits.max_message_len() });
        }
        if stride.get() < self.limits.min_stride() && header.count() > 1 {
            return Err(PacketError::Stride { found: stride.get(), least: self.limits.min_stride() });
        }
        let expected = header.range().len();
        if carried != expected {
            return Err(PacketError::Length { len: carried, expected });
        }
        Ok(carried)
    }

    /// Whether the limits allow a new message.
    fn admit(&mut self, from: &K, geometry: Geometry) -> Result<(), PacketError> {
        self.partials.admit(from, geometry, &self.limits).or_else(|_| {
            self.expire_with(|_, _| {});
            self.partials.admit(from, geometry, &self.limits)
        })
    }

    /// Takes the part of an incomplete message that has arrived without a gap, from where the last
    /// call ended. It can be passed on before the rest arrives. It shares the memory of the
    /// message. Returns `None` if there is nothing new.
    ///
    /// The first call for a message costs one more allocation. From then on the message counts as
    /// delivered: it does not start again after it expires.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// use futures_handoff::{
    ///     bytes::Bytes,
    ///     fragment::{Fragmenter, Limits, Plain, Reassembler, Received, Stride},
    /// };
    ///
    /// let message = Fragmenter::new(1, Bytes::from("0123456789"), Stride::new(4).unwrap())?;
    /// let mut reassembler = Reassembler::new(Limits::default().with_min_stride(1));
    /// let mut push = |reassembler: &mut Reassembler, index| {
    ///     let (header, bytes) = message.chunk(index).unwrap();
    ///     reassembler.push(&(), &[&header.encode(), bytes].concat(), &mut Plain, Instant::now())
    /// };
    /// push(&mut reassembler, 0)?;
    /// assert_eq!(reassembler.take_prefix(&(), 1).unwrap(), "0123");
    /// push(&mut reassembler, 2)?;
    /// assert_eq!(reassembler.take_prefix(&(), 1), None);
    /// // The rest comes at the end.
    /// let last = push(&mut reassembler, 1)?;
    /// assert_eq!(last, Received::Complete { id: 1, payload: Bytes::from("456789") });
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn take_prefix(&mut self, from: &K, id: u32) -> Option<Bytes> {
        match self.partials.find(from, id)? {
            Known::Partial(at) => self.partials.get_mut(at).take_prefix(),
            Known::Done => None,
        }
    }

    /// The missing fragments of a message, as ranges of indices in order, with gaps between them.
    /// Empty if the message was completed or cancelled. `None` if no packet of it is known. A
    /// sender needs these ranges to continue instead of starting again.
    pub fn missing(&self, from: &K, id: u32) -> Option<impl Iterator<Item = Range<u32>>> {
        let partial = match self.partials.find(from, id)? {
            Known::Partial(at) => Some(self.partials.get(at)),
            Known::Done => None,
        };
        Some(partial.into_iter().flat_map(|partial| partial.missing()))
    }

    /// The incomplete messages, in no particular order.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// use futures_handoff::{
    ///     bytes::Bytes,
    ///     fragment::{Fragmenter, Limits, PacketPool, Plain, Reassembler, Stride},
    /// };
    ///
    /// let message = Fragmenter::new(7, Bytes::from(vec![1; 5_000]), Stride::for_packets::<Plain>(1_200)?)?;
    /// let packets = message.pack(&mut (1..2), &mut Plain, &mut PacketPool::default())?.unwrap();
    /// let mut reassembler = Reassembler::new(Limits::default());
    /// reassembler.push(&"peer", packets.contents(), &mut Plain, Instant::now())?;
    /// // Report the missing fragments of all messages.
    /// for (from, id) in reassembler.incomplete() {
    ///     let missing = reassembler.missing(from, id).into_iter().flatten();
    ///     assert_eq!((*from, id, missing.collect::<Vec<_>>()), ("peer", 7, vec![0..1, 2..5]));
    /// }
    /// assert_eq!(reassembler.incomplete().count(), 1);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn incomplete(&self) -> impl Iterator<Item = (&K, u32)> {
        self.partials.iter()
    }

    /// Drops an incomplete message. Returns whether there was one. Its late packets are duplicates,
    /// like those of a completed message.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use futures_handoff::{
    /// #     bytes::Bytes,
    /// #     fragment::{Fragmenter, Limits, PacketPool, Plain, Reassembler, Received, Stride},
    /// # };
    /// # let message = Fragmenter::new(7, Bytes::from(vec![1; 2_000]), Stride::for_packets::<Plain>(1_200)?)?;
    /// # let packets = message.pack(&mut (0..2), &mut Plain, &mut PacketPool::default())?.unwrap();
    /// # let packets: Vec<_> = packets.iter().collect();
    /// # let (mut reassembler, now) = (Reassembler::new(Limits::default()), Instant::now());
    /// // `packets` are two packets of message 7.
    /// reassembler.push(&"peer", &packets[0], &mut Plain, now)?;
    /// assert!(reassembler.cancel(&"peer", 7));
    /// assert_eq!(reassembler.stats().bytes, 0);
    /// let late = reassembler.push(&"peer", &packets[1], &mut Plain, now)?;
    /// assert_eq!(late, Received::Duplicate { id: 7 });
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&mut self, from: &K, id: u32) -> bool {
        let Some(Known::Partial(at)) = self.partials.find(from, id) else { return false };
        self.partials.finish(at, &self.limits);
        true
    }

    /// Drops everything of a peer, including what is remembered, for a peer that has left or starts
    /// its ids again. Returns the number of incomplete messages. O(messages of that peer + all
    /// remembered messages).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use futures_handoff::{
    /// #     bytes::Bytes,
    /// #     fragment::{Fragmenter, Limits, PacketPool, Plain, Reassembler, Received, Stride},
    /// # };
    /// # let message = Fragmenter::new(7, Bytes::from("hello"), Stride::for_packets::<Plain>(1_200)?)?;
    /// # let packets = message.pack(&mut (0..1), &mut Plain, &mut PacketPool::default())?.unwrap();
    /// # let (mut reassembler, now) = (Reassembler::new(Limits::default()), Instant::now());
    /// // `packets` is message 7, in one packet.
    /// reassembler.push(&"peer", packets.contents(), &mut Plain, now)?;
    /// // The peer restarts and uses the id again.
    /// assert_eq!(reassembler.forget(&"peer"), 0);
    /// let received = reassembler.push(&"peer", packets.contents(), &mut Plain, now)?;
    /// assert!(matches!(received, Received::Complete { id: 7, .. }));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn forget(&mut self, from: &K) -> usize {
        self.partials.forget(from)
    }

    /// Drops incomplete messages that have expired. Passes each to `expired`, and returns their
    /// number.
    ///
    /// A message expires [`Limits::idle`] after its last new fragment, and [`Limits::lifetime`]
    /// after its first one. An expired message is not remembered: a sender may start it again,
    /// unless a part of it was [taken](Self::take_prefix).
    ///
    /// A message past its deadline stays until this is called, or until [`push`](Self::push) needs
    /// the memory. A new fragment before that gives it another deadline.
    ///
    /// O(log messages) for each message that is dropped, or has had a new fragment since the last
    /// check.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// use futures_handoff::{
    ///     bytes::Bytes,
    ///     fragment::{Fragmenter, Limits, PacketPool, Plain, Reassembler, Stride},
    /// };
    ///
    /// let message = Fragmenter::new(7, Bytes::from(vec![1; 2_000]), Stride::for_packets::<Plain>(1_200)?)?;
    /// let packets = message.pack(&mut (0..1), &mut Plain, &mut PacketPool::default())?.unwrap();
    /// let limits = Limits::default().with_idle(Duration::from_secs(10));
    /// let (mut reassembler, now) = (Reassembler::new(limits), Instant::now());
    /// reassembler.push(&"peer", packets.contents(), &mut Plain, now)?;
    ///
    /// let due = reassembler.next_deadline().unwrap();
    /// assert_eq!(due, now + Duration::from_secs(10));
    /// let mut lost = Vec::new();
    /// assert_eq!(reassembler.expire(due, |from, id| lost.push((from, id))), 1);
    /// assert_eq!(lost, [("peer", 7)]);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn expire(&mut self, now: Instant, expired: impl FnMut(K, u32)) -> usize {
        self.partials.advance(now);
        self.expire_with(expired)
    }

    fn expire_with(&mut self, mut expired: impl FnMut(K, u32)) -> usize {
        let count = &mut self.stats.expired;
        self.partials.expire(&self.limits, |from, id| {
            // Counted before the callback, which may panic.
            *count += 1;
            expired(from, id);
        })
    }

    /// The time of the next call of [`expire`](Self::expire). That call may find nothing to drop if
    /// fragments have arrived since. `None` while no message can expire. O(1).
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.partials.next_deadline()
    }

    /// The statistics.
    #[must_use]
    pub fn stats(&self) -> ReassemblerStats {
        let (in_flight, bytes) = self.partials.held();
        ReassemblerStats { in_flight, bytes, ..self.stats }
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// The first `len` bytes of `scratch`, which is never longer than the longest packet.
fn scratch(scratch: &mut Vec<u8>, len: usize) -> &mut [u8] {
    if scratch.len() < len {
        scratch.resize(len, 0);
    }
    &mut scratch[..len]
}

impl<K> fmt::Debug for Reassembler<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reassembler")
            .field("limits", &self.limits)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
