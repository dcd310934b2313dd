//! Cuts a message into pieces of 1,420 bytes, without using them.

use std::hint::black_box;

use futures_handoff::{
    bytes::Bytes,
    fragment::{Fragment, Fragmenter, Stride},
};

use crate::rows::{Count, KIB, Keep, MIB, Row, Sink, concat, message, row};

/// The bytes of a packet in the versions of Freenet whose published figures are compared.
const PIECE: usize = 1420;
/// These are cut by all implementations.
pub const SIZES: [usize; 4] = [4 * KIB, 64 * KIB, 256 * KIB, MIB];
/// Cut by this crate only, to check that the cost of a fragment stays the same.
pub const LONG: [usize; 2] = [16 * MIB, 64 * MIB];

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for size in SIZES {
        let units = size.div_ceil(PIECE);
        rows.push(row!(
            ("cut", "split_off"),
            size,
            units,
            message(size),
            |own, sink| {
                // Each piece is the front of a vector whose rest was copied.
                let mut left = own.to_vec();
                let mut pieces = Vec::new();
                while left.len() > PIECE {
                    let rest = left.split_off(PIECE);
                    pieces.push(std::mem::replace(&mut left, rest));
                }
                pieces.push(left);
                take_all(&pieces, &mut sink);
            },
            concat
        ));
        rows.push(row!(
            ("cut", "slice_of_new"),
            size,
            units,
            message(size),
            |own, sink| {
                let message = Bytes::from(own.to_vec());
                take_all(&slices(&message, Vec::new()), &mut sink);
            },
            concat
        ));
        rows.push(row!(
            ("cut", "slice"),
            size,
            units,
            message(size),
            |own, sink| {
                take_all(&slices(own, Vec::new()), &mut sink);
            },
            concat
        ));
        rows.push(row!(
            ("cut", "slice_preallocated"),
            size,
            units,
            message(size),
            |own, sink| {
                take_all(&slices(own, Vec::with_capacity(units)), &mut sink);
            },
            concat
        ));
        rows.push(row!(
            ("cut", "chunks_copy"),
            size,
            units,
            message(size),
            |own, sink| {
                let pieces: Vec<Vec<u8>> = own.chunks(PIECE).map(<[u8]>::to_vec).collect();
                take_all(&pieces, &mut sink);
            },
            concat
        ));
        rows.push(row!(
            ("cut", "fragment_collected"),
            size,
            units,
            fragmenter(size),
            |own, sink| {
                let fragments: Vec<Fragment> = own.iter().collect();
                for fragment in black_box(&fragments) {
                    sink.take(&fragment.payload);
                }
            },
            concat
        ));
    }
    for size in SIZES.into_iter().chain(LONG) {
        let units = size.div_ceil(PIECE);
        rows.push(row!(
            ("cut", "fragment"),
            size,
            units,
            fragmenter(size),
            |own, sink| {
                for fragment in own.iter() {
                    black_box(&fragment.header);
                    sink.take(&fragment.payload);
                }
            },
            concat
        ));
        rows.push(row!(
            ("cut", "borrowed"),
            size,
            units,
            fragmenter(size),
            |own, sink| {
                for (header, piece) in own.chunks() {
                    black_box(&header.encode());
                    sink.take(piece);
                }
            },
            concat
        ));
    }
    rows
}

fn fragmenter(size: usize) -> Fragmenter {
    let stride = u16::try_from(PIECE).ok().and_then(Stride::new).expect("it is not 0");
    Fragmenter::new(1, message(size), stride).expect("the message is short enough")
}

fn slices(message: &Bytes, mut pieces: Vec<Bytes>) -> Vec<Bytes> {
    let mut at = 0;
    while at < message.len() {
        let end = (at + PIECE).min(message.len());
        pieces.push(message.slice(at..end));
        at = end;
    }
    pieces
}

#[inline]
fn take_all(pieces: &[impl AsRef<[u8]>], sink: &mut impl Sink) {
    for piece in black_box(pieces) {
        sink.take(piece.as_ref());
    }
}
