//! The incomplete messages, by peer and by deadline, and the messages that were completed recently.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    hash::Hash,
    time::Instant,
};

use slab::Slab;

use super::{assembly::Assembly, error::PacketError, header::Geometry, limits::Limits};

/// The state of a known message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It is incomplete, with this key.
    Partial(usize),
    /// It was completed or cancelled.
    Done,
}

struct Peer {
    messages: HashMap<u32, Known>,
    in_flight: usize,
    bytes: usize,
}

struct Partial<K> {
    from: K,
    id: u32,
    assembly: Assembly,
    /// Distinguishes it from earlier messages with its key.
    serial: u64,
    began: Instant,
    progress: Instant,
}

impl<K> Partial<K> {
    /// The time at which it expires. `None` means never.
    fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let idle = self.progress.checked_add(limits.idle());
        let lifetime = self.began.checked_add(limits.lifetime());
        [idle, lifetime].into_iter().flatten().min()
    }
}

pub(super) struct Partials<K> {
    peers: HashMap<K, Peer>,
    partials: Slab<Partial<K>>,
    /// The key of the last packet's message. The next packet most often belongs to it, too.
    last: usize,
    /// One entry for each incomplete message, not later than its deadline. There may also be
    /// entries of removed messages. These are dropped when they reach the top, or outnumber the
    /// others.
    deadlines: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    /// The remembered messages, oldest first.
    done: VecDeque<(K, u32)>,
    bytes: usize,
    serial: u64,
    now: Option<Instant>,
}

impl<K: Eq + Hash + Clone> Partials<K> {
    pub(super) fn new() -> Self {
        Self {
            peers: HashMap::new(),
            partials: Slab::new(),
            last: 0,
            deadlines: BinaryHeap::new(),
            done: VecDeque::new(),
            bytes: 0,
            serial: 0,
            now: None,
        }
    }

