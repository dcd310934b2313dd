//! Blocks of memory that are used again once the bytes handed out from them are dropped.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// The length of a block is a multiple of this.
const UNIT: usize = 4 * 1024;
/// One block is dropped after more than this many calls in a row left a spare block.
const PATIENCE: usize = 64;

/// Initialised blocks of which parts were handed out. Most parts are dropped in the order in which
/// they were handed out.
///
/// A block and its part share memory, so the block is unique again once the part is dropped. The
/// length of a block is its initialised extent, which `try_into_mut` keeps. So memory is cleared
/// only once.
pub(crate) struct Blocks {
    handed_out: VecDeque<Bytes>,
    /// The most blocks to remember.
    max: usize,
    /// At how many calls in a row a spare block was left.
    idle: usize,
}

impl Blocks {
    pub(crate) fn new(max: usize) -> Self {
        Self { handed_out: VecDeque::new(), max: max.max(1), idle: 0 }
    }

    /// A block of at least `len` bytes, and of at most the larger of four times `len` and 4 KiB.
    /// Allocates one if no spare block has such a size.
    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> BytesMut {
        let sizes = len.max(1)..=len.saturating_mul(4).max(UNIT);
        match self.handed_out.front() {
            Some(oldest) if oldest.is_unique() && sizes.contains(&oldest.len()) => {}
            _ => return self.find(len, sizes),
        }
        let block = self.handed_out.pop_front();
        self.trim();
        block.map_or_else(|| new_block(len), recover)
    }

    /// Looks for a spare block behind the oldest, and drops spare blocks of other sizes.
    #[cold]
    fn find(&mut self, len: usize, sizes: std::ops::RangeInclusive<usize>) -> BytesMut {
        self.handed_out.retain(|block| sizes.contains(&block.len()) || !block.is_unique());
        let found = self.handed_out.iter().position(Bytes::is_unique);
        found.and_then(|at| self.handed_out.remove(at)).map_or_else(|| new_block(len), recover)
    }

    /// Drops the blocks of a burst one by one, as later calls leave spare blocks. The block of this
    /// call is already taken.
    fn trim(&mut self) {
        let spare = self.handed_out.front().is_some_and(Bytes::is_unique);
        self.idle = if spare { self.idle + 1 } else { 0 };
        if self.idle > PATIENCE {
            self.idle = 0;
            self.handed_out.pop_front();
        }
    }

    /// Drops all spare blocks but one, because no more blocks are needed for now.
    #[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
    #[inline]
    pub(crate) fn rest(&mut self) {
        if self.handed_out.len() > 1 {
            self.let_go();
        }
    }

    #[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
    #[cold]
    fn let_go(&mut self) {
        let mut kept = false;
        self.handed_out.retain(|block| !block.is_unique() || !std::mem::replace(&mut kept, true));
    }

    /// Hands out the first `len` bytes of a block.
    #[inline]
    pub(crate) fn hand_out(&mut self, block: BytesMut, len: usize) -> Bytes {
        let whole = block.freeze();
        let part = whole.slice(..len);
        if self.handed_out.len() >= self.max {
            self.handed_out.pop_front();
        }
        self.handed_out.push_back(whole);
        part
    }
}

/// Takes back a block that the caller knows to be unique.
#[inline]
fn recover(block: Bytes) -> BytesMut {
    block.try_into_mut().unwrap_or_else(|block| new_block(block.len()))
}

#[cold]
fn new_block(len: usize) -> BytesMut {
    let size = len.max(1).next_multiple_of(UNIT);
    let mut block = BytesMut::zeroed(size + 1);
    // A split makes `bytes` allocate the shared reference count now. It then stays with the block.
    drop(block.split_off(size));
    block
}

#[cfg(test)]
mod tests {
    use super::{Blocks, PATIENCE, UNIT};

    #[test]
    fn a_block_comes_back_with_its_bytes_when_its_part_is_dropped() {
        let mut blocks = Blocks::new(4);
        let mut block = blocks.take(100);
        assert_eq!(block.len(), UNIT);
        block[0] = 7;
        let at = block.as_ptr();
        let part = blocks.hand_out(block, 1);
        assert_eq!(part, [7][..]);
        let other = blocks.take(100);
        assert_ne!(other.as_ptr(), at, "the part is still held");
        drop(part);
        let again = blocks.take(UNIT);
        assert_eq!((again.as_ptr(), again[0], again.len()), (at, 7, UNIT));
    }

    #[test]
    fn a_piece_keeps_no_block_of_more_than_four_times_its_length() {
        let mut blocks = Blocks::new(4);
        let large = blocks.take(64 * 1024);
        drop(blocks.hand_out(large, 1));
        assert_eq!(blocks.take(1000).len(), UNIT);
        assert_eq!(blocks.take(10_000).len(), 12 * 1024);
    }

    #[test]
    fn blocks_of_a_burst_are_given_back_by_and_by() {
        let mut blocks = Blocks::new(16);
        let parts: Vec<_> = (0..16)
            .map(|_| {
                let block = blocks.take(UNIT);
                blocks.hand_out(block, UNIT)
            })
            .collect();
        drop(parts);
        for _ in 0..16 * (PATIENCE + 2) {
            let block = blocks.take(UNIT);
            drop(blocks.hand_out(block, 1));
        }
        assert!(blocks.handed_out.len() <= 2, "{} blocks are left", blocks.handed_out.len());
    }

    #[test]
    fn a_block_of_another_size_is_not_taken_for_one_that_is_given_back() {
        let mut blocks = Blocks::new(4);
        let hand_out = |blocks: &mut Blocks, len| {
            let block = blocks.take(len);
            assert!(block.len() >= len, "a block of {} bytes for {len} bytes", block.len());
            blocks.hand_out(block, len)
        };
        drop((hand_out(&mut blocks, 1), hand_out(&mut blocks, 1)));
        for _ in 0..PATIENCE {
            drop(hand_out(&mut blocks, 1));
        }
        // Two that are held at the same time come back, the longer one first.
        drop((hand_out(&mut blocks, 2 * UNIT), hand_out(&mut blocks, 1)));
        hand_out(&mut blocks, 2 * UNIT);
    }

    #[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
    #[test]
    fn a_rest_leaves_one_block_and_those_that_are_held() {
        let mut blocks = Blocks::new(8);
        let mut parts: Vec<_> = (0..8)
            .map(|_| {
                let block = blocks.take(UNIT);
                blocks.hand_out(block, UNIT)
            })
            .collect();
        parts.truncate(3);
        blocks.rest();
        assert_eq!(blocks.handed_out.len(), 4);
    }

    #[test]
    fn no_more_blocks_are_remembered_than_allowed() {
        let mut blocks = Blocks::new(2);
        let parts: Vec<_> = (0..5)
            .map(|_| {
                let block = blocks.take(1);
                blocks.hand_out(block, 1)
            })
            .collect();
        assert_eq!((parts.len(), blocks.handed_out.len()), (5, 2));
    }
}
