//! From a message to its fragments.

use std::{io::IoSlice, iter::FusedIterator};

use bytes::{Buf, Bytes};

use super::{
    error::FragmentError,
    header::{Geometry, HEADER_LEN, Header, Stride},
};

/// A message, cut into fragments that fit into packets.
///
/// It copies and stores nothing: a fragment is a slice of the message, made on request. So any
/// fragment can be sent again while the message is kept. All packets but the last have the same
/// length.
///
/// # Examples
///
/// ```
/// use futures_handoff::{
///     bytes::Bytes,
///     fragment::{Fragmenter, Plain, Stride},
/// };
///
/// let message = Bytes::from(vec![7; 10_000]);
/// let fragments = Fragmenter::new(1, message.clone(), Stride::for_packets::<Plain>(1_200)?)?;
/// assert_eq!((fragments.id(), fragments.payload()), (1, &message));
/// assert_eq!((fragments.stride().get(), fragments.count()), (1_184, 9));
/// assert_eq!(fragments.iter().map(|fragment| fragment.payload.len()).sum::<usize>(), 10_000);
/// let (header, last) = fragments.chunks().last().unwrap();
/// assert_eq!((header.index(), last.len()), (8, 10_000 - 8 * 1_184));
/// # Ok::<_, futures_handoff::fragment::FragmentError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Fragmenter {
    id: u32,
    geometry: Geometry,
    payload: Bytes,
}

impl Fragmenter {
    /// Cuts a message. The receiver distinguishes messages of a peer by `id`. Count the ids, and
    /// let the count wrap. An empty message has one fragment.
    ///
    /// # Errors
    ///
    /// [`FragmentError::TooLong`] above `u32::MAX` bytes.
    pub fn new(id: u32, payload: Bytes, stride: Stride) -> Result<Self, FragmentError> {
        let len = u32::try_from(payload.len())
            .map_err(|_| FragmentError::TooLong { len: payload.len(), limit: u32::MAX as usize })?;
        Ok(Self { id, geometry: Geometry { len, stride }, payload })
    }

    /// The id of the message.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The message.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// How the message is cut.
    #[must_use]
    pub fn stride(&self) -> Stride {
        self.geometry.stride
    }

    /// The number of fragments, at least 1.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.geometry.count()
    }

    /// The fragment with this index, from 0. Returns `None` beyond the last one. O(1), and
    /// allocates nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{
    ///     bytes::Bytes,
    ///     fragment::{Fragmenter, HEADER_LEN, Stride},
    /// };
    ///
    /// let message = Fragmenter::new(1, Bytes::from("0123456789"), Stride::new(4).unwrap())?;
    /// let fragment = message.get(2).unwrap();
    /// assert_eq!((fragment.header.len(), &fragment.payload[..]), (HEADER_LEN, &b"89"[..]));
    /// assert!(message.get(3).is_none());
    /// # Ok::<_, futures_handoff::fragment::FragmentError>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn get(&self, index: u32) -> Option<Fragment> {
        (index < self.count()).then(|| self.fragment(index))
    }

    /// The header and the borrowed bytes of a fragment. No reference count changes. O(1).
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{
    ///     bytes::Bytes,
    ///     fragment::{Fragmenter, Stride},
    /// };
    ///
    /// let message = Fragmenter::new(1, Bytes::from("0123456789"), Stride::new(4).unwrap())?;
    /// let (header, bytes) = message.chunk(1).unwrap();
    /// // Copy a packet to where it is sent from.
    /// let mut packet = Vec::from(header.encode());
    /// packet.extend_from_slice(bytes);
    /// assert_eq!(&packet[packet.len() - 4..], b"4567");
    /// # Ok::<_, futures_handoff::fragment::FragmentError>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn chunk(&self, index: u32) -> Option<(Header, &[u8])> {
        (index < self.count()).then(|| self.borrowed(index))
    }

    /// All fragments, in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Fragment> + DoubleEndedIterator + FusedIterator {
        (0..self.count()).map(|index| self.fragment(index))
    }

    /// All fragments, borrowed, in order.
    pub fn chunks(
        &self,
    ) -> impl ExactSizeIterator<Item = (Header, &[u8])> + DoubleEndedIterator + FusedIterator {
        (0..self.count()).map(|index| self.borrowed(index))
    }

    #[inline]
    fn header(&self, index: u32) -> Header {
        Header { id: self.id, index, geometry: self.geometry }
    }

    #[inline]
    fn fragment(&self, index: u32) -> Fragment {
        let payload = self.payload.slice(self.geometry.range(index));
        Fragment { header: self.header(index).encode(), payload, read: 0 }
    }

    #[inline]
    pub(super) fn borrowed(&self, index: u32) -> (Header, &[u8]) {
        (self.header(index), &self.payload[self.geometry.range(index)])
    }
}

/// A fragment: the header of its packet, and a slice of the message.
///
/// Its [`Buf`] is the whole packet: the header, then the slice. A vectored write gets both.
///
/// # Examples
///
/// ```
/// use futures_handoff::{
///     bytes::{Buf, Bytes},
///     fragment::{Fragmenter, HEADER_LEN, Stride},
/// };
///
/// let message = Fragmenter::new(1, Bytes::from("0123456789"), Stride::new(4).unwrap())?;
/// let mut fragment = message.get(0).unwrap();
/// assert_eq!(fragment.remaining(), HEADER_LEN + 4);
/// let packet = fragment.copy_to_bytes(HEADER_LEN + 4);
/// assert!(packet.ends_with(b"0123"));
/// # Ok::<_, futures_handoff::fragment::FragmentError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The header, encoded.
    pub header: [u8; HEADER_LEN],
    /// The bytes of the message. They share its memory.
    pub payload: Bytes,
    /// How many bytes of the header [`Buf::advance`] has consumed.
    read: usize,
}

impl Buf for Fragment {
    fn remaining(&self) -> usize {
        HEADER_LEN - self.read + self.payload.len()
    }

    fn chunk(&self) -> &[u8] {
        if self.read < HEADER_LEN { &self.header[self.read..] } else { &self.payload }
    }

    fn advance(&mut self, n: usize) {
        let of_header = n.min(HEADER_LEN - self.read);
        self.read += of_header;
        self.payload.advance(n - of_header);
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let parts = [&self.header[self.read..], &self.payload];
        let mut filled = 0;
        for (slice, part) in slices.iter_mut().zip(parts.into_iter().filter(|part| !part.is_empty())) {
            *slice = IoSlice::new(part);
            filled += 1;
        }
        filled
    }
}
