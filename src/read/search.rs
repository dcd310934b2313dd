//! A search that resumes where the last one stopped.

use std::ops::Range;

use memchr::{memchr, memmem};

/// Longer needles need an allocation to be remembered.
const INLINE: usize = 16;

enum Needle {
    Short { bytes: [u8; INLINE], len: usize },
    Long(Vec<u8>),
}

impl Needle {
    fn new(needle: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        match bytes.get_mut(..needle.len()) {
            Some(place) => {
                place.copy_from_slice(needle);
                Self::Short { bytes, len: needle.len() }
            }
            None => Self::Long(needle.to_vec()),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { bytes, len } => &bytes[..*len],
            Self::Long(bytes) => bytes,
        }
    }
}

/// The needle last searched for, and a range of positions at which it is known not to start.
///
/// Positions count from the first unread byte. What was read does not change, so the range stays true; it
/// moves as bytes are consumed.
pub(super) struct Search {
    needle: Needle,
    clean: Range<usize>,
}

impl Search {
    pub(super) fn new() -> Self {
        Self { needle: Needle::new(&[]), clean: 0..0 }
    }

    /// The position of the first `needle` that starts at `from` or later; `bytes` lie at `base <= from` and
    /// later.
    #[inline]
    pub(super) fn find(&mut self, bytes: &[u8], base: usize, from: usize, needle: &[u8]) -> Option<usize> {
        match *needle {
            [byte] => self.find_byte(bytes, base, from, byte),
            _ => self.find_longer(bytes, base, from, needle),
        }
    }

    fn find_byte(&mut self, bytes: &[u8], base: usize, from: usize, byte: u8) -> Option<usize> {
        if !matches!(self.needle, Needle::Short { bytes: [known, ..], len: 1 } if known == byte) {
            *self = Self { needle: Needle::new(&[byte]), clean: from..from };
        }
        let (touches, resume) = self.resume(from);
        let hit = memchr(byte, &bytes[resume - base..]).map(|at| resume + at);
        self.learn(touches, from..hit.unwrap_or(base + bytes.len()));
        hit
    }

    fn find_longer(&mut self, bytes: &[u8], base: usize, from: usize, needle: &[u8]) -> Option<usize> {
        if self.needle.as_bytes() != needle {
            *self = Self { needle: Needle::new(needle), clean: from..from };
        }
        let (touches, resume) = self.resume(from);
        let hit = memmem::find(&bytes[resume - base..], needle).map(|at| resume + at);
        // The last bytes may be the start of one that is still to arrive.
        let end = || resume.max((base + bytes.len() + 1).saturating_sub(needle.len()));
        self.learn(touches, from..hit.unwrap_or_else(end));
        hit
    }

    /// Whether what is known goes on at `from`, and where a search from there can begin.
    #[inline]
    fn resume(&self, from: usize) -> (bool, usize) {
        let touches = self.clean.start <= from && from <= self.clean.end;
        (touches, if touches { self.clean.end } else { from })
    }

    /// There is nothing in `clean`, which `touches` what is known.
    #[inline]
    fn learn(&mut self, touches: bool, clean: Range<usize>) {
        if touches {
            self.clean.end = clean.end;
        } else if clean.end >= self.clean.end {
            self.clean = clean;
        }
    }

    /// The first `n` bytes were consumed.
    pub(super) fn consume(&mut self, n: usize) {
        self.clean = self.clean.start.saturating_sub(n)..self.clean.end.saturating_sub(n);
    }
}
