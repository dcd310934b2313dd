//! Parsers, which consume all or nothing behind their last checkpoint.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bytes::Bytes;
use futures_handoff::ParseCursor;

use super::{
    calls::{NEEDLES, position},
    input::Planned,
    model::Model,
};
use crate::faults::{choices::Choices, event::Event, scale::Scale};

/// What a parser did.
struct Parsed<'a> {
    choices: &'a Choices,
    scale: &'a Scale,
    at: usize,
    /// What is consumed whatever becomes of the parser.
    checked: usize,
    frames: Vec<(Bytes, Vec<u8>)>,
}

impl Parsed<'_> {
    fn below(&self, n: usize) -> usize {
        self.scale.outside(|| self.choices.below(n))
    }

    fn step(&mut self, cursor: &mut ParseCursor<'_>, content: &[u8]) {
        let left = content.len() - self.at;
        let n = if self.below(8) == 7 { left + 1 } else { self.below(left + 1) };
        match self.below(5) {
            0 => {
                assert_eq!(cursor.advance(n).is_ok(), n <= left, "to advance by {n} of {left}");
                self.at += if n <= left { n } else { 0 };
            }
            1 => match cursor.take(n) {
                Ok(frame) => {
                    assert_eq!(frame, content[self.at..self.at + n], "what was taken");
                    let (at, frames) = (self.at, &mut self.frames);
                    self.scale.outside(|| frames.push((frame, content[at..at + n].to_vec())));
                    self.at += n;
                }
                Err(error) => {
                    assert_eq!((error.requested, error.available, n > left), (n, left, true), "{error}");
                }
            },
            2 => {
                let needle = NEEDLES[self.below(NEEDLES.len())];
                let expected = position(&content[self.at..], needle);
                assert_eq!(cursor.find(needle), expected, "where {needle:?} is");
            }
            3 => {
                cursor.checkpoint();
                self.checked = self.at;
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
        let Self { buffer, ledger, .. } = self;
        let steps = ledger.choices.below(6);
        let end = ledger.choices.below(4);
        ledger.event(Event::Parse, || format!("{steps} steps"));
        let content = &ledger.unread;
        let mut parsed =
            Parsed { choices: &ledger.choices, scale: &ledger.scale, at: 0, checked: 0, frames: Vec::new() };
        let result = ledger.scale.inside(|| {
            let parse = AssertUnwindSafe(|| {
                buffer.parse(|cursor| {
                    for _ in 0..steps {
                        parsed.step(cursor, content);
                    }
                    match end {
                        2 => Err(()),
                        3 => resume_unwind(Box::new(Planned)),
                        _ => Ok(()),
                    }
                })
            });
            catch_unwind(parse).map_err(|panic| (!panic.is::<Planned>()).then_some(panic))
        });
        let Parsed { at, checked, frames, .. } = parsed;
        for (frame, content) in frames {
            ledger.keep(frame, content);
        }
        match result {
            Ok(Ok(())) => {
                assert!(end < 2, "a parser that failed succeeded");
                ledger.leave(at);
                return;
            }
            Ok(Err(())) => ledger.event(Event::ParseUndone, String::new),
            Err(None) => ledger.event(Event::ParsePanic, String::new),
            Err(Some(finding)) => resume_unwind(finding),
        }
        ledger.leave(checked);
    }
}
