//! Packets in a row in one block.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::{
    error::FragmentError,
    fragmenter::Fragmenter,
    header::{HEADER_LEN, MAX_PACKET_LEN, Stride},
    seal::SealPacket,
};
use crate::blocks::Blocks;

/// The most packets in a block: as many as Linux sends in one call
/// ([`UDP_MAX_SEGMENTS`](https://github.com/torvalds/linux/blob/v6.1/include/linux/udp.h), 64 until
/// 6.9, more since).
const MAX_PACKETS: usize = 64;

/// The lengths of blocks. The last one holds the longest packet with its length prefix.
const BLOCKS: [usize; 3] = [4 * 1024, 16 * 1024, 64 * 1024];

/// The memory for packets. A block is reused when its packets are dropped.
///
/// A block holds up to 64 packets and at most [`MAX_PACKET_LEN`] bytes. It comes back when its last
/// [`Packets`] and the last slice of it are dropped. A slice that is kept keeps the whole block. In
/// a steady state nothing is allocated.
///
/// # Examples
///
/// ```
/// use futures_handoff::{
///     bytes::Bytes,
///     fragment::{Fragmenter, PacketPool, Plain, Stride},
/// };
///
/// let mut pool = PacketPool::new(4);
/// for id in 0..100 {
///     let message = Fragmenter::new(id, Bytes::from(vec![7; 10_000]), Stride::for_packets::<Plain>(1_200)?)?;
///     let packets = message.pack(&mut (0..message.count()), &mut Plain, &mut pool)?.unwrap();
///     assert_eq!(packets.count(), 9);
///     // Dropping the packets returns their block to the pool.
/// }
/// # Ok::<_, futures_handoff::fragment::FragmentError>(())
/// ```
pub struct PacketPool {
    /// One list for each length, so that a request for a short block does not drop a long one.
    blocks: [Blocks; BLOCKS.len()],
    max_packets: usize,
}

impl PacketPool {
    /// Makes a pool that remembers up to `blocks` blocks of each length: 4, 16 and 64 KiB. More
    /// blocks may be in use, but are not reused. 0 counts as 1.
    #[must_use]
    pub fn new(blocks: usize) -> Self {
        Self { blocks: BLOCKS.map(|_| Blocks::new(blocks)), max_packets: MAX_PACKETS }
    }

    /// Sets the most packets in a block: as many as the system sends in one call, or as a
    /// [`Pacer`](super::Pacer) allows at once. The default is 64.
    ///
    /// # Panics
    ///
    /// If it is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{
    ///     bytes::Bytes,
    ///     fragment::{Fragmenter, PacketPool, Plain, Stride},
    /// };
    ///
    /// let message = Fragmenter::new(1, Bytes::from(vec![7; 10_000]), Stride::for_packets::<Plain>(1_200)?)?;
    /// let (mut pool, mut all) = (PacketPool::default().with_max_packets(4), 0..message.count());
    /// let mut counts = Vec::new();
    /// while let Some(packets) = message.pack(&mut all, &mut Plain, &mut pool)? {
    ///     counts.push(packets.count());
    /// }
    /// assert_eq!(counts, [4, 4, 1]);
    /// # Ok::<_, futures_handoff::fragment::FragmentError>(())
    /// ```
    #[must_use = "returns the changed pool"]
    #[track_caller]
    pub fn with_max_packets(self, max_packets: usize) -> Self {
        assert!(max_packets > 0, "a block must hold at least 1 packet");
        Self { max_packets, ..self }
    }
}

impl Default for PacketPool {
    /// A pool that remembers up to 16 blocks of each length.
    fn default() -> Self {
        Self::new(16)
    }
}

impl fmt::Debug for PacketPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketPool").field("max_packets", &self.max_packets).finish_non_exhaustive()
    }
}

