//! Random packets of random peers in any order, mixed with calls of the caller, against a model.

use proptest::{
    prelude::{Just, Strategy, prop},
    prop_oneof, proptest,
    test_runner::Config,
};

use super::{model::Pair, support::*};

/// Ids at the wrap.
const IDS: [u32; 4] = [u32::MAX, 0, 1, 2];
/// Lengths and strides of messages. The second one of an id is cut in another way.
const SHAPES: [(u32, u16); 6] = [(0, 1), (7, 7), (8, 7), (25, 4), (70, 1), (200, 3)];

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
    /// The first of the missing fragments of a message.
    Repair {
        peer: u8,
        id: u32,
        most: usize,
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
    /// It ends after this many bytes.
    Cut(usize),
    /// It has this many more.
    Longer(usize),
    /// A byte of the header is changed.
    Byte(usize, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let message = || (0..3_u8, prop::sample::select(&IDS[..]));
    let damage = prop_oneof![
        30 => Just(Damage::None),
        1 => (0..30_usize).prop_map(Damage::Cut),
        1 => (1..3_usize).prop_map(Damage::Longer),
        2 => (0..HEADER_LEN, prop::sample::select(&[0, 1, 0xFF][..]))
            .prop_map(|(at, to)| Damage::Byte(at, to)),
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
        10 => (message(), prop_oneof![1..4_usize, Just(80)])
            .prop_map(|((peer, id), most)| Step::Repair { peer, id, most }),
        10 => message().prop_map(|(peer, id)| Step::Take { peer, id }),
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
                .with_idle(SECOND)
                .with_lifetime(SECOND * 5 / 2)
                .with_remember(remember)
        })
}

/// The byte of a message at a place; the second content is that of a packet that does not belong.
fn byte(peer: u8, id: u32, shape: usize, content: u8, at: usize) -> u8 {
    (at as u8).wrapping_mul(31) ^ peer ^ (id as u8) << 3 ^ (shape as u8) << 5 ^ content << 7
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

fn agree(limits: Limits, steps: Vec<Step>) {
    let mut pair = Pair::new(limits);
    for step in steps {
        match step {
            Step::Packet { peer, id, shape, index, content, damage } => {
                pair.push(peer, &packet(peer, id, shape, index, content, damage));
            }
            Step::Repair { peer, id, most } => {
                let Some((len, stride, missing)) = pair.wanted(peer, id) else { continue };
                let Some(shape) = SHAPES.iter().position(|&shape| shape == (len, stride)) else { continue };
                for &index in missing.iter().take(most) {
                    pair.push(peer, &packet(peer, id, shape, index, 0, Damage::None));
                }
                assert_eq!(pair.wanted(peer, id).is_none(), most >= missing.len(), "it is whole");
            }
            Step::Take { peer, id } => pair.take(peer, id),
            Step::Cancel { peer, id } => pair.cancel(peer, id),
            Step::Forget { peer } => pair.forget(peer),
            Step::Wait(ms) => pair.wait(Duration::from_millis(ms)),
            Step::Expire => pair.expire(),
        }
        pair.check((0..3).flat_map(|peer| IDS.map(|id| (peer, id))));
    }
}

proptest! {
    #![proptest_config(Config::with_cases(250))]

    #[test]
    fn every_answer_is_that_of_the_model(limits in limits(), steps in steps()) {
        agree(limits, steps);
    }

    /// Bytes that are all made up.
    #[test]
    fn any_bytes_are_refused_or_as_the_model_says(
        packets in prop::collection::vec(
            prop::collection::vec(prop_oneof![3 => 0..3_u8, 1 => Just(0xF1), 1 => 0..=255_u8], 0..40), 0..60),
        sound in prop::collection::vec(0..4_u8, 60),
    ) {
        let limits = Limits::default().with_max_message_len(199).with_min_stride(1);
        let mut pair = Pair::new(limits);
        for (mut packet, sound) in packets.into_iter().zip(sound) {
            if sound > 0 && packet.len() >= HEADER_LEN {
                packet[..2].copy_from_slice(&[0xF1, 0]);
                packet[8..11].fill(0);
                packet[12..15].fill(0);
                packet[2] = 0;
            }
            pair.push(0, &packet);
        }
        pair.check([]);
    }
}
