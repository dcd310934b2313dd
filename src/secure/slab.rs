//! Short pieces of memory that share blocks.

use std::collections::VecDeque;

use bytes::BytesMut;

/// The size of a block for [`Slab`].
const SLAB: usize = 8 * 1024;
/// The number of used blocks that a [`Slab`] remembers.
const SLABS: usize = 4;
/// The longest piece of a [`Slab`].
pub(super) const SLAB_PIECE_MAX: usize = 1024;

/// Short pieces of memory that share blocks. A piece that is kept keeps its block.
pub(super) struct Slab {
    open: BytesMut,
    has_block: bool,
    /// The ends of used blocks.
    full: VecDeque<BytesMut>,
}

impl Slab {
    pub(super) fn new() -> Self {
        Self { open: BytesMut::new(), has_block: false, full: VecDeque::new() }
    }

    /// Returns `len` initialised bytes, where `len <= SLAB_PIECE_MAX`.
    #[inline]
    pub(super) fn take(&mut self, len: usize) -> BytesMut {
        if self.open.len() < len {
            self.next_block();
        }
        self.open.split_to(len)
    }

    #[cold]
    fn next_block(&mut self) {
        let mut used = std::mem::take(&mut self.open);
        if self.has_block {
            used.clear();
            self.full.push_back(used);
        }
        // Most pieces are dropped in the order in which they were taken.
        if self.full.front_mut().is_some_and(|oldest| oldest.try_reclaim(SLAB)) {
            self.open = self.full.pop_front().unwrap_or_default();
        } else if self.full.len() > SLABS {
            self.full.pop_front();
        }
        self.open.resize(SLAB, 0);
        self.has_block = true;
    }
}

#[cfg(test)]
mod tests {
    use super::{SLAB, Slab};

    #[test]
    fn a_slab_is_used_again_when_all_its_pieces_are_dropped() {
        let mut slab = Slab::new();
        let first = slab.take(1024);
        let at = first.as_ptr();
        let others: Vec<_> = (1..SLAB / 1024).map(|_| slab.take(1024)).collect();
        drop((first, others));
        assert_eq!(slab.take(1024).as_ptr(), at);
    }

    #[test]
    fn a_held_piece_is_never_written_over() {
        let mut slab = Slab::new();
        let mut held = slab.take(4);
        held.copy_from_slice(b"keep");
        for _ in 0..100 {
            slab.take(1000).fill(0xFF);
        }
        assert_eq!(held, "keep");
    }
}
