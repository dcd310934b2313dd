//! Packets for a reassembler, mixed with all calls of its caller.

use std::time::Duration;

use arbitrary::Arbitrary;
use futures_handoff::fragment::Limits;

use crate::model::Pair;

/// The limits of a reassembler, and its events.
#[derive(Debug, Arbitrary)]
pub struct Packets<'a> {
    room: Room,
    steps: Vec<Step<'a>>,
}

#[derive(Debug, Arbitrary)]
struct Room {
    messages: u8,
    messages_per_peer: u8,
    bytes: u16,
    bytes_per_peer: u16,
    max_message_len: u16,
    min_stride: u8,
    remember: u8,
}

impl Room {
    fn limits(&self) -> Limits {
        Limits::default()
            .with_max_in_flight((self.messages % 8).into())
            .with_max_in_flight_per_peer((self.messages_per_peer % 8).into())
            .with_max_bytes(self.bytes.into())
            .with_max_bytes_per_peer(self.bytes_per_peer.into())
            .with_max_message_len((self.max_message_len % 4096).into())
            .with_min_stride((self.min_stride % 8).into())
            .with_idle(Duration::from_secs(1))
            .with_lifetime(Duration::from_secs(3))
            // Few, or more than there are.
            .with_remember([0, 1, 5, 100_000][usize::from(self.remember % 4)])
    }
}

#[derive(Debug, Arbitrary)]
enum Step<'a> {
    /// A valid packet, with the length of its header.
    Sound {
        from: Name,
        index: u16,
        cut: Cut,
        filler: u8,
    },
    /// The missing fragments of a message, or the first of them.
    Repair {
        from: Name,
        most: u8,
    },
    /// A header with any numbers, and any bytes after it.
    Header {
        from: Name,
        stride: u16,
        index: u32,
        len: u32,
        bytes: &'a [u8],
    },
    /// Any bytes.
    Bytes {
        peer: u8,
        bytes: &'a [u8],
    },
    Take(Name),
    Cancel(Name),
    Forget(u8),
    /// Milliseconds pass.
    Wait(u16),
    Expire,
}

/// A message of a peer. Few of each, so that they meet.
#[derive(Debug, Clone, Copy, Arbitrary)]
struct Name {
    peer: u8,
    id: u8,
}

impl Name {
    /// Ids at the wrap.
    fn get(self) -> (u8, u32) {
        (self.peer % 4, u32::from(self.id % 8).wrapping_sub(4))
    }
}

/// How a message is cut.
#[derive(Debug, Clone, Copy, Arbitrary)]
struct Cut {
    len: u16,
    stride: u8,
}

fn header(id: u32, stride: u16, index: u32, len: u32) -> Vec<u8> {
    let numbers = [id, index, len].map(u32::to_be_bytes);
    [&[0xF1, 0][..], &stride.to_be_bytes(), numbers.as_flattened()].concat()
}

/// A packet of a message, with as many bytes as it has.
fn sound(id: u32, stride: u16, index: u32, len: u32, filler: u8) -> Vec<u8> {
    let mut packet = header(id, stride, index, len);
    let carried = len.saturating_sub(index * u32::from(stride)).min(stride.into());
    packet.extend((0..carried).map(|at| filler ^ (at as u8)));
    packet
}

impl Packets<'_> {
    /// Runs all events, and compares each answer with that of the model.
    ///
    /// # Panics
    ///
    /// If one of them differs.
    pub fn check(&self) {
        let mut pair = Pair::new(self.room.limits());
        for step in &self.steps {
            let seen = step.run(&mut pair);
            pair.check(seen);
        }
        pair.wait(Duration::from_secs(3));
        pair.expire();
        pair.check([]);
    }
}

impl Step<'_> {
    /// The message that it was about.
    fn run(&self, pair: &mut Pair) -> Option<(u8, u32)> {
        match *self {
            Step::Sound { from, index, cut, filler } => {
                let (peer, id) = from.get();
                let (len, stride) = (u32::from(cut.len % 4096), u16::from(cut.stride.max(1)));
                let index = u32::from(index) % len.div_ceil(stride.into()).max(1);
                pair.push(peer, &sound(id, stride, index, len, filler));
                Some((peer, id))
            }
            Step::Repair { from, most } => {
                let (peer, id) = from.get();
                let (len, stride, missing) = pair.wanted(peer, id)?;
                for index in missing.into_iter().take(most.into()) {
                    pair.push(peer, &sound(id, stride, index, len, 0));
                }
                Some((peer, id))
            }
            Step::Header { from, stride, index, len, bytes } => {
                let (peer, id) = from.get();
                pair.push(peer, &[&header(id, stride, index, len), bytes].concat());
                Some((peer, id))
            }
            Step::Bytes { peer, bytes } => {
                pair.push(peer % 4, bytes);
                None
            }
            Step::Take(name) => {
                let (peer, id) = name.get();
                pair.take(peer, id);
                Some((peer, id))
            }
            Step::Cancel(name) => {
                let (peer, id) = name.get();
                pair.cancel(peer, id);
                Some((peer, id))
            }
            Step::Forget(peer) => {
                pair.forget(peer % 4);
                None
            }
            Step::Wait(ms) => {
                pair.wait(Duration::from_millis((ms % 2_000).into()));
                None
            }
            Step::Expire => {
                pair.expire();
                None
            }
        }
    }
}
