//! Frames by all kinds of finders, whole or not at all; and the buffer in front of its reader, as
//! one reader.

use std::{
    io::IoSliceMut,
    mem,
    panic::resume_unwind,
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
};

use bytes::Bytes;
use futures_handoff::{
    BufferError, Delimiter, Found, FrameError, FrameFinder, HandoffBuffer, HandoffReader, LengthPrefix,
};
use futures_util::{AsyncBufRead, AsyncRead, Stream};

use super::{
    Model,
    calls::{NEEDLES, position},
    input::{Input, Said, Told, lie},
    ledger::{Ledger, Waited},
};
use crate::{
    run::{Planned, Scale},
    script::Script,
};

/// How no frame begins for a finder that rejects.
const REJECTED: u8 = b'a';

/// What a frame is.
#[derive(Debug, Clone, Copy)]
enum Frame {
    Needle(&'static [u8]),
    Length {
        width: usize,
        little_endian: bool,
    },
    Fixed(usize),
    /// That long, unless it begins with [`REJECTED`].
    Picky(usize),
    /// Longer than anything that can have been read.
    Beyond(usize),
}

impl Frame {
    fn random(script: &Script) -> Self {
        match script.below(10) {
            0..=3 => Self::Needle(script.of(NEEDLES)),
            4..=6 => Self::Length { width: script.of([1, 2, 4, 8]), little_endian: script.once_in(2) },
            7 => Self::Fixed(1 + script.below(12)),
            8 => Self::Picky(1 + script.below(12)),
            _ => Self::Beyond(script.below(2)),
        }
    }

