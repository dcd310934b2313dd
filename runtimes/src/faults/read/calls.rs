//! The calls, and what each must do.

use std::pin::{Pin, pin};

use futures_handoff::{Filled, ReadError, Then};

use super::{input::Said, ledger::Waited, model::Model};
use crate::faults::event::Event;

pub(super) const NEEDLES: [&[u8]; 6] = [b"\n", b"ab", b"aab", b"", b"\0\0", b"aaaaaaaaaaaaaaaaaaab"];

/// Where `needle` is first.
pub(super) fn position(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    (0..=bytes.len().checked_sub(needle.len())?).find(|at| bytes[*at..].starts_with(needle))
}

impl Model {
    /// Makes one call.
    pub(super) fn call(&mut self) {
        match self.ledger.choices.below(40) {
            0..=5 => {
                self.input.change();
                self.read_once();
            }
            6..=8 => self.read_ready(),
            9 | 10 => self.split(),
            11 => self.split_mut(),
            12..=14 => self.advance(),
            15 => self.freeze_all(),
            16 | 17 => self.take_tail(),
            18..=20 => self.find(),
            21..=23 => self.parse(),
            24 => self.reserve(),
            25..=27 => self.next_frame(),
            28..=30 => self.frames(),
            31..=33 => self.read_through(),
            34 | 35 => self.relay(),
            36 => self.fall_quiet(),
            // Rare, for there are many of them.
            37 if self.ledger.choices.once_in(5) => self.ledger.neighbours_read(&mut self.neighbours),
            _ => {
                let n = self.ledger.choices.below(self.ledger.kept.len().min(8) + 1);
                self.ledger.line(|| format!("    {n} frames are dropped"));
                self.ledger.drop_kept(n);
            }
        }
    }

    fn out_of_bounds(&self, n: usize) {
        let len = self.ledger.unread.len();
        self.ledger.event(Event::OutOfBounds, || format!("{n} of {len}"));
        assert!(n > len, "{n} are out of bounds");
    }

    fn read_once(&mut self) {
        let Self { buffer, input, ledger, .. } = self;
        let full = ledger.unread.len() == ledger.max_len();
        ledger.event(Event::Read, String::new);
        ledger.told.calls.set(0);
        let waited = if ledger.choices.once_in(2) {
            ledger.wait(|cx| buffer.poll_read_available(cx, Pin::new(&mut *input)))
        } else {
            let mut future = pin!(buffer.read_available(input));
            ledger.wait(|cx| future.as_mut().poll(cx))
        };
        let arrived = ledger.arrived();
        let (said, calls) = (ledger.said(), ledger.told.calls.get());
        match waited {
            Waited::Done(Ok(0)) => assert_eq!((said, arrived), (Said::Ended, 0), "the end"),
            Waited::Done(Ok(n)) => assert_eq!((n, full), (arrived, false), "what was read"),
            Waited::Done(Err(error)) => {
                assert_eq!(arrived, 0, "bytes came with an error");
                match error {
                    ReadError::Full { limit } => {
                        ledger.event(Event::BufferFull, String::new);
                        assert_eq!((limit, calls, full), (ledger.max_len(), 0, true), "full");
                    }
                    ReadError::InvalidReader { .. } => assert_eq!(said, Said::Lied),
                    ReadError::Io(_) => assert_eq!(said, Said::Failed),
                    _ => panic!("an unknown error: {error}"),
                }
            }
            Waited::GivenUp => {
                assert_eq!(arrived, 0, "it waits, though something was read");
                ledger.given_up(arrived);
            }
            Waited::Panicked => {
                assert_eq!(arrived, 0, "bytes came with a panic");
                ledger.panicked();
            }
        }
    }

    fn read_ready(&mut self) {
        let Self { buffer, input, ledger, .. } = self;
        let limit = ledger.choices.of([usize::MAX, 0, 1, 7, 300]);
        let limit = limit - ledger.choices.below(limit.min(3) + 1);
        ledger.event(Event::ReadReady, || format!("at most {limit}"));
        input.change();
        ledger.told.calls.set(0);
        let waited = if ledger.choices.once_in(2) {
            ledger.wait(|cx| buffer.poll_read_ready(cx, Pin::new(&mut *input), limit))
        } else {
            let mut future = pin!(buffer.read_ready(input, limit));
            ledger.wait(|cx| future.as_mut().poll(cx))
        };
        let arrived = ledger.arrived();
        let answer = match waited {
            Waited::Done(answer) => answer,
            Waited::GivenUp => {
                assert_eq!(arrived, 0, "it waits, though something was read");
                return ledger.given_up(arrived);
            }
            Waited::Panicked => return ledger.panicked(),
        };
        let said = ledger.said();
        let Filled { n, then } = match answer {
            Ok(filled) => filled,
            Err(error) => {
                assert_eq!(arrived, 0, "bytes came with an error");
                return match error {
                    ReadError::Full { limit } => {
                        ledger.event(Event::BufferFull, String::new);
                        assert_eq!((limit, ledger.told.calls.get()), (ledger.max_len(), 0), "full");
                        assert_eq!(limit, ledger.unread.len(), "full");
                    }
                    ReadError::InvalidReader { .. } => assert_eq!(said, Said::Lied),
                    ReadError::Io(_) => assert_eq!(said, Said::Failed),
                    _ => panic!("an unknown error: {error}"),
                };
            }
        };
        assert_eq!(n, arrived, "what was read");
        assert!(n <= limit, "{n} were read, at most {limit} were to be");
        match then {
            Then::Full => {
                ledger.event(Event::BufferFull, String::new);
                assert_eq!((n > 0, ledger.unread.len()), (true, ledger.max_len()), "full");
            }
            Then::Limit => assert!(n > 0 || limit == 0, "it stops for nothing"),
            Then::Pending => assert!(n > 0, "it does not wait"),
            Then::End => assert_eq!(said, Said::Ended, "the end"),
            Then::Error(error) => {
                let lied = matches!(error, ReadError::InvalidReader { .. });
                assert!(n > 0, "an error alone is no answer");
                assert_eq!(said, if lied { Said::Lied } else { Said::Failed }, "{error}");
            }
        }
    }

