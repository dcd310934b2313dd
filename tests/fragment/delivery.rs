//! Packets in any order, some of them twice: the message comes out once and unchanged.

use super::support::*;

/// Orders in which `count` packets arrive, copies included.
const ORDERS: [fn(u32) -> Vec<u32>; 6] = [
    |count| (0..count).collect(),
    |count| (0..count).rev().collect(),
    |count| (0..count).step_by(2).chain((1..count).step_by(2)).collect(),
    |count| (0..count).flat_map(|index| [index, index]).collect(),
    // The same packets again, and then the missing ones.
    |count| {
        let gap = count / 2;
        let others = || (0..count).filter(move |&index| index != gap || count == 1);
        others().chain(others()).chain([gap]).collect()
    },
    |count| (0..count).chain(0..count).collect(),
];

#[test]
fn bytes_arrive_as_they_were_in_every_order() {
    // Packets of 1,200 bytes carry 1,184 bytes each.
    let counts = [
        (0, 1),
        (1, 1),
        (1_183, 1),
        (1_184, 1),
        (1_185, 2),
        (2_367, 2),
        (2_368, 2),
        (2_369, 3),
        (11_839, 10),
        (11_840, 10),
        (11_841, 11),
        (24_832, 21),
        (75_775, 64),
        (75_776, 64),
        (75_777, 65),
        (100_000, 85),
        (1 << 20, 886),
    ];
    let mut random = fastrand::Rng::with_seed(1);
    for (len, count) in counts {
        let payload: Bytes = (0..len).map(|_| random.u8(..)).collect::<Vec<_>>().into();
        let packets = packets(5, &payload, 1_184);
        assert_eq!(packets.len(), count, "{len} bytes");
        for (number, order) in ORDERS.iter().enumerate() {
            let mut end = End::lenient();
            let (mut seen, mut delivered) = (vec![false; count], None);
            for index in order(count as u32) {
                let received = end.push(&packets[index as usize]).unwrap();
                let is_new = !std::mem::replace(&mut seen[index as usize], true);
                let arrived = seen.iter().filter(|seen| **seen).count();
                match received {
                    Received::Duplicate { id: 5 } => assert!(!is_new),
                    Received::Complete { id: 5, payload } => {
                        assert!(is_new && arrived == count && delivered.is_none());
                        delivered = Some(payload);
                    }
                    Received::Fragment { id: 5, arrived: n, count: of } => {
                        assert!(is_new && arrived < count);
                        assert_eq!((n as usize, of as usize), (arrived, count));
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert!(delivered == Some(payload.clone()), "{len} bytes in order {number}");
            end.holds_nothing();
        }
    }
}

/// C: complete. F: a new fragment. D: a duplicate.
#[test]
fn copies_hold_nothing_up() {
    for (count, order, expected) in [
        (1, &[0, 0][..], "CD"),
        (3, &[0, 1, 2], "FFC"),
        (3, &[0, 2, 1], "FFC"),
        (3, &[1, 2, 0], "FFC"),
        (3, &[0, 0, 2, 1], "FDFC"),
        (3, &[0, 2, 2, 1], "FFDC"),
        (3, &[0, 1, 0, 1, 2], "FFDDC"),
        (4, &[0, 1, 1, 3, 2], "FFDFC"),
        (4, &[3, 3, 0, 3, 1, 0, 2, 2, 3], "FDFDFDCDD"),
    ] {
        let payload = pattern(count * 100 - 1);
        let packets = packets(1, &payload, STRIDE);
        let mut end = End::lenient();
        let received = order.iter().map(|&index| match end.push(&packets[index]).unwrap() {
            Received::Complete { payload: whole, .. } => {
                assert_eq!(whole, payload);
                'C'
            }
            Received::Fragment { .. } => 'F',
            Received::Duplicate { .. } => 'D',
        });
        assert_eq!(received.collect::<String>(), expected, "{order:?}");
        let duplicates = expected.matches('D').count() as u64;
        let stats = end.inner.stats();
        assert_eq!((stats.completed, stats.duplicates, stats.conflicts), (1, duplicates, 0));
        end.holds_nothing();
    }
}

#[test]
fn of_two_copies_the_first_one_counts() {
    let payload = pattern(250);
    let packets = packets(1, &payload, STRIDE);
    let mut end = End::lenient();
    end.take_in(&packets[..2]);
    let mut other = packets[1].to_vec();
    *other.last_mut().unwrap() ^= 1;
    for (packet, conflicts) in [(&packets[1][..], 0), (&other, 1), (&packets[0], 1), (&other, 2)] {
        assert_eq!(end.push(packet), Ok(Received::Duplicate { id: 1 }));
        assert_eq!(end.inner.stats().conflicts, conflicts);
    }
    assert_eq!(end.completes(0, &packets[2]), payload);
}

#[test]
fn every_packet_tells_the_whole_message() {
    for packet in packets(3, &pattern(6_401), STRIDE) {
        let header = Header::decode(&packet).unwrap().0;
        assert_eq!((header.id(), header.count(), header.message_len()), (3, 65, 6_401));
        assert_eq!(header.stride(), stride(STRIDE));
    }
}

/// The same ids of several peers, and several messages of each: all packets in turns.
#[test]
fn messages_and_peers_do_not_meet() {
    let mut end = End::lenient();
    let mut all: Vec<(u8, u32, Bytes, Vec<Bytes>)> = Vec::new();
    for peer in 0..3 {
        for message in [0, 1, u32::MAX] {
            let payload = pattern(1_000 + 100 * usize::from(peer) + (message % 7) as usize);
            let packets = packets(message, &payload, STRIDE);
            all.push((peer, message, payload, packets));
        }
    }
    let mut delivered = 0;
    for turn in 0..20 {
        for (peer, message, payload, packets) in &all {
            let Some(packet) = packets.get(turn) else { continue };
            match end.push_from(*peer, packet).unwrap() {
                Received::Complete { id, payload: whole } => {
                    assert_eq!((id, &whole), (*message, payload));
                    delivered += 1;
                }
                Received::Fragment { id, .. } => assert_eq!(id, *message),
                other @ Received::Duplicate { .. } => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(delivered, 9);
    end.holds_nothing();
}

/// Nothing of an earlier message is left in the memory of a later one.
#[test]
fn memory_is_clean() {
    let mut end = End::lenient();
    for round in 0..50_u32 {
        let payload = Bytes::from(vec![round as u8; 500]);
        let packets = packets(round, &payload, STRIDE);
        end.take_in(&packets[1..]);
        assert_eq!(end.completes(0, &packets[0]), payload);
    }
}
