//! Compares a reassembler with a model, which keeps arrived fragments in maps: each answer, the
//! missing ranges, expiries and all counts must be equal. The fuzz targets also use it.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    ops::Range,
    time::{Duration, Instant},
};

use futures_handoff::fragment::{Limits, PacketError, Plain, Reassembler, ReassemblerStats, Received};

/// A message that is incomplete.
pub(crate) struct Message {
    pub(crate) len: u32,
    pub(crate) stride: u16,
    arrived: BTreeMap<u32, Vec<u8>>,
    taken: u32,
    began: Duration,
    progress: Duration,
}

impl Message {
    fn count(&self) -> u32 {
        self.len.div_ceil(self.stride.into()).max(1)
    }

    /// Its bytes, and a bit for each fragment, in words.
    fn cost(&self) -> usize {
        self.len as usize + self.count().div_ceil(64) as usize * 8
    }

    fn missing(&self) -> Vec<u32> {
        (0..self.count()).filter(|index| !self.arrived.contains_key(index)).collect()
    }

    /// The fragments from what was taken to the first that is missing.
    fn take(&mut self) -> Option<Vec<u8>> {
        let first = *self.missing().first()?;
        let prefix: Vec<u8> = (self.taken..first).flat_map(|index| self.arrived[&index].clone()).collect();
        self.taken = first;
        (!prefix.is_empty()).then_some(prefix)
    }
}

type Name = (u8, u32);

/// The state of a reassembler, in maps.
struct Model {
    limits: Limits,
    partial: HashMap<Name, Message>,
    done: VecDeque<Name>,
    stats: ReassemblerStats,
    /// Since it was made.
    now: Duration,
}

impl Model {
    fn remember(&mut self, name: Name) {
        self.done.push_back(name);
        while self.done.len() > self.limits.remember() {
            self.done.pop_front();
        }
    }

    fn deadline(&self, message: &Message) -> Duration {
        (message.progress + self.limits.idle()).min(message.began + self.limits.lifetime())
    }

    fn room(&self, peer: u8, needed: usize) -> Result<(), PacketError> {
        let of_peer = || self.partial.iter().filter(move |((of, _), _)| *of == peer);
        let messages = [
            (self.partial.len(), self.limits.max_in_flight()),
            (of_peer().count(), self.limits.max_in_flight_per_peer()),
        ];
        for (held, limit) in messages {
            if held >= limit {
                return Err(PacketError::TooMany { limit });
            }
        }
        let all: usize = self.partial.values().map(Message::cost).sum();
        let each: usize = of_peer().map(|(_, message)| message.cost()).sum();
        let available = (self.limits.max_bytes() - all).min(self.limits.max_bytes_per_peer() - each);
        if needed > available { Err(PacketError::OverBudget { needed, available }) } else { Ok(()) }
    }

    fn expire(&mut self) -> Vec<Name> {
        let now = self.now;
        let mut gone: Vec<_> =
            self.partial.iter().filter(|(_, it)| self.deadline(it) <= now).map(|(name, _)| *name).collect();
        gone.sort_unstable();
        for name in &gone {
            if self.partial.remove(name).is_some_and(|message| message.taken > 0) {
                self.remember(*name);
            }
        }
        self.stats.expired += gone.len() as u64;
        gone
    }

    fn push(&mut self, peer: u8, packet: &[u8]) -> Result<Received, PacketError> {
        let received = self.place(peer, packet);
        match &received {
            Ok(Received::Complete { .. }) => self.stats.completed += 1,
            Ok(Received::Duplicate { .. }) => self.stats.duplicates += 1,
            Ok(Received::Fragment { .. }) => {}
            Err(_) => self.stats.refused += 1,
        }
        received
    }

    fn place(&mut self, peer: u8, packet: &[u8]) -> Result<Received, PacketError> {
        if packet.len() < 16 {
            return Err(PacketError::Short { len: packet.len(), least: 16 });
        }
        let number =
            |range: Range<usize>| packet[range].iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        let (stride, id, index, len) = (number(2..4) as u16, number(4..8), number(8..12), number(12..16));
        if packet[..2] != [0xF1, 0] {
            return Err(PacketError::Version { found: [packet[0], packet[1]] });
        }
        if stride == 0 {
            return Err(PacketError::Stride { found: 0, least: 1 });
        }
        let new =
            Message { len, stride, arrived: BTreeMap::new(), taken: 0, began: self.now, progress: self.now };
        let count = new.count();
        if index >= count {
            return Err(PacketError::Index { index, count });
        }
        let limit = self.limits.max_message_len();
        if len as usize > limit {
            return Err(PacketError::TooLong { len: len as usize, limit });
        }
        if usize::from(stride) < self.limits.min_stride() && count > 1 {
            return Err(PacketError::Stride { found: stride.into(), least: self.limits.min_stride() });
        }
        let bytes = packet[16..].to_vec();
        let expected = (len - index * u32::from(stride)).min(stride.into()) as usize;
        if bytes.len() != expected {
            return Err(PacketError::Length { len: bytes.len(), expected });
        }
        let name = (peer, id);
        if self.done.contains(&name) {
            return Ok(Received::Duplicate { id });
        }
        if count == 1 && !self.partial.contains_key(&name) {
            self.remember(name);
            return Ok(Received::Complete { id, payload: bytes.into() });
        }
        if !self.partial.contains_key(&name) {
            if self.room(peer, new.cost()).is_err() {
                self.expire();
                self.room(peer, new.cost())?;
            }
            self.partial.insert(name, new);
        }
        let message = self.partial.get_mut(&name).unwrap();
        if (message.len, message.stride) != (len, stride) {
            return Err(PacketError::Mismatch);
        }
        if let Some(first) = message.arrived.get(&index) {
            self.stats.conflicts += u64::from(index >= message.taken && *first != bytes);
            return Ok(Received::Duplicate { id });
        }
        message.arrived.insert(index, bytes);
        message.progress = self.now;
        let arrived = message.arrived.len() as u32;
        if arrived < count {
            return Ok(Received::Fragment { id, arrived, count });
        }
        let whole = self.partial.remove(&name).unwrap();
        self.remember(name);
        let rest = whole.arrived.range(whole.taken..).flat_map(|(_, bytes)| bytes.clone());
        Ok(Received::Complete { id, payload: rest.collect::<Vec<_>>().into() })
    }

