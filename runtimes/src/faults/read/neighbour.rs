//! Other connections on the same thread, so many that blocks go from one to another.

use std::{
    io,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use futures_handoff::HandoffBuffer;
use futures_util::AsyncRead;

use super::ledger::{Ledger, Waited};
use crate::faults::event::Event;

/// How many there are: more than a thread keeps blocks for, or else bytes.
const CROWD: usize = 66;
const FEW: usize = 10;
/// The longest buffers of which there is a crowd.
const NARROW: usize = 400;

/// What they read, and nobody else.
pub(super) const SECRET: u8 = b'S';

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
    /// The neighbours read some times, are done with it at once, and find nothing more.
    pub(super) fn neighbours_read(&mut self, neighbours: &mut Vec<HandoffBuffer>) {
        self.event(Event::Neighbour, String::new);
        if neighbours.is_empty() {
            let count = if self.max_len() <= NARROW { CROWD } else { FEW };
            neighbours.extend((0..count).map(|_| HandoffBuffer::with_config(self.config)));
        }
        let calls = 1 + self.choices.below(3);
        for neighbour in &mut *neighbours {
            self.neighbour_reads(neighbour, calls);
        }
        self.beside = neighbours.iter().map(HandoffBuffer::capacity).sum();
    }

    fn neighbour_reads(&self, neighbour: &mut HandoffBuffer, calls: usize) {
        let mut secrets = Secrets { calls };
        loop {
            let mut read = pin!(neighbour.read_available(&mut secrets));
            let waited = self.poll_once(|cx| read.as_mut().poll(cx));
            match waited {
                Waited::Done(read) => assert!(read.is_ok_and(|n| n > 0), "the neighbour is not served"),
                _ => break,
            }
            self.scale.inside(|| neighbour.advance(neighbour.len())).expect("all there is");
        }
        self.told.pending.set(self.told.pending.get() + 1);
    }
}
