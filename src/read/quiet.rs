//! Letting memory go that was needed for large messages, and no longer is.

use super::buffer::HandoffBuffer;

impl HandoffBuffer {
    /// The reader has nothing: lets memory go that a quiet connection need not keep.
    #[inline]
    pub(crate) fn rest(&mut self) {
        if self.is_empty() && self.reserved == 0 {
            self.storage.rest(self.pace.keep());
            self.pace.rest();
        } else {
            self.rest_in_use();
        }
    }

    /// As [`rest`](Self::rest), but unread bytes and room that was asked for stay.
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

    /// Before a read, perhaps toward `goal` unread bytes: lets memory go that was not needed for
    /// many reads. The reader may always have something, so that there is no other time for it.
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