    fn split(&mut self) {
        let n = self.ledger.amount(self.ledger.unread.len());
        self.ledger.event(Event::Split, || n.to_string());
        match self.ledger.scale.inside(|| self.buffer.split_prefix(n)) {
            Ok(frame) => {
                let content = self.ledger.leave(n);
                self.ledger.keep(frame, content);
            }
            Err(error) => {
                self.out_of_bounds(n);
                assert_eq!((error.requested, error.available), (n, self.ledger.unread.len()));
            }
        }
    }

    /// The bytes are the caller's own: what is written into them or put behind them is seen nowhere else.
    fn split_mut(&mut self) {
        let n = self.ledger.amount(self.ledger.unread.len());
        let grows = self.ledger.choices.once_in(2);
        self.ledger.event(Event::SplitMut, || n.to_string());
        let Ok(mut frame) = self.ledger.scale.inside(|| self.buffer.split_prefix_mut(n)) else {
            return self.out_of_bounds(n);
        };
        let mut content = self.ledger.leave(n);
        assert_eq!(frame, content, "what was handed out");
        frame.fill(b'#');
        content.fill(b'#');
        if grows {
            // It may have to move, and how much memory it has then is not up to the buffer.
            content.extend_from_slice(b"more");
            self.ledger.scale.inside(|| frame.extend_from_slice(b"more"));
            assert_eq!(frame, content, "what was put behind it");
            return self.ledger.scale.inside(|| drop(frame));
        }
        let frame = self.ledger.scale.inside(|| frame.freeze());
        self.ledger.keep(frame, content);
    }

    fn advance(&mut self) {
        let n = self.ledger.amount(self.ledger.unread.len());
        self.ledger.event(Event::Advance, || n.to_string());
        match self.ledger.scale.inside(|| self.buffer.advance(n)) {
            Ok(()) => drop(self.ledger.leave(n)),
            Err(_) => self.out_of_bounds(n),
        }
    }

    fn freeze_all(&mut self) {
        self.ledger.event(Event::Freeze, String::new);
        let frame = self.ledger.scale.inside(|| self.buffer.freeze_all());
        let content = self.ledger.leave(self.ledger.unread.len());
        self.ledger.keep(frame, content);
    }

    /// Whole blocks, handed on as they arrive and dropped together or not at all.
    fn relay(&mut self) {
        for _ in 0..1 + self.ledger.choices.below(8) {
            self.input.flood();
            self.read_once();
            self.freeze_all();
        }
        if self.ledger.choices.once_in(2) {
            self.ledger.drop_kept(self.ledger.kept.len());
        }
    }

    /// Much at once, and then nothing.
    fn fall_quiet(&mut self) {
        for _ in 0..1 + self.ledger.choices.below(4) {
            self.input.flood();
            self.read_once();
        }
        self.ledger.scale.inside(|| self.buffer.advance(self.ledger.unread.len())).expect("all there is");
        self.ledger.unread.clear();
        self.input.hush();
        self.read_once();
    }

    fn find(&mut self) {
        let needle = self.ledger.choices.of(NEEDLES);
        self.ledger.event(Event::Find, || String::from_utf8_lossy(needle).into_owned());
        let found = self.ledger.scale.inside(|| self.buffer.find(needle));
        assert_eq!(found, position(&self.ledger.unread, needle), "where {needle:?} is");
    }

    fn reserve(&mut self) {
        let Self { buffer, ledger, .. } = self;
        let (len, max_len) = (ledger.unread.len(), ledger.max_len());
        let n = ledger.amount(max_len);
        ledger.event(Event::Reserve, || n.to_string());
        let fits = len.checked_add(n).is_some_and(|sum| sum <= max_len);
        let reserved = ledger.scale.inside(|| buffer.reserve_read_capacity(n));
        assert_eq!(reserved.is_ok(), fits, "room for {n} beside {len}");
        let room = buffer.capacity() - len;
        assert!(!fits || room >= n, "there is room for {room} and not for {n}");
        ledger.asked |= fits;
    }
}
