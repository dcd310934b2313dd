//! Missing ranges to send again, and prefixes that can be taken before the rest is there.

use super::support::*;

/// The ranges of fragments that are not in `arrived`.
fn gaps(arrived: &[bool]) -> Vec<Range<u32>> {
    let mut gaps: Vec<Range<u32>> = Vec::new();
    for index in (0..arrived.len() as u32).filter(|&index| !arrived[index as usize]) {
        match gaps.last_mut() {
            Some(last) if last.end == index => last.end += 1,
            _ => gaps.push(index..index + 1),
        }
    }
    gaps
}

/// Whatever has arrived, in words of 64 fragments that are full, empty or mixed.
#[test]
fn what_is_missing_is_told_exactly() {
    let has: [fn(u32, u32) -> bool; 9] = [
        |index, _| index == 0,
        |index, _| index != 0,
        |index, count| index == count - 1,
        |index, count| index != count - 1,
        |index, _| index % 2 == 0,
        |index, _| index % 2 == 1,
        |index, _| index % 64 == 63,
        |index, _| index % 64 != 0,
        |index, _| index / 64 == 1,
    ];
    for count in [2, 3, 63, 64, 65, 127, 128, 129, 192, 300] {
        let packets = packets(1, &pattern(count), 1);
        for has in has {
            let mut end = End::lenient();
            let arrived: Vec<_> = (0..count as u32).map(|index| has(index, count as u32)).collect();
            for index in (0..count).filter(|&index| arrived[index]).rev() {
                end.push(&packets[index]).unwrap();
            }
            let known = arrived.contains(&true);
            assert_eq!(end.missing(0, 1), known.then(|| gaps(&arrived)), "of {count}");
        }
        for lost in 0..count {
            let mut end = End::lenient();
            let others = packets.iter().enumerate().filter(|(index, _)| *index != lost);
            end.take_in(others.map(|(_, packet)| packet));
            assert_eq!(end.missing(0, 1), Some(vec![lost as u32..lost as u32 + 1]));
            assert_eq!(end.completes(0, &packets[lost]), pattern(count));
        }
    }
}

#[test]
fn of_a_message_that_is_not_known_nothing_can_be_said() {
    let mut end = End::lenient();
    assert_eq!(end.missing(0, 1), None);
    assert_eq!(end.inner.take_prefix(&0, 1), None);
    let packets = packets(1, &pattern(150), STRIDE);
    end.take_in(&packets[1..]);
    assert_eq!((end.missing(0, 1), end.missing(0, 2), end.missing(1, 1)), (Some(vec![0..1]), None, None));
    end.completes(0, &packets[0]);
    assert_eq!(end.missing(0, 1), Some(vec![]), "it was completed");
}

/// Each time a few of the packets sent again are lost.
#[test]
fn a_message_is_repaired_until_it_is_whole() {
    for (len, lost) in [(4_000, vec![17]), (1 << 20, (882..886).collect()), (100_000, (0..85).collect())] {
        let payload = pattern(len);
        let message = cut(1, &payload, 1_184);
        let (mut end, mut pool) = (End::lenient(), PacketPool::default());
        let mut lost: Vec<u32> = if len == 4_000 { vec![2] } else { lost };
        let mut wanted = vec![0..message.count()];
        let mut sent = 0;
        let delivered = loop {
            let mut delivered = None;
            for mut range in wanted {
                while let Some(packets) = message.pack(&mut range, &mut Plain, &mut pool).unwrap() {
                    for packet in packets.iter() {
                        sent += 1;
                        let index = Header::decode(&packet).unwrap().0.index();
                        if lost.contains(&index) {
                            continue;
                        }
                        if let Received::Complete { payload, .. } = end.push(&packet).unwrap() {
                            delivered = Some(payload);
                        }
                    }
                }
            }
            if let Some(delivered) = delivered {
                break delivered;
            }
            wanted = end.missing(0, 1).unwrap_or_else(|| vec![0..message.count()]);
            assert_eq!(wanted.iter().map(ExactSizeIterator::len).sum::<usize>(), lost.len());
            lost.truncate(lost.len() / 2);
        };
        assert!(delivered == payload, "{len} bytes");
        assert!(sent < 4 * message.count(), "it starts again: {sent}");
        assert_eq!(end.inner.stats().duplicates, 0, "more was sent than was missing");
    }
}

