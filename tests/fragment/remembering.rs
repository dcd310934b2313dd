//! Finished messages: their late packets are recognised as long as the messages are remembered.

use super::support::*;

fn whole(message: u32) -> Bytes {
    packets(message, &pattern(50), STRIDE).remove(0)
}

fn remembering(messages: usize) -> End {
    End::new(Limits::default().with_remember(messages))
}

#[track_caller]
fn is_known(end: &mut End, peer: u8, message: u32) {
    assert_eq!(end.push_from(peer, &whole(message)), Ok(Received::Duplicate { id: message }));
}

#[test]
fn late_copies_begin_nothing() {
    let mut end = End::lenient();
    let packets = packets(1, &pattern(350), STRIDE);
    end.take_in(&packets[..3]);
    end.completes(0, &packets[3]);
    for packet in packets.iter().chain(&packets) {
        assert_eq!(end.push(packet), Ok(Received::Duplicate { id: 1 }));
    }
    end.holds_nothing();
    assert_eq!((end.inner.stats().completed, end.inner.stats().duplicates), (1, 8));
    assert_eq!((end.missing(0, 1), end.inner.take_prefix(&0, 1)), (Some(vec![]), None));
    assert!(!end.inner.cancel(&0, 1));
}

#[test]
fn the_oldest_is_forgotten_first_whichever_peer_it_is_of() {
    let mut end = remembering(3);
    for (peer, message) in [(0, 1), (1, 1), (0, 2)] {
        end.completes(peer, &whole(message));
    }
    // A duplicate does not extend its place.
    is_known(&mut end, 0, 1);
    end.completes(2, &whole(1));
    for (peer, message) in [(1, 1), (0, 2), (2, 1)] {
        is_known(&mut end, peer, message);
    }
    // (0, 1) is not known any more. With it, (1, 1) goes.
    end.completes(0, &whole(1));
    end.completes(1, &whole(1));
    is_known(&mut end, 2, 1);
    is_known(&mut end, 0, 1);
    end.completes(0, &whole(2));
}

/// Long and short messages, cancelled ones and those that expired after a part was taken.
#[test]
fn each_kind_of_end_is_remembered() {
    let mut end = remembering(2);
    let long = |message| packets(message, &pattern(350), STRIDE);
    let ends: [fn(&mut End, &[Bytes]); 4] = [
        |end, packets| {
            end.take_in(&packets[1..]);
            end.completes(0, &packets[0]);
        },
        |end, packets| {
            end.take_in(&packets[..1]);
            assert!(end.inner.cancel(&0, Header::decode(&packets[0]).unwrap().0.id()));
        },
        |end, packets| {
            end.take_in(&packets[..1]);
            assert!(end.inner.take_prefix(&0, Header::decode(&packets[0]).unwrap().0.id()).is_some());
            end.now += SECOND * 30;
            assert_eq!(end.expired().len(), 1);
        },
        |end, packets| {
            let message = Header::decode(&packets[0]).unwrap().0.id();
            end.completes(0, &whole(message));
        },
    ];
    for (message, over) in (0..).zip(ends.iter().cycle().take(20)) {
        over(&mut end, &long(message));
        for known in message.saturating_sub(1)..=message {
            assert_eq!(end.push(&long(known)[1]), Ok(Received::Duplicate { id: known }));
        }
        end.holds_nothing();
        if message >= 2 {
            assert_eq!(end.missing(0, message - 2), None);
        }
    }
}

#[test]
fn with_no_memory_a_message_that_arrives_twice_is_delivered_twice() {
    let mut end = remembering(0);
    for _ in 0..3 {
        end.completes(0, &whole(1));
        let long = packets(2, &pattern(350), STRIDE);
        end.take_in(&long[..3]);
        assert_eq!(end.completes(0, &long[3]), pattern(350));
        end.take_in(&long[..3]);
        assert!(end.inner.cancel(&0, 2));
        assert_eq!((end.missing(0, 1), end.missing(0, 2)), (None, None));
        end.holds_nothing();
    }
    assert_eq!((end.inner.stats().completed, end.inner.stats().duplicates), (6, 0));
}

#[test]
fn ids_wrap() {
    let mut end = remembering(4);
    for message in (0..20).map(|i| (u32::MAX - 9).wrapping_add(i)) {
        let payload = pattern(350 + message as usize % 50);
        let packets = packets(message, &payload, STRIDE);
        end.take_in(&packets[1..]);
        assert_eq!(end.completes(0, &packets[0]), payload);
        for earlier in (0..4).map(|i| message.wrapping_sub(i)).filter(|id| id.wrapping_add(10) <= 20) {
            assert_eq!(end.missing(0, earlier), Some(vec![]), "{earlier}");
        }
    }
    // The same id once more, for another message: nothing of the first one is left.
    let again = packets(u32::MAX, &pattern(500), STRIDE);
    end.take_in(&again[..4]);
    assert_eq!(end.completes(0, &again[4]), pattern(500));
}

