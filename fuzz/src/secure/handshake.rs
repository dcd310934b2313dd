//! An attacker in a handshake: whatever it changes, at least one side has no session.

use std::{
    future::{Future, pending},
    pin::pin,
    task::{Context, Poll},
};

use arbitrary::Arbitrary;
use futures_handoff::secure::{self, HandshakeError};
use futures_util::{FutureExt, task::noop_waker_ref};

use super::{Limits, Pattern, wire::Wire};

/// The handshake with the most bytes in one direction has 100.
const LONGEST: usize = 120;

/// A handshake, and what happens to its bytes.
#[derive(Debug, Arbitrary)]
pub struct Meddled {
    pattern: Pattern,
    limits: Limits,
    /// What happens to the bytes of the initiator, and to those of the responder.
    edits: [Vec<Edit>; 2],
}

/// What happens at a position of a direction.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Edit {
    Flip { at: u8, bit: u8 },
    Drop { at: u8 },
    Insert { at: u8, byte: u8 },
    Cut { at: u8 },
}

/// One direction with the attacker in it.
struct Direction<'a> {
    from: Wire,
    to: Wire,
    edits: &'a [Edit],
    sent: Vec<u8>,
    arrived: Vec<u8>,
    cut: bool,
}

impl<'a> Direction<'a> {
    fn new(edits: &'a [Edit]) -> Self {
        Self {
            from: Wire::default(),
            to: Wire::default(),
            edits,
            sent: Vec::new(),
            arrived: Vec::new(),
            cut: false,
        }
    }

    /// Passes on what was sent. Returns whether there was anything.
    fn pass_on(&mut self) -> bool {
        let sent = self.from.take();
        for byte in &sent {
            self.byte(*byte);
        }
        !sent.is_empty()
    }

    fn byte(&mut self, mut byte: u8) {
        let position = self.sent.len();
        self.sent.push(byte);
        let here = |at: u8| usize::from(at) % LONGEST == position;
        let mut arrives = Vec::new();
        let mut dropped = false;
        for edit in self.edits {
            match *edit {
                Edit::Flip { at, bit } if here(at) => byte ^= 1 << (bit % 8),
                Edit::Drop { at } if here(at) => dropped = true,
                Edit::Insert { at, byte } if here(at) => arrives.push(byte),
                Edit::Cut { at } if here(at) => self.cut = true,
                _ => {}
            }
        }
        if !dropped {
            arrives.push(byte);
        }
        if !self.cut {
            self.arrived.extend(&arrives);
            self.to.put(&arrives);
        }
    }

    fn is_unchanged(&self) -> bool {
        self.arrived.starts_with(&self.sent)
    }
}

impl Meddled {
    pub(super) fn check(&self) {
        let config = self.limits.config();
        let (near, far) = self.pattern.sides();
        let [mut there, mut back] = [0, 1].map(|direction| Direction::new(&self.edits[direction]));
        let connects = secure::connect(back.to.clone(), there.from.clone(), near, &config, pending());
        let accepts = secure::accept(there.to.clone(), back.from.clone(), far, &config, pending());
        let ended = [there.to.clone(), back.to.clone()];
        let mut connects = pin!(connects.fuse());
        let mut accepts = pin!(accepts.fuse());
        let (mut initiator, mut responder) = (None, None);
        let mut quiet = 0;
        // Twice without a byte: nothing more comes, and both sides see the end of the connection.
        while quiet < 4 && (initiator.is_none() || responder.is_none()) {
            poll(connects.as_mut(), &mut initiator);
            poll(accepts.as_mut(), &mut responder);
            let passed_on = there.pass_on() | back.pass_on();
            quiet = if passed_on { 0 } else { quiet + 1 };
            if quiet >= 2 {
                ended.iter().for_each(Wire::end);
            }
        }
        let (initiator, responder) =
            (initiator.expect("the initiator ends"), responder.expect("the responder ends"));
        if !there.is_unchanged() || !back.is_unchanged() {
            assert!(initiator.is_err() || responder.is_err(), "both have a session: {self:?}");
            return;
        }
        let (initiator, responder) = (initiator.unwrap(), responder.unwrap());
        assert_eq!(initiator.binding, responder.binding);
        assert_eq!((responder.peer, initiator.peer), Pattern::names());
    }
}

fn poll<T>(
    future: impl Future<Output = Result<T, HandshakeError>>,
    result: &mut Option<Result<T, HandshakeError>>,
) {
    if result.is_none()
        && let Poll::Ready(done) = pin!(future).poll(&mut Context::from_waker(noop_waker_ref()))
    {
        *result = Some(done);
    }
}
