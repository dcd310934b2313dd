//! Reading while it pays: how much one call gathers, and where it stops.

use std::pin::pin;

use crate::support::*;
use futures_handoff::{Filled, Then};

#[test]
fn read_ready_gathers_a_burst() {
    let data = bytes(46 * 64);
    let mut reader = Script::bursts(&data, 64);
    reader.push(Step::stuck());
    let mut buffer = buffer(65536);
    let filled = ready(&mut buffer, &mut reader, 65536);
    assert!(matches!(filled, Filled { n: 2944, then: Then::Pending }));
    assert_eq!(reader.polls(), 47);
    assert_eq!(buffer.peek(), data);
    assert!(poll_once(pin!(buffer.read_ready(&mut reader, 65536))).is_pending());
}

#[test]
fn read_ready_hands_off_full_blocks_rather_than_move_them() {
    let data = bytes(128_000);
    for mut reader in
        [Script::paced(&data, 1000), Script::bursts(&data, 1000), Script::bursts(&data, 128_000)]
    {
        let mut buffer = buffer_of_reads(1000..=1000);
        let mut got = Vec::new();
        while reader.given() < data.len() {
            let filled = ready(&mut buffer, &mut reader, 65536);
            assert!(matches!(filled, Filled { n: 1000, then: Then::Limit }));
            assert_eq!(buffer.capacity(), 1000);
            got.push(buffer.freeze_all());
        }
        assert_eq!(got.concat(), data);
        let waits = reader.polls() - 128;
        assert!(waits <= 128, "too many reads without bytes: {waits}");
    }
}

#[test]
fn read_ready_uses_the_end_of_a_block_if_it_is_worth_a_read_or_all_that_is_asked_for() {
    for (capacity, limit, n) in [(1100, 65536, 1000), (1100, 1100, 1100), (1250, 65536, 1250)] {
        let mut buffer = buffer_of_reads(1000..=1000);
        buffer.reserve_read_capacity(capacity).unwrap();
        let mut reader = Script::bursts(&bytes(10_000), 10_000);
        // The room that was asked for is used up, and its block is still there.
        while reader.given() < capacity {
            read(&mut buffer, &mut reader);
            buffer.advance(buffer.len()).unwrap();
        }
        let filled = ready(&mut buffer, &mut reader, limit);
        assert!(matches!(filled.then, Then::Limit));
        assert_eq!((filled.n, buffer.capacity()), (n, capacity));
    }
}

#[test]
fn read_ready_moves_little_to_read_on() {
    let mut buffer = buffer_of_reads(1000..=1000);
    // A block of which two thirds were handed off, shared, and 200 bytes of the rest are unread.
    let mut reader = Script::bursts(&bytes(3000), 850);
    read(&mut buffer, &mut reader);
    let front = buffer.split_prefix(650).unwrap();
    let filled = ready(&mut buffer, &mut reader, 65536);
    assert!(matches!(filled.then, Then::Limit));
    assert!(filled.n > 700, "{filled:?}");
    assert_eq!(front, bytes(3000)[..650]);
    assert_eq!(buffer.peek(), &bytes(3000)[650..850 + filled.n]);
}

#[test]
fn read_ready_keeps_to_its_limits() {
    let data = bytes(100_000);
    let mut buffer = buffer(1 << 20);
    let mut reader = Script::bursts(&data, 10);
    assert!(matches!(ready(&mut buffer, &mut reader, 0), Filled { n: 0, then: Then::Limit }));
    assert_eq!(reader.polls(), 0);
    assert!(matches!(ready(&mut buffer, &mut reader, 25), Filled { n: 25, then: Then::Limit }));
    assert_eq!(reader.given(), 25);
    // A reader that always has a little: bounded in polls.
    let before = reader.polls();
    let filled = ready(&mut buffer, &mut reader, usize::MAX);
    assert!(matches!(filled.then, Then::Limit));
    assert_eq!(reader.polls() - before, 256);
    assert_eq!(buffer.peek(), &data[..reader.given()]);
}

/// It would read, and give another answer for a full buffer than the first time.
#[test]
fn reads_that_are_polled_after_completion_panic() {
    let mut buffer = buffer(64);
    let mut reader = Script::bursts(&bytes(3), 1);
    assert_eq!(polled_again(buffer.read_available(&mut reader)), "future polled after completion");
    assert_eq!(polled_again(buffer.read_ready(&mut reader, 1)), "future polled after completion");
    assert_eq!((buffer.len(), reader.polls()), (2, 2));
}
