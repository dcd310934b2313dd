//! Random lifecycles against a simple model.

use std::collections::VecDeque;

use futures_handoff::message::{Charge, OwnedPermit, SharedMessage};
use proptest::prelude::*;

use super::support::*;

const ITEMS: usize = 5;
const BYTES: usize = 20;

#[derive(Debug, Clone)]
enum Op {
    TrySend(usize),
    /// Begins to wait for room, with a message or for a permit.
    Send(usize, bool),
    PollSend(usize),
    CancelSend(usize),
    UsePermit(usize),
    DropPermit(usize),
    TryRecv,
    /// Begins to wait for a message.
    Recv,
    PollRecv(usize),
    CancelRecv(usize),
    /// Uses a received message in one of the possible ways.
    Use(usize, u8),
    Drain,
    Evict,
    Close,
}

fn op() -> impl Strategy<Value = Op> {
    let which = || 0..64_usize;
    prop_oneof![
        4 => (0..=BYTES + 1).prop_map(Op::TrySend),
        4 => ((0..=BYTES), proptest::bool::ANY).prop_map(|(bytes, permit)| Op::Send(bytes, permit)),
        6 => which().prop_map(Op::PollSend),
        2 => which().prop_map(Op::CancelSend),
        2 => which().prop_map(Op::UsePermit),
        1 => which().prop_map(Op::DropPermit),
        4 => Just(Op::TryRecv),
        4 => Just(Op::Recv),
        6 => which().prop_map(Op::PollRecv),
        2 => which().prop_map(Op::CancelRecv),
        8 => (which(), 0..5_u8).prop_map(|(which, how)| Op::Use(which, how)),
        1 => Just(Op::Drain),
        1 => Just(Op::Evict),
        1 => (0..8_u8).prop_map(|n| if n == 0 { Op::Close } else { Op::Evict }),
    ]
}

/// A message: its number and the bytes that it declares.
type Sent = (u32, usize);

/// A future that waits for room. It returns a permit if it has no message.
type Sending =
    Hand<futures_util::future::BoxFuture<'static, Result<Option<OwnedPermit<Sent>>, RejectReason>>>;
type Receiving = Hand<futures_util::future::BoxFuture<'static, Option<Message<Sent>>>>;

/// The holders of a charge at the consumer.
enum Held {
    Message(Message<Sent>),
    Charge(#[expect(dead_code, reason = "it is only held")] Charge<Sent>),
    Shared(SharedMessage<Sent>),
}

/// The model of a future that waits for room.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Wait {
    id: u32,
    bytes: usize,
    permit: bool,
    granted: bool,
}

/// The real ends, and their expected state.
struct World {
    sender: Sender<Sent>,
    receiver: Receiver<Sent>,
    sends: Vec<(Sending, u32)>,
    permits: Vec<OwnedPermit<Sent>>,
    receives: Vec<Receiving>,
    held: Vec<(Held, Sent)>,
    // The model.
    queue: VecDeque<Sent>,
    waits: Vec<Wait>,
    closed: bool,
    next: u32,
}

impl World {
    fn new() -> Self {
        let (sender, receiver) =
            MessageHandoff::new(MessageHandoffConfig::new(ITEMS, BYTES).with_cooperative(false));
        Self {
            sender,
            receiver,
            sends: Vec::new(),
            permits: Vec::new(),
            receives: Vec::new(),
            held: Vec::new(),
            queue: VecDeque::new(),
            waits: Vec::new(),
            closed: false,
            next: 0,
        }
    }

    /// The expected charge of everything that exists.
    fn charged(&self) -> (usize, usize) {
        let mut shared: Vec<_> = self.held.iter().map(|(_, sent)| *sent).collect();
        shared.sort_unstable();
        shared.dedup();
        let bytes = self.queue.iter().chain(&shared).map(|(_, bytes)| *bytes);
        let granted = self.waits.iter().filter(|wait| wait.granted).map(|wait| wait.bytes);
        let permits = self.permits.iter().map(OwnedPermit::bytes);
        bytes.chain(granted).chain(permits).fold((0, 0), |(items, sum), bytes| (items + 1, sum + bytes))
    }

