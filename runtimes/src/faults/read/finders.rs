//! Finders of all kinds, those that contradict themselves included, and what they have to be shown.

use std::{panic::resume_unwind, rc::Rc};

use futures_handoff::{Delimiter, Found, FrameFinder, LengthPrefix};

use super::{
    calls::{NEEDLES, position},
    input::{Planned, Said, Told},
    ledger::Ledger,
};
use crate::faults::{choices::Choices, scale::Scale};

/// How no frame begins for a finder that rejects.
const REJECTED: u8 = b'a';

/// What a frame is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Frame {
    Needle(&'static [u8]),
    Length {
        width: usize,
        little_endian: bool,
    },
    Fixed(usize),
    /// That long, unless it begins with [`REJECTED`].
    Picky(usize),
    /// As long as nobody can have read.
    Beyond(usize),
}

impl Frame {
    pub(super) fn random(choices: &Choices) -> Self {
        match choices.below(10) {
            0..=3 => Self::Needle(choices.of(NEEDLES)),
            4..=6 => Self::Length { width: choices.of([1, 2, 4, 8]), little_endian: choices.once_in(2) },
            7 => Self::Fixed(1 + choices.below(12)),
            8 => Self::Picky(1 + choices.below(12)),
            _ => Self::Beyond(choices.below(2)),
        }
    }

    /// Where the first frame ends as far as the bytes tell, which may be behind the last of them.
    pub(super) fn end(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Needle([]) => None,
            Self::Needle(needle) => position(bytes, needle).map(|at| at + needle.len()),
            Self::Length { width, little_endian } => {
                let mut header = bytes.get(..width)?.to_vec();
                if little_endian {
                    header.reverse();
                }
                let length = header.iter().fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
                Some(usize::try_from(length).map_or(usize::MAX, |length| length.saturating_add(width)))
            }
            Self::Fixed(n) => (!bytes.is_empty()).then_some(n),
            Self::Picky(n) => bytes.first().is_some_and(|first| *first != REJECTED).then_some(n),
            Self::Beyond(_) => None,
        }
    }

    /// How many bytes of a frame there have to be before any of them is told apart.
    pub(super) fn header(self) -> usize {
        if let Self::Length { width, .. } = self { width } else { 1 }
    }

    /// What a finder says of these bytes that cannot be.
    pub(super) fn contradiction(self, bytes: &[u8]) -> Option<usize> {
        match self {
            _ if bytes.is_empty() => None,
            Self::Needle([]) => Some(0),
            Self::Beyond(0) => Some(0),
            Self::Beyond(more) => Some(bytes.len() + more),
            _ => None,
        }
    }

    /// Whether a finder says that no frame begins with these bytes.
    pub(super) fn rejects(self, bytes: &[u8]) -> bool {
        matches!(self, Self::Picky(_)) && bytes.first() == Some(&REJECTED)
    }

    fn finder(self, choices: &Choices) -> Box<dyn FrameFinder> {
        match self {
            Self::Needle(needle) => Box::new(Delimiter::new(needle)),
            Self::Length { width: 1, .. } => Box::new(LengthPrefix::u8()),
            Self::Length { width: 2, little_endian: false } => Box::new(LengthPrefix::u16_be()),
            Self::Length { width: 2, .. } => Box::new(LengthPrefix::u16_le()),
            Self::Length { width: 4, little_endian: false } => Box::new(LengthPrefix::u32_be()),
            Self::Length { width: 4, .. } => Box::new(LengthPrefix::u32_le()),
            Self::Length { little_endian: false, .. } => Box::new(LengthPrefix::u64_be()),
            Self::Length { .. } => Box::new(LengthPrefix::u64_le()),
            Self::Fixed(n) => {
                let need = if choices.once_in(3) { 0 } else { n };
                Box::new(
                    move |bytes: &[u8], _| {
                        if bytes.len() < n { Found::Need(need) } else { Found::Frame(n) }
                    },
                )
            }
            Self::Picky(n) => Box::new(move |bytes: &[u8], _| match bytes[0] {
                REJECTED => Found::Reject("planned"),
                _ => Found::Length(n),
            }),
            Self::Beyond(0) => Box::new(|_: &[u8], _| Found::Frame(0)),
            Self::Beyond(more) => Box::new(move |bytes: &[u8], _| Found::Frame(bytes.len() + more)),
        }
    }
}

/// A finder that looks at what it is shown.
pub(super) struct Finder {
    inner: Box<dyn FrameFinder>,
    /// `None` also where it does not say so.
    needle: Option<&'static [u8]>,
    /// What it was shown of this frame.
    seen: Vec<u8>,
    /// It panics after so many looks.
    looks: usize,
    told: Rc<Told>,
    scale: Scale,
}

impl Finder {
    pub(super) fn new(frame: Frame, ledger: &Ledger) -> Self {
        let choices = &ledger.choices;
        let needle = match frame {
            Frame::Needle(needle) if needle.is_empty() || choices.below(3) < 2 => Some(needle),
            _ => None,
        };
        let looks = if choices.once_in(12) { choices.below(4) } else { usize::MAX };
        let (told, scale) = (Rc::clone(&ledger.told), ledger.scale.clone());
        Self { inner: frame.finder(choices), needle, seen: Vec::new(), looks, told, scale }
    }

    fn look(&mut self, bytes: &[u8], searched: usize) -> Result<Found, String> {
        if bytes.is_empty() {
            return Err("a finder was shown nothing".into());
        }
        if searched != self.seen.len() || !bytes.starts_with(&self.seen) {
            return Err(format!("a finder was shown {} bytes before, and not {searched}", self.seen.len()));
        }
        let found = self.inner.find_frame(bytes, searched);
        let whole = matches!(found, Found::Frame(n) | Found::Length(n) if n <= bytes.len());
        self.seen = if whole { Vec::new() } else { bytes.to_vec() };
        Ok(found)
    }
}

impl FrameFinder for Finder {
    fn find_frame(&mut self, bytes: &[u8], searched: usize) -> Found {
        if self.looks == 0 {
            self.told.said.set(Said::Panicked);
            resume_unwind(Box::new(Planned));
        }
        self.looks -= 1;
        let scale = self.scale.clone();
        let looked = scale.outside(|| self.look(bytes, searched));
        looked.unwrap_or_else(|finding| panic!("{finding}"))
    }

    fn needle(&self) -> Option<&[u8]> {
        self.needle
    }
}
