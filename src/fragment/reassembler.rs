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
/// `K` says who sent a packet: an address, the id of a connection, or `()` where there is one peer.
/// With encryption it is best what the keys belong to, as an address can change.
/// It reads no socket and has no clock: the caller gives it each packet that arrives, with the
/// time.
///
/// # What is promised
///
/// - A message is delivered when every byte of it has arrived, and as it was cut. The first packet
///   pins its length and stride; of two copies of a fragment the first one counts.
/// - A packet that is refused, for whatever [reason](PacketError), changes nothing.
/// - A message is delivered once, as long as no more than [`Limits::with_remember`] others were
///   completed in between. Ids may wrap.
/// - Memory stays within [`Limits::max_bytes`], what is remembered, and a few hundred bytes for
///   each message that is incomplete. Nothing is allocated for what a packet announces before the
///   packet is opened and the limits allow it.
///
/// # Cost
///
/// A packet costs O(1), and one pass over its bytes, straight into their place; the first one of a
/// message one more. A message allocates its bytes and a bit for each fragment.
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
/// for (index, packet) in packets.iter().enumerate().filter(|(index, _)| *index != 3) {
///     reassembler.push(&"peer", &packet, &mut Plain, Instant::now())?;
/// }
/// // One was lost.
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
    /// Where packets are opened whose message may not change yet.
    scratch: Vec<u8>,
    stats: ReassemblerStats,
}

impl<K: Eq + Hash + Clone> Reassembler<K> {
    /// A reassembler without messages. Allocates nothing.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, partials: Partials::new(), scratch: Vec::new(), stats: ReassemblerStats::default() }
    }

    /// Takes a packet, which has to be exactly one: a datagram, or a segment of what the system has
    /// put together (GRO). A buffer of [`MAX_PACKET_LEN`](super::MAX_PACKET_LEN) bytes holds any;
    /// what a shorter one has cut off is refused.
    ///
    /// `open` is that of the peer: with encryption each peer has its own. It is asked before
    /// anything changes. Where `now` is earlier than in a call before, that time counts.
    ///
    /// Where a limit would refuse a new message, those that are past their deadline are let go
    /// first.
    ///
    /// # Errors
    ///
    /// [`PacketError`] for a packet that is malformed, is not what the peer sealed, does not fit
    /// its message or the limits. Nothing but the counts of [`ReassemblerStats`] changes;
    /// the next packet is taken as ever.
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

    /// What a header says by itself, against the limits and the length of the packet. How many
    /// bytes of the message it carries.
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

    /// Whether there is room for a message, of which nothing has arrived.
    fn admit(&mut self, from: &K, geometry: Geometry) -> Result<(), PacketError> {
        self.partials.admit(from, geometry, &self.limits).or_else(|_| {
            self.expire_with(|_, _| {});
            self.partials.admit(from, geometry, &self.limits)
        })
    }

    /// What has arrived of an incomplete message without a gap, from where the last call ended: to
    /// be passed on before the rest is there. It shares the memory of the message. `None` if there
    /// is nothing new.
    ///
    /// With a first call, the message takes one more allocation. It counts as delivered from then
    /// on: it is not started anew if it expires.
    pub fn take_prefix(&mut self, from: &K, id: u32) -> Option<Bytes> {
        match self.partials.find(from, id)? {
            Known::Partial(at) => self.partials.get_mut(at).take_prefix(),
            Known::Done => None,
        }
    }

    /// The fragments of a message that have not arrived, as ranges of indices in order, no two of
    /// which touch: none if it was completed or cancelled, `None` if no packet of it is known. What
    /// a sender needs to go on instead of starting again.
    pub fn missing(&self, from: &K, id: u32) -> Option<impl Iterator<Item = Range<u32>>> {
        let partial = match self.partials.find(from, id)? {
            Known::Partial(at) => Some(self.partials.get(at)),
            Known::Done => None,
        };
        Some(partial.into_iter().flat_map(|partial| partial.missing()))
    }

    /// The incomplete messages, in no order.
    pub fn incomplete(&self) -> impl Iterator<Item = (&K, u32)> {
        self.partials.iter()
    }

    /// Gives up an incomplete message, and says whether there was one. Its late packets are
    /// duplicates, as those of a completed one are.
    pub fn cancel(&mut self, from: &K, id: u32) -> bool {
        let Some(Known::Partial(at)) = self.partials.find(from, id) else { return false };
        self.partials.finish(at, &self.limits);
        true
    }

    /// Gives up all that there is of a peer, also what is remembered of it, as when it has gone or
    /// starts its ids again. How many incomplete messages that were. O(messages of that peer + all
    /// that are remembered).
    pub fn forget(&mut self, from: &K) -> usize {
        self.partials.forget(from)
    }

    /// Gives up incomplete messages that are past their deadline, names each to `expired`, and says
    /// how many they were.
    ///
    /// A message expires [`Limits::idle`] after its last new fragment, and [`Limits::lifetime`]
    /// after its first one. Of one that expired nothing is remembered: a sender may start it again,
    /// unless a part of it was [taken](Self::take_prefix).
    ///
    /// A message that is past its deadline is there until this is called, or [`push`](Self::push)
    /// needs the room, and a new fragment gives it another deadline.
    ///
    /// O(log messages) for each that is given up, or has had a new fragment since it was looked at
    /// last.
    pub fn expire(&mut self, now: Instant, expired: impl FnMut(K, u32)) -> usize {
        self.partials.advance(now);
        self.expire_with(expired)
    }

    fn expire_with(&mut self, mut expired: impl FnMut(K, u32)) -> usize {
        let count = &mut self.stats.expired;
        self.partials.expire(&self.limits, |from, id| {
            // Before the callback, which may panic.
            *count += 1;
            expired(from, id);
        })
    }

    /// When to call [`expire`](Self::expire) next. It may then turn out that nothing has expired,
    /// as fragments have arrived since. `None` while there is nothing that could. O(1).
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.partials.next_deadline()
    }

    /// What is held, and what has been seen.
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
