//! What messages in packets allocate and keep, and what a peer can make a reassembler keep.

use std::{
    iter,
    time::{Duration, Instant},
};

use allocation_counter::measure;
use futures_handoff::{
    bytes::Bytes,
    fragment::{
        Fragmenter, HEADER_LEN, Limits, PacketError, PacketPool, Plain, Reassembler, Received, Stride,
    },
};

use super::allocates_nothing;

/// The bytes of a message in each packet.
const STRIDE: u16 = 100;

fn message(id: u32, len: usize) -> Fragmenter {
    Fragmenter::new(id, vec![7; len].into(), Stride::new(STRIDE).unwrap()).unwrap()
}

/// A packet in place, as a socket gives it. Of the message it carries as much as its header says.
struct Packet([u8; HEADER_LEN + STRIDE as usize]);

impl Packet {
    fn of(id: u32, index: u32, len: u32) -> Self {
        let mut packet = [7; HEADER_LEN + STRIDE as usize];
        packet[..2].copy_from_slice(&[0xF1, 0]);
        packet[2..4].copy_from_slice(&STRIDE.to_be_bytes());
        packet[4..8].copy_from_slice(&id.to_be_bytes());
        packet[8..12].copy_from_slice(&index.to_be_bytes());
        packet[12..16].copy_from_slice(&len.to_be_bytes());
        Self(packet)
    }
}

fn push<K: Eq + std::hash::Hash + Clone>(
    reassembler: &mut Reassembler<K>,
    from: &K,
    packet: &Packet,
    now: Instant,
) -> Result<Received, PacketError> {
    reassembler.push(from, &packet.0, &mut Plain, now)
}

#[test]
fn packets_are_made_without_allocations() {
    let message = message(1, 100_000);
    let mut pool = PacketPool::default();
    allocates_nothing(|| {
        let mut range = 0..message.count();
        while let Some(packets) = message.pack(&mut range, &mut Plain, &mut pool).unwrap() {
            assert!(packets.iter().all(|packet| packet.len() <= 116));
        }
        // The last one of all, again.
        let mut range = 999..1_000;
        assert!(message.pack(&mut range, &mut Plain, &mut pool).unwrap().is_some());
    });
    // Several blocks at a time, as a send queue holds them.
    allocates_nothing(|| {
        let mut range = 0..message.count();
        let held: [_; 10] = std::array::from_fn(|_| message.pack(&mut range, &mut Plain, &mut pool).unwrap());
        assert!(held.iter().all(Option::is_some));
    });
}

#[test]
fn fragments_allocate_nothing() {
    let message = message(1, 10_000);
    allocates_nothing(|| {
        assert_eq!(message.iter().map(|fragment| fragment.payload.len()).sum::<usize>(), 10_000);
        assert_eq!(message.chunks().map(|(_, bytes)| bytes.len()).sum::<usize>(), 10_000);
        assert_eq!(message.get(3).map(|fragment| fragment.payload.len()), Some(100));
    });
}

/// Its bytes, and the bits of its fragments. One of a single packet has no bits. A prefix that is
/// taken needs a count of its holders.
#[test]
fn a_message_is_two_allocations() {
    for (len, take, each) in [(50, false, 1), (10_000, false, 2), (10_000, true, 3)] {
        let mut reassembler = Reassembler::new(Limits::default().with_remember(16));
        let count = len.max(1_u32).div_ceil(100);
        let (mut id, now) = (0, Instant::now());
        let full = |index| Packet::of(0, index, 10_000);
        let packets: Vec<_> = (0..count).map(full).collect();
        let mut round = || {
            id += 1;
            let mut whole = None;
            for packet in &packets {
                let mut bytes = packet.0;
                bytes[4..8].copy_from_slice(&u32::to_be_bytes(id));
                bytes[12..16].copy_from_slice(&len.to_be_bytes());
                let bytes = &bytes[..HEADER_LEN + len.min(100) as usize];
                match reassembler.push(&(), bytes, &mut Plain, now).unwrap() {
                    Received::Complete { payload, .. } => whole = Some(payload),
                    _ if take => drop(reassembler.take_prefix(&(), id).unwrap()),
                    _ => {}
                }
            }
            assert!(whole.is_some());
        };
        (0..200).for_each(|_| round());
        let info = measure(|| (0..1_000).for_each(|_| round()));
        // A hash table grows at times.
        let count = info.count_total;
        assert!((each * 1_000..each * 1_000 + 5).contains(&count), "{count} for {len} bytes");
        assert_eq!(info.count_current, 0);
    }
}

