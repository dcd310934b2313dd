//! Reading: once, or while it pays; and what a bad reader can do.

use std::{
    future::Future,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use crate::support::*;
use futures_executor::block_on;
use futures_handoff::{BufferError, Filled, HandoffBuffer, Then, bytes::BytesMut};
use futures_test::{io::AsyncReadTestExt, task::new_count_waker};
use futures_util::io::Cursor;

#[test]
fn full_end_and_error_are_different_answers() {
    let mut buffer = buffer(8);
    let mut reader = Script::bursts(b"12345678", 8);
    assert_eq!(read(&mut buffer, &mut reader), 4 + 4);
    assert!(matches!(
        finish(buffer.read_available(&mut reader)),
        Err(BufferError::LimitExceeded { limit: 8, .. })
    ));
    // The stream ends exactly at the limit: its end shows as soon as there is room to see it.
    buffer.advance(1).unwrap();
    assert_eq!(read(&mut buffer, &mut reader), 0);
    reader.push(Step::Fail(io::ErrorKind::ConnectionReset));
    let error = finish(buffer.read_available(&mut reader)).unwrap_err();
    assert!(matches!(&error, BufferError::Io(error) if error.kind() == io::ErrorKind::ConnectionReset));
    assert_eq!(buffer.peek(), b"2345678");
}

#[test]
fn the_end_is_not_remembered() {
    let mut buffer = buffer(64);
    let mut reader = Script::new([Step::End, Step::Data(b"more".to_vec())]);
    assert_eq!(read(&mut buffer, &mut reader), 0);
    assert_eq!(read(&mut buffer, &mut reader), 4);
    reader.push(Step::End);
    reader.push(Step::Data(b"again".to_vec()));
    assert!(matches!(ready(&mut buffer, &mut reader, 64), Filled { n: 0, then: Then::End }));
    assert!(matches!(ready(&mut buffer, &mut reader, 5), Filled { n: 5, then: Then::Limit }));
}

#[test]
fn a_reader_that_lies_is_found_out() {
    for more in [1, usize::MAX / 2] {
        let mut buffer = holding(64, b"held");
        let mut reader = Script::new([Step::Lie(more), Step::Lie(more), Step::Data(b"+".to_vec())]);
        let BufferError::InvalidReader { reported, given } =
            finish(buffer.read_available(&mut reader)).unwrap_err()
        else {
            panic!("not found out");
        };
        assert_eq!((reported, given), (reader.offers[0] + more, reader.offers[0]));
        let error = finish(buffer.read_ready(&mut reader, 10)).unwrap_err();
        assert!(matches!(error, BufferError::InvalidReader { .. }));
        assert_eq!(buffer.peek(), b"held");
        read(&mut buffer, &mut reader);
        assert_eq!(buffer.peek(), b"held+");
    }
}

#[test]
fn a_reader_that_fails_or_panics_leaves_the_bytes_alone() {
    let mut buffer = holding(64, b"held");
    let mut reader = Script::new([Step::SpoilAndFail, Step::Panic, Step::Panic, Step::Data(b"+".to_vec())]);
    assert!(matches!(finish(buffer.read_available(&mut reader)), Err(BufferError::Io(_))));
    assert_eq!(buffer.peek(), b"held");
    assert!(catch_unwind(AssertUnwindSafe(|| finish(buffer.read_available(&mut reader)))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| finish(buffer.read_ready(&mut reader, 9)))).is_err());
    assert_eq!(buffer.peek(), b"held");
    read(&mut buffer, &mut reader);
    assert_eq!(buffer.peek(), b"held+");
}
#[test]
fn waits_through_a_waker_and_in_pieces() {
    let data = bytes(10_000);
    let mut reader = Cursor::new(data.clone()).limited(7).interleave_pending();
    let mut got = Vec::new();
    let mut buffer = buffer(100);
    block_on(async {
        while buffer.read_available(&mut reader).await.unwrap() > 0 {
            got.extend_from_slice(&buffer.split_prefix(buffer.len()).unwrap());
        }
    });
    assert_eq!(got, data);
}

#[test]
fn the_first_wait_registers_the_waker() {
    let mut buffer = buffer(64);
    let mut reader = Script::new([Step::Pending, Step::Data(b"x".to_vec())]);
    let (waker, count) = new_count_waker();
    let mut future = pin!(buffer.read_ready(&mut reader, 64));
    let mut cx = Context::from_waker(&waker);
    assert!(future.as_mut().poll(&mut cx).is_pending());
    assert_eq!(count.get(), 1);
    assert!(matches!(future.as_mut().poll(&mut cx), Poll::Ready(Ok(Filled { n: 1, .. }))));
}