    fn fits(&self, bytes: usize) -> bool {
        let (items, taken) = self.charged();
        items < ITEMS && taken + bytes <= BYTES
    }

    fn no_sender_waits(&self) -> bool {
        self.waits.iter().all(|wait| wait.granted)
    }

    /// Admits the waiters that fit, in their order.
    fn grant(&mut self) {
        while let Some(first) = self.waits.iter().position(|wait| !wait.granted) {
            if self.closed || !self.fits(self.waits[first].bytes) {
                return;
            }
            self.waits[first].granted = true;
        }
    }

    fn hold(&mut self, message: Message<Sent>) {
        let sent = *message;
        assert_eq!(sent.1, message.bytes());
        self.held.push((Held::Message(message), sent));
    }

    fn step(&mut self, op: Op) {
        let place = |which: usize, len: usize| (len > 0).then(|| which % len.max(1));
        match op {
            Op::TrySend(bytes) => {
                let message = (self.next, bytes);
                self.next += 1;
                let expected = if self.closed {
                    Some(RejectReason::Closed)
                } else if bytes > BYTES {
                    Some(RejectReason::TooLarge { bytes, limit: BYTES })
                } else if self.fits(bytes) && self.no_sender_waits() {
                    None
                } else {
                    let (items, taken) = self.charged();
                    Some(RejectReason::Full { bytes, free_items: ITEMS - items, free_bytes: BYTES - taken })
                };
                let refused = self.sender.try_send(message, bytes).err();
                assert_eq!(refused.map(parts), expected.map(|reason| (message, reason)));
                self.queue.extend(expected.is_none().then_some(message));
            }
            Op::Send(bytes, permit) => {
                let (sender, id) = (self.sender.clone(), self.next);
                self.next += 1;
                let wait = async move {
                    if permit {
                        return sender.reserve(bytes).await.map(|permit| Some(permit.into_owned()));
                    }
                    sender.send((id, bytes), bytes).await.map(|()| None).map_err(RejectReason::from)
                };
                let mut wait = Hand::new(wait.boxed());
                match wait.run() {
                    None => {
                        assert!(!(self.closed || self.fits(bytes) && self.no_sender_waits()));
                        self.sends.push((wait, id));
                        self.waits.push(Wait { id, bytes, permit, granted: false });
                    }
                    Some(Ok(None)) => self.queue.push_back((id, bytes)),
                    Some(Ok(Some(permit))) => self.permits.push(permit),
                    Some(Err(reason)) => assert!(self.closed && reason.is_closed()),
                }
            }
            Op::PollSend(which) => {
                let Some(which) = place(which, self.sends.len()) else { return };
                let (send, id) = &mut self.sends[which];
                let at = self.waits.iter().position(|wait| wait.id == *id).unwrap();
                let wait = self.waits[at];
                assert_eq!(send.is_due(), wait.granted || self.closed);
                let Some(done) = send.run() else { return assert!(!wait.granted && !self.closed) };
                self.waits.remove(at);
                drop(self.sends.remove(which));
                match done {
                    Ok(permit) => {
                        assert!(wait.granted && !self.closed && permit.is_some() == wait.permit);
                        self.queue.extend(permit.is_none().then_some((wait.id, wait.bytes)));
                        self.permits.extend(permit);
                    }
                    Err(reason) => assert!(self.closed && reason.is_closed()),
                }
            }
            Op::CancelSend(which) => {
                let Some(which) = place(which, self.sends.len()) else { return };
                let (_, id) = self.sends.remove(which);
                self.waits.retain(|wait| wait.id != id);
            }
            Op::UsePermit(which) => {
                let Some(which) = place(which, self.permits.len()) else { return };
                let permit = self.permits.remove(which);
                let message = (self.next, permit.bytes());
                self.next += 1;
                let refused = permit.send(message).err();
                assert_eq!(refused.map(parts), self.closed.then_some((message, RejectReason::Closed)));
                self.queue.extend((!self.closed).then_some(message));
            }
            Op::DropPermit(which) => {
                let Some(which) = place(which, self.permits.len()) else { return };
                drop(self.permits.remove(which));
            }
            Op::TryRecv => {
                let expected = self.queue.pop_front();
                let message = self.receiver.try_recv();
                let none = if self.closed { TryRecvError::Closed } else { TryRecvError::Empty };
                assert_eq!(message.as_deref().copied().map_err(|error| *error), expected.ok_or(none));
                message.into_iter().for_each(|message| self.hold(message));
            }
            Op::Recv => {
                let receiver = self.receiver.clone();
                self.receives.push(Hand::new(async move { receiver.recv().await }.boxed()));
                self.poll_receive(self.receives.len() - 1);
            }
            Op::PollRecv(which) => {
                let Some(which) = place(which, self.receives.len()) else { return };
                self.poll_receive(which);
            }
            Op::CancelRecv(which) => {
                let Some(which) = place(which, self.receives.len()) else { return };
                drop(self.receives.remove(which));
            }
            Op::Use(which, how) => {
                let Some(which) = place(which, self.held.len()) else { return };
                let (held, sent) = self.held.remove(which);
                let again = match (held, how) {
                    (Held::Message(message), 0) => Some(Held::Shared(message.into_shared())),
                    (Held::Message(message), 1) => Some(Held::Charge(message.into_parts().1)),
                    (Held::Message(message), 2) => {
                        assert_eq!(message.into_inner(), sent);
                        None
                    }
                    (Held::Shared(message), 0) => {
                        self.held.push((Held::Shared(message.clone()), sent));
                        Some(Held::Shared(message))
                    }
                    (Held::Shared(message), 1) => {
                        let alone = self.held.iter().all(|(_, other)| *other != sent);
                        let message = message.try_unwrap();
                        assert_eq!(message.is_ok(), alone);
                        Some(message.map_or_else(Held::Shared, Held::Message))
                    }
                    _ => None,
                };
                self.held.extend(again.map(|held| (held, sent)));
            }
            Op::Drain => {
                let messages = self.receiver.drain();
                assert!(messages.iter().map(|message| **message).eq(self.queue.drain(..)));
                messages.into_iter().for_each(|message| self.hold(message));
            }
            Op::Evict => assert_eq!(self.sender.evict_oldest(), self.queue.pop_front()),
            Op::Close => {
                self.closed = true;
                if self.next % 2 == 0 { self.sender.close() } else { self.receiver.close() }
            }
        }
    }