#[test]
fn duplicates_and_refusals_allocate_nothing() {
    let limits = Limits::default().with_max_in_flight(2);
    let (mut reassembler, now) = (Reassembler::new(limits), Instant::now());
    for id in [1, 2] {
        push(&mut reassembler, &0, &Packet::of(id, 0, 1_000), now).unwrap();
    }
    push(&mut reassembler, &0, &Packet::of(3, 0, 100), now).unwrap();
    let mut id = 10;
    allocates_nothing(|| {
        id += 1;
        for (peer, packet, is_taken) in [
            (0, Packet::of(1, 0, 1_000), true),
            (0, Packet::of(3, 0, 100), true),
            (0, Packet::of(1, 1, 1_001), false),
            (0, Packet::of(id, 0, 1_000), false),
            (id, Packet::of(id, 0, 1_000), false),
            (id, Packet::of(id, 0, u32::MAX), false),
            (id, Packet::of(id, u32::MAX, u32::MAX), false),
            (id, Packet::of(id, 9, 999), false),
        ] {
            assert_eq!(push(&mut reassembler, &peer, &packet, now).is_ok(), is_taken);
        }
    });
}

/// Each packet announces as much as its header can, or as the limit allows, and names another peer
/// and message.
#[test]
fn what_is_announced_is_not_allocated() {
    let max_bytes = 4 << 20;
    let limits = Limits::default().with_max_bytes(max_bytes);
    let now = Instant::now();
    let mut refused = 0;
    let info = measure(|| {
        let mut reassembler = Reassembler::new(limits);
        for id in 0..2_000_u32 {
            for len in [u32::MAX, 1 << 31, 16 << 20, (1 << 20) + 1] {
                let error = push(&mut reassembler, &id, &Packet::of(id, 0, len), now).unwrap_err();
                assert!(matches!(error, PacketError::TooLong { .. }), "{error}");
            }
            for len in [1 << 20, 64 << 10, 101] {
                refused += u32::from(push(&mut reassembler, &id, &Packet::of(id, 0, len), now).is_err());
            }
            assert!(reassembler.stats().bytes <= max_bytes);
        }
        assert!(reassembler.stats().bytes > max_bytes - 200, "the budget is not used");
    });
    assert!(refused > 3_000, "{refused}");
    // A few hundred bytes for each of the 1,024 messages that may be incomplete.
    let most = max_bytes as u64 + 1_024 * 1_024;
    assert!(info.bytes_max < most, "{} bytes", info.bytes_max);
    assert_eq!(info.bytes_current, 0);
}

/// A packet that is over the budget is not even a reason to grow a table.
#[test]
fn a_first_packet_that_is_over_the_budget_costs_nothing() {
    let limits = Limits::default().with_max_message_len(16 << 20).with_max_bytes_per_peer(16 << 20);
    let mut reassembler = Reassembler::new(limits);
    let info = measure(|| {
        let received = push(&mut reassembler, &0, &Packet::of(1, 0, 16 << 20), Instant::now());
        assert!(matches!(received, Err(PacketError::OverBudget { .. })), "{received:?}");
    });
    assert_eq!(info.count_total, 0);
}

