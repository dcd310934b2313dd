//! The calls of the buffer itself, and what each must do.

use std::{
    mem,
    panic::resume_unwind,
    pin::{Pin, pin},
};

use bytes::{Buf, Bytes, BytesMut};
use futures_handoff::{BufferError, Filled, HandoffBuffer, HandoffBufferConfig, ParseCursor, Then};

use super::{
    Model, config,
    input::{Said, lie},
    ledger::{Ledger, Waited},
};
use crate::run::Planned;

pub(super) const NEEDLES: [&[u8]; 6] = [b"\n", b"ab", b"aab", b"", b"\0\0", b"aaaaaaaaaaaaaaaaaaab"];

/// Where `needle` is first.
pub(super) fn position(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    (0..=bytes.len().checked_sub(needle.len())?).find(|at| bytes[*at..].starts_with(needle))
}

impl Model {
    /// Makes one call.
    pub(super) fn call(&mut self) {
        match self.ledger.below(40) {
            0..=5 => {
                self.input.change();
                self.read_once();
            }
            6 | 7 => self.read_ready(),
            8 => self.fill_to(),
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
            37 if self.ledger.once_in(5) => self.ledger.neighbours_read(&mut self.neighbours),
            _ => {
                let n = self.ledger.below(self.ledger.kept.len().min(8) + 1);
                trace!(self.ledger, "    {n} frames are dropped");
                self.ledger.drop_kept(n);
            }
        }
    }

    fn read_once(&mut self) {
        let Self { buffer, input, ledger, .. } = self;
        let full = ledger.unread.len() == ledger.max_len();
        event!(ledger, Read);
        ledger.told.calls.set(0);
        let waited = if ledger.once_in(2) {
            ledger.wait(|cx| buffer.poll_read_available(cx, Pin::new(&mut *input)))
        } else {
            let mut future = pin!(buffer.read_available(input));
            ledger.wait(|cx| future.as_mut().poll(cx))
        };
        let arrived = ledger.arrived();
        match waited {
            Waited::Done(Ok(0)) => assert_eq!((ledger.said(), arrived), (Said::Ended, 0), "the end"),
            Waited::Done(Ok(n)) => assert_eq!((n, full), (arrived, false), "what was read"),
            Waited::Done(Err(error)) => ledger.failed(&error, arrived),
            Waited::GivenUp => assert_eq!(arrived, 0, "it waits, though something was read"),
            Waited::Panicked => assert_eq!(arrived, 0, "bytes came with a panic"),
        }
    }

    fn read_ready(&mut self) {
        let Self { buffer, input, ledger, .. } = self;
        let limit = ledger.of([usize::MAX, 0, 1, 7, 300]);
        let limit = limit - ledger.below(limit.min(3) + 1);
        event!(ledger, ReadReady, "at most {limit}");
        input.change();
        ledger.told.calls.set(0);
        let waited = if ledger.once_in(2) {
            ledger.wait(|cx| buffer.poll_read_ready(cx, Pin::new(&mut *input), limit))
        } else {
            let mut future = pin!(buffer.read_ready(input, limit));
            ledger.wait(|cx| future.as_mut().poll(cx))
        };
        let arrived = ledger.arrived();
        let Filled { n, then } = match waited {
            Waited::Done(Ok(filled)) => filled,
            Waited::Done(Err(error)) => return ledger.failed(&error, arrived),
            Waited::GivenUp => return assert_eq!(arrived, 0, "it waits, though something was read"),
            Waited::Panicked => return,
        };
        assert_eq!(n, arrived, "what was read");
        assert!(n <= limit, "{n} were read, at most {limit} were to be");
        match then {
            Then::Full => {
                event!(ledger, BufferFull);
                assert_eq!((n > 0, ledger.unread.len()), (true, ledger.max_len()), "full");
            }
            Then::Limit => assert!(n > 0 || limit == 0, "it stops for nothing"),
            Then::Pending => assert!(n > 0, "it does not wait"),
            Then::End => assert_eq!(ledger.said(), Said::Ended, "the end"),
            Then::Error(error) => {
                assert!(n > 0, "an error alone is no answer");
                ledger.failed(&error, 0);
            }
        }
    }