#[test]
fn a_prefix_comes_out_as_soon_as_it_has_no_gap() {
    let payload = pattern(550);
    let packets = packets(1, &payload, STRIDE);
    let mut end = End::lenient();
    let mut taken = Vec::new();
    // What arrives, and how much can be passed on then.
    for (index, n) in [(1, 0), (0, 200), (3, 0), (4, 0), (2, 300)] {
        end.take_in([&packets[index]]);
        let prefix = end.inner.take_prefix(&0, 1);
        assert_eq!(prefix.as_ref().map_or(0, Bytes::len), n, "after {index}");
        taken.extend(prefix);
        assert_eq!(end.inner.take_prefix(&0, 1), None, "it was taken");
    }
    assert_eq!(end.missing(0, 1), Some(vec![5..6]));
    taken.push(end.completes(0, &packets[5]));
    assert_eq!(taken.concat(), payload);
    assert_eq!(end.inner.take_prefix(&0, 1), None);
    // One allocation, which none of them was copied out of.
    let ends = taken.iter().map(|part| part.as_ptr_range().end);
    assert!(ends.zip(&taken[1..]).all(|(end, next)| end == next.as_ptr()));
    end.holds_nothing();
}

/// In order, each packet comes out at once; the other way round, all but the last one to arrive
/// wait for it.
#[test]
fn packets_in_order_are_passed_on_one_by_one() {
    let payload = pattern(30_050);
    let packets = packets(1, &payload, STRIDE);
    let (last, others) = packets.split_last().unwrap();
    let mut end = End::lenient();
    for (packet, bytes) in others.iter().zip(payload.chunks(100)) {
        end.take_in([packet]);
        assert_eq!(end.inner.take_prefix(&0, 1).as_deref(), Some(bytes));
    }
    assert_eq!(end.completes(0, last), payload.slice(30_000..));

    let mut end = End::lenient();
    for packet in others[1..].iter().rev() {
        end.take_in([packet]);
        assert_eq!(end.inner.take_prefix(&0, 1), None);
    }
    end.take_in(&others[..1]);
    assert_eq!(end.inner.take_prefix(&0, 1), Some(payload.slice(..30_000)));
}

/// The taken memory belongs to its new owner. Packets for it are duplicates, whatever their
/// content.
#[test]
fn what_was_taken_is_not_written_to_again() {
    let payload = pattern(350);
    let packets = packets(1, &payload, STRIDE);
    let mut end = End::lenient();
    end.take_in(&packets[..2]);
    let taken = end.inner.take_prefix(&0, 1).unwrap();
    for index in [0, 1] {
        let other = raw(STRIDE, 1, index, 350, &[0xEE; 100]).wire();
        assert_eq!(end.push(&other), Ok(Received::Duplicate { id: 1 }));
    }
    assert_eq!(end.inner.stats().conflicts, 0, "what was taken is not known any more");
    end.take_in(&packets[3..]);
    let other = raw(STRIDE, 1, 3, 350, &[0xEE; 50]).wire();
    assert_eq!(end.push(&other), Ok(Received::Duplicate { id: 1 }));
    assert_eq!(end.inner.stats().conflicts, 1);
    let rest = end.completes(0, &packets[2]);
    assert_eq!([taken, rest].concat(), payload);
}

/// The whole message counts until it ends.
#[test]
fn what_was_taken_still_counts() {
    let packets = packets(1, &pattern(350), STRIDE);
    let mut end = End::lenient();
    end.take_in(&packets[..3]);
    drop(end.inner.take_prefix(&0, 1));
    assert_eq!(end.inner.stats().bytes, cost(350, 4));
    assert!(end.inner.cancel(&0, 1));
    end.holds_nothing();
}
