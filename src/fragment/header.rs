//! The header of a packet, and how a message is cut.

use std::{num::NonZeroU16, ops::Range};

use super::error::PacketError;

/// The length of a header, in bytes.
pub const HEADER_LEN: usize = 16;
/// The longest packet, in bytes: the most that a UDP datagram over IPv4 carries. That is 65,535
/// bytes without the 20 bytes of the IP header and the 8 bytes of the UDP header ([RFC
/// 791](https://www.rfc-editor.org/rfc/rfc791), [RFC 768](https://www.rfc-editor.org/rfc/rfc768)).
pub const MAX_PACKET_LEN: usize = 65_507;

/// The first byte of every packet.
const VERSION: u8 = 0xF1;

/// The number of message bytes in each packet, 1 to 65,535. The last packet carries the rest.
///
/// # Examples
///
/// ```
/// use futures_handoff::fragment::{Plain, Stride};
///
/// let stride = Stride::new(1_000).unwrap();
/// assert_eq!(stride.get(), 1_000);
/// assert_eq!(Stride::new(0), None);
/// // Usually the length of packets is known, not the stride.
/// assert_eq!(Stride::for_packets::<Plain>(1_016)?, stride);
/// # Ok::<_, futures_handoff::fragment::FragmentError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stride(NonZeroU16);

impl Stride {
    /// Makes a stride of this many bytes. Returns `None` for 0.
    #[must_use]
    pub const fn new(bytes: u16) -> Option<Self> {
        match NonZeroU16::new(bytes) {
            Some(bytes) => Some(Self(bytes)),
            None => None,
        }
    }

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0.get() as usize
    }
}

/// How a message of `len` bytes is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) len: u32,
    pub(super) stride: Stride,
}

impl Geometry {
    /// The number of packets. An empty message has one.
    #[inline]
    pub(super) const fn count(self) -> u32 {
        if self.len == 0 { 1 } else { self.len.div_ceil(self.stride.0.get() as u32) }
    }

    /// The range of a fragment in the message. Beyond the last fragment the range is empty.
    #[inline]
    pub(super) fn range(self, index: u32) -> Range<usize> {
        let (len, stride) = (u64::from(self.len), u64::from(self.stride.0.get()));
        let start = (u64::from(index) * stride).min(len);
        let end = (start + stride).min(len);
        position(start)..position(end)
    }
}

/// Converts a position in a message to an index in memory.
#[inline]
fn position(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// The header of a packet: the message that it belongs to, the length of that message, and how it
/// is cut.
///
/// On the wire it has [`HEADER_LEN`] bytes. Numbers have the most significant byte first:
///
/// | bytes | |
/// |---|---|
/// | 0 | `0xF1`: the version of the format |
/// | 1 | 0 |
/// | 2, 3 | the [stride](Stride) |
/// | 4 to 7 | the id of the message |
/// | 8 to 11 | the index of the fragment, from 0 |
/// | 12 to 15 | the length of the message |
///
/// A header is always consistent: [`decode`](Self::decode) refuses an index that the message does
/// not have.
///
/// # Examples
///
/// ```
/// use futures_handoff::{
///     bytes::Bytes,
///     fragment::{Fragmenter, HEADER_LEN, Header, Stride},
/// };
///
/// let stride = Stride::new(1_000).unwrap();
/// let message = Fragmenter::new(7, Bytes::from(vec![1; 2_500]), stride)?;
/// let (header, bytes) = message.chunk(2).unwrap();
/// assert_eq!((header.id(), header.index(), header.count()), (7, 2, 3));
/// assert_eq!((header.message_len(), header.stride()), (2_500, stride));
/// assert_eq!((header.range(), bytes.len()), (2_000..2_500, 500));
///
/// let packet = [&header.encode(), bytes].concat();
/// let (decoded, rest) = Header::decode(&packet)?;
/// assert_eq!((decoded, rest), (header, &packet[HEADER_LEN..]));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub(super) id: u32,
    pub(super) index: u32,
    pub(super) geometry: Geometry,
}

impl Header {
    /// Encodes the header.
    #[inline]
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [VERSION; HEADER_LEN];
        bytes[1] = 0;
        bytes[2..4].copy_from_slice(&self.geometry.stride.0.get().to_be_bytes());
        bytes[4..8].copy_from_slice(&self.id.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.index.to_be_bytes());
        bytes[12..].copy_from_slice(&self.geometry.len.to_be_bytes());
        bytes
    }

    /// Decodes the header of a packet. Returns it with the bytes that follow. Accepts any bytes,
    /// and allocates nothing. A valid header does not show that the packet is genuine.
    ///
    /// # Errors
    ///
    /// [`PacketError::Short`], [`PacketError::Version`], [`PacketError::Stride`] or
    /// [`PacketError::Index`].
    ///
    /// # Examples
    ///
    /// A socket with two kinds of packets:
    ///
    /// ```
    /// use futures_handoff::fragment::{Header, PacketError};
    ///
    /// let datagram = b"STUN or another protocol";
    /// match Header::decode(datagram) {
    ///     Ok((header, _)) => println!("a fragment of message {}", header.id()),
    ///     Err(error) => assert_eq!(error, PacketError::Version { found: *b"ST" }),
    /// }
    /// ```
    #[inline]
    pub fn decode(packet: &[u8]) -> Result<(Self, &[u8]), PacketError> {
        let (head, rest) = Self::split(packet)?;
        Ok((Self::read(head)?, rest))
    }

    /// Splits a packet into the bytes of its header and the rest.
    #[inline]
    pub(super) fn split(packet: &[u8]) -> Result<(&[u8; HEADER_LEN], &[u8]), PacketError> {
        packet.split_first_chunk().ok_or(PacketError::Short { len: packet.len(), least: HEADER_LEN })
    }

    /// Decodes the bytes of a header.
    #[inline]
    pub(super) fn read(head: &[u8; HEADER_LEN]) -> Result<Self, PacketError> {
        let [version, zero, s0, s1, m0, m1, m2, m3, i0, i1, i2, i3, l0, l1, l2, l3] = *head;
        if version != VERSION || zero != 0 {
            return Err(PacketError::Version { found: [version, zero] });
        }
        let stride =
            Stride::new(u16::from_be_bytes([s0, s1])).ok_or(PacketError::Stride { found: 0, least: 1 })?;
        let geometry = Geometry { len: u32::from_be_bytes([l0, l1, l2, l3]), stride };
        let index = u32::from_be_bytes([i0, i1, i2, i3]);
        if index >= geometry.count() {
            return Err(PacketError::Index { index, count: geometry.count() });
        }
        Ok(Self { id: u32::from_be_bytes([m0, m1, m2, m3]), index, geometry })
    }

    /// The id of the message.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The index of the fragment, from 0.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The number of fragments of the message, at least 1.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.geometry.count()
    }

    /// The length of the message, in bytes.
    #[must_use]
    pub fn message_len(&self) -> u32 {
        self.geometry.len
    }

    /// How the message is cut.
    #[must_use]
    pub fn stride(&self) -> Stride {
        self.geometry.stride
    }

    /// The range of the fragment in the message.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.geometry.range(self.index)
    }
}
