//! Taking frames.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use futures_handoff::{BufferError, FrameError, HandoffBuffer, bytes::Bytes};
use futures_handoff_runtimes::io::ScriptReader;
use futures_util::Stream;

use super::{
    case::{Case, Take},
    finder::Checked,
    oracle::{First, end, first},
};

type Item = Result<Option<Bytes>, FrameError>;

/// A buffer in front of its reader, and the bytes that must come out.
pub(super) struct Session<'a> {
    case: &'a Case<'a>,
    pub(super) buffer: HandoffBuffer,
    pub(super) reader: ScriptReader,
    /// How often the reader reports an end too early.
    pub(super) ends: usize,
    /// The bytes that have not come out.
    pub(super) left: &'a [u8],
    taken: usize,
    calls: usize,
    over: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(case: &'a Case<'a>) -> Self {
        let (reader, ends) = case.reader();
        let buffer = HandoffBuffer::with_config(case.config());
        Self { case, buffer, reader, ends, left: case.bytes, taken: 0, calls: 0, over: false }
    }

    /// Takes frames, until there are no more or enough.
    pub(super) fn frames(&mut self) {
        let mut takes = self.case.takes.iter().copied().cycle();
        while !self.over && self.taken < usize::from(self.case.frames) {
            self.calls += 1;
            assert!(self.calls <= self.case.calls(), "it does not come to an end");
            match takes.next().unwrap_or(Take::Whole) {
                Take::Whole => self.frame(false),
                Take::Dropped => self.frame(true),
                Take::Stream { frames, dropped } => self.stream(frames, dropped),
            }
        }
    }

    fn frame(&mut self, dropped: bool) {
        let mut finder = Checked::new(&self.case.kind);
        let item = {
            let frame = pin!(self.buffer.next_frame(&mut self.reader, &mut finder));
            poll(frame, dropped, Future::poll)
        };
        if let Some(item) = item {
            self.took(item);
        }
        self.check();
    }

    fn stream(&mut self, frames: u8, dropped: bool) {
        let mut items = Vec::new();
        {
            let mut stream = self.buffer.frames(&mut self.reader, Checked::new(&self.case.kind));
            for _ in 0..=frames {
                let item = poll(Pin::new(&mut stream), dropped, Stream::poll_next);
                let Some(item) = item.map(Option::transpose) else { break };
                let done = !matches!(item, Ok(Some(_)));
                items.push(item);
                if done {
                    let again = poll(Pin::new(&mut stream), false, Stream::poll_next);
                    assert!(matches!(again, Some(None)), "a stream that has ended goes on");
                    break;
                }
            }
        }
        let held = self.buffer.peek().to_vec();
        for item in items {
            self.took_before(item, &held);
        }
        self.check();
    }

    fn took(&mut self, item: Item) {
        let held = self.buffer.peek().to_vec();
        self.took_before(item, &held);
    }

    /// An item came out, and `held` is buffered after the last one.
    fn took_before(&mut self, item: Item, held: &[u8]) {
        let limit = self.buffer.config().max_len();
        let expected = first(&self.case.kind, self.left, limit);
        match item {
            Ok(Some(frame)) => {
                assert_eq!(First::Frame(frame.len()), expected, "a frame");
                let (ours, left) = self.left.split_at(frame.len());
                assert_eq!(frame, ours, "the bytes of a frame");
                self.left = left;
                self.taken += 1;
            }
            Ok(None) => {
                assert!(held.is_empty(), "it ends with something buffered");
                self.ended();
            }
            Err(FrameError::Truncated { buffered }) => {
                assert_eq!(buffered, held.len(), "what is buffered");
                let partial = first(&self.case.kind, held, limit);
                assert_eq!(partial, First::Partial, "a frame that is there counts as truncated");
                self.ended();
            }
            Err(FrameError::TooLong { needed, limit: told }) => {
                assert_eq!((First::TooLong(needed), limit), (expected, told), "too long");
                self.leave_behind();
            }
            Err(FrameError::InvalidFinder { reported, buffered }) => {
                assert_eq!(expected, First::Invalid, "an invalid finder");
                assert_eq!((reported, buffered), (0, held.len()), "what it reported");
                self.skip();
            }
            Err(FrameError::Buffer(BufferError::InvalidReader { reported, given })) => {
                assert_eq!(reported, given + 1, "what the reader claims");
            }
            Err(FrameError::Io(error)) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
            Err(error) => panic!("an unknown error: {error}"),
        }
    }

    /// The reader has reported its end.
    fn ended(&mut self) {
        if self.ends > 0 {
            self.ends -= 1;
            return;
        }
        self.over = true;
        assert_eq!(self.buffer.peek(), self.left, "what is left at the end");
    }

    /// Skips a frame that is too long, with all faults of the reader in between.
    fn leave_behind(&mut self) {
        for dropped in [false, true].into_iter().cycle().take(self.case.calls()) {
            let mut finder = Checked::new(&self.case.kind);
            let skipped = {
                let frame = pin!(self.buffer.skip_frame(&mut self.reader, &mut finder));
                poll(frame, dropped, Future::poll)
            };
            let Some(skipped) = skipped else { continue };
            match skipped {
                Ok(_) => {
                    let end =
                        end(&self.case.kind, self.left).expect("the end of a frame that was left behind");
                    self.left = &self.left[end..];
                    return;
                }
                Err(FrameError::Truncated { buffered }) => {
                    assert_eq!(buffered, self.buffer.len(), "what is buffered");
                    if self.ends == 0 {
                        let end = end(&self.case.kind, self.left).unwrap_or(usize::MAX);
                        assert!(end > self.left.len(), "a frame that is there counts as truncated");
                        self.left = &self.left[self.left.len() - buffered..];
                        self.over = true;
                        return;
                    }
                    self.ends -= 1;
                }
                // Its finder knows neither a needle nor a length.
                Err(FrameError::TooLong { .. }) => return self.skip(),
                Err(FrameError::Buffer(BufferError::InvalidReader { .. }) | FrameError::Io(_)) => {}
                Err(error) => panic!("an unknown error: {error}"),
            }
        }
        panic!("leaving a frame behind does not come to an end");
    }

    /// Drops the buffered bytes, to go on after them.
    fn skip(&mut self) {
        let n = self.buffer.len();
        self.buffer.advance(n).expect("so many are buffered");
        self.left = &self.left[n..];
    }

    fn check(&self) {
        let held = self.buffer.peek();
        assert!(self.left.starts_with(held), "what is buffered is not what comes next");
        assert!(held.len() <= self.buffer.config().max_len(), "more is buffered than may be");
        assert!(self.buffer.capacity() <= self.buffer.config().max_len(), "more memory is kept than may be");
    }
}

/// Polls until there is a result, or once if it is to be dropped when it waits.
fn poll<F: ?Sized, T>(
    mut polled: Pin<&mut F>,
    once: bool,
    mut poll: impl FnMut(Pin<&mut F>, &mut Context<'_>) -> Poll<T>,
) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match poll(polled.as_mut(), &mut context) {
            Poll::Ready(answer) => return Some(answer),
            Poll::Pending if once => return None,
            Poll::Pending => {}
        }
    }
}
