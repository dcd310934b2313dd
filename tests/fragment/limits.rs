//! The limits of a reassembler: messages and bytes, of each peer and of all.

use super::support::*;

/// The first packet of a message of this many bytes.
fn first(message: u32, len: u32) -> Vec<u8> {
    raw(STRIDE, message, 0, len, &pattern(100)).wire()
}

#[track_caller]
fn begins(end: &mut End, peer: u8, message: u32, len: u32) {
    let received = end.push_from(peer, &first(message, len));
    assert!(matches!(received, Ok(Received::Fragment { arrived: 1, .. })), "{received:?}");
}

#[test]
fn bytes_are_counted_by_what_is_announced() {
    let mut end = End::new(Limits::default());
    let mut bytes = 0;
    for (message, (len, bits)) in (0..).zip([(101, 8), (6_400, 8), (6_401, 16), (1024 * 1024, 1_312)]) {
        begins(&mut end, 0, message, len);
        bytes += len as usize + bits;
        assert_eq!(end.inner.stats().bytes, bytes);
    }
    // A message of one packet takes no budget.
    end.completes(0, &packets(9, &pattern(100), STRIDE)[0]);
    assert_eq!(end.inner.stats().bytes, bytes);
}

#[test]
fn no_message_is_longer_than_the_limit() {
    // The largest values of a header and an allocation.
    let most = (u32::MAX as usize).min(usize::MAX >> 1);
    for limit in [0, 1, 100, 101, 6_400, most, usize::MAX] {
        let limits = Limits::default().with_max_message_len(limit);
        let limit = limit.min(most);
        assert_eq!(limits.max_message_len(), limit);
        let mut end = End::new(limits.with_max_bytes_per_peer(0));
        if let Ok(len) = u32::try_from(limit + 1) {
            let bytes = pattern(100.min(limit + 1));
            let packet = raw(STRIDE, 1, 0, len, &bytes).wire();
            end.refuses(&packet, PacketError::TooLong { len: limit + 1, limit });
        }
        if limit > 100 {
            // It is not too long; there is only no room for it.
            let needed = cost(limit, limit.div_ceil(100));
            end.refuses(&first(1, limit as u32), PacketError::OverBudget { needed, available: 0 });
        } else {
            end.completes(0, &packets(1, &pattern(limit), STRIDE)[0]);
        }
    }
}

/// Up to the last byte, of a peer and of all.
#[test]
fn a_budget_of_bytes_is_used_up_and_never_exceeded() {
    let each = cost(350, 4);
    for per_peer in [true, false] {
        let limits = Limits::default();
        let limits =
            if per_peer { limits.with_max_bytes_per_peer(3 * each) } else { limits.with_max_bytes(3 * each) };
        let mut end = End::new(limits);
        let error = |needed, available| PacketError::OverBudget { needed, available };
        end.refuses(&first(1, 3 * each as u32 - 7), error(3 * each + 1, 3 * each));
        begins(&mut end, 0, 1, 350);
        begins(&mut end, 0, 2, 350);
        end.refuses(&first(3, 351), error(each + 1, each));
        begins(&mut end, 0, 3, 350);
        end.refuses(&first(4, 101), error(109, 0));
        assert_eq!(end.inner.stats().bytes, 3 * each);
        // Another peer has its own limit, within the limit for all.
        if per_peer {
            begins(&mut end, 1, 4, 350);
        } else {
            end.refuses_from(1, &first(4, 101), error(109, 0));
        }
        // Messages that have begun go on, and so do messages that need no room.
        end.take_in(&packets(2, &pattern(350), STRIDE)[1..3]);
        end.completes(0, &packets(9, &pattern(100), STRIDE)[0]);
        assert_eq!(end.completes(0, &packets(2, &pattern(350), STRIDE)[3]).len(), 350);
        begins(&mut end, 0, 4, 350);
        end.refuses(&first(5, 350), error(each, 0));
        assert!(end.inner.cancel(&0, 1));
        end.refuses(&first(5, 351), error(each + 1, each));
        begins(&mut end, 0, 5, 350);
    }
}

#[test]
fn of_two_budgets_the_smaller_rest_counts() {
    let limits = Limits::default().with_max_bytes(1_000).with_max_bytes_per_peer(600);
    let mut end = End::new(limits);
    begins(&mut end, 0, 1, 492);
    let error = |available| PacketError::OverBudget { needed: 592 + 8, available };
    end.refuses_from(0, &first(2, 592), error(100));
    end.refuses_from(1, &first(2, 592), error(500));
    begins(&mut end, 1, 2, 492);
    end.refuses_from(2, &first(2, 592), error(0));
    assert_eq!(end.inner.stats().bytes, 1_000);
}

#[test]
fn no_more_messages_are_incomplete_than_allowed() {
    let limits = Limits::default().with_max_in_flight(5).with_max_in_flight_per_peer(3);
    let mut end = End::new(limits);
    (0..3).for_each(|message| begins(&mut end, 0, message, 350));
    end.refuses_from(0, &first(3, 350), PacketError::TooMany { limit: 3 });
    (0..2).for_each(|message| begins(&mut end, 1, message, 350));
    for peer in 0..3 {
        end.refuses_from(peer, &first(7, 350), PacketError::TooMany { limit: 5 });
    }
    end.completes(0, &packets(9, &pattern(100), STRIDE)[0]);
    assert!(end.inner.cancel(&1, 0));
    end.refuses_from(0, &first(3, 350), PacketError::TooMany { limit: 3 });
    begins(&mut end, 2, 0, 350);
    assert_eq!((end.inner.forget(&0), end.inner.stats().in_flight), (3, 2));
    for (message, peer) in (10..).zip([0, 0, 2]) {
        begins(&mut end, peer, message, 350);
    }
    end.refuses_from(3, &first(7, 350), PacketError::TooMany { limit: 5 });
}

