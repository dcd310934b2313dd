//! The finders that frames are cut with.

use arbitrary::Arbitrary;
use futures_handoff::{Delimiter, Found, FrameFinder, LengthPrefix};

/// A kind of frames.
#[derive(Debug, Clone, Arbitrary)]
pub(super) enum Kind {
    /// Frames that end with these bytes.
    Delimiter {
        needle: Vec<u8>,
        /// The buffer does not know the needle, so the finder searches for it.
        hidden: bool,
    },
    /// Frames that begin with their length.
    Length(Width),
    /// Frames of this many bytes, which the finder requests only if `announced`.
    Fixed { len: u8, announced: bool },
}

/// The kinds of length prefixes.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) enum Width {
    U8,
    U16Be,
    U16Le,
    U32Be,
    U32Le,
    U64Be,
    U64Le,
}

impl Width {
    fn prefix(self) -> LengthPrefix {
        match self {
            Self::U8 => LengthPrefix::big_endian(1),
            Self::U16Be => LengthPrefix::big_endian(2),
            Self::U16Le => LengthPrefix::little_endian(2),
            Self::U32Be => LengthPrefix::big_endian(4),
            Self::U32Le => LengthPrefix::little_endian(4),
            Self::U64Be => LengthPrefix::big_endian(8),
            Self::U64Le => LengthPrefix::little_endian(8),
        }
    }
}

/// A finder that also checks its arguments.
#[derive(Debug)]
pub(super) struct Checked<'a> {
    kind: &'a Kind,
    /// How many bytes of this frame it has seen.
    shown: usize,
}

impl<'a> Checked<'a> {
    pub(super) fn new(kind: &'a Kind) -> Self {
        Self { kind, shown: 0 }
    }
}

impl FrameFinder for Checked<'_> {
    fn find_frame(&mut self, buffered: &[u8], searched: usize) -> Found {
        assert!(!buffered.is_empty(), "it was shown nothing");
        assert!(searched == 0 || searched == self.shown, "it was shown {} and not {searched}", self.shown);
        let found = match self.kind {
            Kind::Delimiter { needle, .. } => Delimiter::new(needle).find_frame(buffered, searched),
            Kind::Length(width) => width.prefix().find_frame(buffered, searched),
            Kind::Fixed { len, .. } if buffered.len() >= usize::from(*len) => Found::Frame(usize::from(*len)),
            Kind::Fixed { len, announced: true } => Found::Need(usize::from(*len)),
            Kind::Fixed { .. } => Found::Need(0),
        };
        self.shown = if matches!(found, Found::Frame(_)) { 0 } else { buffered.len() };
        found
    }

    fn needle(&self) -> Option<&[u8]> {
        match self.kind {
            Kind::Delimiter { needle, hidden: false } => Some(needle),
            _ => None,
        }
    }
}
