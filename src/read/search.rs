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
    pub(super) fn find(&mut self, bytes: &[u8], base: usize, from: usize, needle: &[u8]) -> Option<usize> {
        if needle.is_empty() {
            return Some(from);
        }
        if self.needle.as_bytes() != needle {
            *self = Self { needle: Needle::new(needle), clean: from..from };
        }
        let touches = (self.clean.start..=self.clean.end).contains(&from);
        let resume = if touches { self.clean.end } else { from };
        let rest = &bytes[resume - base..];
        let hit = match needle {
            [byte] => memchr(*byte, rest),
            _ => memmem::find(rest, needle),
        };
        let found = hit.map(|at| resume + at);
        // The last bytes may be the start of one that is still to arrive.
        let end = found.unwrap_or_else(|| resume.max((base + bytes.len() + 1).saturating_sub(needle.len())));
        if touches {
            self.clean.end = end;
        } else if end >= self.clean.end {
            self.clean = from..end;
        }
        found
    }

    /// The first `n` bytes were consumed.
    pub(super) fn consume(&mut self, n: usize) {
        self.clean = self.clean.start.saturating_sub(n)..self.clean.end.saturating_sub(n);
    }
}