    fn missing(&self, name: Name) -> Option<Vec<u32>> {
        let partial = self.partial.get(&name).map(Message::missing);
        partial.or_else(|| self.done.contains(&name).then(Vec::new))
    }
}

/// Both, with a clock that is set by hand.
pub(crate) struct Pair {
    reassembler: Reassembler<u8>,
    model: Model,
    start: Instant,
}

impl Pair {
    pub(crate) fn new(limits: Limits) -> Self {
        let model = Model {
            limits,
            partial: HashMap::new(),
            done: VecDeque::new(),
            stats: ReassemblerStats::default(),
            now: Duration::ZERO,
        };
        Self { reassembler: Reassembler::new(limits), model, start: Instant::now() }
    }

    pub(crate) fn push(&mut self, peer: u8, packet: &[u8]) {
        let now = self.start + self.model.now;
        assert_eq!(self.reassembler.push(&peer, packet, &mut Plain, now), self.model.push(peer, packet));
    }

    /// How an incomplete message is cut, and its missing fragments.
    pub(crate) fn wanted(&self, peer: u8, id: u32) -> Option<(u32, u16, Vec<u32>)> {
        let message = self.model.partial.get(&(peer, id))?;
        Some((message.len, message.stride, message.missing()))
    }

    /// Expired messages are remembered in no fixed order. If there is no room for all of them, it
    /// is not known which stay. So nothing is taken then.
    pub(crate) fn take(&mut self, peer: u8, id: u32) {
        if (1..100).contains(&self.model.limits.remember()) {
            return;
        }
        let prefix = self.reassembler.take_prefix(&peer, id).map(Vec::from);
        assert_eq!(prefix, self.model.partial.get_mut(&(peer, id)).and_then(Message::take));
    }

    pub(crate) fn cancel(&mut self, peer: u8, id: u32) {
        let was = self.model.partial.remove(&(peer, id)).is_some();
        if was {
            self.model.remember((peer, id));
        }
        assert_eq!(self.reassembler.cancel(&peer, id), was);
    }

    pub(crate) fn forget(&mut self, peer: u8) {
        let before = self.model.partial.len();
        self.model.partial.retain(|(of, _), _| *of != peer);
        self.model.done.retain(|(of, _)| *of != peer);
        assert_eq!(self.reassembler.forget(&peer), before - self.model.partial.len());
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.model.now += time;
    }

    pub(crate) fn expire(&mut self) {
        let mut gone = Vec::new();
        let now = self.start + self.model.now;
        let count = self.reassembler.expire(now, |peer, id| gone.push((peer, id)));
        gone.sort_unstable();
        assert_eq!((count, &gone), (gone.len(), &self.model.expire()));
        assert!(self.reassembler.next_deadline().is_none_or(|due| due > now), "it was looked at");
    }

    /// The visible state of the reassembler, and of the messages with these names.
    pub(crate) fn check(&self, names: impl IntoIterator<Item = Name>) {
        let Self { reassembler, model, start } = self;
        let mut stats = model.stats;
        stats.in_flight = model.partial.len();
        stats.bytes = model.partial.values().map(Message::cost).sum();
        assert_eq!(reassembler.stats(), stats);
        assert!(stats.bytes <= model.limits.max_bytes() && stats.in_flight <= model.limits.max_in_flight());
        let first = model.partial.values().map(|message| model.deadline(message)).min();
        let due = reassembler.next_deadline().map(|due| due - *start);
        assert!(due.is_some() == first.is_some() && due <= first, "{due:?}, though it is {first:?}");
        for (peer, id) in names {
            let missing = reassembler.missing(&peer, id).map(|missing| missing.flatten().collect());
            assert_eq!(missing, model.missing((peer, id)), "{id} of {peer}");
        }
    }
}