#[test]
fn a_cancelled_message_stays_away() {
    let packets = packets(1, &pattern(350), STRIDE);
    let mut end = End::lenient();
    assert!(!end.inner.cancel(&0, 1));
    end.take_in(&packets[..2]);
    assert!(!end.inner.cancel(&1, 1) && !end.inner.cancel(&0, 2));
    assert!(end.inner.cancel(&0, 1));
    assert!(!end.inner.cancel(&0, 1));
    for packet in &packets {
        assert_eq!(end.push(packet), Ok(Received::Duplicate { id: 1 }));
    }
    end.holds_nothing();
    let stats = end.inner.stats();
    assert_eq!((stats.completed, stats.expired, stats.duplicates, stats.conflicts), (0, 0, 4, 0));
}

#[test]
fn a_peer_that_is_forgotten_starts_its_ids_again() {
    let mut end = remembering(8);
    let long = |message| packets(message, &pattern(350), STRIDE);
    for peer in 0..3 {
        end.completes(peer, &whole(1));
        for message in [2, 3, 4] {
            assert!(end.push_from(peer, &long(message)[0]).is_ok());
        }
        assert!(end.inner.cancel(&peer, 4));
    }
    let others: Vec<_> = end.observed().missing.into_iter().filter(|(peer, ..)| *peer != 1).collect();
    assert_eq!(end.inner.forget(&1), 2);
    assert_eq!((end.inner.forget(&1), end.inner.forget(&7)), (0, 0));
    assert_eq!(end.observed().missing, others);
    assert_eq!(end.inner.stats().bytes, 4 * cost(350, 4));
    for message in 1..=4 {
        assert_eq!(end.missing(1, message), None);
    }
    // Other lengths than before, under the same ids.
    for message in [2, 4] {
        let packets = packets(message, &pattern(450), STRIDE);
        for packet in &packets[1..] {
            assert!(matches!(end.push_from(1, packet), Ok(Received::Fragment { .. })));
        }
        assert_eq!(end.completes(1, &packets[0]), pattern(450));
    }
    end.completes(1, &whole(1));
    // The messages of other peers are remembered as before: 4 of them, and 3 new ones.
    for peer in [0, 2] {
        is_known(&mut end, peer, 1);
        is_known(&mut end, peer, 4);
    }
    assert_eq!((end.inner.forget(&0), end.inner.forget(&2), end.inner.forget(&1)), (2, 2, 0));
    end.holds_nothing();
}

/// Another message takes the place of a finished one.
#[test]
fn a_place_that_is_used_again_is_not_taken_for_what_was_there() {
    let long = |message| packets(message, &pattern(350), STRIDE);
    let gone: [fn(&mut End); 3] = [
        |end| assert!(end.inner.cancel(&0, 1)),
        |end| assert_eq!(end.inner.forget(&0), 1),
        |end| {
            end.now += SECOND * 30;
            assert_eq!(end.expired(), [(0, 1)]);
        },
    ];
    for gone in gone {
        let mut end = remembering(0);
        end.take_in(&long(1)[..2]);
        gone(&mut end);
        // The deadline of the first message does not apply to the second.
        end.now += SECOND;
        let began = end.now;
        assert!(end.push_from(5, &long(1)[3]).is_ok());
        assert_eq!((end.missing(0, 1), end.missing(5, 1)), (None, Some(vec![0..3])));
        assert_eq!(end.inner.next_deadline(), Some(began + SECOND * 30));
        end.take_in(&long(1)[..3]);
        assert_eq!(end.completes(0, &long(1)[3]), pattern(350));
        assert_eq!(end.observed().missing, [(5, 1, vec![0..3])]);
    }
}

/// Its entry lies under that of an older message when its place is taken.
#[test]
fn a_deadline_goes_with_its_message_and_not_with_its_place() {
    let long = |message| packets(message, &pattern(350), STRIDE);
    let mut end = remembering(0);
    for message in [1, 2] {
        end.at(SECOND * message).take_in(&long(message)[..1]);
    }
    assert!(end.inner.cancel(&0, 2));
    end.at(SECOND * 3).take_in(&long(3)[..1]);
    assert_eq!(end.due(), Some(SECOND * 31));
    assert!(end.inner.cancel(&0, 1));
    assert_eq!(end.due(), Some(SECOND * 33));
    assert_eq!(end.at(SECOND * 32).expired(), []);
    assert_eq!(end.at(SECOND * 33).expired(), [(0, 3)]);
}
