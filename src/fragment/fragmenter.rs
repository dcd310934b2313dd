//! From a message to its fragments.

use std::{io::IoSlice, iter::FusedIterator};

use bytes::{Buf, Bytes};

use super::{
    error::FragmentError,
    header::{Geometry, HEADER_LEN, Header, Stride},
};

/// A message, cut into pieces that fit into packets.
///
/// Nothing is copied and nothing stored: a fragment is a slice of the message, made when it is
/// asked for, so any of them can be sent again for as long as the message is kept. Every packet but
/// the last one is equally long.
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
/// let fragments = Fragmenter::new(1, message, Stride::for_packets::<Plain>(1_200)?)?;
/// assert_eq!(fragments.count(), 9);
/// assert_eq!(fragments.iter().map(|fragment| fragment.payload.len()).sum::<usize>(), 10_000);
/// assert_eq!(fragments.get(8).unwrap().payload.len(), 10_000 - 8 * 1_184);
/// # Ok::<_, futures_handoff::fragment::FragmentError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Fragmenter {
    id: u32,
    geometry: Geometry,
    payload: Bytes,
}

impl Fragmenter {
    /// Cuts a message. A receiver tells it by `id` from the peer's other
    /// messages: count them, and let the count wrap. An empty message has one fragment.
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

    /// How many fragments there are, at least 1.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.geometry.count()
    }

    /// The fragment with this index, from 0. O(1), and allocates nothing.
    #[inline]
    #[must_use]
    pub fn get(&self, index: u32) -> Option<Fragment> {
        (index < self.count()).then(|| self.fragment(index))
    }

    /// The header of a fragment and its bytes, borrowed: no count of references changes. O(1).
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
/// As a [`Buf`] it is both, one behind the other, and gives both to a vectored write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The header, encoded.
    pub header: [u8; HEADER_LEN],
    /// The bytes of the message, which share its memory.
    pub payload: Bytes,
    /// How much of the header was read by [`Buf::advance`].
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
