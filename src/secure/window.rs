//! The numbers of packets that were received before.

const WORD: u64 = u64::BITS as u64;
const WORDS: usize = 64;
/// How far a packet may be behind the newest one: 4,032. One word is cleared ahead for later
/// numbers ([RFC 6479](https://www.rfc-editor.org/rfc/rfc6479)).
pub(super) const WINDOW: u64 = (WORDS as u64 - 1) * WORD;

/// Records which numbers up to the newest one were seen.
pub(super) struct Window {
    /// 0 before the first number. The bit of 0 is not set then.
    newest: u64,
    /// A bit for each number, at the number modulo the size.
    seen: [u64; WORDS],
}

impl Window {
    pub(super) fn new() -> Self {
        Self { newest: 0, seen: [0; WORDS] }
    }

    /// Whether a packet with this number has certainly not been seen.
    #[inline]
    pub(super) fn is_new(&self, number: u64) -> bool {
        number > self.newest
            || self.newest - number <= WINDOW
                && self.seen[Self::word(number / WORD)] & (1 << (number % WORD)) == 0
    }

    /// Records that a packet with this number was genuine and new.
    #[inline]
    pub(super) fn see(&mut self, number: u64) {
        if number > self.newest {
            // The words between the newest number and this one hold numbers that are too old now.
            // This may be all words.
            let (newest, word) = (self.newest / WORD, number / WORD);
            for word in (newest + 1).max(word.saturating_sub(WORDS as u64 - 1))..=word {
                self.seen[Self::word(word)] = 0;
            }
            self.newest = number;
        }
        self.seen[Self::word(number / WORD)] |= 1 << (number % WORD);
    }

    #[inline]
    fn word(word: u64) -> usize {
        // Less than `WORDS`.
        usize::try_from(word % WORDS as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
