//! One message of which fragments are missing.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::header::Geometry;

const WORD: u32 = u64::BITS;

/// The memory of a message, and which of its fragments are in it.
pub(super) struct Assembly {
    geometry: Geometry,
    /// The message from `taken` on. What has not arrived has no meaning.
    bytes: BytesMut,
    /// How much of the message was taken before it was complete.
    taken: usize,
    /// A bit for each fragment. Those beyond the last one are not set.
    arrived: Vec<u64>,
    /// How many fragments have arrived.
    count: u32,
    /// All before this one have arrived.
    first_missing: u32,
}

impl Assembly {
    /// What the message takes in memory: its bytes, and a bit for each fragment.
    pub(super) fn cost(geometry: Geometry) -> usize {
        (geometry.len as usize).saturating_add(Self::words(geometry) * size_of::<u64>())
    }

    /// How many words the bits of all fragments take.
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

    /// Where the bytes of a fragment belong that has not arrived. It still has not, whatever is
    /// written there.
    #[inline]
    pub(super) fn place(&mut self, index: u32) -> &mut [u8] {
        let Range { start, end } = self.geometry.range(index);
        &mut self.bytes[start - self.taken..end - self.taken]
    }

    /// Whether a fragment that has arrived has other bytes than these. What was taken is not known
    /// any more.
    pub(super) fn differs(&self, index: u32, copy: &[u8]) -> bool {
        let Range { start, end } = self.geometry.range(index);
        start >= self.taken && self.bytes[start - self.taken..end - self.taken] != *copy
    }

    /// The bytes of a fragment, which had not arrived, are in their place.
    #[inline]
    pub(super) fn arrive(&mut self, index: u32) {
        self.arrived[(index / WORD) as usize] |= 1 << (index % WORD);
        self.count += 1;
        if index == self.first_missing {
            self.first_missing = self.next(index, false);
        }
    }

    /// The first fragment from `index` on that has arrived, or has not; or their number.
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

    /// How many fragments have arrived.
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

    /// What has arrived without a gap behind what was taken before.
    pub(super) fn take_prefix(&mut self) -> Option<Bytes> {
        let end = self.geometry.range(self.first_missing).start;
        let n = end - self.taken;
        self.taken = end;
        (n > 0).then(|| self.bytes.split_to(n).freeze())
    }

    /// The fragments that have not arrived, as ranges of indices in order, no two of which touch.
    pub(super) fn missing(&self) -> impl Iterator<Item = Range<u32>> {
        let mut at = self.first_missing;
        std::iter::from_fn(move || {
            let start = self.next(at, false);
            at = self.next(start, true);
            (start < at).then_some(start..at)
        })
    }

    /// What was not taken of the message.
    pub(super) fn into_bytes(self) -> Bytes {
        self.bytes.freeze()
    }
}
