//! Searches that resume where the last ones stopped.

use std::{mem, ops::Range};

use memchr::{memchr, memmem};

use super::long_needle::LongNeedle;

/// How many needles are remembered besides the last one.
const OTHERS: usize = 3;
/// A longer needle needs an allocation.
const INLINE: usize = 16;
/// A search for a needle of up to this length scans the last bytes again, fewer than the needle
/// has, because the needle may start there. For a longer needle, the state of the search is stored
/// instead.
const SHORT: usize = 64;

enum Needle {
    Inline { bytes: [u8; INLINE], len: u8 },
    Short(Box<[u8]>),
    Long(LongNeedle),
}

impl Needle {
    fn new(needle: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        match (bytes.get_mut(..needle.len()), u8::try_from(needle.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(needle);
                Self::Inline { bytes, len }
            }
            _ if needle.len() <= SHORT => Self::Short(needle.into()),
            _ => Self::Long(LongNeedle::new(needle.len())),
        }
    }

    fn is(&self, needle: &[u8]) -> bool {
        match self {
            Self::Inline { bytes, len } => bytes[..usize::from(*len)] == *needle,
            Self::Short(bytes) => **bytes == *needle,
            Self::Long(long) => long.is(needle),
        }
    }
}

/// A needle, and a range of positions where it does not start.
///
/// Positions count from the first unread byte. Bytes that were read do not change, so the range
/// stays valid. It shifts when bytes are consumed.
struct Known {
    needle: Needle,
    clean: Range<usize>,
}

impl Known {
    fn new(needle: &[u8], from: usize) -> Self {
        Self { needle: Needle::new(needle), clean: from..from }
    }

    #[inline]
    fn is_byte(&self, byte: u8) -> bool {
        matches!(self.needle, Needle::Inline { bytes: [known, ..], len: 1 } if known == byte)
    }

    #[inline]
    fn find_byte(&mut self, bytes: &[u8], base: usize, from: usize, byte: u8) -> Option<usize> {
        let (touches, resume) = self.resume(from);
        let hit = memchr(byte, &bytes[resume - base..]).map(|at| resume + at);
        self.learn(touches, from..hit.unwrap_or(base + bytes.len()));
        hit
    }

    fn find_longer(&mut self, bytes: &[u8], base: usize, from: usize, needle: &[u8]) -> Option<usize> {
        if let Needle::Long(long) = &mut self.needle {
            return long.find(&mut self.clean, bytes, base, from, needle);
        }
        let (touches, resume) = self.resume(from);
        let hit = memmem::find(&bytes[resume - base..], needle).map(|at| resume + at);
        // The last bytes may be the start of a needle whose end has not arrived.
        let end = || resume.max((base + bytes.len() + 1).saturating_sub(needle.len()));
        self.learn(touches, from..hit.unwrap_or_else(end));
        hit
    }

    /// Whether `from` is in or right after the clean range, and where a search from there can
    /// begin.
    #[inline]
    fn resume(&self, from: usize) -> (bool, usize) {
        let touches = self.clean.start <= from && from <= self.clean.end;
        (touches, if touches { self.clean.end } else { from })
    }

    /// Notes that the needle does not start in `clean`. `touches` means that the known range
    /// touches it.
    #[inline]
    fn learn(&mut self, touches: bool, clean: Range<usize>) {
        if touches {
            self.clean.end = clean.end;
        } else if clean.end >= self.clean.end {
            self.clean = clean;
        }
    }

    #[inline]
    fn consume(&mut self, n: usize) {
        if let Needle::Long(long) = &mut self.needle {
            long.consume(&mut self.clean, n);
        } else {
            self.clean = self.clean.start.saturating_sub(n)..self.clean.end.saturating_sub(n);
        }
    }
}

/// What is known about the needles of the last searches.
pub(super) struct Search {
    last: Known,
    /// The needles before `last`, the latest first.
    others: Vec<Known>,
}

impl Search {
    pub(super) fn new() -> Self {
        Self { last: Known::new(&[], 0), others: Vec::new() }
    }

    /// The position of the first `needle` that starts at `from` or later. `bytes` start at the
    /// position `base <= from`.
    #[inline]
    pub(super) fn find(&mut self, bytes: &[u8], base: usize, from: usize, needle: &[u8]) -> Option<usize> {
        match *needle {
            [] => Some(from),
            [byte] => {
                if !self.last.is_byte(byte) {
                    self.recall(needle, from);
                }
                self.last.find_byte(bytes, base, from, byte)
            }
            _ => {
                if !self.last.needle.is(needle) {
                    self.recall(needle, from);
                }
                self.last.find_longer(bytes, base, from, needle)
            }
        }
    }

    /// Makes `needle` the last needle, with what is known about it.
    fn recall(&mut self, needle: &[u8], from: usize) {
        if let Some(at) = self.others.iter().position(|known| known.needle.is(needle)) {
            mem::swap(&mut self.last, &mut self.others[at]);
            self.others[..=at].rotate_right(1);
            return;
        }
        let before = mem::replace(&mut self.last, Known::new(needle, from));
        // The first `last` is the empty needle, which is never searched for.
        if !before.needle.is(&[]) {
            self.others.truncate(OTHERS - 1);
            self.others.insert(0, before);
        }
    }

    /// Shifts all positions after the first `n` bytes were consumed.
    #[inline]
    pub(super) fn consume(&mut self, n: usize) {
        self.last.consume(n);
        for known in &mut self.others {
            known.consume(n);
        }
    }
}
