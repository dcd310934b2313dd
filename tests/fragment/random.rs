//! Any packets of any peers in any order, next to a model that keeps what has arrived in maps: each
//! answer, what is missing, what expires and all counts have to be the same.

use std::collections::{BTreeMap, HashMap, VecDeque};

use proptest::{
    prelude::{Just, Strategy, prop},
    prop_assert_eq, prop_oneof, proptest,
    test_runner::{Config, TestCaseError},
};

use super::support::*;

/// Ids at the wrap.
const IDS: [u32; 4] = [u32::MAX, 0, 1, 2];
/// Lengths and strides of messages. The second one of an id is cut in another way.
const SHAPES: [(u32, u16); 6] = [(0, 1), (7, 7), (8, 7), (25, 4), (70, 1), (200, 3)];
const IDLE: u64 = 1_000;
const LIFETIME: u64 = 2_500;

#[derive(Debug, Clone)]
enum Step {
    /// A packet. `shape` is mostly the one of its message.
    Packet {
        peer: u8,
        id: u32,
        shape: usize,
        index: u32,
        content: u8,
        damage: Damage,
    },
    /// Everything of a message that a model of it misses.
    Repair {
        peer: u8,
        id: u32,
    },
    Take {
        peer: u8,
        id: u32,
    },
    Cancel {
        peer: u8,
        id: u32,
    },
    Forget {
        peer: u8,
    },
    /// Milliseconds pass.
    Wait(u64),
    Expire,
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    None,
    /// It ends after so many bytes.
    Cut(usize),
    /// It has so many more.
    Longer(usize),
    /// A byte of the header is another one.
    Byte(usize, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let message = || (0..3_u8, prop::sample::select(&IDS[..]));
    let damage = prop_oneof![
        30 => Just(Damage::None),
        1 => (0..30_usize).prop_map(Damage::Cut),
        1 => (1..3_usize).prop_map(Damage::Longer),
        2 => (0..HEADER_LEN, prop_oneof![Just(0), Just(1), Just(0xFF)]).prop_map(|(at, to)| Damage::Byte(at, to)),
    ];
    let packet =
        (message(), 0..SHAPES.len(), prop_oneof![20 => Just(true), 1 => Just(false)], 0..80_u32, damage)
            .prop_map(|((peer, id), other, usual, index, damage)| {
                let usual_shape = (usize::from(peer) + id as usize % 7) % SHAPES.len();
                let shape = if usual { usual_shape } else { other };
                let content = u8::from(index == 79);
                Step::Packet { peer, id, shape, index, content, damage }
            });
    let step = prop_oneof![
        60 => packet,
        4 => message().prop_map(|(peer, id)| Step::Repair { peer, id }),
        4 => message().prop_map(|(peer, id)| Step::Take { peer, id }),
        1 => message().prop_map(|(peer, id)| Step::Cancel { peer, id }),
        1 => (0..3_u8).prop_map(|peer| Step::Forget { peer }),
        4 => (1..900_u64).prop_map(Step::Wait),
        2 => Just(Step::Expire),
    ];
    prop::collection::vec(step, 1..300)
}

fn limits() -> impl Strategy<Value = Limits> {
    let bytes = prop_oneof![2 => 50..1_200_usize, 1 => Just(usize::MAX)];
    (1..6_usize, 1..4_usize, bytes.clone(), bytes, 1..4_u16, prop::sample::select(&[0, 2, 1_000][..]))
        .prop_map(|(all, each, bytes, bytes_each, stride, remember)| {
            Limits::default()
                .with_max_in_flight(all)
                .with_max_in_flight_per_peer(each)
                .with_max_bytes(bytes)
                .with_max_bytes_per_peer(bytes_each)
                .with_max_message_len(199)
                .with_min_stride(stride)
                .with_idle(Duration::from_millis(IDLE))
                .with_lifetime(Duration::from_millis(LIFETIME))
                .with_remember(remember)
        })
}

/// The byte of a message at a place; the second content is that of a packet that does not belong.
fn byte(peer: u8, id: u32, shape: usize, content: u8, at: usize) -> u8 {
    (at as u8).wrapping_mul(31) ^ peer ^ (id as u8) << 3 ^ (shape as u8) << 5 ^ content << 7
}

struct Message {
    len: u32,
    stride: u16,
    arrived: BTreeMap<u32, Vec<u8>>,
    taken: u32,
    began: u64,
    progress: u64,
}

impl Message {
    fn count(&self) -> u32 {
        self.len.div_ceil(self.stride.into()).max(1)
    }