    fn fill_to(&mut self) {
        let Self { buffer, input, ledger, .. } = self;
        let (before, max_len) = (ledger.unread.len(), ledger.max_len());
        let n = ledger.amount(max_len);
        event!(ledger, FillTo, "{n}");
        input.change();
        ledger.told.calls.set(0);
        let waited = {
            let mut future = pin!(buffer.fill_to(input, n));
            ledger.wait(|cx| future.as_mut().poll(cx))
        };
        ledger.arrived();
        let (len, calls) = (ledger.unread.len(), ledger.told.calls.get());
        assert!(before < n || calls == 0, "it read, though {n} were there");
        match waited {
            Waited::Done(Ok(enough)) => {
                assert_eq!(enough, len >= n, "whether {n} of {len} are there");
                assert!(enough || ledger.said() == Said::Ended, "it stops for nothing");
            }
            Waited::Done(Err(BufferError::LimitExceeded { attempted, limit })) => {
                let told = (attempted, limit, calls);
                assert_eq!((told, n > max_len), ((n, max_len, 0), true), "more than the limit");
            }
            Waited::Done(Err(error)) => ledger.failed(&error, 0),
            Waited::GivenUp | Waited::Panicked => {}
        }
    }

    fn split(&mut self) {
        let n = self.ledger.amount(self.ledger.unread.len());
        event!(self.ledger, Split, "{n}");
        match self.ledger.scale.inside(|| self.buffer.split_prefix(n)) {
            Ok(frame) => {
                let content = self.ledger.leave(n);
                self.ledger.keep(frame, content);
            }
            Err(error) => self.ledger.out_of_bounds(n, &error),
        }
    }

