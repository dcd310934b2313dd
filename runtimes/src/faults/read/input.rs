//! A reader that does whatever a reader may, and now and then what it may not.

use std::{
    cell::{Cell, RefCell},
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use futures_util::AsyncRead;

use crate::faults::{
    choices::Choices,
    event::{Event, Record},
};

/// What the reader said last, other than that it gave bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    /// Pending, and nobody will be woken.
    Stalled,
    Failed,
    Ended,
    Lied,
}

pub(super) struct Input {
    choices: Choices,
    record: Rc<RefCell<Record>>,
    /// All bytes given.
    pub(super) given: Vec<u8>,
    pub(super) said: Rc<Cell<Said>>,
    /// Calls since this was last reset.
    pub(super) calls: usize,
}

/// The byte at a place of the input: few different ones, with no order in them.
fn byte_at(at: usize) -> u8 {
    let mixed = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    b"aaaaaabbb\n"[(mixed % 10) as usize]
}

impl Input {
    pub(super) fn new(choices: Choices, record: Rc<RefCell<Record>>) -> Self {
        Self { choices, record, given: Vec::new(), said: Rc::new(Cell::new(Said::Nothing)), calls: 0 }
    }

    fn event(&self, event: Event) {
        self.record.borrow_mut().event(event, String::new);
    }
}

impl AsyncRead for Input {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        self.calls += 1;
        assert!(!room.is_empty(), "the reader was offered no room");
        match self.choices.below(16) {
            0..=9 => {
                let most = self.choices.of([room.len(), 1, 8, 120]).min(room.len());
                let n = 1 + self.choices.below(most);
                for place in &mut room[..n] {
                    *place = byte_at(self.given.len());
                    self.given.push(*place);
                }
                self.said.set(Said::Nothing);
                self.record.borrow_mut().line(|| format!("    reader: gives {n} of {}", room.len()));
                Poll::Ready(Ok(n))
            }
            10 | 11 => {
                self.event(Event::ReadPending);
                cx.waker().wake_by_ref();
                self.said.set(Said::Nothing);
                Poll::Pending
            }
            12 => {
                self.event(Event::ReadStall);
                self.said.set(Said::Stalled);
                Poll::Pending
            }
            13 => {
                self.event(Event::ReadError);
                room.fill(b'!');
                self.said.set(Said::Failed);
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            14 => {
                self.event(Event::ReadEnd);
                self.said.set(Said::Ended);
                Poll::Ready(Ok(0))
            }
            _ => {
                self.event(Event::ReadLie);
                room.fill(b'!');
                self.said.set(Said::Lied);
                Poll::Ready(Ok(room.len() + 1))
            }
        }
    }
}
