//! Parsers, which consume all or nothing.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bytes::Bytes;
use futures_handoff::ParseCursor;

use super::{
    calls::{NEEDLES, position},
    model::Model,
};
use crate::faults::{choices::Choices, event::Event};

/// How a parser ends that panics on purpose.
struct Planned;

/// What a parser did.
struct Parsed {
    at: usize,
    frames: Vec<(Bytes, Vec<u8>)>,
}

impl Parsed {
    fn step(&mut self, choices: &Choices, cursor: &mut ParseCursor<'_>, content: &[u8]) {
        let left = content.len() - self.at;
        let n = if choices.once_in(8) { left + 1 } else { choices.below(left + 1) };
        match choices.below(4) {
            0 => {
                assert_eq!(cursor.advance(n).is_ok(), n <= left, "to advance by {n} of {left}");
                self.at += if n <= left { n } else { 0 };
            }
            1 => match cursor.take(n) {
                Ok(frame) => {
                    assert_eq!(frame, content[self.at..self.at + n], "what was taken");
                    self.frames.push((frame, content[self.at..self.at + n].to_vec()));
                    self.at += n;
                }
                Err(error) => {
                    assert_eq!((error.requested, error.available, n > left), (n, left, true), "{error}");
                }
            },
            2 => {
                let needle = choices.of(NEEDLES);
                let expected = position(&content[self.at..], needle);
                assert_eq!(cursor.find(needle), expected, "where {needle:?} is");
            }
            _ => {
                cursor.advance_all();
                self.at = content.len();
            }
        }
        assert_eq!(cursor.remaining(), &content[self.at..], "what remains");
        assert_eq!((cursor.consumed(), cursor.len()), (self.at, content.len() - self.at), "the lengths");
        assert_eq!(cursor.is_empty(), self.at == content.len(), "whether it is empty");
    }
}

impl Model {
    pub(super) fn parse(&mut self) {
        let steps = self.choices.below(6);
        let end = self.choices.below(4);
        self.event(Event::Parse, || format!("{steps} steps"));
        let (choices, content) = (&self.choices, &self.unread);
        let mut parsed = Parsed { at: 0, frames: Vec::new() };
        let result = catch_unwind(AssertUnwindSafe(|| {
            self.buffer.parse(|cursor| {
                for _ in 0..steps {
                    parsed.step(choices, cursor, content);
                }
                match end {
                    2 => Err(()),
                    3 => resume_unwind(Box::new(Planned)),
                    _ => Ok(()),
                }
            })
        }));
        self.kept.extend(parsed.frames);
        match result {
            Ok(Ok(())) => {
                assert!(end < 2, "a parser that failed succeeded");
                self.leave(parsed.at);
            }
            Ok(Err(())) => self.event(Event::ParseUndone, String::new),
            Err(panic) if panic.is::<Planned>() => self.event(Event::ParsePanic, String::new),
            Err(finding) => resume_unwind(finding),
        }
    }
}