    /// The bytes are the caller's own: changes and appended bytes show nowhere else.
    fn split_mut(&mut self) {
        let n = self.ledger.amount(self.ledger.unread.len());
        let grows = self.ledger.once_in(2);
        event!(self.ledger, SplitMut, "{n}");
        let mut frame = match self.ledger.scale.inside(|| self.buffer.split_prefix_mut(n)) {
            Ok(frame) => frame,
            Err(error) => return self.ledger.out_of_bounds(n, &error),
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
        event!(self.ledger, Advance, "{n}");
        match self.ledger.scale.inside(|| self.buffer.advance(n)) {
            Ok(()) => drop(self.ledger.leave(n)),
            Err(error) => self.ledger.out_of_bounds(n, &error),
        }
    }

    fn freeze_all(&mut self) {
        event!(self.ledger, Freeze);
        let frame = self.ledger.scale.inside(|| self.buffer.freeze_all());
        let content = self.ledger.leave(self.ledger.unread.len());
        self.ledger.keep(frame, content);
    }

    /// Whole blocks, handed on as they arrive and dropped together or not at all.
    fn relay(&mut self) {
        for _ in 0..1 + self.ledger.below(8) {
            self.input.flood();
            self.read_once();
            self.freeze_all();
        }
        if self.ledger.once_in(2) {
            self.ledger.drop_kept(self.ledger.kept.len());
        }
    }

    /// Much at once, and then nothing.
    fn fall_quiet(&mut self) {
        for _ in 0..1 + self.ledger.below(4) {
            self.input.flood();
            self.read_once();
        }
        self.ledger.scale.inside(|| self.buffer.advance(self.ledger.unread.len())).expect("all there is");
        self.ledger.unread.clear();
        self.input.hush();
        self.read_once();
    }

    fn find(&mut self) {
        let Self { buffer, ledger, .. } = self;
        let needle = ledger.of(NEEDLES);
        let from = if ledger.once_in(2) { ledger.amount(ledger.unread.len()) } else { 0 };
        event!(ledger, Find, "{:?} from {from} on", String::from_utf8_lossy(needle));
        let found = ledger.scale.inside(|| match from {
            0 => buffer.find(needle),
            _ => buffer.find_from(from, needle),
        });
        let ahead = ledger.unread.get(from..).and_then(|ahead| position(ahead, needle));
        assert_eq!(found, ahead.map(|at| from + at), "where {needle:?} is from {from} on");
    }

    fn reserve(&mut self) {
        let Self { buffer, ledger, .. } = self;
        let (len, max_len) = (ledger.unread.len(), ledger.max_len());
        let n = ledger.amount(max_len);
        event!(ledger, Reserve, "{n}");
        let fits = len.checked_add(n).is_some_and(|sum| sum <= max_len);
        let reserved = ledger.scale.inside(|| buffer.reserve_read_capacity(n));
        assert_eq!(reserved.is_ok(), fits, "room for {n} beside {len}");
        match reserved {
            Ok(()) => {}
            Err(BufferError::LimitExceeded { attempted, limit }) => {
                let told = (attempted, limit);
                assert_eq!(told, (len.saturating_add(n), max_len), "{n} beside {len} are too many");
            }
            Err(error) => panic!("an unknown error: {error}"),
        }
        let room = buffer.capacity() - len;
        assert!(!fits || room >= n, "there is room for {room} and not for {n}");
        ledger.asked |= fits;
    }

    /// A parser consumes everything, or nothing after its last checkpoint.
    fn parse(&mut self) {
        let Self { buffer, ledger, .. } = self;
        let steps = ledger.below(6);
        let end = ledger.below(4);
        event!(ledger, Parse, "{steps} steps");
        let mut parsed = Parsed { ledger, at: 0, checked: 0, frames: Vec::new() };
        let result = ledger.contained(|| {
            buffer.parse(|cursor| {
                (0..steps).for_each(|_| parsed.step(cursor));
                match end {
                    2 => Err(()),
                    3 => resume_unwind(Box::new(Planned)),
                    _ => Ok(()),
                }
            })
        });
        let Parsed { at, checked, frames, .. } = parsed;
        for (frame, content) in frames {
            ledger.keep(frame, content);
        }
        match result {
            Some(Ok(())) => {
                assert!(end < 2, "a parser that failed succeeded");
                ledger.leave(at);
                return;
            }
            Some(Err(())) => event!(ledger, ParseUndone),
            None => event!(ledger, ParsePanic),
        }
        ledger.leave(checked);
    }

    /// The unread rest goes from one buffer to another.
    fn take_tail(&mut self) {
        let ledger = &mut self.ledger;
        event!(ledger, TakeTail);
        let mut tail = ledger.scale.inside(|| self.buffer.take_tail());
        assert_eq!(tail, ledger.unread, "the tail");
        assert!(self.buffer.is_empty(), "the tail is still there");
        match ledger.below(4) {
            0 => {
                let same = ledger.config;
                self.put_into(tail, same);
            }
            1 => {
                // Another protocol, with other limits, which has taken the front of it.
                let n = ledger.below(tail.len().min(20) + 1);
                tail.advance(n);
                ledger.leave(n);
                let other = config(ledger);
                self.put_into(tail, other);
            }
            2 if tail.len() > 1 => {
                let short = HandoffBufferConfig::new(tail.len() - 1);
                self.put_into(tail, short);
            }
            _ => {
                let content = ledger.leave(ledger.unread.len());
                let frame = ledger.scale.inside(|| tail.freeze());
                ledger.keep(frame, content);
            }
        }
    }

    /// Makes a buffer of a tail. One that does not fit goes back to where it comes from.
    fn put_into(&mut self, tail: BytesMut, config: HandoffBufferConfig) {
        let ledger = &mut self.ledger;
        let (len, capacity, limit) = (tail.len(), tail.capacity(), config.max_len());
        match ledger.scale.inside(|| HandoffBuffer::from_tail(tail, config)) {
            Ok(buffer) => {
                assert!(len <= limit, "a tail of {len} is above {limit}");
                event!(ledger, FromTail, "{len}, in a buffer for {limit}");
                let old = mem::replace(&mut self.buffer, buffer);
                ledger.scale.inside(|| drop(old));
                // It may be part of what it was taken from.
                ledger.brought += ledger.most.max(capacity);
                ledger.most = limit;
                ledger.config = config;
                ledger.asked = false;
                ledger.widest = ledger.widest.max(ledger.brought).max(ledger.most);
            }
            Err(refused) => {
                event!(ledger, TailRefused, "{len}, by a buffer for {limit}");
                let BufferError::TailTooLong { tail, limit: most } = refused else {
                    panic!("an unknown error: {refused}")
                };
                assert_eq!((most, len > limit), (limit, true), "the limit");
                assert_eq!(tail, ledger.unread, "the refused tail");
                let own = ledger.config;
                self.put_into(tail, own);
            }
        }
    }
}

impl Ledger {
    fn out_of_bounds(&self, n: usize, error: &BufferError) {
        let len = self.unread.len();
        event!(self, OutOfBounds, "{n} of {len}");
        assert!(n > len, "{n} are out of bounds");
        let told = match *error {
            BufferError::SplitOutOfBounds { requested, available } => (requested, available),
            _ => panic!("an unknown error: {error}"),
        };
        assert_eq!(told, (n, len), "what is out of bounds");
    }