/// Packets in a row, all of the same length except the last one: the input of generic segmentation
/// offload (`UDP_SEGMENT`).
///
/// # Examples
///
/// ```
/// use futures_handoff::{
///     bytes::Bytes,
///     fragment::{Fragmenter, PacketPool, Plain, Stride},
/// };
///
/// let message = Fragmenter::new(1, Bytes::from(vec![7; 3_000]), Stride::for_packets::<Plain>(1_200)?)?;
/// let packets = message.pack(&mut (0..3), &mut Plain, &mut PacketPool::default())?.unwrap();
/// // With segmentation offload, one call takes these two.
/// assert_eq!((packets.contents().len(), packets.segment_size()), (3_048, 1_200));
/// // Without it, send each packet with its own call.
/// assert_eq!(packets.count(), 3);
/// assert_eq!(packets.iter().map(|packet| packet.len()).collect::<Vec<_>>(), [1_200, 1_200, 648]);
/// # Ok::<_, futures_handoff::fragment::FragmentError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packets {
    contents: Bytes,
    segment_size: usize,
}

impl Packets {
    /// The bytes of all packets in a row.
    #[must_use]
    pub fn contents(&self) -> &Bytes {
        &self.contents
    }

    /// The length of each packet. The last one may be shorter.
    #[must_use]
    pub fn segment_size(&self) -> usize {
        self.segment_size
    }

    /// The number of packets.
    #[must_use]
    pub fn count(&self) -> usize {
        self.contents.len().div_ceil(self.segment_size)
    }

    /// The packets one by one, to be sent with separate calls.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Bytes> {
        let len = self.contents.len();
        (0..self.count()).map(move |index| {
            let at = index * self.segment_size;
            self.contents.slice(at..(at + self.segment_size).min(len))
        })
    }
}

impl Stride {
    /// The stride for packets of `packet_len` bytes, including the header and the overhead of `S`.
    /// For UDP, use the MTU of the path without the headers of IP and UDP. 1,200 bytes pass
    /// wherever QUIC does ([RFC 9000, section
    /// 14](https://www.rfc-editor.org/rfc/rfc9000#section-14)).
    ///
    /// # Errors
    ///
    /// [`FragmentError::PacketLen`] if a packet has no room for a byte of the message, or is longer
    /// than [`MAX_PACKET_LEN`].
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::fragment::{FragmentError, HEADER_LEN, Plain, Stride};
    ///
    /// assert_eq!(Stride::for_packets::<Plain>(1_200)?.get(), 1_200 - HEADER_LEN);
    /// assert!(matches!(Stride::for_packets::<Plain>(16), Err(FragmentError::PacketLen { least: 17, .. })));
    /// # Ok::<_, FragmentError>(())
    /// ```
    pub fn for_packets<S: SealPacket>(packet_len: usize) -> Result<Self, FragmentError> {
        let bytes = packet_len.checked_sub(HEADER_LEN + S::OVERHEAD).filter(|_| packet_len <= MAX_PACKET_LEN);
        let bytes = bytes.and_then(|bytes| u16::try_from(bytes).ok());
        bytes.and_then(Self::new).ok_or_else(|| impossible::<S>(packet_len))
    }
}

/// The error for packets of `len` bytes.
fn impossible<S: SealPacket>(len: usize) -> FragmentError {
    FragmentError::PacketLen { len, least: HEADER_LEN + S::OVERHEAD + 1, most: MAX_PACKET_LEN }
}

impl Fragmenter {
    /// Makes packets of the first `fragments`, as many as fit in one block, and advances the
    /// iterator past them. Returns `None` when there are no more.
    ///
    /// `fragments` are indices in any order: a range such as `0..self.count()`, or several ranges
    /// to be sent again. A block ends after the last fragment of the message, because that may be
    /// shorter than the others.
    ///
    /// The bytes are copied once, from the message to the packets, if sealing needs only one pass.
    /// Nothing is allocated while the pool has a block.
    ///
    /// # Errors
    ///
    /// [`FragmentError::Index`] for an index that the message does not have.
    /// [`FragmentError::PacketLen`] if a sealed packet of this stride is longer than
    /// [`MAX_PACKET_LEN`]. [`FragmentError::Seal`]. `fragments` is unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{
    ///     bytes::Bytes,
    ///     fragment::{Fragmenter, PacketPool, Plain, Stride},
    /// };
    ///
    /// let message = Fragmenter::new(1, Bytes::from(vec![7; 100_000]), Stride::for_packets::<Plain>(1_200)?)?;
    /// let mut pool = PacketPool::default();
    /// let (mut sent, mut all) = (0, 0..message.count());
    /// while let Some(packets) = message.pack(&mut all, &mut Plain, &mut pool)? {
    ///     // One system call with segmentation offload, or one for each of `packets.iter()`.
    ///     sent += packets.count();
    /// }
    /// assert_eq!(sent, 85);
    ///
    /// // The receiver reports what is missing.
    /// let mut again = [3..5, 40..41, 84..85].into_iter().flatten();
    /// let packets = message.pack(&mut again, &mut Plain, &mut pool)?.unwrap();
    /// assert_eq!(packets.count(), 4);
    /// # Ok::<_, futures_handoff::fragment::FragmentError>(())
    /// ```
    pub fn pack<S: SealPacket>(
        &self,
        fragments: &mut (impl Iterator<Item = u32> + Clone),
        seal: &mut S,
        pool: &mut PacketPool,
    ) -> Result<Option<Packets>, FragmentError> {
        self.pack_behind::<S, 0>(fragments, MAX_PACKET_LEN, seal, pool)
    }