    /// Advances the time, which never goes back.
    #[inline]
    pub(super) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(Some(now));
    }

    #[inline]
    pub(super) fn find(&self, from: &K, id: u32) -> Option<Known> {
        if self.partials.get(self.last).is_some_and(|last| last.id == id && last.from == *from) {
            return Some(Known::Partial(self.last));
        }
        self.peers.get(from)?.messages.get(&id).copied()
    }

    pub(super) fn get(&self, at: usize) -> &Assembly {
        &self.partials[at].assembly
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: usize) -> &mut Assembly {
        self.last = at;
        &mut self.partials[at].assembly
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, u32)> {
        self.partials.iter().map(|(_, partial)| (&partial.from, partial.id))
    }

    /// The number of incomplete messages, and the bytes that they take.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.partials.len(), self.bytes)
    }

    /// Whether the limits allow one more message.
    pub(super) fn admit(&self, from: &K, geometry: Geometry, limits: &Limits) -> Result<(), PacketError> {
        let (in_flight, bytes) = self.peers.get(from).map_or((0, 0), |peer| (peer.in_flight, peer.bytes));
        let messages =
            [(self.partials.len(), limits.max_in_flight()), (in_flight, limits.max_in_flight_per_peer())];
        for (held, limit) in messages {
            if held >= limit {
                return Err(PacketError::TooMany { limit });
            }
        }
        let needed = Assembly::cost(geometry);
        let available = limits
            .max_bytes()
            .saturating_sub(self.bytes)
            .min(limits.max_bytes_per_peer().saturating_sub(bytes));
        if needed > available {
            return Err(PacketError::OverBudget { needed, available });
        }
        Ok(())
    }

    /// Begins an admitted message.
    pub(super) fn begin(&mut self, from: &K, id: u32, geometry: Geometry, limits: &Limits) -> &mut Assembly {
        // `advance` was called before.
        let now = self.now.unwrap_or_else(Instant::now);
        let cost = Assembly::cost(geometry);
        self.serial += 1;
        let partial = Partial {
            from: from.clone(),
            id,
            assembly: Assembly::new(geometry),
            serial: self.serial,
            began: now,
            progress: now,
        };
        let deadline = partial.deadline(limits);
        let at = self.partials.insert(partial);
        let peer = self.peer(from.clone());
        peer.messages.insert(id, Known::Partial(at));
        peer.in_flight += 1;
        peer.bytes += cost;
        self.bytes += cost;
        if let Some(deadline) = deadline {
            self.deadlines.push(Reverse((deadline, self.serial, at)));
        }
        self.get_mut(at)
    }

    fn peer(&mut self, from: K) -> &mut Peer {
        self.peers.entry(from).or_insert_with(|| Peer { messages: HashMap::new(), in_flight: 0, bytes: 0 })
    }

    /// Records that a new fragment of the message has arrived.
    #[inline]
    pub(super) fn progress(&mut self, at: usize) {
        if let Some(now) = self.now {
            self.partials[at].progress = now;
        }
    }

    /// Ends a message that is complete or cancelled, and remembers it.
    pub(super) fn finish(&mut self, at: usize, limits: &Limits) -> Assembly {
        let partial = self.remove(at);
        self.remember(partial.from, partial.id, limits);
        partial.assembly
    }

    /// Removes an incomplete message. Its entry in the list of its peer stays.
    fn remove(&mut self, at: usize) -> Partial<K> {
        let partial = self.partials.remove(at);
        let cost = Assembly::cost(partial.assembly.geometry());
        self.bytes -= cost;
        if let Some(peer) = self.peers.get_mut(&partial.from) {
            peer.in_flight -= 1;
            peer.bytes -= cost;
        }
        self.drop_stale_deadlines();
        partial
    }

    fn drop_stale_deadlines(&mut self) {
        let live = |Reverse((_, serial, at)): &Reverse<(Instant, u64, usize)>| {
            self.partials.get(*at).is_some_and(|partial| partial.serial == *serial)
        };
        while self.deadlines.peek().is_some_and(|top| !live(top)) {
            self.deadlines.pop();
        }
        // Each entry checked here was pushed since the last time.
        if self.deadlines.len() > 2 * self.partials.len() + 16 {
            self.deadlines.retain(live);
        }
    }

    /// Remembers a message of which nothing more is delivered.
    pub(super) fn remember(&mut self, from: K, id: u32, limits: &Limits) {
        if limits.remember() == 0 {
            return self.unlist(&from, id);
        }
        if self.done.len() >= limits.remember() {
            if let Some((from, id)) = self.done.pop_front() {
                self.unlist(&from, id);
            }
        }
        self.peer(from.clone()).messages.insert(id, Known::Done);
        self.done.push_back((from, id));
    }

    /// Forgets a message, and its peer if that was its last message.
    fn unlist(&mut self, from: &K, id: u32) {
        if let Some(peer) = self.peers.get_mut(from) {
            peer.messages.remove(&id);
            if peer.messages.is_empty() {
                self.peers.remove(from);
            } else if peer.messages.len() < peer.messages.capacity() / 8 {
                // Remembered messages move from peer to peer, so unused capacity is released.
                peer.messages.shrink_to(2 * peer.messages.len());
            }
        }
    }

    pub(super) fn forget(&mut self, from: &K) -> usize {
        let Some(peer) = self.peers.remove(from) else { return 0 };
        for known in peer.messages.values() {
            if let Known::Partial(at) = *known {
                self.partials.remove(at);
            }
        }
        self.bytes -= peer.bytes;
        self.done.retain(|(other, _)| other != from);
        self.drop_stale_deadlines();
        peer.in_flight
    }

    pub(super) fn expire(&mut self, limits: &Limits, mut expired: impl FnMut(K, u32)) -> usize {
        let Some(now) = self.now else { return 0 };
        let mut count = 0;
        while let Some(Reverse((due, serial, at))) = self.deadlines.peek().copied() {
            if due > now {
                break;
            }
            self.deadlines.pop();
            let Some(partial) = self.partials.get(at).filter(|partial| partial.serial == serial) else {
                continue;
            };
            match partial.deadline(limits) {
                Some(deadline) if deadline > now => self.deadlines.push(Reverse((deadline, serial, at))),
                // Its last fragment has moved the deadline out of range: it never expires.
                None => {}
                Some(_) => {
                    let partial = self.remove(at);
                    if partial.assembly.is_taken_from() {
                        self.remember(partial.from.clone(), partial.id, limits);
                    } else {
                        self.unlist(&partial.from, partial.id);
                    }
                    count += 1;
                    expired(partial.from, partial.id);
                }
            }
        }
        // The checked entries were live. The entry now on top may not be.
        self.drop_stale_deadlines();
        count
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.peek().map(|Reverse((due, ..))| *due)
    }
}
