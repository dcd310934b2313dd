//! Needles so long that a search cannot afford to step back by their length whenever a byte
//! arrives.

use std::ops::Range;

use memchr::memchr;

/// How much of a needle the last bytes searched match, and what it takes to go on from there: the
/// search of Knuth, Morris and Pratt, which looks at each byte once.
///
/// Of the needle only the beginning is kept that any byte was compared with. A search for another
/// needle of the same length and beginning would have gone the same way, so all that is known is
/// true of that one, too. So time and memory depend on how much of the needle was met, and not on
/// its length.
pub(super) struct LongNeedle {
    len: usize,
    /// The beginning of the needle, as far as it was compared.
    known: Vec<u8>,
    /// The length of the longest true prefix of the needle that ends its first `i + 1` bytes.
    borders: Vec<usize>,
    /// This much of the needle lies behind the positions at which it is known not to start.
    matched: usize,
}

impl LongNeedle {
    pub(super) fn new(len: usize) -> Self {
        Self { len, known: Vec::new(), borders: Vec::new(), matched: 0 }
    }

    /// Whether what is known of the one is known of the other.
    #[inline]
    pub(super) fn is(&self, needle: &[u8]) -> bool {
        self.len == needle.len() && needle.starts_with(&self.known)
    }

    /// The position of the first needle that starts at `from` or later; `bytes` lie at `base <=
    /// from` and later. It is known not to start in `clean`.
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

    /// Goes through `bytes`, up to the end of a needle of which `matched` bytes lie before them.
    /// Returns how many it looked at and how much of the needle lies at the end of these.
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

    /// The next byte of the needle.
    fn learn(&mut self, byte: u8) {
        let mut border = self.borders.last().copied().unwrap_or(0);
        while border > 0 && self.known[border] != byte {
            border = self.borders[border - 1];
        }
        // The first byte is no true prefix of itself.
        if !self.known.is_empty() && self.known[border] == byte {
            border += 1;
        }
        self.known.push(byte);
        self.borders.push(border);
    }

    /// The most of the needle, up to `most` bytes, that ends with the same byte as its first
    /// `matched` ones.
    fn shorter(&self, mut matched: usize, most: usize) -> usize {
        while matched > most {
            matched = self.borders[matched - 1];
        }
        matched
    }

    /// The first `n` bytes were consumed.
    pub(super) fn consume(&mut self, clean: &mut Range<usize>, n: usize) {
        let scanned = (clean.end + self.matched).saturating_sub(n);
        self.matched = self.shorter(self.matched, scanned);
        *clean = clean.start.saturating_sub(n)..scanned - self.matched;
        if scanned == 0 {
            // Nothing is known any more. What was met of the needle would only be compared in vain.
            self.known.clear();
            self.borders.clear();
        }
    }
}
