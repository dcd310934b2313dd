//! Another connection on the same thread, which leaves its blocks to this one and takes them back.

use std::{
    io,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use futures_handoff::HandoffBuffer;
use futures_util::AsyncRead;

use super::{
    input::SCRIBBLE,
    ledger::{Ledger, Waited},
};
use crate::faults::event::Event;

/// What it reads, and nobody else.
pub(super) const SECRET: u8 = b'S';

/// Gives secrets, as much as there is room for, and then has nothing.
struct Secrets {
    calls: usize,
}

impl AsyncRead for Secrets {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        assert!(
            room.iter().all(|byte| [0, SECRET, SCRIBBLE].contains(byte)),
            "it is shown what others have read"
        );
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
    /// The neighbour reads some times, is done with it at once, and finds nothing more.
    pub(super) fn neighbour_reads(&mut self, neighbour: &mut HandoffBuffer) {
        self.event(Event::Neighbour, String::new);
        let mut secrets = Secrets { calls: 1 + self.choices.below(3) };
        loop {
            let mut read = pin!(neighbour.read_available(&mut secrets));
            let waited = self.poll_once(|cx| read.as_mut().poll(cx));
            match waited {
                Waited::Done(read) => assert!(read.is_ok_and(|n| n > 0), "the neighbour is not served"),
                _ => break,
            }
            self.scale.inside(|| neighbour.advance(neighbour.len())).expect("all there is");
        }
        self.beside = neighbour.capacity();
    }
}
