//! A reader that does whatever a reader may, and now and then what it may not.

use std::{
    cell::{Cell, RefCell},
    io::{self, IoSliceMut},
    panic::resume_unwind,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use futures_util::AsyncRead;

use super::neighbour::SECRET;
use crate::faults::{
    choices::Choices,
    event::{Event, Record},
    scale::Scale,
};

/// What a reader leaves behind in memory that it does not report as read.
pub(super) const SCRIBBLE: u8 = b'!';

/// How user code ends that panics on purpose.
pub(super) struct Planned;

/// What the reader said last, other than that it gave bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Said {
    #[default]
    Nothing,
    /// Pending, and somebody is woken.
    Pending,
    /// Pending, and nobody will be woken.
    Stalled,
    Failed,
    Ended,
    Lied,
    Panicked,
}

/// What is known of a reader while it is in use.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) said: Cell<Said>,
    /// All bytes given.
    pub(super) given: RefCell<Vec<u8>>,
    /// Calls since this was last reset.
    pub(super) calls: Cell<usize>,
    /// How often this or another reader of the thread had nothing.
    pub(super) pending: Cell<usize>,
}

/// How a reader behaves for some calls.
#[derive(Debug, Clone, Copy)]
pub(super) enum Manner {
    /// In any way.
    Mixed,
    /// Gives one byte.
    Drops,
    /// Gives what there is room for.
    Floods,
    /// Has nothing.
    Quiet,
}

pub(super) struct Input {
    choices: Choices,
    record: Rc<RefCell<Record>>,
    scale: Scale,
    pub(super) told: Rc<Told>,
    /// What its bytes are like.
    alphabet: &'static [u8; 16],
    manner: Manner,
    /// So many calls in this manner.
    left: usize,
}

/// What a call comes to.
enum Answer {
    Bytes(usize),
    Pending { wakes: bool },
    Failed,
    Lied(usize),
    Panicked,
}

impl Input {
    pub(super) fn new(choices: Choices, record: Rc<RefCell<Record>>, scale: Scale) -> Self {
        // Words and lines, or small numbers, which are lengths as well.
        let alphabet = choices.of([b"aaaaaaaabbbbb\n\n\x02", b"\0\0\0\0\0\0\0\0\0\x01\x01\x02\x03\x05ab"]);
        Self { choices, record, scale, told: Rc::default(), alphabet, manner: Manner::Mixed, left: 0 }
    }

    /// Behaves in one manner from now on, for some time.
    pub(super) fn change(&mut self) {
        (self.manner, self.left) = match self.choices.below(12) {
            10 => (Manner::Drops, 400),
            11 => (Manner::Floods, 8),
            _ => (Manner::Mixed, 0),
        };
    }

    /// Gives all that there is room for at the next call.
    pub(super) fn flood(&mut self) {
        (self.manner, self.left) = (Manner::Floods, 1);
    }

    /// Has nothing at the next call.
    pub(super) fn hush(&mut self) {
        (self.manner, self.left) = (Manner::Quiet, 1);
    }

    /// The byte at a place of the input: few different ones, with no order in them.
    fn byte_at(&self, at: usize) -> u8 {
        let mixed = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        self.alphabet[(mixed % 16) as usize]
    }

    fn event(&self, event: Event) {
        self.record.borrow_mut().event(event, String::new);
    }

    /// How many of `room` bytes are given, unless something else is chosen.
    fn amount(&mut self, room: usize) -> Result<usize, usize> {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            match self.manner {
                Manner::Drops => return Ok(1),
                Manner::Floods => return Ok(room),
                Manner::Quiet => return Err(2),
                Manner::Mixed => {}
            }
        }
        let other = self.choices.below(17).checked_sub(10);
        if let Some(other) = other {
            return Err(other);
        }
        let most = self.choices.of([room, 1, 8, 120]).min(room);
        Ok(1 + self.choices.below(most))
    }

    /// Decides on a call and does what it does to the memory on offer.
    fn answer(&mut self, room: &mut [IoSliceMut<'_>]) -> Answer {
        let len = room.iter().map(|slice| slice.len()).sum();
        let scribble = |room: &mut [IoSliceMut<'_>]| room.iter_mut().for_each(|slice| slice.fill(SCRIBBLE));
        let (said, answer) = match self.amount(len) {
            Ok(n) => {
                let at = self.told.given.borrow().len();
                let bytes = (at..at + n).map(|at| self.byte_at(at)).collect::<Vec<_>>();
                let places = room.iter_mut().flat_map(|slice| slice.iter_mut());
                places.zip(&bytes).for_each(|(place, byte)| *place = *byte);
                self.told.given.borrow_mut().extend(bytes);
                self.record.borrow().line(|| format!("    reader: gives {n} of {len}"));
                (Said::Nothing, Answer::Bytes(n))
            }
            Err(0 | 1) => {
                self.event(Event::ReadPending);
                (Said::Pending, Answer::Pending { wakes: true })
            }
            Err(2) => {
                self.event(Event::ReadStall);
                (Said::Stalled, Answer::Pending { wakes: false })
            }
            Err(3) => {
                self.event(Event::ReadError);
                scribble(room);
                (Said::Failed, Answer::Failed)
            }
            Err(4) => {
                self.event(Event::ReadEnd);
                (Said::Ended, Answer::Bytes(0))
            }
            Err(5) => {
                self.event(Event::ReadLie);
                scribble(room);
                (Said::Lied, Answer::Lied(len + 1))
            }
            Err(_) => {
                self.event(Event::ReadPanic);
                scribble(room);
                (Said::Panicked, Answer::Panicked)
            }
        };
        if matches!(answer, Answer::Pending { .. }) {
            self.told.pending.set(self.told.pending.get() + 1);
        }
        self.told.said.set(said);
        answer
    }
}

impl AsyncRead for Input {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read_vectored(cx, &mut [IoSliceMut::new(room)])
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.told.calls.set(self.told.calls.get() + 1);
        assert!(room.iter().any(|slice| !slice.is_empty()), "the reader was offered no room");
        let secret = room.iter().any(|slice| slice.contains(&SECRET));
        assert!(!secret, "the reader is shown what others have read");
        let scale = self.scale.clone();
        match scale.outside(|| self.answer(room)) {
            Answer::Bytes(n) | Answer::Lied(n) => Poll::Ready(Ok(n)),
            Answer::Pending { wakes } => {
                if wakes {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
            Answer::Failed => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Answer::Panicked => resume_unwind(Box::new(Planned)),
        }
    }
}
