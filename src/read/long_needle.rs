//! Searching for long needles, where scanning the length of the needle again for each new byte
//! would cost too much.

use std::ops::Range;

use memchr::memchr;

/// The state of a Knuth-Morris-Pratt search, which looks at each byte once: how much of the needle
/// the last bytes match.
///
/// Only the beginning of the needle that was compared with bytes is stored. A search for another
/// needle with the same length and the same beginning would have had the same result, so the state
/// holds for that needle too. So time and memory depend on how much of the needle has matched, not
/// on its length.
pub(super) struct LongNeedle {
    len: usize,
    /// The beginning of the needle, as far as it was compared.
    known: Vec<u8>,
    /// At `i`, the length of the longest proper prefix of the needle that is also a suffix of its
    /// first `i + 1` bytes.
    borders: Vec<usize>,
    /// How many bytes of the needle match right after `clean`.
    matched: usize,
}

impl LongNeedle {
    pub(super) fn new(len: usize) -> Self {
        Self { len, known: Vec::new(), borders: Vec::new(), matched: 0 }
    }

    /// Whether this state is valid for `needle`.
    #[inline]
    pub(super) fn is(&self, needle: &[u8]) -> bool {
        self.len == needle.len() && needle.starts_with(&self.known)
    }

    /// The position of the first needle that starts at `from` or later. `bytes` start at the
    /// position `base <= from`. The needle does not start in `clean`.
    pub(super) fn find(
        &mut self,
        clean: &mut Range<usize>,
        bytes: &[u8],
        base: usize,
        from: usize,
        needle: &[u8],
    ) -> Option<usize> {
        let touches = clean.start <= from && from <= clean.end;
        let scanned = clean.end + self.matched;
        let (resume, before) = if touches {
            (scanned, self.matched)
        } else if clean.end < from && from <= scanned {
            (scanned, self.shorter(self.matched, scanned - from))
        } else {
            (from, 0)
        };
        let (looked_at, matched) = self.scan(before, &bytes[resume - base..], needle);
        let at = resume + looked_at - matched;
        if touches {
            (clean.end, self.matched) = (at, matched);
        } else if at >= clean.end {
            (*clean, self.matched) = (from..at, matched);
        }
        (matched == self.len).then_some(at)
    }

    /// Scans `bytes` up to the end of the needle, of which `matched` bytes precede `bytes`. Returns
    /// how many bytes were scanned and how much of the needle matches at their end.
    fn scan(&mut self, mut matched: usize, bytes: &[u8], needle: &[u8]) -> (usize, usize) {
        let mut at = 0;
        while at < bytes.len() && matched < self.len {
            if matched == self.known.len() {
                self.learn(needle[matched]);
            }
            if matched == 0 {
                match memchr(self.known[0], &bytes[at..]) {
                    Some(skipped) => (at, matched) = (at + skipped + 1, 1),
                    None => at = bytes.len(),
                }
            } else if bytes[at] == self.known[matched] {
                (at, matched) = (at + 1, matched + 1);
            } else {
                matched = self.borders[matched - 1];
            }
        }
        (at, matched)
    }

    /// Stores the next byte of the needle and its border.
    fn learn(&mut self, byte: u8) {
        let mut border = self.borders.last().copied().unwrap_or(0);
        while border > 0 && self.known[border] != byte {
            border = self.borders[border - 1];
        }
        // The first byte has no proper prefix.
        if !self.known.is_empty() && self.known[border] == byte {
            border += 1;
        }
        self.known.push(byte);
        self.borders.push(border);
    }

    /// The longest prefix of the needle of up to `most` bytes that is a suffix of its first
    /// `matched` bytes.
    fn shorter(&self, mut matched: usize, most: usize) -> usize {
        while matched > most {
            matched = self.borders[matched - 1];
        }
        matched
    }

    /// Shifts the state after the first `n` bytes were consumed.
    pub(super) fn consume(&mut self, clean: &mut Range<usize>, n: usize) {
        let scanned = (clean.end + self.matched).saturating_sub(n);
        self.matched = self.shorter(self.matched, scanned);
        *clean = clean.start.saturating_sub(n)..scanned - self.matched;
        if scanned == 0 {
            // All scanned bytes are gone, so the stored beginning of the needle is of no more use.
            self.known.clear();
            self.borders.clear();
        }
    }
}
