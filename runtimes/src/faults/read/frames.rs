//! Frames, whole or not at all.

use std::pin::{Pin, pin};

use bytes::Bytes;
use futures_handoff::FrameError;
use futures_util::Stream;

use super::{
    finders::{Finder, Frame},
    input::Said,
    ledger::{Ledger, Waited},
    model::Model,
};
use crate::faults::event::Event;

type Framed = Result<Option<Bytes>, FrameError>;

impl Model {
    pub(super) fn next_frame(&mut self) {
        let Self { buffer, input, ledger, .. } = self;
        let frame = Frame::random(&ledger.choices);
        let mut finder = Finder::new(frame, ledger);
        input.change();
        let before = ledger.look_for(frame);
        let waited = {
            let mut future = pin!(buffer.next_frame(input, &mut finder));
            ledger.wait(|cx| future.as_mut().poll(cx))
        };
        ledger.framed(frame, before, waited);
    }

    /// A stream of frames that is kept, given up, or kept in spite of a poll in vain.
    pub(super) fn frames(&mut self) {
        let Self { buffer, input, ledger, .. } = self;
        let frame = Frame::random(&ledger.choices);
        let finder = Finder::new(frame, ledger);
        input.change();
        let mut frames = buffer.frames(input, finder);
        let mut goes_on = true;
        for _ in 0..1 + ledger.choices.below(6) {
            let before = ledger.look_for(frame);
            let waited = ledger.wait(|cx| Pin::new(&mut frames).poll_next(cx));
            let (pending, panicked) = (matches!(waited, Waited::GivenUp), matches!(waited, Waited::Panicked));
            if !goes_on {
                ledger.event(Event::FramesOver, String::new);
                let over = matches!(waited, Waited::Done(None)) && ledger.told.calls.get() == 0;
                assert!(over, "a stream goes on after its end");
                continue;
            }
            let waited = match waited {
                Waited::Done(item) => Waited::Done(item.transpose()),
                Waited::GivenUp => Waited::GivenUp,
                Waited::Panicked => Waited::Panicked,
            };
            goes_on = ledger.framed(frame, before, waited) || pending;
            if panicked || pending && ledger.choices.once_in(2) {
                break;
            }
        }
    }
}

impl Ledger {
    /// Whether there is a frame already.
    fn look_for(&self, frame: Frame) -> bool {
        self.event(Event::Frame, || format!("{frame:?}"));
        self.told.calls.set(0);
        let len = self.unread.len();
        frame.contradiction(&self.unread).is_none() && frame.end(&self.unread).is_some_and(|end| end <= len)
    }

    /// Checks what came of looking for a frame; whether it was one.
    fn framed(&mut self, frame: Frame, before: bool, waited: Waited<Framed>) -> bool {
        let arrived = self.arrived();
        assert!(!before || self.told.calls.get() == 0, "it read, though the frame was there");
        let (len, said) = (self.unread.len(), self.said());
        let end = frame.end(&self.unread);
        let contradiction = frame.contradiction(&self.unread);
        let whole = end.filter(|end| *end <= len && contradiction.is_none());
        let result = match waited {
            Waited::Done(result) => result,
            Waited::GivenUp => {
                let nothing = whole.is_none() && contradiction.is_none() && !frame.rejects(&self.unread);
                // After many reads in one poll the last bytes are not looked at before the next one.
                assert!(nothing || said == Said::Nothing, "it waits, though the frame is there");
                self.given_up(arrived);
                return false;
            }
            Waited::Panicked => {
                self.event(Event::FramePanic, String::new);
                self.panicked();
                return false;
            }
        };
        match result {
            Ok(Some(frame)) => {
                let n = whole.expect("a frame that is not there");
                let content = self.leave(n);
                self.keep(frame, content);
                return true;
            }
            Ok(None) => assert_eq!((len, said), (0, Said::Ended), "the end"),
            Err(FrameError::Truncated { buffered }) => {
                self.event(Event::FrameTruncated, String::new);
                assert_eq!((buffered, whole, said), (len, None, Said::Ended), "truncated");
            }
            Err(FrameError::TooLong { needed, limit }) => {
                self.event(Event::FrameTooLong, || format!("{needed} for {limit}"));
                assert_eq!((limit, whole), (self.max_len(), None), "too long");
                let announced = end == Some(needed) || frame.header() == needed;
                assert!(needed > limit && (len == limit || announced), "{needed} for {limit}");
            }
            Err(FrameError::InvalidFinder { reported, buffered }) => {
                self.event(Event::FrameContradicted, || format!("{reported} of {buffered}"));
                assert_eq!((Some(reported), buffered), (contradiction, len), "a contradiction");
            }
            Err(FrameError::Rejected { reason }) => {
                self.event(Event::FrameRejected, String::new);
                assert!(
                    reason == "planned" && frame.rejects(&self.unread),
                    "a frame that is one is rejected"
                );
            }
            Err(FrameError::InvalidReader { .. }) => assert_eq!((whole, said), (None, Said::Lied)),
            Err(FrameError::Io(_)) => assert_eq!((whole, said), (None, Said::Failed)),
            Err(error) => panic!("an unknown error: {error}"),
        }
        false
    }
}
