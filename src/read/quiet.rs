//! Freeing the memory of large messages once it is no longer needed.

use super::buffer::HandoffBuffer;

impl HandoffBuffer {
    /// Frees the memory that a quiet connection does not need. Called when the reader returns
    /// `Pending`.
    #[inline]
    pub(crate) fn rest(&mut self) {
        if self.is_empty() && self.reserved == 0 {
            self.storage.rest(self.pace.keep());
            self.pace.rest();
        } else {
            self.rest_in_use();
        }
    }

    /// [`rest`](Self::rest) for a buffer with unread bytes or reserved room, which stay.
    #[inline(never)]
    fn rest_in_use(&mut self) {
        let bound = self.pace.bound(self.len() + self.reserved);
        if self.storage.largest() > bound {
            self.pace.rest();
            let target = (self.len() + self.reserved.max(self.pace.size())).min(bound);
            self.storage.shrink(bound, target.min(self.config().max_len()));
        }
        self.storage.trim(bound);
    }

    /// Frees memory that many reads in a row did not need. Called before a read, on the way to
    /// `goal` unread bytes or 0, because a reader that is always ready never lets the buffer
    /// [rest](Self::rest).
    #[inline]
    pub(super) fn shed(&mut self, goal: usize) {
        if self.storage.largest() > self.pace.keep() {
            self.shed_if_long_unused(goal);
        }
    }

    #[inline(never)]
    fn shed_if_long_unused(&mut self, goal: usize) {
        let more = self.pace.size().max(self.reserved);
        let needed = goal.max(self.len() + more);
        let bound = self.pace.bound(needed);
        if self.pace.is_roomy(self.storage.largest() > bound) {
            let none = self.is_empty() && self.reserved == 0;
            self.storage.shrink(bound, if none { 0 } else { needed.min(self.config().max_len()) });
        }
    }
}