    fn cost(&self) -> usize {
        cost(self.len as usize, self.count() as usize)
    }

    fn missing(&self) -> Vec<u32> {
        (0..self.count()).filter(|index| !self.arrived.contains_key(index)).collect()
    }

    fn deadline(&self) -> u64 {
        (self.progress + IDLE).min(self.began + LIFETIME)
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

struct Model {
    limits: Limits,
    partial: HashMap<Name, Message>,
    done: VecDeque<Name>,
    stats: ReassemblerStats,
    now: u64,
}

impl Model {
    fn remember(&mut self, name: Name) {
        self.done.push_back(name);
        while self.done.len() > self.limits.remember() {
            self.done.pop_front();
        }
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
            self.partial.iter().filter(|(_, it)| it.deadline() <= now).map(|(name, _)| *name).collect();
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
        if len > 199 {
            return Err(PacketError::TooLong { len: len as usize, limit: 199 });
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
            return Ok(Received::Duplicate { message: id });
        }
        if count == 1 && !self.partial.contains_key(&name) {
            self.remember(name);
            return Ok(Received::Complete { message: id, payload: bytes.into() });
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
            return Ok(Received::Duplicate { message: id });
        }
        message.arrived.insert(index, bytes);
        message.progress = self.now;
        let arrived = message.arrived.len() as u32;
        if arrived < count {
            return Ok(Received::Fragment { message: id, arrived, count });
        }
        let whole = self.partial.remove(&name).unwrap();
        self.remember(name);
        let rest = whole.arrived.range(whole.taken..).flat_map(|(_, bytes)| bytes.clone());
        Ok(Received::Complete { message: id, payload: rest.collect::<Vec<_>>().into() })
    }

    fn missing(&self, name: Name) -> Option<Vec<u32>> {
        let partial = self.partial.get(&name).map(Message::missing);
        partial.or_else(|| self.done.contains(&name).then(Vec::new))
    }
}

fn packet(peer: u8, id: u32, shape: usize, index: u32, content: u8, damage: Damage) -> Vec<u8> {
    let (len, stride) = SHAPES[shape];
    let count = len.div_ceil(stride.into()).max(1);
    let index = index % count;
    let start = index as usize * usize::from(stride);
    let end = (len as usize).min(start + usize::from(stride));
    let bytes: Vec<_> = (start..end).map(|at| byte(peer, id, shape, content, at)).collect();
    let mut packet = raw(stride, id, index, len, &bytes).wire();
    match damage {
        Damage::None => {}
        Damage::Cut(len) => packet.truncate(len),
        Damage::Longer(n) => packet.resize(packet.len() + n, 0xAA),
        Damage::Byte(at, to) => packet[at] = to,
    }
    packet
}

fn agree(limits: Limits, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut end = End::new(limits);
    let mut model = Model {
        limits,
        partial: HashMap::new(),
        done: VecDeque::new(),
        stats: ReassemblerStats::default(),
        now: 0,
    };
    for step in steps {
        match step {
            Step::Packet { peer, id, shape, index, content, damage } => {
                let packet = packet(peer, id, shape, index, content, damage);
                prop_assert_eq!(end.push_from(peer, &packet), model.push(peer, &packet));
            }
            Step::Repair { peer, id } => {
                let missing = model.missing((peer, id)).unwrap_or_default();
                let shape = |it: &Message| SHAPES.iter().position(|&shape| shape == (it.len, it.stride));
                let Some(shape) = model.partial.get(&(peer, id)).and_then(shape) else { continue };
                for index in missing {
                    let packet = packet(peer, id, shape, index, 0, Damage::None);
                    prop_assert_eq!(end.push_from(peer, &packet), model.push(peer, &packet));
                }
                prop_assert_eq!(end.missing(peer, id), Some(vec![]).filter(|_| limits.remember() > 0));
            }
            Step::Take { peer, id } => {
                // Those that expire are remembered in no order: where there is no room for all of
                // them, it is not known which of them stay.
                if limits.remember() != 2 {
                    let prefix = end.inner.take_prefix(&peer, id).map(Vec::from);
                    prop_assert_eq!(prefix, model.partial.get_mut(&(peer, id)).and_then(Message::take));
                }
            }
            Step::Cancel { peer, id } => {
                let was = model.partial.remove(&(peer, id)).is_some();
                if was {
                    model.remember((peer, id));
                }
                prop_assert_eq!(end.inner.cancel(&peer, id), was);
            }
            Step::Forget { peer } => {
                let before = model.partial.len();
                model.partial.retain(|(of, _), _| *of != peer);
                model.done.retain(|(of, _)| *of != peer);
                prop_assert_eq!(end.inner.forget(&peer), before - model.partial.len());
            }
            Step::Wait(ms) => {
                model.now += ms;
                end.at(Duration::from_millis(model.now));
            }
            Step::Expire => prop_assert_eq!(end.expired(), model.expire()),
        }
        let bytes = model.partial.values().map(Message::cost).sum();
        prop_assert_eq!(end.inner.stats(), held(model.stats, model.partial.len(), bytes));
        let first = model.partial.values().map(Message::deadline).min();
        let due = end.due().map(|due| due.as_millis() as u64);
        prop_assert_eq!(due.is_some(), first.is_some());
        assert!(due <= first, "it would not be looked at in time: {due:?}, {first:?}");
        for peer in 0..3 {
            for id in IDS {
                let missing = end.missing(peer, id).map(|it| it.into_iter().flatten().collect());
                prop_assert_eq!(missing, model.missing((peer, id)));
            }
        }
    }
    Ok(())
}

fn held(mut stats: ReassemblerStats, in_flight: usize, bytes: usize) -> ReassemblerStats {
    (stats.in_flight, stats.bytes) = (in_flight, bytes);
    stats
}

proptest! {
    #![proptest_config(Config::with_cases(250))]

    #[test]
    fn every_answer_is_that_of_the_model(limits in limits(), steps in steps()) {
        agree(limits, steps)?;
    }

    /// Bytes that are all made up.
    #[test]
    fn any_bytes_are_refused_or_as_the_model_says(
        packets in prop::collection::vec(
            prop::collection::vec(prop_oneof![3 => 0..3_u8, 1 => Just(0xF1), 1 => 0..=255_u8], 0..40), 0..60),
        sound in prop::collection::vec(0..4_u8, 60),
    ) {
        let limits = Limits::default().with_max_message_len(199).with_min_stride(1);
        let mut end = End::new(limits);
        let (partial, done) = (HashMap::new(), VecDeque::new());
        let mut model = Model { limits, partial, done, stats: ReassemblerStats::default(), now: 0 };
        for (mut packet, sound) in packets.into_iter().zip(sound) {
            if sound > 0 && packet.len() >= HEADER_LEN {
                packet[..2].copy_from_slice(&[0xF1, 0]);
                packet[8..11].fill(0);
                packet[12..15].fill(0);
                packet[2] = 0;
            }
            prop_assert_eq!(end.push(&packet), model.push(0, &packet));
        }
        prop_assert_eq!(end.inner.stats().in_flight, model.partial.len());
    }
}
