//! What a buffer and its frames may keep in memory.

use super::{input::Said, ledger::Ledger};

/// The block that small frames share.
const SMALL_BLOCK: usize = 2048;
/// The longest frame that does.
const SMALL_MAX: usize = 512;
/// What sharing a block costs beside it: the count.
const COUNT: usize = 96;
/// The needle searched for last, and the list of spare blocks.
const LISTS: usize = 512;
/// What a buffer may keep that has found nothing to read.
const QUIET: usize = 64 * 1024;

impl Ledger {
    /// What a frame of `n` bytes may keep.
    pub(super) fn most_of(&self, n: usize) -> usize {
        match n {
            0 => 0,
            n if n <= self.config.small_copy_max().min(SMALL_MAX) => SMALL_BLOCK + COUNT,
            n => 4 * n + COUNT,
        }
    }

    /// What the blocks may keep that left whole: at least three quarters of each were handed out.
    fn most_spare(&self) -> usize {
        self.largest.iter().take(self.config.spare_blocks()).map(|n| n + n.div_ceil(3) + COUNT).sum()
    }

    /// Compares what is kept with what may be.
    pub(super) fn weigh(&self) {
        let Some(held) = self.scale.held() else { return };
        let frames: usize = self.kept.iter().map(|kept| kept.most).sum();
        let other = frames + self.brought + SMALL_BLOCK + LISTS;
        let most = (self.most + COUNT + self.most_spare() + other) as i64;
        self.line(|| format!("  expected: at most {most} bytes kept in memory, {held} are"));
        assert!((0..=most).contains(&held), "{held} bytes are kept in memory, at most {most} may be");
        let found_nothing = matches!(self.said(), Said::Pending | Said::Stalled);
        if found_nothing && self.unread.is_empty() {
            let quiet = QUIET.max(2 * self.config.read_size().start()).max(self.asked);
            let most = (quiet + COUNT * (1 + self.config.spare_blocks()) + other) as i64;
            assert!(held <= most, "{held} bytes are kept with nothing to read, at most {most} may be");
        }
    }
}
