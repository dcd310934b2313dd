//! One message with missing fragments.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::header::Geometry;

const WORD: u32 = u64::BITS;

/// The memory of a message, and which of its fragments have arrived.
pub(super) struct Assembly {
    geometry: Geometry,
    /// The message from `taken` on. Bytes that have not arrived are unspecified.
    bytes: BytesMut,
    /// The number of bytes that were taken before the message was complete.
    taken: usize,
    /// A bit for each fragment. The bits beyond the last fragment are not set.
    arrived: Vec<u64>,
    /// The number of fragments that have arrived.
    count: u32,
    /// The first fragment that has not arrived.
    first_missing: u32,
}

impl Assembly {
    /// The memory that a message takes: its bytes, and a bit for each fragment.
    pub(super) fn cost(geometry: Geometry) -> usize {
        (geometry.len as usize).saturating_add(Self::words(geometry) * size_of::<u64>())
    }

    /// The number of words for the bits of all fragments.
    fn words(geometry: Geometry) -> usize {
        geometry.count().div_ceil(WORD) as usize
    }

    pub(super) fn new(geometry: Geometry) -> Self {
        Self {
            geometry,
            bytes: BytesMut::zeroed(geometry.len as usize),
            taken: 0,
            arrived: vec![0; Self::words(geometry)],
            count: 0,
            first_missing: 0,
        }
    }

    pub(super) fn geometry(&self) -> Geometry {
        self.geometry
    }

    #[inline]
    pub(super) fn contains(&self, index: u32) -> bool {
        self.arrived[(index / WORD) as usize] & (1 << (index % WORD)) != 0
    }

    /// The place for the bytes of a fragment that has not arrived. Writing to it does not mark the
    /// fragment as arrived.
    #[inline]
    pub(super) fn place(&mut self, index: u32) -> &mut [u8] {
        let Range { start, end } = self.geometry.range(index);
        &mut self.bytes[start - self.taken..end - self.taken]
    }

    /// Whether a fragment that has arrived differs from these bytes. Bytes that were taken cannot
    /// be compared any more.
    pub(super) fn differs(&self, index: u32, copy: &[u8]) -> bool {
        let Range { start, end } = self.geometry.range(index);
        start >= self.taken && self.bytes[start - self.taken..end - self.taken] != *copy
    }

    /// Marks a fragment as arrived. It was missing, and its bytes are in their place now.
    #[inline]
    pub(super) fn arrive(&mut self, index: u32) {
        self.arrived[(index / WORD) as usize] |= 1 << (index % WORD);
        self.count += 1;
        if index == self.first_missing {
            self.first_missing = self.next(index, false);
        }
    }

    /// The first fragment from `index` on that has arrived, or that has not. Returns the number of
    /// fragments if there is none.
    fn next(&self, index: u32, arrived: bool) -> u32 {
        let count = self.geometry.count();
        let flip = if arrived { 0 } else { u64::MAX };
        let mut at = index;
        while at < count {
            let word = (self.arrived[(at / WORD) as usize] ^ flip) >> (at % WORD);
            if word != 0 {
                return (at + word.trailing_zeros()).min(count);
            }
            at = (at / WORD + 1).saturating_mul(WORD);
        }
        count
    }

    /// The number of fragments that have arrived.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    #[inline]
    pub(super) fn is_complete(&self) -> bool {
        self.count == self.geometry.count()
    }

    /// Whether a part of the message was taken.
    pub(super) fn is_taken_from(&self) -> bool {
        self.taken > 0
    }

    /// Takes the bytes that have arrived without a gap, after those that were taken before.
    pub(super) fn take_prefix(&mut self) -> Option<Bytes> {
        let end = self.geometry.range(self.first_missing).start;
        let n = end - self.taken;
        self.taken = end;
        (n > 0).then(|| self.bytes.split_to(n).freeze())
    }

    /// The missing fragments, as ranges of indices in order, with gaps between them.
    pub(super) fn missing(&self) -> impl Iterator<Item = Range<u32>> {
        let mut at = self.first_missing;
        std::iter::from_fn(move || {
            let start = self.next(at, false);
            at = self.next(start, true);
            (start < at).then_some(start..at)
        })
    }

    /// Returns the bytes that were not taken.
    pub(super) fn into_bytes(self) -> Bytes {
        self.bytes.freeze()
    }
}