/// 100,000 messages of which one fragment is lost, in turns of as many as there may be at a time.
#[test]
fn messages_that_are_never_complete_are_freed() {
    let limits = Limits::default()
        .with_max_in_flight(10_000)
        .with_max_in_flight_per_peer(10_000)
        .with_idle(Duration::from_secs(10));
    let start = Instant::now();
    let mut reassembler = Reassembler::new(limits);
    let mut turn = |turn: u32| {
        for id in (0..10_000).map(|i| turn * 10_000 + i) {
            let now = start + Duration::from_secs(10) * turn + Duration::from_micros((id % 10_000).into());
            for index in [0, 2] {
                push(&mut reassembler, &(), &Packet::of(id, index, 300), now).unwrap();
            }
        }
        let expired = reassembler.expire(start + Duration::from_secs(10) * (turn + 1), |_, _| {});
        // Of most of them the deadline is a little later: the next turn finds no room, and lets
        // them go.
        assert!(expired > 0 && reassembler.stats().in_flight < 10_000);
    };
    let first = measure(|| turn(0));
    let rest = measure(|| (1..10).for_each(&mut turn));
    // A hash table may grow once more.
    assert!(rest.bytes_current.abs() < 512 << 10, "{} bytes more", rest.bytes_current);
    assert!(rest.bytes_max <= first.bytes_max, "{} and {} bytes", rest.bytes_max, first.bytes_max);
    let end = start + Duration::from_secs(1_000);
    reassembler.expire(end, |_, _| {});
    let stats = reassembler.stats();
    assert_eq!((stats.expired, stats.in_flight, stats.bytes), (100_000, 0, 0));
    assert_eq!(reassembler.next_deadline(), None);
}

/// Whatever ends them before their deadline: the list of deadlines does not grow with those that
/// are gone.
#[test]
fn deadlines_of_messages_that_are_gone_are_not_kept() {
    for end in 0..3 {
        let (mut reassembler, now) = (Reassembler::new(Limits::default().with_remember(8)), Instant::now());
        // The oldest message stays, so no other entry comes to the top.
        push(&mut reassembler, &0, &Packet::of(0, 0, 200), now).unwrap();
        let mut id = 0;
        let mut round = || {
            for _ in 0..100 {
                id += 1;
                push(&mut reassembler, &1, &Packet::of(id, 0, 200), now).unwrap();
                match end {
                    0 => drop(push(&mut reassembler, &1, &Packet::of(id, 1, 200), now).unwrap()),
                    1 => assert!(reassembler.cancel(&1, id)),
                    _ => assert_eq!(reassembler.forget(&1), 1),
                }
            }
        };
        round();
        let info = measure(|| (0..1_000).for_each(|_| round()));
        assert!(info.bytes_current.abs() < 4_000, "{} bytes in way {end}", info.bytes_current);
    }
}

/// Each of many peers has one message that stays, and fills all that is remembered with short ones.
/// What was remembered of the peers before is gone then, and so is its memory.
#[test]
fn a_peer_whose_messages_are_forgotten_keeps_no_room_for_them() {
    let limits = Limits::default();
    let (mut reassembler, now) = (Reassembler::new(limits), Instant::now());
    let peers = 40;
    let info = measure(|| {
        for peer in 0..peers {
            push(&mut reassembler, &peer, &Packet::of(u32::MAX, 0, 200), now).unwrap();
            for id in 0..limits.remember() as u32 {
                push(&mut reassembler, &peer, &Packet::of(id, 0, 100), now).unwrap();
            }
        }
    });
    // 4,096 names are remembered, in a queue and a table; those of one peer take about 200 KB.
    assert!(info.bytes_current < 1 << 20, "{} bytes", info.bytes_current);
    let held = iter::zip(0..peers, iter::repeat(u32::MAX));
    assert!(held.into_iter().all(|(peer, id)| reassembler.missing(&peer, id).is_some()));
}

/// Only the memory of the message is delivered.
#[test]
fn what_is_delivered_keeps_only_its_bytes() {
    let message = message(1, 10_000);
    let mut pool = PacketPool::default();
    let packets: Vec<Bytes> = iter::from_fn({
        let mut range = 0..message.count();
        move || message.pack(&mut range, &mut Plain, &mut pool).unwrap()
    })
    .flat_map(|packets| packets.iter().collect::<Vec<_>>())
    .collect();
    let mut delivered = None;
    let info = measure(|| {
        let mut reassembler = Reassembler::new(Limits::default());
        for packet in &packets {
            if let Received::Complete { payload, .. } =
                reassembler.push(&(), packet, &mut Plain, Instant::now()).unwrap()
            {
                delivered = Some(payload);
            }
        }
    });
    assert_eq!((info.bytes_current, info.count_current), (10_000, 1));
    assert_eq!(delivered.map(|payload| payload.len()), Some(10_000));
}
