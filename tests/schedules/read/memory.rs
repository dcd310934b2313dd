//! What a buffer and its frames may keep in memory.

use futures_handoff::HandoffBuffer;

use super::{input::Said, ledger::Ledger};

/// The block that small frames share.
const SMALL_BLOCK: usize = 2048;
/// The longest frame that does.
const SMALL_MAX: usize = 512;
/// What sharing a block costs beside it: the count.
const COUNT: usize = 96;
/// The needle searched for last, and the list of spare blocks.
const LISTS: usize = 512;
/// What the thread notes of a block that is left to it.
const LEFT: usize = 128;
/// What a buffer may keep that has found nothing to read: blocks handed off whole, and its own if
/// the thread's buffers have no use for one so large.
const QUIET: usize = 64 * 1024;
/// The largest block that is left to the thread, and how many and how much of them it keeps.
const POOLED_MAX: usize = 256 * 1024;
const POOL_BLOCKS: usize = 64;
const POOL: usize = 2 * 1024 * 1024;

impl Ledger {
    /// What a frame of `n` bytes may keep.
    pub(super) fn most_of(&self, n: usize) -> usize {
        match n {
            0 => 0,
            n if n <= self.config.small_copy_max().min(SMALL_MAX) => SMALL_BLOCK + COUNT,
            n => 4 * n + COUNT,
        }
    }

    /// Whether the reader had nothing when it was asked last.
    fn is_waiting(&self) -> bool {
        matches!(self.said(), Said::Pending | Said::Stalled) && !self.asked
    }

    /// What a buffer may keep that is quiet, but for blocks in the hands of others.
    fn most_quiet(&self) -> usize {
        QUIET.max(2 * self.config.read_size().start())
    }

    /// A buffer that has found nothing to read keeps no block, unless it is too large to be left to
    /// others.
    pub(super) fn rests(&self, buffer: &HandoffBuffer) {
        let capacity = buffer.capacity();
        // Of a large one, a front may have been handed off.
        let rests = capacity == 0 || self.widest > POOLED_MAX && capacity <= self.most_quiet();
        let quiet = self.is_waiting() && self.unread.is_empty();
        assert!(!quiet || rests, "a block of {capacity} bytes is kept with nothing to read");
    }

    /// Compares what is kept with what may be.
    pub(super) fn weigh(&self) {
        let Some(held) = self.scale.held() else { return };
        let frames: usize = self.kept.iter().map(|kept| kept.most).sum();
        // One is left there each time that a reader has nothing.
        let left = POOL_BLOCKS.min(self.told.pending.get());
        let pool = POOL.min(left * self.widest.min(POOLED_MAX));
        let lists = LISTS + left * 2 * LEFT;
        let other = frames + self.brought + self.beside + pool + SMALL_BLOCK + lists;
        // Blocks that left whole: at least three quarters of each were handed out.
        let spare = |n: &usize| n + n.div_ceil(3) + COUNT;
        let spares: usize = self.largest.iter().take(self.config.spare_blocks()).map(spare).sum();
        let most = (self.most + COUNT + spares + other) as i64;
        trace!(self, "  expected: at most {most} bytes kept in memory, {held} are");
        assert!((0..=most).contains(&held), "{held} bytes are kept in memory, at most {most} may be");
        if self.is_waiting() {
            // A block with so many unread bytes is still growing.
            let block = self.most_quiet().max(4 * self.waits_with.get());
            let most = (block + COUNT * (1 + self.config.spare_blocks()) + other) as i64;
            assert!(held <= most, "{held} bytes are kept with nothing to read, at most {most} may be");
        }
    }
}
