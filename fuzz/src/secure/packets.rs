//! A network that attacks sealed packets: each sealed packet opens once, nothing else opens, and
//! messages arrive as sent.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use arbitrary::Arbitrary;
use bytes::Bytes;
use futures_handoff::{
    fragment::{Fragmenter, HEADER_LEN, Limits, PacketError, PacketPool, Reassembler, Received, Stride},
    secure::{PacketOpener, PacketSealer, Role, SessionKeys, Suite},
};

/// The opener looks back over more packets than there are.
const MOST: usize = 200;

/// Messages, and what happens to their packets.
#[derive(Debug, Arbitrary)]
pub struct Meddling {
    aes: bool,
    stride: u8,
    lens: Vec<u16>,
    /// How many messages and bytes may be incomplete.
    room: Option<(u8, u16)>,
    steps: Vec<Step>,
}

/// The next event. Numbers of packets wrap around.
#[derive(Debug, Arbitrary)]
enum Step {
    /// A packet arrives as it was sealed, for the first time or again.
    Pass(u16),
    /// A fragment is sealed again, and arrives when it passes.
    Again {
        message: u8,
        index: u16,
    },
    Flip {
        at: u16,
        bit: u16,
    },
    Resize {
        at: u16,
        len: u16,
    },
    /// The beginning of one packet, and the rest of another.
    Splice {
        from: u16,
        to: u16,
        cut: u16,
    },
    Renumber {
        at: u16,
        number: u64,
    },
    /// Any bytes after a header that was sent.
    Forge {
        at: u16,
        body: Vec<u8>,
    },
    Garbage(Vec<u8>),
    /// Time goes by.
    Wait(u8),
    /// The rest of them arrives in order.
    PassAll,
}

struct Network {
    messages: Vec<Fragmenter>,
    seal: PacketSealer,
    pool: PacketPool,
    sent: Vec<Bytes>,
    reassembler: Reassembler,
    open: PacketOpener,
    now: Instant,
    /// What was opened, and which messages were delivered.
    opened: HashSet<Vec<u8>>,
    delivered: HashSet<u32>,
}

impl Meddling {
    /// Sends the messages through the network.
    ///
    /// # Panics
    ///
    /// If anything opens that was not sealed, or opens twice, or if a sealed packet does not open.
    pub fn check(&self) {
        let mut network = Network::new(self);
        for step in &self.steps {
            network.step(step);
        }
    }
}

impl Network {
    fn new(meddling: &Meddling) -> Self {
        let suite = if meddling.aes { Suite::Aes256Gcm } else { Suite::ChaCha20Poly1305 };
        let keys = |role| SessionKeys::derive(&[7; 32], b"fuzz").into_packets(role, suite).split();
        let stride = Stride::new(u16::from(meddling.stride).max(1)).unwrap();
        let messages = (0..).zip(meddling.lens.iter().take(8)).map(|(id, len)| {
            let bytes: Vec<_> = (0..usize::from(*len) % 1000).map(|i| (i * 7 + id as usize) as u8).collect();
            Fragmenter::new(id, bytes.into(), stride).unwrap()
        });
        let mut limits = Limits::default().with_min_stride(1);
        if let Some((messages, bytes)) = meddling.room {
            limits = limits.with_max_in_flight(messages.into()).with_max_bytes(bytes.into());
        }
        let mut network = Self {
            messages: messages.collect(),
            seal: keys(Role::Initiator).0,
            pool: PacketPool::default(),
            sent: Vec::new(),
            reassembler: Reassembler::new(limits),
            open: keys(Role::Responder).1,
            now: Instant::now(),
            opened: HashSet::new(),
            delivered: HashSet::new(),
        };
        (0..network.messages.len()).for_each(|message| network.seal(message, 0, u32::MAX));
        network
    }

    fn seal(&mut self, message: usize, from: u32, to: u32) {
        let mut range = from..to.min(self.messages[message].count());
        while self.sent.len() < MOST
            && let Some(packets) =
                self.messages[message].pack(&mut range, &mut self.seal, &mut self.pool).unwrap()
        {
            self.sent.extend(packets.iter());
        }
    }

    fn sent(&self, at: u16) -> Vec<u8> {
        self.sent
            .get(usize::from(at) % self.sent.len().max(1))
            .map_or_else(Vec::new, |packet| packet.to_vec())
    }

    fn step(&mut self, step: &Step) {
        let packet = match *step {
            Step::Pass(at) => self.sent(at),
            Step::Again { message, index } => {
                if !self.messages.is_empty() {
                    let message = usize::from(message) % self.messages.len();
                    let index = u32::from(index) % self.messages[message].count();
                    self.seal(message, index, index + 1);
                }
                return;
            }
            Step::Flip { at, bit } => {
                let mut packet = self.sent(at);
                let place = usize::from(bit / 8) % packet.len().max(1);
                packet.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << (bit % 8));
                packet
            }
            Step::Resize { at, len } => {
                let mut packet = self.sent(at);
                packet.resize(usize::from(len) % (packet.len() + 20), 0);
                packet
            }
            Step::Splice { from, to, cut } => {
                let (mut packet, rest) = (self.sent(from), self.sent(to));
                packet.truncate(usize::from(cut) % 400);
                packet.extend(&rest[packet.len().min(rest.len())..]);
                packet
            }
            Step::Renumber { at, number } => {
                let mut packet = self.sent(at);
                packet.iter_mut().skip(HEADER_LEN).zip(number.to_be_bytes()).for_each(|(a, b)| *a = b);
                packet
            }
            Step::Forge { at, ref body } => {
                let mut packet = self.sent(at);
                packet.truncate(HEADER_LEN);
                packet.extend(body);
                packet
            }
            Step::Garbage(ref bytes) => bytes.clone(),
            Step::Wait(seconds) => {
                self.now += Duration::from_secs(seconds.into());
                self.reassembler.expire(self.now, |(), _| {});
                return;
            }
            Step::PassAll => {
                for packet in self.sent.clone() {
                    self.arrive(&packet);
                }
                return;
            }
        };
        self.arrive(&packet);
    }

    fn arrive(&mut self, packet: &[u8]) {
        let is_due = self.sent.iter().any(|sent| *sent == packet) && !self.opened.contains(packet);
        match self.reassembler.push(&(), packet, &mut self.open, self.now) {
            Ok(received) => {
                assert!(is_due, "{received:?} of {packet:?}");
                self.opened.insert(packet.to_vec());
                if let Received::Complete { id: message, payload } = received {
                    assert_eq!(payload, self.messages[message as usize].payload());
                    assert!(self.delivered.insert(message), "message {message} comes twice");
                }
            }
            Err(PacketError::TooMany { .. } | PacketError::OverBudget { .. }) => {}
            Err(error) => assert!(!is_due, "{error} of {packet:?}"),
        }
        assert!(self.reassembler.stats().bytes <= self.reassembler.limits().max_bytes());
        assert_eq!(self.reassembler.stats().conflicts, 0);
    }
}
