//! How much to ask a reader for, and whether to ask again.

use super::config::HandoffBufferConfig;

/// Calls in a row that read no more than half the read size, after which it is halved.
const LEAN_CALLS: u8 = 4;
/// The most full calls to wait for before the read size is doubled, where doubling it proved wrong
/// before.
const PATIENCE_MAX: u8 = 64;
/// Once in so many short reads the reader is asked again even if that did not pay lately.
const PROBE_EVERY: u8 = 64;
/// The least that is initialised at a time, unless the read size is smaller.
const STEP_MIN: usize = 4 * 1024;
/// What a quiet buffer may keep, unless it was told to read more at a time.
const REST: usize = 64 * 1024;
/// A block that has so many times what is needed is much too large...
const ROOMY: usize = 4;
/// ...and makes way for a smaller one if that was so for this many reads in a row.
const ROOMY_READS: u8 = 16;
/// Values of the two-bit counter: it starts at the lowest that asks again.
const ASKS: u8 = 2;
const SURE: u8 = 3;

/// What past reads say about the next one.
pub(super) struct Pace {
    min: usize,
    max: usize,
    size: usize,
    /// Calls in a row that read no more than half of `size`.
    lean: u8,
    /// Calls that read all of `size` since the last lean one.
    full: u8,
    /// How many of those it takes to double `size`: few, unless arrivals of one size keep filling
    /// one read size and half of the next.
    patience: u8,
    /// `size` was doubled and has not been filled yet.
    grown: bool,
    /// What was read into the last offer.
    last: usize,
    /// What a quiet buffer may keep.
    keep: usize,
    /// Reads in a row for which the block was much too large.
    roomy: u8,
    /// Whether asking again after a short read pays.
    pub(super) habit: Habit,
}

/// Whether asking a reader again after a short read pays: a saturating two-bit counter.
#[derive(Clone, Copy)]
pub(super) struct Habit {
    pays: u8,
    /// Short reads since the reader was last asked again.
    skipped: u8,
}

impl Habit {
    /// Whether to ask the reader again.
    #[inline]
    pub(super) fn asks_again(&mut self) -> bool {
        self.pays >= ASKS || self.probes()
    }

    /// Now and then it is asked even if that did not pay lately.
    fn probes(&mut self) -> bool {
        self.skipped += 1;
        let probe = self.skipped == PROBE_EVERY;
        if probe {
            self.skipped = 0;
        }
        probe
    }

    /// Asking again brought bytes, or nothing yet.
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

    /// The read to ask for.
    #[inline]
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// How much memory to initialise for a read: not much more than the last one used, so that a
    /// quiet connection with a large block touches little of it. A fixed size is a promise and not
    /// split up.
    pub(super) fn step(&self) -> usize {
        if self.min == self.max { self.size } else { self.last.saturating_mul(2).max(STEP_MIN) }
    }

    /// Whether a read of `n` bytes, if it filled what it was offered, was as large as reads are
    /// meant to be.
    #[inline]
    pub(super) fn is_worth(&self, n: usize) -> bool {
        n >= self.size - self.size / 4
    }

    /// Reads into one offer brought `n` bytes.
    #[inline]
    pub(super) fn read(&mut self, n: usize) {
        self.last = n;
    }

    /// One call for at most `limit` bytes brought `total`; `filled` if a read filled an offer close
    /// to `size`. Returns whether that made `size` smaller.
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
        // Nothing beyond what is asked for in one call is worth a larger read.
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

    /// What a quiet buffer may keep.
    #[inline]
    pub(super) fn keep(&self) -> usize {
        self.keep
    }

    /// The largest block that a buffer may keep while it needs so much.
    pub(super) fn bound(&self, needed: usize) -> usize {
        self.keep.max(needed.saturating_mul(ROOMY))
    }

    /// Notes whether the block is much too large for one more read. Returns whether it has been for
    /// long enough.
    pub(super) fn is_roomy(&mut self, roomy: bool) -> bool {
        self.roomy = if roomy { self.roomy.saturating_add(1) } else { 0 };
        let long = self.roomy >= ROOMY_READS;
        if long {
            self.roomy = 0;
        }
        long
    }

    /// So many reads were made into the block as it is.
    pub(super) fn stays_roomy(&mut self, reads: usize) {
        if self.roomy > 0 {
            self.roomy = self.roomy.saturating_add(u8::try_from(reads).unwrap_or(u8::MAX));
        }
    }

    /// The connection has gone quiet: start again from no more than a quiet buffer may keep.
    pub(super) fn rest(&mut self) {
        self.size = self.size.min(REST).max(self.min);
    }

    /// Memory is short: start again from the smallest read.
    pub(super) fn retreat(&mut self) {
        self.size = self.min;
    }
}