    /// Where the first frame ends as far as the bytes show, perhaps after the last of them.
    fn end(self, bytes: &[u8]) -> Option<usize> {
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

    /// Where it ends if it has arrived completely.
    fn whole(self, bytes: &[u8]) -> Option<usize> {
        self.end(bytes).filter(|end| *end <= bytes.len() && self.contradiction(bytes).is_none())
    }

    /// An impossible answer of a finder about these bytes.
    fn contradiction(self, bytes: &[u8]) -> Option<usize> {
        match self {
            _ if bytes.is_empty() => None,
            Self::Needle([]) | Self::Beyond(0) => Some(0),
            Self::Beyond(more) => Some(bytes.len() + more),
            _ => None,
        }
    }

    /// Whether a finder says that no frame begins with these bytes.
    fn rejects(self, bytes: &[u8]) -> bool {
        matches!(self, Self::Picky(_)) && bytes.first() == Some(&REJECTED)
    }

    fn finder(self, script: &Script) -> Box<dyn FrameFinder> {
        match self {
            Self::Needle(needle) => Box::new(Delimiter::new(needle)),
            Self::Length { width, little_endian: true } => Box::new(LengthPrefix::little_endian(width)),
            Self::Length { width, .. } => Box::new(LengthPrefix::big_endian(width)),
            Self::Fixed(n) => {
                let need = if script.once_in(3) { 0 } else { n };
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

/// A finder that looks at its bytes.
struct Finder {
    inner: Box<dyn FrameFinder>,
    /// `None` also where it does not say so.
    needle: Option<&'static [u8]>,
    /// What it was shown of this frame.
    seen: Vec<u8>,
    /// It panics after this many calls.
    looks: usize,
    told: Rc<Told>,
    scale: Scale,
}

impl Finder {
    fn new(frame: Frame, ledger: &Ledger) -> Self {
        let needle = match frame {
            Frame::Needle(needle) if needle.is_empty() || ledger.below(3) < 2 => Some(needle),
            _ => None,
        };
        let looks = if ledger.once_in(12) { ledger.below(4) } else { usize::MAX };
        let (told, scale) = (Rc::clone(&ledger.told), ledger.scale.clone());
        Self { inner: frame.finder(ledger), needle, seen: Vec::new(), looks, told, scale }
    }
}

impl FrameFinder for Finder {
    fn find_frame(&mut self, bytes: &[u8], searched: usize) -> Found {
        if self.looks == 0 {
            self.told.said.set(Said::Panicked);
            resume_unwind(Box::new(Planned));
        }
        self.looks -= 1;
        assert!(
            self.needle.is_none_or(<[u8]>::is_empty),
            "a finder was asked for what was to be searched for"
        );
        assert!(searched < bytes.len(), "a finder was shown nothing new");
        let goes_on = searched == self.seen.len() && bytes.starts_with(&self.seen);
        assert!(goes_on, "a finder was shown {} bytes before, and not {searched}", self.seen.len());
        self.scale.outside(|| {
            let found = self.inner.find_frame(bytes, searched);
            let whole = matches!(found, Found::Frame(n) | Found::Length(n) if n <= bytes.len());
            self.seen = if whole { Vec::new() } else { bytes.to_vec() };
            found
        })
    }

    fn needle(&self) -> Option<&[u8]> {
        self.needle
    }
}

impl Model {
    pub(super) fn next_frame(&mut self) {
        let Self { buffer, input, ledger, .. } = self;
        let frame = Frame::random(ledger);
        let mut finder = Finder::new(frame, ledger);
        input.change();
        let before = ledger.look_for(frame);
        let waited = {
            let mut future = pin!(buffer.next_frame(input, &mut finder));
            ledger.wait(|cx| future.as_mut().poll(cx))
        };
        ledger.framed(frame, before, waited);
    }

    /// A stream of frames that is kept, dropped, or kept after a pending poll.
    pub(super) fn frames(&mut self) {
        let Self { buffer, input, ledger, .. } = self;
        let frame = Frame::random(ledger);
        let finder = Finder::new(frame, ledger);
        input.change();
        let mut frames = buffer.frames(input, finder);
        let mut goes_on = true;
        for _ in 0..1 + ledger.below(6) {
            let before = ledger.look_for(frame);
            let waited = ledger.wait(|cx| Pin::new(&mut frames).poll_next(cx));
            if !goes_on {
                event!(ledger, FramesOver);
                let over = matches!(waited, Waited::Done(None)) && ledger.told.calls.get() == 0;
                assert!(over, "a stream goes on after its end");
                continue;
            }
            let waited = match waited {
                Waited::Done(item) => Waited::Done(item.transpose()),
                Waited::GivenUp => Waited::GivenUp,
                Waited::Panicked => Waited::Panicked,
            };
            let (pending, panicked) = (matches!(waited, Waited::GivenUp), matches!(waited, Waited::Panicked));
            goes_on = ledger.framed(frame, before, waited) || pending;
            if panicked || pending && ledger.once_in(2) {
                break;
            }
        }
    }

    pub(super) fn read_through(&mut self) {
        let Self { buffer, input, ledger, .. } = self;
        input.change();
        let empty = HandoffBuffer::with_config(ledger.config);
        let mut reader = mem::replace(buffer, empty).into_reader(input);
        for _ in 0..1 + ledger.below(6) {
            ledger.told.calls.set(0);
            match ledger.below(4) {
                0 | 1 => ledger.read_some(&mut reader),
                2 => ledger.fill(&mut reader),
                _ => {
                    let n = ledger.amount(ledger.unread.len());
                    event!(ledger, ThroughConsume, "{n}");
                    ledger.scale.inside(|| Pin::new(&mut reader).consume(n));
                    ledger.leave(n.min(ledger.unread.len()));
                }
            }
            assert_eq!(reader.buffer(), ledger.unread, "what the reader has buffered");
        }
        *buffer = reader.into_parts().0;
    }
}

impl Ledger {
    /// Whether there is a frame already.
    fn look_for(&self, frame: Frame) -> bool {
        event!(self, Frame, "{frame:?}");
        self.told.calls.set(0);
        frame.whole(&self.unread).is_some()
    }

    /// Checks the result of looking for a frame; returns whether it was one.
    fn framed(
        &mut self,
        frame: Frame,
        before: bool,
        waited: Waited<Result<Option<Bytes>, FrameError>>,
    ) -> bool {
        self.arrived();
        assert!(!before || self.told.calls.get() == 0, "it read, though the frame was there");
        let (len, said) = (self.unread.len(), self.said());
        let (whole, contradiction) = (frame.whole(&self.unread), frame.contradiction(&self.unread));
        let result = match waited {
            Waited::Done(result) => result,
            Waited::GivenUp => {
                let nothing = whole.is_none() && contradiction.is_none() && !frame.rejects(&self.unread);
                // After many reads in one poll the last bytes are not looked at before the next
                // one.
                assert!(nothing || said == Said::Nothing, "it waits, though the frame is there");
                return false;
            }
            Waited::Panicked => {
                event!(self, FramePanic);
                return false;
            }
        };
        match result {
            Ok(Some(frame)) => {
                let content = self.leave(whole.expect("a frame that is not there"));
                self.keep(frame, content);
                return true;
            }
            Ok(None) => assert_eq!((len, said), (0, Said::Ended), "the end"),
            Err(FrameError::Truncated { buffered }) => {
                event!(self, FrameTruncated);
                assert_eq!((buffered, whole, said), (len, None, Said::Ended), "truncated");
            }
            Err(FrameError::TooLong { needed, limit }) => {
                event!(self, FrameTooLong, "{needed} for {limit}");
                assert_eq!((limit, whole), (self.max_len(), None), "too long");
                // This many bytes must arrive before they are distinguished.
                let header = if let Frame::Length { width, .. } = frame { width } else { 1 };
                let announced = frame.end(&self.unread) == Some(needed) || header == needed;
                assert!(needed > limit && (len == limit || announced), "{needed} for {limit}");
            }
            Err(FrameError::InvalidFinder { reported, buffered }) => {
                event!(self, FrameContradicted, "{reported} of {buffered}");
                assert_eq!((Some(reported), buffered), (contradiction, len), "a contradiction");
            }
            Err(FrameError::Rejected { reason }) => {
                event!(self, FrameRejected);
                assert!(reason == "planned" && frame.rejects(&self.unread), "a frame is rejected");
            }
            Err(FrameError::Buffer(BufferError::InvalidReader { .. })) => {
                assert_eq!((whole, said), (None, Said::Lied))
            }
            Err(FrameError::Io(_)) => assert_eq!((whole, said), (None, Said::Failed)),
            Err(error) => panic!("an unknown error: {error}"),
        }
        false
    }

    /// A plain or a vectored read through the buffer.
    fn read_some(&mut self, reader: &mut HandoffReader<&mut Input>) {
        let len = match self.below(3) {
            0 => self.below(40),
            1 => self.below(self.max_len() + 1),
            _ => self.below(2 * self.max_len()),
        };
        event!(self, ThroughRead, "{len} bytes");
        let mut out = vec![b'?'; len];
        let cut = self.below(len + 1);
        let vectored = self.once_in(2);
        let waited = self.wait(|cx| {
            let reader = Pin::new(&mut *reader);
            let polled = if vectored {
                let (front, back) = out.split_at_mut(cut);
                reader.poll_read_vectored(cx, &mut [IoSliceMut::new(front), IoSliceMut::new(back)])
            } else {
                reader.poll_read(cx, &mut out)
            };
            polled.map_err(|error| why(&error))
        });
        let given_up = matches!(waited, Waited::GivenUp);
        if let Some(n) = self.came_through(waited, given_up) {
            let ended = self.said() == Said::Ended;
            assert_eq!(n, len.min(self.unread.len()), "what was read");
            assert!(n > 0 || len == 0 || ended, "the end");
            assert_eq!(self.leave(n), out[..n], "what came through");
        }
    }

    /// Looks at what is buffered, or reads if nothing is.
    fn fill(&mut self, reader: &mut HandoffReader<&mut Input>) {
        event!(self, ThroughFill);
        let waited = self.wait(|cx| match Pin::new(&mut *reader).poll_fill_buf(cx) {
            Poll::Ready(Ok(bytes)) => Poll::Ready(Ok(bytes.len())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(why(&error))),
            Poll::Pending => Poll::Pending,
        });
        if let Some(n) = self.came_through(waited, false) {
            assert_eq!(n, self.unread.len(), "what is there to look at");
            assert!(n > 0 || self.said() == Said::Ended, "the end");
        }
    }

    /// What a read through the buffer gave, if it did not fail.
    fn came_through(&mut self, waited: Waited<Result<usize, Said>>, in_vain: bool) -> Option<usize> {
        let buffered = self.unread.len();
        let arrived = self.arrived();
        assert!(buffered == 0 || self.told.calls.get() == 0, "it read, though something was buffered");
        assert!(!in_vain || arrived == 0, "it waits, though something was read");
        match waited {
            Waited::Done(Ok(n)) => Some(n),
            Waited::Done(Err(why)) => {
                assert_eq!((why, arrived), (self.said(), 0), "the error");
                assert!(matches!(why, Said::Failed | Said::Lied), "an error for no reason");
                None
            }
            Waited::GivenUp | Waited::Panicked => None,
        }
    }
}

/// What an error says about the reader. It is dropped where it was made.
fn why(error: &std::io::Error) -> Said {
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(BufferError::InvalidReader { reported, given }) if *reported == lie(*given) => Said::Lied,
        None if error.kind() == std::io::ErrorKind::ConnectionReset => Said::Failed,
        _ => Said::Nothing,
    }
}
