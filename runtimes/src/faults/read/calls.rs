//! The calls, and what each must do.

use bytes::BytesMut;
use futures_handoff::{Filled, HandoffBuffer, HandoffBufferConfig, ReadError, Then};

use super::{
    input::Said,
    model::{Model, wait},
};
use crate::faults::event::Event;

pub(super) const NEEDLES: [&[u8]; 5] = [b"\n", b"ab", b"aab", b"", b"aaaaaaaaaaaaaaaaaaab"];

/// Where `needle` is first.
pub(super) fn position(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    (0..=bytes.len().checked_sub(needle.len())?).find(|at| bytes[*at..].starts_with(needle))
}

impl Model {
    /// Makes one call.
    pub(super) fn call(&mut self) {
        match self.choices.below(30) {
            0..=5 => self.read_once(),
            6..=8 => self.read_ready(),
            9 | 10 => self.split(),
            11 => self.split_mut(),
            12..=14 => self.advance(),
            15 => self.freeze_all(),
            16 => self.take_tail(),
            17..=19 => self.find(),
            20..=22 => self.parse(),
            23 => self.reserve(),
            24..=27 => self.next_frame(),
            _ => {
                let n = self.choices.below(self.kept.len().min(8) + 1);
                self.line(|| format!("    {n} frames are dropped"));
                self.kept.drain(..n);
            }
        }
    }

    fn out_of_bounds(&self, n: usize) {
        self.event(Event::OutOfBounds, || format!("{n} of {}", self.unread.len()));
        assert!(n > self.unread.len(), "{n} are out of bounds");
    }

    fn read_once(&mut self) {
        let full = self.unread.len() == self.max_len();
        self.event(Event::Read, String::new);
        self.input.calls = 0;
        let mut future = self.buffer.read_available(&mut self.input);
        let done = wait(&self.choices, &self.said, &mut future);
        let arrived = self.arrived();
        match done {
            Some(Ok(0)) => assert_eq!((self.said.get(), arrived), (Said::Ended, 0), "the end"),
            Some(Ok(n)) => assert_eq!((n, full), (arrived, false), "what was read"),
            Some(Err(error)) => {
                assert_eq!(arrived, 0, "bytes came with an error");
                match error {
                    ReadError::Full { limit } => {
                        self.event(Event::BufferFull, String::new);
                        assert_eq!((limit, self.input.calls, full), (self.max_len(), 0, true), "full");
                    }
                    ReadError::InvalidReader { .. } => assert_eq!(self.said.get(), Said::Lied),
                    ReadError::Io(_) => assert_eq!(self.said.get(), Said::Failed),
                    _ => panic!("an unknown error: {error}"),
                }
            }
            None => self.given_up(arrived),
        }
    }

    fn given_up(&self, arrived: usize) {
        self.event(Event::ReadCancel, || format!("with {arrived} bytes read"));
    }

    fn read_ready(&mut self) {
        let limit = self.choices.of([usize::MAX, 0, 1, 7, 300]);
        let limit = limit - self.choices.below(limit.min(3) + 1);
        self.event(Event::ReadReady, || format!("at most {limit}"));
        let done = wait(&self.choices, &self.said, self.buffer.read_ready(&mut self.input, limit));
        let arrived = self.arrived();
        let Some(Filled { n, then }) = done else {
            assert_eq!(arrived, 0, "it waits, though something was read");
            return self.given_up(arrived);
        };
        assert_eq!(n, arrived, "what was read");
        assert!(n <= limit, "{n} were read, at most {limit} were to be");
        let said = self.said.get();
        match then {
            Then::Full => {
                self.event(Event::BufferFull, String::new);
                assert_eq!(self.unread.len(), self.max_len(), "full");
            }
            Then::Limit => assert!(n > 0 || limit == 0, "it stops for nothing"),
            Then::Pending => assert!(n > 0, "it does not wait"),
            Then::End => assert_eq!(said, Said::Ended, "the end"),
            Then::Error(error) => {
                let lied = matches!(error, ReadError::InvalidReader { .. });
                assert_eq!(said, if lied { Said::Lied } else { Said::Failed }, "{error}");
            }
            _ => panic!("it stops for an unknown reason"),
        }
    }

