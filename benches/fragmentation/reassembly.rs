//! From packets to a message, nothing encrypted.

use std::hint::black_box;

use futures_handoff::{bytes::Bytes, fragment::Plain};

use crate::{
    buffers::{Slots, Tree},
    freenet::PIECE,
    ours::{PACKET, Receiver, Sender},
    rows::{Count, KIB, Keep, MIB, Row, Sink, concat, message, row},
};

pub const SIZES: [usize; 4] = [64 * KIB, 256 * KIB, MIB, 4 * MIB];

/// Changes the order of arrival.
type Arrange = fn(Vec<Bytes>) -> Vec<Bytes>;

const ORDERS: [(&str, Arrange); 4] = [
    ("in_order", |packets| packets),
    ("reversed", |mut packets| {
        packets.reverse();
        packets
    }),
    ("shuffled", |mut packets| {
        fastrand::Rng::with_seed(7).shuffle(&mut packets);
        packets
    }),
    // Each one at once.
    ("twice", |packets| packets.into_iter().flat_map(|packet| [packet.clone(), packet]).collect()),
];

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (order, arrange) in ORDERS {
        for size in SIZES {
            rows.push(row!(
                (order, "slots"),
                size,
                1,
                fragments(size, arrange),
                |own, sink| {
                    let slots = Slots::new(size);
                    for (number, fragment) in own.iter() {
                        black_box(slots.insert(*number, fragment.clone()));
                    }
                    sink.take(&slots.assemble().expect("all are there"));
                },
                concat
            ));
            rows.push(row!(
                (order, "slots_of_packets"),
                size,
                1,
                fragments(size, arrange),
                |own, sink| {
                    let slots = Slots::new(size);
                    for (number, fragment) in own.iter() {
                        black_box(slots.insert(*number, fragment.to_vec().into()));
                    }
                    sink.take(&slots.assemble().expect("all are there"));
                },
                concat
            ));
            rows.push(row!(
                (order, "tree"),
                size,
                1,
                fragments(size, arrange),
                |own, sink| {
                    let mut tree = Tree::new(size);
                    for (number, fragment) in own.iter() {
                        if let Some(message) = tree.insert(*number, fragment.clone()) {
                            sink.take(&message);
                        }
                    }
                },
                concat
            ));
            rows.push(row!(
                (order, "handoff"),
                size,
                1,
                packets(size, arrange),
                |own, sink| {
                    let (receiver, packets) = own;
                    for packet in packets.iter() {
                        if let Some(message) = receiver.receive(packet) {
                            sink.take(&message);
                        }
                    }
                    receiver.forget();
                },
                concat
            ));
        }
    }
    rows
}

/// The fragments of a message with their numbers, each in memory of its own.
fn fragments(size: usize, arrange: Arrange) -> Vec<(u32, Bytes)> {
    let message = message(size);
    let fragments: Vec<_> = message.chunks(PIECE).map(Bytes::copy_from_slice).collect();
    // Their number goes with them.
    let numbers: Vec<_> =
        (1..=fragments.len() as u32).map(|number| number.to_le_bytes().to_vec().into()).collect();
    let number = |number: &Bytes| u32::from_le_bytes(number[..].try_into().expect("it has 4 bytes"));
    let numbers: Vec<_> = arrange(numbers).iter().map(number).collect();
    numbers.into_iter().map(|number| (number, fragments[number as usize - 1].clone())).collect()
}

fn packets(size: usize, arrange: Arrange) -> (Receiver<Plain>, Vec<Bytes>) {
    let mut packets = Vec::new();
    Sender::new(Plain).send(&message(size), PACKET, |block| {
        packets.extend(block.iter().map(|packet| Bytes::copy_from_slice(&packet)));
    });
    (Receiver::new(Plain), arrange(packets))
}
