//! Blocks that were handed out whole, remembered until their consumer has dropped them.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// At most `max` whole blocks, the oldest first.
///
/// The consumer has a slice of each block, so a block is unique again once the consumer has dropped
/// the slice. The length of a block is its initialised extent, which `try_into_mut` keeps.
pub(super) struct Spares {
    blocks: VecDeque<Bytes>,
    max: usize,
    /// No block is longer.
    largest: usize,
}

impl Spares {
    pub(super) fn new(max: usize) -> Self {
        Self { blocks: VecDeque::new(), max, largest: 0 }
    }

    pub(super) fn remember(&mut self, whole: Bytes) {
        if self.max == 0 {
            return;
        }
        if self.blocks.len() == self.max {
            self.blocks.pop_front();
        }
        self.largest = self.largest.max(whole.len());
        self.blocks.push_back(whole);
    }

    /// Takes back a block of at least `capacity` bytes that its consumer has dropped. Forgets
    /// smaller dropped blocks on the way.
    pub(super) fn take_back(&mut self, capacity: usize) -> Option<BytesMut> {
        while let Some(at) = self.blocks.iter().position(Bytes::is_unique) {
            match self.blocks.remove(at)?.try_into_mut() {
                Ok(block) if block.capacity() >= capacity => return Some(block),
                _ => {}
            }
        }
        None
    }

    /// No block is longer than this.
    #[inline]
    pub(super) fn largest(&self) -> usize {
        self.largest
    }

    /// Forgets the blocks that are longer than `len`.
    pub(super) fn forget_larger(&mut self, len: usize) {
        self.blocks.retain(|block| block.len() <= len);
        self.measure();
    }

    /// Forgets the oldest blocks until those left hold at most `budget` bytes.
    #[inline]
    pub(super) fn trim(&mut self, budget: usize) {
        if self.blocks.capacity() > 0 {
            self.forget(budget);
        }
    }

    fn forget(&mut self, budget: usize) {
        let mut held: usize = self.blocks.iter().map(Bytes::len).sum();
        while held > budget {
            held -= self.blocks.pop_front().map_or(held, |block| block.len());
        }
        self.measure();
    }

    fn measure(&mut self) {
        self.largest = self.blocks.iter().map(Bytes::len).max().unwrap_or(0);
        if self.blocks.is_empty() {
            self.blocks = VecDeque::new();
        }
    }
}
