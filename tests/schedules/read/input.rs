//! A reader that does everything a reader may do, and sometimes what it must not; and the readers
//! of other connections.

use std::{
    cell::{Cell, RefCell},
    io::{self, IoSliceMut},
    panic::resume_unwind,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
};

use futures_handoff::HandoffBuffer;
use futures_util::AsyncRead;

use super::ledger::{Ledger, Waited};
use crate::{
    run::{Planned, Scale},
    script::{Event, Script},
};

/// The bytes that only neighbours read.
const SECRET: u8 = b'S';

/// What the reader said last, other than that it gave bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Said {
    #[default]
    Nothing,
    /// Pending, and the task is woken.
    Pending,
    /// Pending, without a wake-up.
    Stalled,
    Failed,
    Ended,
    Lied,
    Panicked,
}

/// The record of a reader while it is in use.
#[derive(Default)]
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
#[derive(Clone, Copy)]
enum Manner {
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
    script: Script,
    scale: Scale,
    pub(super) told: Rc<Told>,
    /// What its bytes are like.
    alphabet: &'static [u8; 16],
    /// How many calls behave in this way.
    manner: Manner,
    left: usize,
}

impl Input {
    pub(super) fn new(script: Script, scale: Scale) -> Self {
        // Words and lines, or small numbers, which are lengths as well.
        let alphabet = script.of([b"aaaaaaaabbbbb\n\n\x02", b"\0\0\0\0\0\0\0\0\0\x01\x01\x02\x03\x05ab"]);
        Self { script, scale, told: Rc::default(), alphabet, manner: Manner::Mixed, left: 0 }
    }

    /// Behaves in one manner from now on, for some time.
    pub(super) fn change(&mut self) {
        (self.manner, self.left) = match self.script.below(12) {
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

    /// How many of `room` bytes are given, unless something else is said.
    fn amount(&mut self, room: usize) -> Result<usize, Said> {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            match self.manner {
                Manner::Drops => return Ok(1),
                Manner::Floods => return Ok(room),
                Manner::Quiet => return Err(Said::Stalled),
                Manner::Mixed => {}
            }
        }
        Err(match self.script.below(17) {
            10 | 11 => Said::Pending,
            12 => Said::Stalled,
            13 => Said::Failed,
            14 => Said::Ended,
            15 => Said::Lied,
            16 => Said::Panicked,
            _ => {
                let most = self.script.of([room, 1, 8, 120]).min(room);
                return Ok(1 + self.script.below(most));
            }
        })
    }

    /// Decides on a call and does what it does to the memory on offer; how many bytes are given.
    fn answer(&mut self, room: &mut [IoSliceMut<'_>]) -> Result<usize, Said> {
        let len = room.iter().map(|slice| slice.len()).sum();
        let amount = self.amount(len);
        let mut places = room.iter_mut().flat_map(|slice| slice.iter_mut());
        match amount {
            Ok(n) => {
                let mut given = self.told.given.borrow_mut();
                for (place, at) in places.by_ref().take(n).zip(given.len() as u64 + 1..) {
                    // Few different ones, with no order in them.
                    let mixed = at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
                    *place = self.alphabet[(mixed % 16) as usize];
                    given.push(*place);
                }
                trace!(self.script, "    reader: gives {n} of {len}");
            }
            Err(said) => {
                let event = match said {
                    Said::Pending => Event::ReaderPending,
                    Said::Stalled => Event::ReaderStall,
                    Said::Ended => Event::ReaderEnd,
                    Said::Failed => Event::ReaderError,
                    Said::Lied => Event::ReaderLie,
                    Said::Nothing | Said::Panicked => Event::ReaderPanic,
                };
                self.script.event(event, String::new);
                let pending = matches!(said, Said::Pending | Said::Stalled);
                self.told.pending.set(self.told.pending.get() + usize::from(pending));
            }
        }
        // It also writes bytes that it does not report.
        places.for_each(|place| *place = b'!');
        self.told.said.set(amount.err().unwrap_or_default());
        amount
    }
}

/// The count that a lying reader reports for this much room: one byte more, or far more.
pub(super) fn lie(room: usize) -> usize {
    room + [1, usize::MAX / 2][room % 2]
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
        Poll::Ready(match scale.outside(|| self.answer(room)) {
            Ok(n) => Ok(n),
            Err(Said::Pending) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Err(Said::Stalled) => return Poll::Pending,
            Err(Said::Failed) => Err(io::ErrorKind::ConnectionReset.into()),
            Err(Said::Ended) => Ok(0),
            Err(Said::Lied) => Ok(lie(room.iter().map(|slice| slice.len()).sum())),
            Err(Said::Nothing | Said::Panicked) => resume_unwind(Box::new(Planned)),
        })
    }
}

/// How many neighbours there are: more than a thread keeps blocks for, or else bytes.
const CROWD: usize = 66;
const FEW: usize = 10;
/// The longest buffers of which there is a crowd.
const NARROW: usize = 400;

/// Gives secrets, as much as there is room for, and then has nothing.
struct Secrets {
    calls: usize,
}

impl AsyncRead for Secrets {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        assert!(room.iter().all(|byte| [0, SECRET].contains(byte)), "it is shown what others have read");
        let Some(left) = self.calls.checked_sub(1) else {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        self.calls = left;
        room.fill(SECRET);
        Poll::Ready(Ok(room.len()))
    }
}

impl Ledger {
    /// Other connections on the same thread, enough that blocks go from one to another. Each reads
    /// a few times, consumes at once, and finds nothing more.
    pub(super) fn neighbours_read(&mut self, neighbours: &mut Vec<HandoffBuffer>) {
        event!(self, NeighbourRead);
        if neighbours.is_empty() {
            let count = if self.max_len() <= NARROW { CROWD } else { FEW };
            neighbours.extend((0..count).map(|_| HandoffBuffer::with_config(self.config)));
        }
        let calls = 1 + self.below(3);
        for neighbour in &mut *neighbours {
            let mut secrets = Secrets { calls };
            loop {
                let read = {
                    let mut read = pin!(neighbour.read_available(&mut secrets));
                    self.poll_once(|cx| read.as_mut().poll(cx))
                };
                match read {
                    Waited::Done(read) => assert!(read.is_ok_and(|n| n > 0), "a neighbour is not served"),
                    _ => break,
                }
                self.scale.inside(|| neighbour.advance(neighbour.len())).expect("all there is");
            }
            self.told.pending.set(self.told.pending.get() + 1);
        }
        self.beside = neighbours.iter().map(HandoffBuffer::capacity).sum();
    }
}