    fn split(&mut self) {
        let n = self.amount(self.unread.len());
        self.event(Event::Split, || n.to_string());
        match self.buffer.split_prefix(n) {
            Ok(frame) => {
                let expected = self.leave(n);
                self.keep(frame, expected);
            }
            Err(error) => {
                self.out_of_bounds(n);
                assert_eq!((error.requested, error.available), (n, self.unread.len()));
            }
        }
    }

    fn split_mut(&mut self) {
        let n = self.amount(self.unread.len());
        self.event(Event::SplitMut, || n.to_string());
        match self.buffer.split_prefix_mut(n) {
            Ok(mut frame) => {
                let mut expected = self.leave(n);
                assert_eq!(frame, expected, "what was handed out");
                frame.fill(b'#');
                frame.extend_from_slice(b"more");
                expected.fill(b'#');
                expected.extend_from_slice(b"more");
                self.keep(frame.freeze(), expected);
            }
            Err(_) => self.out_of_bounds(n),
        }
    }

    fn advance(&mut self) {
        let n = self.amount(self.unread.len());
        self.event(Event::Advance, || n.to_string());
        match self.buffer.advance(n) {
            Ok(()) => drop(self.leave(n)),
            Err(_) => self.out_of_bounds(n),
        }
    }

    fn freeze_all(&mut self) {
        self.event(Event::Freeze, String::new);
        let frame = self.buffer.freeze_all();
        let expected = self.leave(self.unread.len());
        self.keep(frame, expected);
    }

    fn take_tail(&mut self) {
        self.event(Event::TakeTail, String::new);
        let tail = self.buffer.take_tail();
        assert_eq!(tail, self.unread, "the tail");
        assert!(self.buffer.is_empty(), "the tail is still there");
        match self.choices.below(3) {
            0 => self.put_back(tail),
            1 if !tail.is_empty() => {
                self.event(Event::TailRefused, String::new);
                let short =
                    HandoffBufferConfig::new((tail.len() - 1).max(1)).expect("a limit that is not zero");
                match HandoffBuffer::from_tail(tail, short) {
                    Ok(fits) => assert_eq!(fits.peek(), self.unread, "a tail of one byte"),
                    Err(refused) => {
                        assert_eq!(refused.limit(), self.unread.len() - 1, "the limit");
                        let tail = refused.into_tail();
                        assert_eq!(tail, self.unread, "the refused tail");
                        return self.put_back(tail);
                    }
                }
                self.leave(1);
            }
            _ => {
                let expected = self.leave(self.unread.len());
                self.keep(tail.freeze(), expected);
            }
        }
    }

    fn put_back(&mut self, tail: BytesMut) {
        self.event(Event::FromTail, || tail.len().to_string());
        self.buffer =
            HandoffBuffer::from_tail(tail, *self.buffer.config()).expect("it came out of such a buffer");
    }

    fn find(&mut self) {
        let needle = self.choices.of(NEEDLES);
        self.event(Event::Find, || String::from_utf8_lossy(needle).into_owned());
        assert_eq!(self.buffer.find(needle), position(&self.unread, needle), "where {needle:?} is");
    }

    fn reserve(&mut self) {
        let n = self.amount(self.max_len());
        self.event(Event::Reserve, || n.to_string());
        let fits = self.unread.len().checked_add(n).is_some_and(|sum| sum <= self.max_len());
        let reserved = self.buffer.reserve_read_capacity(n);
        assert_eq!(reserved.is_ok(), fits, "room for {n} beside {}", self.unread.len());
        let room = self.buffer.capacity() - self.unread.len();
        assert!(!fits || room >= n, "there is room for {room} and not for {n}");
    }
}