#[test]
fn poll_twins_do_what_the_futures_do() {
    let mut buffer = buffer(64);
    let mut reader = Script::new([Step::Pending, Step::Data(b"ab".to_vec()), Step::Data(b"cd".to_vec())]);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(buffer.poll_read_available(&mut cx, Pin::new(&mut reader)).is_pending());
    let read = buffer.poll_read_available(&mut cx, Pin::new(&mut reader));
    assert!(matches!(read, Poll::Ready(Ok(2))));
    let filled = buffer.poll_read_ready(&mut cx, Pin::new(&mut reader), 2);
    assert!(matches!(filled, Poll::Ready(Ok(Filled { n: 2, then: Then::Limit }))));
    assert_eq!(buffer.peek(), b"abcd");
}
#[test]
fn read_ready_gathers_a_burst() {
    let data = bytes(46 * 64);
    let mut reader = Script::bursts(&data, 64);
    reader.push(Step::Stuck);
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
        while reader.given < data.len() {
            let filled = ready(&mut buffer, &mut reader, 65536);
            assert!(matches!(filled, Filled { n: 1000, then: Then::Limit }));
            assert_eq!(buffer.capacity(), 1000);
            got.push(buffer.freeze_all());
        }
        assert_eq!(got.concat(), data);
        let waits = reader.polls() - 128;
        assert!(waits <= 128, "it looked again in vain: {waits}");
    }
}

#[test]
fn read_ready_uses_the_end_of_a_block_if_it_is_worth_a_read_or_all_that_is_asked_for() {
    for (capacity, limit, n) in [(1100, 65536, 1000), (1100, 1100, 1100), (1250, 65536, 1250)] {
        let mut buffer = buffer_of_reads(1000..=1000);
        buffer.reserve_read_capacity(capacity).unwrap();
        let mut reader = Script::bursts(&bytes(10_000), 10_000);
        // The room that was asked for is used up, and its block is still there.
        while reader.given < capacity {
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
    // A block of which two thirds left, shared, and 200 bytes of what is left are unread.
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
    assert_eq!(reader.given, 25);
    // A reader that always has a little: bounded in polls.
    let before = reader.polls();
    let filled = ready(&mut buffer, &mut reader, usize::MAX);
    assert!(matches!(filled.then, Then::Limit));
    assert_eq!(reader.polls() - before, 256);
    assert_eq!(buffer.peek(), &data[..reader.given]);
}

#[test]
fn read_ready_stops_where_the_buffer_is_full() {
    let mut buffer = buffer(100);
    let mut reader = Script::bursts(&bytes(1000), 30);
    assert!(matches!(ready(&mut buffer, &mut reader, 1000), Filled { n: 100, then: Then::Full }));
    let polls = reader.polls();
    for _ in 0..2 {
        let error = finish(buffer.read_ready(&mut reader, 1000)).unwrap_err();
        assert!(matches!(error, BufferError::LimitExceeded { limit: 100, .. }));
    }
    assert_eq!(reader.polls(), polls);
    buffer.advance(100).unwrap();
    assert!(matches!(ready(&mut buffer, &mut reader, 50), Filled { n: 50, then: Then::Limit }));
    assert_eq!(buffer.peek(), &bytes(1000)[100..150]);
}

#[test]
fn what_follows_the_bytes_is_told_beside_them_and_then_forgotten() {
    let data = || Step::Data(b"bytes".to_vec());
    let mut buffer = buffer(1000);
    let mut reader = Script::new([
        data(),
        Step::Fail(io::ErrorKind::TimedOut),
        data(),
        Step::End,
        data(),
        Step::Lie(1),
        data(),
        Step::Stuck,
    ]);
    let filled = ready(&mut buffer, &mut reader, 1000);
    assert!(matches!(filled, Filled { n: 5, then: Then::Error(BufferError::Io(_)) }));
    assert!(matches!(ready(&mut buffer, &mut reader, 1000), Filled { n: 5, then: Then::End }));
    let filled = ready(&mut buffer, &mut reader, 1000);
    assert!(matches!(filled, Filled { n: 5, then: Then::Error(BufferError::InvalidReader { .. }) }));
    assert!(matches!(ready(&mut buffer, &mut reader, 1000), Filled { n: 5, then: Then::Pending }));
    assert_eq!(buffer.peek(), b"bytesbytesbytesbytes");
}

#[test]
fn a_tail_with_room_beyond_the_limit_does_not_lift_it() {
    let mut tail = BytesMut::with_capacity(4096);
    tail.extend_from_slice(b"tail");
    let mut buffer = HandoffBuffer::from_tail(tail, config(10)).unwrap();
    let mut reader = Script::bursts(&bytes(100), 100);
    assert_eq!(read(&mut buffer, &mut reader), 6);
    buffer.advance(3).unwrap();
    assert!(matches!(ready(&mut buffer, &mut reader, 100), Filled { n: 3, then: Then::Full }));
    assert_eq!(reader.offers, [6, 3]);
}

/// It would read, and for a full buffer answer something else than the first time.
#[test]
fn reads_that_are_polled_after_completion_panic() {
    let mut buffer = buffer(64);
    let mut reader = Script::bursts(&bytes(3), 1);
    assert_eq!(polled_again(buffer.read_available(&mut reader)), "future polled after completion");
    assert_eq!(polled_again(buffer.read_ready(&mut reader, 1)), "future polled after completion");
    assert_eq!((buffer.len(), reader.polls()), (2, 2));
}
