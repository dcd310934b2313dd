//! The block with the unread bytes: when it is reused, when another one replaces it, and what that
//! costs.

use crate::support::*;
use allocation_counter::measure;
use futures_handoff::HandoffBuffer;

/// Reads of 1000 bytes, each of which makes a block of its own if it can.
fn thousands() -> HandoffBuffer {
    buffer_of_reads(1000..=1000)
}

/// A buffer of such reads with these bytes in a block of just that size.
fn filled(data: &[u8]) -> HandoffBuffer {
    let mut buffer = thousands();
    buffer.reserve_read_capacity(data.len()).unwrap();
    read_all(&mut buffer, data);
    assert_eq!((buffer.len(), buffer.capacity()), (data.len(), data.len()));
    buffer
}

#[test]
fn spare_memory_is_cleared_once() {
    let data = bytes(1000);
    let mut buffer = filled(&data);
    buffer.advance(1000).unwrap();
    assert_eq!(read(&mut buffer, &mut Liar), 1000);
    assert!(buffer.peek() == data, "bytes read earlier, and not zeros");
    // The same if some are left, which are moved to the front.
    buffer.advance(900).unwrap();
    assert_eq!(read(&mut buffer, &mut Liar), 900);
    assert!(buffer.peek()[..100] == data[900..] && buffer.peek()[100..] == data[100..]);
}

#[test]
fn bytes_are_moved_only_if_that_makes_much_room() {
    // Less than a quarter of the block is free at its front, so it gives way to one of twice the
    // size.
    let data = bytes(4100);
    let mut buffer = filled(&data[..4000]);
    buffer.advance(300).unwrap();
    read_all(&mut buffer, &data[4000..]);
    assert_eq!((buffer.peek(), buffer.capacity()), (&data[300..], 2 * 3700));
    // With a quarter it is used on.
    let mut buffer = filled(&data[..4000]);
    buffer.advance(1000).unwrap();
    assert_eq!(measure(|| read_all(&mut buffer, &data[4000..])).count_total, 0);
    assert_eq!((buffer.peek(), buffer.capacity()), (&data[1000..], 4000));
}

#[test]
fn bytes_are_not_moved_within_a_block_of_which_too_little_is_left() {
    let data = bytes(1100);
    let mut buffer = filled(&data[..1000]);
    let front = buffer.split_prefix(600).unwrap();
    buffer.advance(100).unwrap();
    read_all(&mut buffer, &data[1000..]);
    assert_eq!((buffer.peek(), buffer.capacity()), (&data[700..], 300 + 1000));
    assert_eq!(front, data[..600]);
}

#[test]
fn the_largest_block_is_used_to_its_end() {
    let data = bytes(1100);
    let mut buffer = buffer(1000);
    read_all(&mut buffer, &data[..50]);
    let reads = measure(|| {
        for piece in data[50..1000].chunks(50) {
            read_all(&mut buffer, piece);
        }
        // No other could be larger, so the bytes are moved within it however little room that
        // makes.
        buffer.advance(10).unwrap();
        read_all(&mut buffer, &data[1000..1010]);
    });
    assert_eq!(reads.count_total, 0);
    assert_eq!(buffer.peek(), &data[10..1010]);
}

#[test]
fn the_front_of_a_block_comes_back_beside_unread_bytes() {
    let data = bytes(1500);
    let mut buffer = thousands();
    read_all(&mut buffer, &data[..1000]);
    drop(buffer.split_prefix(900).unwrap());
    assert_eq!(buffer.capacity(), 100);
    assert_eq!(measure(|| read_all(&mut buffer, &data[1000..])).count_total, 0);
    assert_eq!((buffer.peek(), buffer.capacity()), (&data[900..], 1000));
}

#[test]
fn a_growing_frame_moves_to_a_remembered_block_only_if_that_is_much_larger() {
    let data = bytes(1100);
    for (remembered, moves_to) in [(1499, 2000), (1500, 1500)] {
        let mut buffer = filled(&bytes(remembered));
        let whole = buffer.freeze_all();
        read_all(&mut buffer, &data[..1000]);
        assert_eq!(buffer.capacity(), 1000);
        drop(whole);
        read_all(&mut buffer, &data[1000..]);
        assert_eq!((buffer.peek(), buffer.capacity()), (&data[..], moves_to));
    }
}

/// How often each byte of 1 MiB was moved that came in reads of `n` bytes, each of which was
/// reserved before. `ahead` bytes are there in the beginning, and for each read as many bytes are
/// consumed as it brings if there are any.
fn moves_of_reserved_reads(n: usize, ahead: usize) -> usize {
    let mut buffer = buffer(16 << 20);
    let data = bytes(n);
    read_all(&mut buffer, &bytes(ahead));
    let (mut moved, mut arrived) = (0, 0);
    while arrived < 1 << 20 {
        let (before, kept) = (buffer.peek().as_ptr(), buffer.len());
        buffer.reserve_read_capacity(n).unwrap();
        let is_moved = kept > 0 && buffer.peek().as_ptr() != before;
        let start = buffer.peek().as_ptr();
        read_all(&mut buffer, &data);
        arrived += n;
        assert!(buffer.peek().as_ptr() == start, "the room that was made is used");
        moved += if is_moved { kept } else { 0 };
        buffer.advance(if ahead > 0 { n } else { 0 }).unwrap();
    }
    moved / arrived
}

/// As often as with a vector.
#[test]
fn reserving_room_before_each_read_moves_a_byte_a_few_times_only() {
    for n in [100, 1024, 5000] {
        for ahead in [0, 1 << 19] {
            let moves = moves_of_reserved_reads(n, ahead);
            assert!(moves <= 4, "each byte was moved {moves} times, {n} bytes a read, {ahead} ahead");
        }
    }
}

#[test]
fn reserved_room_is_no_more_than_the_limit() {
    let mut buffer = buffer(10_000);
    read_all(&mut buffer, &bytes(9000));
    buffer.reserve_read_capacity(1000).unwrap();
    assert_eq!(buffer.capacity(), 10_000);
}

#[test]
fn what_is_left_of_a_block_is_offered_rather_than_left() {
    let mut buffer = buffer(1 << 20);
    let mut reader = Script::paced(&bytes(100_000), 300);
    let mut kept = Vec::new();
    while reader.given() < 100_000 {
        read(&mut buffer, &mut reader);
        assert_eq!(buffer.capacity(), 4096);
        kept.push(buffer.split_prefix(buffer.len()).unwrap());
    }
    assert_eq!(kept.concat(), bytes(100_000));
}

#[test]
fn a_frame_with_a_tail_behind_it_needs_no_new_block() {
    let mut buffer = buffer(1 << 20);
    let mut reader = Script::paced(&bytes(300_000), 1000);
    let mut got = Vec::new();
    while reader.given() < 300_000 {
        read(&mut buffer, &mut reader);
        while buffer.len() >= 700 {
            got.extend_from_slice(&buffer.split_prefix(700).unwrap());
        }
        assert_eq!(buffer.capacity(), 4096);
    }
    assert!(got == bytes(300_000)[..got.len()] && got.len() > 299_000);
}
