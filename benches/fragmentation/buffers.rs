//! The two reassemblers of Freenet's transport.

use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

use futures_handoff::bytes::Bytes;

use crate::{
    copied,
    freenet::{self, Cipher, PIECE},
};

/// A place for a fragment. In Freenet it is a pointer; here a flag is exchanged, at the same cost
/// for one thread.
#[derive(Default)]
struct Slot {
    taken: AtomicBool,
    payload: Cell<Option<Box<Bytes>>>,
}

/// `LockFreeStreamBuffer`: a slot for each fragment, each in a box, copied together at the end.
pub struct Slots {
    slots: Box<[Slot]>,
    total: usize,
    /// All fragments up to this number have arrived.
    contiguous: AtomicU32,
}

impl Slots {
    pub fn new(total: usize) -> Self {
        // One more, for metadata that make the first fragment shorter.
        let slots = (0..=total.div_ceil(PIECE)).map(|_| Slot::default()).collect();
        Self { slots, total, contiguous: AtomicU32::new(0) }
    }

    pub fn insert(&self, number: u32, payload: Bytes) -> bool {
        assert!((1..=self.slots.len()).contains(&(number as usize)));
        let slot = &self.slots[number as usize - 1];
        let payload = Box::new(payload);
        if slot.taken.compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire).is_err() {
            return false;
        }
        slot.payload.set(Some(payload));
        self.advance();
        true
    }

    fn advance(&self) {
        loop {
            let contiguous = self.contiguous.load(Ordering::Acquire);
            match self.slots.get(contiguous as usize) {
                Some(next) if next.taken.load(Ordering::Acquire) => {}
                _ => return,
            }
            let next = contiguous + 1;
            let _ =
                self.contiguous.compare_exchange_weak(contiguous, next, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    /// The message, copied together; `None` if fragments are missing.
    pub fn assemble(&self) -> Option<Vec<u8>> {
        if (self.contiguous.load(Ordering::Acquire) as usize) < self.total.div_ceil(PIECE) {
            return None;
        }
        let mut message = Vec::with_capacity(self.total);
        for slot in &self.slots {
            let Some(payload) = slot.payload.take() else { break };
            message.extend_from_slice(copied(&payload));
            slot.payload.set(Some(payload));
        }
        (message.len() == self.total).then_some(message)
    }
}

/// `InboundStream`: fragments in order are appended, the others wait in a tree.
pub struct Tree {
    total: usize,
    contiguous: u32,
    waiting: BTreeMap<u32, Bytes>,
    message: Vec<u8>,
}

impl Tree {
    pub fn new(total: usize) -> Self {
        Self { total, contiguous: 0, waiting: BTreeMap::new(), message: Vec::with_capacity(total) }
    }

    /// The message, once it is complete.
    pub fn insert(&mut self, number: u32, payload: Bytes) -> Option<Vec<u8>> {
        if number <= self.contiguous || number as usize > self.total.div_ceil(PIECE) + 1 {
            return None;
        }
        if number == self.contiguous + 1 {
            self.append(&payload);
        } else {
            self.waiting.insert(number, payload);
        }
        while let Some((number, payload)) = self.waiting.pop_first() {
            if number != self.contiguous + 1 {
                self.waiting.insert(number, payload);
                break;
            }
            self.append(&payload);
        }
        (self.message.len() == self.total).then(|| std::mem::take(&mut self.message))
    }

    fn append(&mut self, payload: &[u8]) {
        self.contiguous += 1;
        self.message.extend_from_slice(copied(payload));
    }
}

/// Sends a message, and parses its packets as they arrive.
pub fn transfer<C: Cipher>(sender: &mut freenet::Sender<C>, cipher: &C, message: &Bytes) -> Vec<u8> {
    let slots = Slots::new(message.len());
    sender.send(message, |packet| {
        let fragment = freenet::receive(cipher, &packet);
        slots.insert(fragment.number, fragment.payload);
    });
    slots.assemble().expect("all are there")
}
