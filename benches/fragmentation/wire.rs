//! Encrypted packets: a single one, all of a message, and a message from end to end.

use std::sync::Arc;

use futures_handoff::fragment::{HEADER_LEN, OpenPacket, Plain, SealPacket};

use crate::{
    buffers,
    freenet::{self, Cipher},
    ours,
    rows::{Count, Keep, MIB, Row, Sink, concat, message, row},
};

/// The lengths of the content of single packets.
pub const PACKETS: [usize; 4] = [64, 256, 1024, 1364];
pub const MESSAGE: usize = MIB;

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    rows_of_freenet("freenet", freenet::aes128, &mut rows);
    #[cfg(feature = "secure")]
    rows_of_freenet("freenet_aws_lc", freenet::aes256_of_aws_lc, &mut rows);

    for size in PACKETS {
        rows.push(prepared_by_freenet::<_, Arc<[u8]>>("freenet_arc", size, freenet::aes128));
        rows.push(prepared_by_freenet::<_, Box<[u8]>>("freenet_box", size, freenet::aes128));
        #[cfg(feature = "secure")]
        rows.push(prepared_by_freenet::<_, Box<[u8]>>("freenet_aws_lc_box", size, freenet::aes256_of_aws_lc));
        rows.push(prepared("handoff_plain", size, || (Plain, Plain)));
        #[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
        rows.push(prepared("handoff", size, ours::aes256));
    }
    #[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
    rows.extend(whole("handoff", ours::aes256));
    rows.extend(whole("handoff_plain", || (Plain, Plain)));
    rows
}

/// One packet of this crate, in its own block.
fn prepared<S: SealPacket + 'static, O: OpenPacket + 'static>(
    name: &'static str,
    size: usize,
    ends: fn() -> (S, O),
) -> Row {
    let opened = move |packet: Vec<Vec<u8>>| {
        ours::Receiver::new(ends().1).receive(&packet.concat()).expect("it is a message")
    };
    let state = move || (ours::Sender::new(ends().0), message(size));
    row!(
        ("prepare", name),
        size,
        1,
        state(),
        |own, sink| {
            let (sender, message) = own;
            sender.send(message, HEADER_LEN + size + S::OVERHEAD, |packets| sink.take(packets.contents()));
        },
        opened
    )
}

/// The same in an array, which is copied into a `P`.
fn prepared_by_freenet<C: Cipher + 'static, P: for<'a> From<&'a [u8]> + AsRef<[u8]>>(
    name: &'static str,
    size: usize,
    cipher: fn() -> C,
) -> Row {
    let state = move || (cipher(), [0; freenet::ROOM], message(size));
    row!(
        ("prepare", name),
        size,
        1,
        state(),
        |own, sink| {
            let (cipher, buffer, message) = own;
            let packet = P::from(freenet::prepare(cipher, message, buffer));
            sink.take(packet.as_ref());
        },
        move |packet: Vec<Vec<u8>>| freenet::unprepare(&cipher(), packet.concat())
    )
}

/// All packets of a message, and a message from end to end.
fn whole<S: SealPacket + 'static, O: OpenPacket + 'static>(
    name: &'static str,
    ends: fn() -> (S, O),
) -> [Row; 2] {
    let opened = move |blocks: Vec<Vec<u8>>| {
        let mut receiver = ours::Receiver::new(ends().1);
        let mut packets = blocks.iter().flat_map(|block| block.chunks(ours::PACKET));
        packets.find_map(|packet| receiver.receive(packet)).expect("all are there")
    };
    let state = move || {
        let (seal, open) = ends();
        (ours::Sender::new(seal), ours::Receiver::new(open), message(MESSAGE))
    };
    let units = MESSAGE.div_ceil(ours::payload::<S>());
    [
        row!(
            ("send", name),
            MESSAGE,
            units,
            state(),
            |own, sink| {
                let (sender, _, message) = own;
                sender.send(message, ours::PACKET, |packets| sink.take(packets.contents()));
            },
            opened
        ),
        row!(
            ("end_to_end", name),
            MESSAGE,
            1,
            state(),
            |own, sink| {
                let (sender, receiver, message) = own;
                sink.take(&ours::transfer(sender, receiver, message));
            },
            concat
        ),
    ]
}

fn rows_of_freenet<C: Cipher + 'static>(name: &'static str, cipher: fn() -> C, rows: &mut Vec<Row>) {
    let state = move || (freenet::Sender::new(cipher()), cipher(), message(MESSAGE));
    let units = MESSAGE.div_ceil(freenet::PIECE);
    let opened = move |packets: Vec<Vec<u8>>| {
        let cipher = cipher();
        packets.iter().map(|packet| freenet::receive(&cipher, packet).payload).collect::<Vec<_>>().concat()
    };
    rows.push(row!(
        ("send", name),
        MESSAGE,
        units,
        state(),
        |own, sink| {
            let (sender, _, message) = own;
            sender.send(message, |packet| sink.take(&packet));
        },
        opened
    ));
    rows.push(row!(
        ("end_to_end", name),
        MESSAGE,
        1,
        state(),
        |own, sink| {
            let (sender, cipher, message) = own;
            sink.take(&buffers::transfer(sender, cipher, message));
        },
        concat
    ));
}