    /// As [`pack`](Self::pack), with each packet after its length in `PREFIX` bytes, 0 or 2. A
    /// block with more than one packet has at most `most` bytes.
    #[inline]
    pub(super) fn pack_behind<S: SealPacket, const PREFIX: usize>(
        &self,
        fragments: &mut (impl Iterator<Item = u32> + Clone),
        most: usize,
        seal: &mut S,
        pool: &mut PacketPool,
    ) -> Result<Option<Packets>, FragmentError> {
        let around = PREFIX + HEADER_LEN + S::OVERHEAD;
        // A message that fits in one packet has no longer packet.
        let full = around + self.stride().get().min(self.payload().len());
        if full - PREFIX > MAX_PACKET_LEN {
            return Err(impossible::<S>(full - PREFIX));
        }
        let most = (most.min(MAX_PACKET_LEN) / full).clamp(1, pool.max_packets);
        let mut rest = fragments.clone();
        let count = self.skip_block(&mut rest, most)?;
        if count == 0 {
            return Ok(None);
        }
        let length = BLOCKS.partition_point(|&len| len < full * count).min(BLOCKS.len() - 1);
        let blocks = &mut pool.blocks[length];
        let mut block = blocks.take(BLOCKS[length]);
        let made = self.seal_into::<S, PREFIX>(fragments.clone().take(count), seal, &mut block);
        // The block is kept in any case, so that a failing cipher costs no memory.
        let contents = blocks.hand_out(block, *made.as_ref().unwrap_or(&0));
        made?;
        *fragments = rest;
        Ok(Some(Packets { contents, segment_size: full }))
    }

    /// Advances past the fragments of a block and returns their number.
    fn skip_block(
        &self,
        fragments: &mut impl Iterator<Item = u32>,
        most: usize,
    ) -> Result<usize, FragmentError> {
        let count = self.count();
        for n in 0..most {
            match fragments.next() {
                None => return Ok(n),
                Some(index) if index >= count => return Err(FragmentError::Index { index, count }),
                Some(index) if index == count - 1 => return Ok(n + 1),
                Some(_) => {}
            }
        }
        Ok(most)
    }

    fn seal_into<S: SealPacket, const PREFIX: usize>(
        &self,
        fragments: impl Iterator<Item = u32>,
        seal: &mut S,
        block: &mut BytesMut,
    ) -> Result<usize, FragmentError> {
        let mut used = 0;
        for index in fragments {
            let (header, plain) = self.borrowed(index);
            let len = HEADER_LEN + plain.len() + S::OVERHEAD;
            let packet = &mut block[used..used + PREFIX + len];
            used += PREFIX + len;
            let (prefix, packet) = packet.split_at_mut(PREFIX);
            // A packet is at most `MAX_PACKET_LEN` long.
            let len = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
            prefix.copy_from_slice(&len[..PREFIX]);
            let (head, sealed) = packet.split_at_mut(HEADER_LEN);
            let header = header.encode();
            head.copy_from_slice(&header);
            seal.seal(&header, plain, sealed)?;
        }
        Ok(used)
    }
}