    fn poll_receive(&mut self, which: usize) {
        let receive = &mut self.receives[which];
        let due = receive.is_due();
        match receive.run() {
            None => assert!(!due || (self.queue.is_empty() && !self.closed)),
            Some(message) => {
                assert_eq!(message.as_deref().copied(), self.queue.pop_front());
                assert!(message.is_some() || self.closed);
                drop(self.receives.remove(which));
                message.into_iter().for_each(|message| self.hold(message));
            }
        }
    }

    fn check(&self) {
        assert_eq!(self.sender.len(), self.queue.len());
        assert_eq!(pending(&self.sender), self.charged());
        assert!(self.charged().0 <= ITEMS && self.charged().1 <= BYTES);
        assert_eq!(self.sender.is_closed(), self.closed);
        let due = self.receives.iter().filter(|receive| receive.is_due()).count();
        let needed = if self.closed { usize::MAX } else { self.queue.len() };
        assert!(due >= needed.min(self.receives.len()), "a message waits beside a receiver that sleeps");
    }
}

fn parts(refused: SendError<Sent>) -> (Sent, RejectReason) {
    let reason = refused.reason();
    (refused.into_message(), reason)
}

proptest! {
    #[test]
    fn randomized_lifecycle_matches_retained_message_model(ops in prop::collection::vec(op(), 0..200)) {
        let mut world = World::new();
        for op in ops {
            world.step(op);
            world.grant();
            world.check();
        }
        let World { sender, receiver, sends, permits, receives, held, .. } = world;
        drop((sends, permits, receives, held));
        drop(receiver);
        assert_eq!(pending(&sender), (0, 0));
    }
}
