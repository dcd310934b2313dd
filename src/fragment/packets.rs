//! Packets that lie behind each other in one block.

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

/// The lengths of blocks. The last one holds the longest packet, with its length in front of it.
const BLOCKS: [usize; 3] = [4 * 1024, 16 * 1024, 64 * 1024];

/// The memory that packets are made in. It is used again once they are dropped.
///
/// A block holds up to 64 packets and at most [`MAX_PACKET_LEN`] bytes. It comes back when the last
/// [`Packets`] and slice of it is dropped, so one of them that is kept keeps the whole block. In a
/// steady state nothing is allocated.
pub struct PacketPool {
    /// Apart by length, so that a long block is not let go where a short one is needed.
    blocks: [Blocks; BLOCKS.len()],
    max_packets: usize,
}

impl PacketPool {
    /// A pool that remembers up to `blocks` blocks of each length: 4, 16 and 64 KiB. More may be in
    /// use; those are not used again. 0 counts as 1.
    #[must_use]
    pub fn new(blocks: usize) -> Self {
        Self { blocks: BLOCKS.map(|_| Blocks::new(blocks)), max_packets: MAX_PACKETS }
    }

    /// Sets the most packets in a block: as many as the system takes in one call, or as a
    /// [`Pacer`](super::Pacer) lets through at once. The default is 64.
    ///
    /// # Panics
    ///
    /// When it is zero.
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

/// Packets behind each other, equally long but for the last one: what generic segmentation offload
/// (`UDP_SEGMENT`) takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packets {
    contents: Bytes,
    segment_size: usize,
}

impl Packets {
    /// All of them, one behind the other.
    #[must_use]
    pub fn contents(&self) -> &Bytes {
        &self.contents
    }

    /// The length of each packet but the last one, which may be shorter.
    #[must_use]
    pub fn segment_size(&self) -> usize {
        self.segment_size
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.contents.len().div_ceil(self.segment_size)
    }

    /// One after the other, to be sent each by itself.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Bytes> {
        let len = self.contents.len();
        (0..self.count()).map(move |index| {
            let at = index * self.segment_size;
            self.contents.slice(at..(at + self.segment_size).min(len))
        })
    }
}

impl Stride {
    /// The stride that makes packets of `packet_len` bytes, header and what `S` adds included. For
    /// UDP that is the MTU of the path without the headers of IP and UDP: 1,200 bytes pass
    /// everywhere where QUIC does ([RFC 9000, section
    /// 14](https://www.rfc-editor.org/rfc/rfc9000#section-14)).
    ///
    /// ```
    /// use futures_handoff::fragment::{HEADER_LEN, Plain, Stride};
    ///
    /// assert_eq!(Stride::for_packets::<Plain>(1_200)?.get(), 1_200 - HEADER_LEN);
    /// # Ok::<_, futures_handoff::fragment::FragmentError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`FragmentError::PacketLen`] where no byte of a message is left in a packet, or the packet
    /// is longer than [`MAX_PACKET_LEN`].
    pub fn for_packets<S: SealPacket>(packet_len: usize) -> Result<Self, FragmentError> {
        let bytes = packet_len.checked_sub(HEADER_LEN + S::OVERHEAD).filter(|_| packet_len <= MAX_PACKET_LEN);
        let bytes = bytes.and_then(|bytes| u16::try_from(bytes).ok());
        bytes.and_then(Self::new).ok_or_else(|| impossible::<S>(packet_len))
    }
}

/// There are no packets of `len` bytes.
fn impossible<S: SealPacket>(len: usize) -> FragmentError {
    FragmentError::PacketLen { len, least: HEADER_LEN + S::OVERHEAD + 1, most: MAX_PACKET_LEN }
}

impl Fragmenter {
    /// Makes packets of the first of `fragments`, as many as fit into one block, and moves past
    /// them. `None` once there are no more.
    ///
    /// `fragments` are indices, in any order: a range such as `0..self.count()`, or several of them
    /// that are to be sent again. A block ends behind the last fragment of the message, which may
    /// be shorter than the others.
    ///
    /// The bytes go from the message to the packets in one pass, where sealing takes one. Nothing
    /// is allocated while the pool has a block.
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
    /// // The receiver says what is missing.
    /// let mut again = [3..5, 40..41, 84..85].into_iter().flatten();
    /// let packets = message.pack(&mut again, &mut Plain, &mut pool)?.unwrap();
    /// assert_eq!(packets.count(), 4);
    /// # Ok::<_, futures_handoff::fragment::FragmentError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`FragmentError::Index`] for an index that the message does not have;
    /// [`FragmentError::PacketLen`] where a packet of this stride is longer than [`MAX_PACKET_LEN`]
    /// when sealed; [`FragmentError::Seal`]. `fragments` is as it was.
    pub fn pack<S: SealPacket>(
        &self,
        fragments: &mut (impl Iterator<Item = u32> + Clone),
        seal: &mut S,
        pool: &mut PacketPool,
    ) -> Result<Option<Packets>, FragmentError> {
        self.pack_behind::<S, 0>(fragments, MAX_PACKET_LEN, seal, pool)
    }

    /// As [`pack`](Self::pack), with each packet behind its length in `PREFIX` bytes, 0 or 2, and
    /// at most `most` bytes in a block that holds more than one packet.
    #[inline]
    pub(super) fn pack_behind<S: SealPacket, const PREFIX: usize>(
        &self,
        fragments: &mut (impl Iterator<Item = u32> + Clone),
        most: usize,
        seal: &mut S,
        pool: &mut PacketPool,
    ) -> Result<Option<Packets>, FragmentError> {
        let around = PREFIX + HEADER_LEN + S::OVERHEAD;
        // A message that fits in one packet has none that is longer.
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
        // Kept in any case: a cipher that fails costs no memory.
        let contents = blocks.hand_out(block, *made.as_ref().unwrap_or(&0));
        made?;
        *fragments = rest;
        Ok(Some(Packets { contents, segment_size: full }))
    }

    /// Moves past the fragments of a block, and says how many they are.
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
