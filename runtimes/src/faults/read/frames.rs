//! Frames, whole or not at all.

use futures_handoff::{Delimiter, Found, FrameError, FrameFinder, LengthPrefix};

use super::{
    calls::position,
    input::Said,
    model::{Model, wait},
};
use crate::faults::event::Event;

/// Where the first frame ends as far as the bytes tell, which may be behind the last of them.
type End = fn(&[u8]) -> Option<usize>;

impl Model {
    pub(super) fn next_frame(&mut self) {
        match self.choices.below(4) {
            0 => self.framed(&mut Delimiter::new(b"\n"), |bytes| position(bytes, b"\n").map(|at| at + 1)),
            1 => self.framed(&mut Delimiter::new(b"ab"), |bytes| position(bytes, b"ab").map(|at| at + 2)),
            2 => self.framed(&mut LengthPrefix::u8(), |bytes| Some(1 + usize::from(*bytes.first()?))),
            _ => {
                let mut fours =
                    |bytes: &[u8], _| if bytes.len() < 4 { Found::Need(4) } else { Found::Frame(4) };
                self.framed(&mut fours, |bytes| (!bytes.is_empty()).then_some(4));
            }
        }
    }

    fn framed(&mut self, finder: &mut impl FrameFinder, end: End) {
        self.event(Event::Frame, String::new);
        self.input.calls = 0;
        let before = end(&self.unread).is_some_and(|end| end <= self.unread.len());
        let future = self.buffer.next_frame(&mut self.input, finder);
        let done = wait(&self.choices, &self.said, future);
        let arrived = self.arrived();
        assert!(!before || self.input.calls == 0, "it read, though the frame was there");
        let end = end(&self.unread);
        let len = self.unread.len();
        let whole = end.filter(|end| *end <= len);
        let Some(result) = done else {
            assert_eq!(whole, None, "it waits, though the frame is there");
            return self.event(Event::ReadCancel, || format!("with {arrived} bytes read"));
        };
        let said = self.said.get();
        match result {
            Ok(Some(frame)) => {
                let n = whole.expect("a frame that is not there");
                let expected = self.leave(n);
                self.keep(frame, expected);
            }
            Ok(None) => assert_eq!((len, said), (0, Said::Ended), "the end"),
            Err(FrameError::Truncated { buffered }) => {
                self.event(Event::FrameTruncated, String::new);
                assert_eq!((buffered, whole, said), (len, None, Said::Ended), "truncated");
            }
            Err(FrameError::TooLong { needed, limit }) => {
                self.event(Event::FrameTooLong, || format!("{needed} for {limit}"));
                assert_eq!((limit, whole), (self.max_len(), None), "too long");
                assert!(needed > limit && (len == limit || end == Some(needed)), "{needed} for {limit}");
            }
            Err(FrameError::InvalidReader { .. }) => assert_eq!((whole, said), (None, Said::Lied)),
            Err(FrameError::Io(_)) => assert_eq!((whole, said), (None, Said::Failed)),
            Err(error) => panic!("an unknown error: {error}"),
        }
    }
}