    /// Reading failed, as the reader did or because there is no room.
    fn failed(&self, error: &BufferError, arrived: usize) {
        assert_eq!(arrived, 0, "bytes came with an error");
        match error {
            BufferError::LimitExceeded { attempted, limit } => {
                event!(self, BufferFull);
                let (found, max_len) = ((*limit, self.unread.len(), self.told.calls.get()), self.max_len());
                assert_eq!((found, *attempted), ((max_len, max_len, 0), max_len + 1), "full");
            }
            BufferError::InvalidReader { reported, given } => {
                assert_eq!((self.said(), *reported), (Said::Lied, lie(*given)), "a lie");
            }
            BufferError::Io(_) => assert_eq!(self.said(), Said::Failed),
            _ => panic!("an unknown error: {error}"),
        }
    }
}

/// What a parser did.
struct Parsed<'a> {
    ledger: &'a Ledger,
    at: usize,
    /// The bytes that are consumed even if the parser fails.
    checked: usize,
    frames: Vec<(Bytes, Vec<u8>)>,
}

impl Parsed<'_> {
    fn step(&mut self, cursor: &mut ParseCursor<'_>) {
        let scale = &self.ledger.scale;
        let below = |n| scale.outside(|| self.ledger.below(n));
        let content = &self.ledger.unread[self.at..];
        let left = content.len();
        let n = if below(8) == 7 { left + 1 } else { below(left + 1) };
        match below(5) {
            0 => {
                assert_eq!(cursor.advance(n).is_ok(), n <= left, "to advance by {n} of {left}");
                self.at += if n <= left { n } else { 0 };
            }
            1 => match cursor.take(n) {
                Ok(frame) => {
                    assert_eq!(frame, content[..n], "what was taken");
                    scale.outside(|| self.frames.push((frame, content[..n].to_vec())));
                    self.at += n;
                }
                Err(error) => {
                    assert_eq!((error.missing(), n > left), (Some(n - left), true), "{error}");
                }
            },
            2 => {
                let needle = NEEDLES[below(NEEDLES.len())];
                assert_eq!(cursor.find(needle), position(content, needle), "where {needle:?} is");
            }
            3 => {
                cursor.checkpoint();
                self.checked = self.at;
            }
            _ => {
                cursor.advance(cursor.remaining().len()).unwrap();
                self.at += left;
            }
        }
        let content = &self.ledger.unread[self.at..];
        assert_eq!(cursor.remaining(), content, "what remains");
        assert_eq!((cursor.consumed(), cursor.remaining().len()), (self.at, content.len()), "the lengths");
        assert_eq!(cursor.remaining().is_empty(), content.is_empty(), "whether it is empty");
    }
}
