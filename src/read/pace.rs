//! How much a read asks for, and whether to read again.

use super::config::HandoffBufferConfig;

/// This many calls in a row that read at most half of the read size halve it.
const LEAN_CALLS: u8 = 4;
/// The largest number of full calls before the read size is doubled, after earlier doublings were
/// undone.
const PATIENCE_MAX: u8 = 64;
/// If reading again after a short read did not pay lately, it is still tried after one in this many
/// short reads.
const PROBE_EVERY: u8 = 64;
/// The least number of bytes to initialise at a time, unless the read size is smaller.
const STEP_MIN: usize = 4 * 1024;
/// How many bytes a quiet buffer keeps, unless its smallest read size is more than half of this.
const REST: usize = 64 * 1024;
/// A block of more than this many times the needed bytes is much too large.
const ROOMY: usize = 4;
/// A block that was much too large for this many reads in a row is replaced by a smaller one.
const ROOMY_READS: u8 = 16;
/// Values of the two-bit counter. It starts at `ASKS`, the lowest that reads again.
const ASKS: u8 = 2;
const SURE: u8 = 3;

/// What past reads predict about the next one.
pub(super) struct Pace {
    min: usize,
    max: usize,
    size: usize,
    /// Calls in a row that read no more than half of `size`.
    lean: u8,
    /// Calls that read all of `size` since the last lean one.
    full: u8,
    /// How many full calls double `size`. It is 1, and grows if a doubled size is not filled.
    patience: u8,
    /// `size` was doubled and has not been filled yet.
    grown: bool,
    /// How many bytes the last offered room received.
    last: usize,
    /// How many bytes a quiet buffer may keep.
    keep: usize,
    /// Reads in a row for which the block was much too large.
    roomy: u8,
    /// Whether reading again after a short read pays.
    pub(super) habit: Habit,
}

/// Whether reading again after a short read pays: a saturating two-bit counter, as in a branch
/// predictor.
#[derive(Clone, Copy)]
pub(super) struct Habit {
    pays: u8,
    /// Short reads since the last probe, while reading again does not pay.
    skipped: u8,
}

impl Habit {
    /// Whether to poll the reader again after a short read.
    #[inline]
    pub(super) fn asks_again(&mut self) -> bool {
        self.pays >= ASKS || self.probes()
    }

    /// Counts a short read. Returns `true` for one in [`PROBE_EVERY`].
    fn probes(&mut self) -> bool {
        self.skipped += 1;
        let probe = self.skipped == PROBE_EVERY;
        if probe {
            self.skipped = 0;
        }
        probe
    }

    /// Notes that reading again brought bytes (`paid`) or returned `Pending`.
    #[inline]
    pub(super) fn asked_again(&mut self, paid: bool) {
        self.pays = if paid { (self.pays + 1).min(SURE) } else { self.pays.saturating_sub(1) };
    }
}

impl Pace {
    pub(super) fn new(config: &HandoffBufferConfig) -> Self {
        let (min, max) = config.read_size().into_inner();
        Self {
            min,
            max,
            size: min,
            lean: 0,
            full: 0,
            patience: 1,
            grown: false,
            last: 0,
            keep: REST.max(min.saturating_mul(2)),
            roomy: 0,
            habit: Habit { pays: ASKS, skipped: 0 },
        }
    }

    /// The current read size.
    #[inline]
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// How much memory to initialise for a read. It is at most twice what the last read used (or 4
    /// KiB), so that a quiet connection touches little of a large block. A fixed read size is
    /// always offered whole.
    pub(super) fn step(&self) -> usize {
        if self.min == self.max { self.size } else { self.last.saturating_mul(2).max(STEP_MIN) }
    }

    /// Whether a read that filled a room of `n` bytes counts as full: the room was close to the
    /// read size.
    #[inline]
    pub(super) fn is_worth(&self, n: usize) -> bool {
        n >= self.size - self.size / 4
    }

    /// Notes that reads into one offered room brought `n` bytes.
    #[inline]
    pub(super) fn read(&mut self, n: usize) {
        self.last = n;
    }

    /// Adapts `size` after a call with a `limit` that read `total` bytes. `filled` means that a
    /// read filled a room close to `size`. Returns whether `size` became smaller.
    pub(super) fn call(&mut self, total: usize, filled: bool, limit: usize) -> bool {
        let before = self.size;
        if filled || total >= self.size {
            self.full_call(limit);
        } else if total > self.size / 2 {
            self.lean = 0;
        } else {
            self.lean_call();
        }
        self.size < before
    }

    fn full_call(&mut self, limit: usize) {
        self.lean = 0;
        if self.grown {
            self.grown = false;
            self.patience = 1;
        }
        self.full += 1;
        // A read size above the limit of the call would be of no use.
        let doubled = self.size.saturating_mul(2).min(self.max).min(limit);
        if self.full >= self.patience {
            self.full = 0;
            self.grown = doubled > self.size;
            self.size = doubled.max(self.size);
        }
    }

    fn lean_call(&mut self) {
        self.full = 0;
        self.lean += 1;
        if self.lean < LEAN_CALLS {
            return;
        }
        self.lean = 0;
        if self.grown {
            self.grown = false;
            self.patience = self.patience.saturating_mul(4).min(PATIENCE_MAX);
        }
        self.size = (self.size / 2).max(self.min);
    }

    /// How many bytes a quiet buffer may keep.
    #[inline]
    pub(super) fn keep(&self) -> usize {
        self.keep
    }

    /// The largest block that a buffer may keep while it needs `needed` bytes.
    pub(super) fn bound(&self, needed: usize) -> usize {
        self.keep.max(needed.saturating_mul(ROOMY))
    }

    /// Notes before a read whether the block is much too large. Returns `true` if it was for
    /// [`ROOMY_READS`] reads in a row.
    pub(super) fn is_roomy(&mut self, roomy: bool) -> bool {
        self.roomy = if roomy { self.roomy.saturating_add(1) } else { 0 };
        let long = self.roomy >= ROOMY_READS;
        if long {
            self.roomy = 0;
        }
        long
    }

    /// Counts `reads` more reads into a block that is much too large.
    pub(super) fn stays_roomy(&mut self, reads: usize) {
        if self.roomy > 0 {
            self.roomy = self.roomy.saturating_add(u8::try_from(reads).unwrap_or(u8::MAX));
        }
    }

    /// Reduces the read size to what a quiet buffer may keep, because the connection has gone
    /// quiet.
    pub(super) fn rest(&mut self) {
        self.size = self.size.min(REST).max(self.min);
    }

    /// Reduces the read size to the smallest, because memory is short.
    pub(super) fn retreat(&mut self) {
        self.size = self.min;
    }
}