#[test]
fn with_no_room_only_short_messages_pass() {
    for limits in [
        Limits::default().with_max_in_flight(0),
        Limits::default().with_max_in_flight_per_peer(0),
        Limits::default().with_max_bytes(0),
        Limits::default().with_max_bytes_per_peer(0),
    ] {
        let mut end = End::new(limits);
        let packet = first(1, 350);
        let refused = end.push(&packet).unwrap_err();
        let room = PacketError::OverBudget { needed: cost(350, 4), available: 0 };
        assert!([room, PacketError::TooMany { limit: 0 }].contains(&refused), "{refused}");
        end.refuses(&packet, refused);
        end.completes(0, &packets(1, &pattern(100), STRIDE)[0]);
        end.holds_nothing();
    }
}

/// Without a call of `expire`.
#[test]
fn what_has_expired_makes_room() {
    for limits in [
        Limits::default().with_max_in_flight(3),
        Limits::default().with_max_in_flight_per_peer(3),
        Limits::default().with_max_bytes(3 * cost(350, 4)),
        Limits::default().with_max_bytes_per_peer(3 * cost(350, 4)),
    ] {
        let mut end = End::new(limits);
        for message in 0..3 {
            begins(end.at(SECOND * message), 0, message, 350);
        }
        let full = end.at(SECOND * 29).push(&first(3, 350)).unwrap_err();
        end.refuses(&first(3, 350), full);
        begins(end.at(SECOND * 30), 0, 3, 350);
        assert_eq!((end.inner.stats().expired, end.inner.stats().in_flight), (1, 3));
        end.refuses(&first(4, 350), full);
        begins(end.at(SECOND * 32), 0, 4, 350);
        assert_eq!((end.inner.stats().expired, end.inner.stats().in_flight), (3, 2));
        assert_eq!(end.expired(), [], "they are gone already");
    }
}

/// A packet that would begin a message after each other kind of end.
#[test]
fn no_room_is_lost_over_many_messages() {
    let limits = Limits::default().with_max_in_flight(2).with_max_bytes(2 * cost(350, 4)).with_remember(5);
    let mut end = End::new(limits);
    for round in 0..200 {
        let long = |message| packets(message, &pattern(350), STRIDE);
        end.take_in(&long(2 * round)[..3]);
        end.take_in(&long(2 * round + 1)[..3]);
        assert_eq!(end.inner.stats().bytes, 2 * cost(350, 4));
        match round % 4 {
            0 => assert_eq!(end.completes(0, &long(2 * round)[3]).len(), 350),
            1 => assert!(end.inner.cancel(&0, 2 * round)),
            2 => assert!(end.inner.take_prefix(&0, 2 * round).is_some()),
            _ => assert_eq!(end.inner.forget(&0), 2),
        }
        end.now += SECOND * 30;
        end.expired();
        end.holds_nothing();
    }
}

#[test]
fn limits_tell_what_was_set() {
    let limits = Limits::default()
        .with_max_message_len(1)
        .with_max_in_flight(2)
        .with_max_bytes(3)
        .with_max_in_flight_per_peer(4)
        .with_max_bytes_per_peer(5)
        .with_min_stride(6)
        .with_idle(SECOND * 7)
        .with_lifetime(SECOND * 8)
        .with_remember(9);
    assert_eq!(
        (
            limits.max_message_len(),
            limits.max_in_flight(),
            limits.max_bytes(),
            limits.max_in_flight_per_peer()
        ),
        (1, 2, 3, 4)
    );
    assert_eq!((limits.max_bytes_per_peer(), limits.min_stride(), limits.remember()), (5, 6, 9));
    assert_eq!((limits.idle(), limits.lifetime()), (SECOND * 7, SECOND * 8));
    assert_eq!(*Reassembler::<()>::new(limits).limits(), limits);
}

/// The most bytes in the most packets, in memory that is only allocated.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[test]
fn the_longest_message_may_come_byte_by_byte() {
    const MOST: u32 = u32::MAX;
    let limits = Limits::default().with_min_stride(1).with_max_message_len(usize::MAX);
    let mut end = End::new(limits.with_max_bytes(usize::MAX).with_max_bytes_per_peer(usize::MAX));
    let packet = |index| raw(1, 1, index, MOST, &[7]).wire();
    end.take_in([packet(MOST - 1), packet(0), packet(1 << 31)]);
    assert_eq!(end.push(&packet(MOST - 1)), Ok(Received::Duplicate { id: 1 }));
    end.refuses(&packet(MOST), PacketError::Index { index: MOST, count: MOST });
    assert_eq!(end.missing(0, 1), Some(vec![1..1 << 31, (1 << 31) + 1..MOST - 1]));
    assert_eq!(end.inner.take_prefix(&0, 1), Some(Bytes::from_static(&[7])));
    assert_eq!(end.inner.stats().bytes, cost(MOST as usize, MOST as usize));
}
