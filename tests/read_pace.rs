//! How reads adapt: their size, whether to look again, and what a quiet buffer keeps.

mod read_parts;

use std::pin::pin;

use futures_handoff::{Filled, HandoffBuffer, Then};
use read_parts::*;

#[test]
fn paced_input_costs_no_reads_in_vain() {
    let data = bytes(64 * 640);
    let mut reader = Script::new(
        data.chunks(64).flat_map(|piece| [Step::Data(piece.to_vec()), Step::Pending]).collect::<Vec<_>>(),
    );
    let mut buffer = buffer(1 << 20);
    let (mut calls, mut waits) = (0, 0);
    while reader.given < data.len() {
        let mut read = pin!(buffer.read_ready(&mut reader, 65536));
        while poll_once(read.as_mut()).is_pending() {
            waits += 1;
        }
        calls += 1;
        buffer.advance(buffer.len()).unwrap();
    }
    assert_eq!(calls, 640);
    // The first piece is there at once. A call that looks again meets the `Pending` that the next one would wait at.
    let looked_again = calls - 1 - waits;
    assert!(looked_again <= 1 + 640 / 64, "{looked_again}");
}

#[test]
fn a_change_from_paced_to_bursts_is_noticed() {
    let mut reader = Script::paced(&bytes(64 * 100), 64);
    let mut buffer = buffer(1 << 20);
    while reader.given < 6400 {
        let _ = finish(buffer.read_ready(&mut reader, 65536)).unwrap();
    }
    for _ in 0..1000 {
        reader.push(Step::Data(vec![1; 64]));
    }
    let mut calls = 0;
    while reader.given < 70_400 {
        let _ = finish(buffer.read_ready(&mut reader, 65536)).unwrap();
        calls += 1;
    }
    // At most two times 64 short reads pass before looking again has paid often enough; then 256 per call.
    assert!(calls <= 2 * 64 + 4, "{calls}");
    assert!(calls >= 4);
}

#[test]
fn a_filled_offer_is_followed_by_another() {
    let config = config(1 << 20).with_read_reserve(1000).unwrap();
    let mut buffer = HandoffBuffer::with_config(config);
    // Teach it that looking again after a short read is in vain.
    let mut reader = Script::paced(&[0; 20], 1);
    while reader.given < 20 {
        let _ = finish(buffer.read_ready(&mut reader, 65536)).unwrap();
    }
    buffer.advance(20).unwrap();
    buffer.reserve_read_capacity(10_000).unwrap();
    let mut reader = Script::bursts(&bytes(5300), 1000);
    let filled = finish(buffer.read_ready(&mut reader, 65536)).unwrap();
    assert!(matches!(filled, Filled { n: 5300, then: Then::Pending }));
    assert_eq!(reader.polls(), 6);
}

#[test]
fn the_read_size_follows_the_reads() {
    let config = config(1 << 20).with_read_size(1024..=16384).unwrap();
    let mut buffer = HandoffBuffer::with_config(config);
    let mut offer = |available: usize| {
        let mut reader = Script::bursts(&vec![1; available], available);
        finish(buffer.read_available(&mut reader)).unwrap();
        buffer.advance(buffer.len()).unwrap();
        // A fresh block each time, so that offers show the size alone.
        drop(buffer.take_tail());
        reader.offers[0]
    };
    let growing: Vec<_> = (0..7).map(|_| offer(65536)).collect();
    assert_eq!(growing[0], 1024);
    assert!(growing.windows(2).all(|pair| pair[0] <= pair[1]), "{growing:?}");
    assert_eq!(growing[6], 16384);
    let shrinking: Vec<_> = (0..40).map(|_| offer(10)).collect();
    assert!(shrinking.windows(2).all(|pair| pair[0] >= pair[1]), "{shrinking:?}");
    assert_eq!(shrinking[39], 1024);
}

#[test]
fn the_read_size_grows_to_what_is_asked_for_at_a_time() {
    let config = config(1 << 20).with_read_size(1024..=65536).unwrap();
    let mut buffer = HandoffBuffer::with_config(config);
    let mut reader = Script::bursts(&vec![1; 1 << 20], 1 << 20);
    let mut settled = |limit: usize| {
        for _ in 0..10 {
            assert!(finish(buffer.read_ready(&mut reader, limit)).unwrap().n > 0);
            drop(buffer.freeze_all());
        }
        let before = reader.polls();
        assert_eq!(finish(buffer.read_ready(&mut reader, limit)).unwrap().n, limit);
        let capacity = buffer.capacity();
        drop(buffer.freeze_all());
        (reader.polls() - before, capacity)
    };
    assert_eq!(settled(8192), (1, 8192));
    assert_eq!(settled(20_000), (1, 20_000));
}

#[test]
fn the_read_size_grows_beside_a_tail_that_stays() {
    let config = config(1 << 20).with_read_size(1024..=16384).unwrap();
    for gathers in [false, true] {
        let mut buffer = HandoffBuffer::with_config(config);
        // A parser that always leaves the last 100 bytes: most offers fall short of the read size by those.
        let mut reader = Script::new([Step::Data(bytes(500)), Step::Pending, Step::Data(bytes(400_000))]);
        for _ in 0..20 {
            read(&mut buffer, &mut reader, gathers);
            buffer.advance(buffer.len() - 100).unwrap();
        }
        assert_eq!(reader.offers.iter().max(), Some(&16384), "{:?}", reader.offers);
        assert!(reader.offers[10..].iter().all(|offer| *offer > 16384 / 2), "{:?}", reader.offers);
    }
}

#[test]
fn the_read_size_stays_if_reads_nearly_fill_it() {
    for gathers in [false, true] {
        let mut buffer = HandoffBuffer::with_config(config(1 << 20).with_read_size(1024..=16384).unwrap());
        let mut reader = Script::paced(&bytes(20 * 820), 820);
        while reader.given < 20 * 820 {
            read(&mut buffer, &mut reader, gathers);
            buffer.advance(buffer.len()).unwrap();
        }
        assert!(reader.offers.iter().all(|offer| *offer <= 1024), "{:?}", reader.offers);
    }
}

fn read(buffer: &mut HandoffBuffer, reader: &mut Script, gathers: bool) {
    if gathers {
        let _ = finish(buffer.read_ready(reader, 1 << 20)).unwrap();
    } else {
        finish(buffer.read_available(reader)).unwrap();
    }
}

/// An empty buffer whose reads have grown from 1024 bytes to `max`.
fn grown(max: usize) -> HandoffBuffer {
    let mut buffer = HandoffBuffer::with_config(config(1 << 20).with_read_size(1024..=max).unwrap());
    for _ in 0..20 {
        offered(&mut buffer, max);
    }
    assert_eq!(offered(&mut buffer, max), max);
    buffer
}

/// What a reader is offered that has `n` bytes, which are consumed.
fn offered(buffer: &mut HandoffBuffer, n: usize) -> usize {
    let mut reader = Script::bursts(&vec![1; n], n);
    finish(buffer.read_available(&mut reader)).unwrap();
    buffer.advance(buffer.len()).unwrap();
    reader.offers[0]
}

#[test]
fn the_read_size_is_halved_after_four_reads_of_no_more_than_half_of_it() {
    let mut buffer = grown(4096);
    let lean: Vec<_> = [2048; 4].into_iter().chain([10; 8]).map(|n| offered(&mut buffer, n)).collect();
    assert_eq!(lean, [[4096; 4], [2048; 4], [1024; 4]].concat());
    let mut buffer = grown(4096);
    assert!((0..20).all(|_| offered(&mut buffer, 2049) == 4096));
}

#[test]
fn a_read_size_that_was_filled_before_is_taken_up_again_at_once() {
    let mut buffer = grown(4096);
    for _ in 0..4 {
        assert_eq!(offered(&mut buffer, 10), 4096);
    }
    assert_eq!((offered(&mut buffer, 4096), offered(&mut buffer, 4096)), (2048, 4096));
}

#[test]
fn calls_that_read_nothing_do_not_make_reads_smaller() {
    let mut buffer = grown(4096);
    for _ in 0..10 {
        let filled = finish(buffer.read_ready(&mut Script::new([]), 0)).unwrap();
        assert!(matches!(filled, Filled { n: 0, then: Then::Limit }));
        let filled = finish(buffer.read_ready(&mut Script::new([]), 1000)).unwrap();
        assert!(matches!(filled, Filled { n: 0, then: Then::End }));
        assert_eq!(finish(buffer.read_available(&mut Script::new([]))).unwrap(), 0);
    }
    assert_eq!(offered(&mut buffer, 1), 4096);
}

#[test]
fn reads_after_a_wait_are_as_large_as_before() {
    let mut buffer = HandoffBuffer::with_config(config(1 << 20).with_read_size(16384..=65536).unwrap());
    let mut reader = Script::paced(&bytes(3 * 16384), 16384);
    for _ in 0..3 {
        assert_eq!(finish(buffer.read_ready(&mut reader, 16384)).unwrap().n, 16384);
        buffer.advance(16384).unwrap();
    }
    assert_eq!(reader.offers.last(), Some(&16384), "{:?}", reader.offers);
}

#[test]
fn a_quiet_connection_starts_again_with_reads_of_64_kib() {
    let mut buffer = grown(262_144);
    assert!(poll_once(pin!(buffer.read_available(&mut Script::new([Step::Stuck])))).is_pending());
    assert_eq!(offered(&mut buffer, 1), 65536);
    assert_eq!(buffer.capacity(), 65536);
}

#[test]
fn arrivals_of_one_size_settle_on_it() {
    let config = config(1 << 20).with_read_size(1024..=1 << 18).unwrap();
    let mut buffer = HandoffBuffer::with_config(config);
    let mut reader = Script::bursts(&vec![1; 16384 * 1200], 16384);
    let mut whole = 0;
    for call in 0..1200 {
        finish(buffer.read_available(&mut reader)).unwrap();
        whole += usize::from(call >= 600 && buffer.len() == 16384 && buffer.capacity() == 16384);
        drop(buffer.freeze_all());
    }
    // Most blocks hold one arrival and nothing else, so they are handed off whole.
    assert!(whole > 500, "{whole}");
}

#[test]
fn a_fixed_read_size_is_kept() {
    let config = config(100_000).with_read_reserve(16384).unwrap();
    let mut buffer = HandoffBuffer::with_config(config);
    for available in [16384, 16384, 1, 1, 1, 1, 1, 1, 1, 16384] {
        let mut reader = Script::bursts(&vec![1; available], available);
        assert_eq!(finish(buffer.read_available(&mut reader)).unwrap(), available);
        assert_eq!(reader.offers, [16384]);
        buffer.advance(available).unwrap();
    }
}

#[test]
fn what_is_left_of_a_block_is_offered_rather_than_left() {
    let mut buffer = buffer(1 << 20);
    let mut reader = Script::paced(&bytes(100_000), 300);
    let mut capacities = Vec::new();
    let mut kept = Vec::new();
    while reader.given < 100_000 {
        finish(buffer.read_available(&mut reader)).unwrap();
        capacities.push(buffer.capacity());
        kept.push(buffer.split_prefix(buffer.len()).unwrap());
    }
    assert!(capacities.iter().all(|capacity| *capacity == 4096), "{capacities:?}");
    assert_eq!(kept.concat(), bytes(100_000));
}

#[test]
fn a_frame_with_a_tail_behind_it_needs_no_new_block() {
    let mut buffer = buffer(1 << 20);
    let mut reader = Script::paced(&bytes(300_000), 1000);
    let mut got = Vec::new();
    while reader.given < 300_000 {
        finish(buffer.read_available(&mut reader)).unwrap();
        while buffer.len() >= 700 {
            got.extend_from_slice(&buffer.split_prefix(700).unwrap());
        }
        assert_eq!(buffer.capacity(), 4096);
    }
    assert_eq!(got, &bytes(300_000)[..got.len()]);
    assert!(got.len() > 299_000);
}

#[test]
fn memory_shrinks_once_the_connection_is_quiet() {
    let mut buffer = buffer(4 << 20);
    let mut reader = Script::bursts(&vec![1; 1 << 20], 1 << 20);
    reader.push(Step::Stuck);
    while buffer.len() < 1 << 20 {
        finish(buffer.read_available(&mut reader)).unwrap();
    }
    assert!(buffer.capacity() >= 1 << 20);
    // Not while there are bytes.
    assert!(poll_once(pin!(buffer.read_available(&mut reader))).is_pending());
    assert_eq!(buffer.len(), 1 << 20);
    buffer.advance(1 << 20).unwrap();
    for _ in 0..3 {
        assert!(poll_once(pin!(buffer.read_available(&mut reader))).is_pending());
        assert!(buffer.capacity() <= 65536, "{}", buffer.capacity());
    }
}

#[test]
fn a_quiet_buffer_leaves_a_block_of_up_to_256_kib_to_its_thread() {
    for size in [262_144, 262_145] {
        let mut buffer = buffer(1 << 20);
        buffer.reserve_read_capacity(size).unwrap();
        let mut reader = Script::new([Step::Data(bytes(size)), Step::Stuck]);
        while buffer.len() < size {
            finish(buffer.read_available(&mut reader)).unwrap();
        }
        buffer.advance(size).unwrap();
        assert_eq!(buffer.capacity(), size);
        assert!(poll_once(pin!(buffer.read_available(&mut reader))).is_pending());
        assert_eq!(buffer.capacity(), 0);
        // What is left there is found again; what is too large for that was kept.
        let mut buffer = buffer_of_reads(size);
        let mut reader = Script::new([Step::Pending, Step::Data(bytes(1))]);
        assert!(poll_once(pin!(buffer.read_available(&mut reader))).is_pending());
        let read = || assert_eq!(finish(buffer.read_available(&mut reader)).unwrap(), 1);
        let allocated = allocation_counter::measure(read).bytes_max;
        assert!(allocated < 4096, "{allocated}");
    }
}

fn buffer_of_reads(size: usize) -> HandoffBuffer {
    HandoffBuffer::with_config(config(1 << 20).with_read_reserve(size).unwrap())
}

#[test]
fn a_quiet_buffer_keeps_the_room_that_was_asked_for() {
    let mut buffer = buffer(1 << 20);
    let mut reader = Script::new([Step::Pending, Step::Data(bytes(300_000)), Step::Stuck]);
    buffer.reserve_read_capacity(300_000).unwrap();
    assert!(poll_once(pin!(buffer.read_available(&mut reader))).is_pending());
    let capacity = buffer.capacity();
    assert!(capacity >= 300_000);
    while buffer.len() < 300_000 {
        finish(buffer.read_available(&mut reader)).unwrap();
        assert_eq!(buffer.capacity(), capacity);
    }
    buffer.advance(300_000).unwrap();
    assert!(poll_once(pin!(buffer.read_available(&mut reader))).is_pending());
    assert!(buffer.capacity() <= 65536);
}

#[test]
fn a_quiet_buffer_keeps_the_block_that_its_reads_need() {
    // A larger one than a thread takes.
    let mut buffer = buffer_of_reads(300_000);
    let mut reader = Script::new([Step::Stuck]);
    for _ in 0..3 {
        assert!(poll_once(pin!(buffer.read_available(&mut reader))).is_pending());
        assert_eq!(buffer.capacity(), 300_000);
    }
}

#[test]
fn a_quiet_buffer_keeps_a_block_of_up_to_twice_its_smallest_read() {
    for (size, kept) in [(400_000, 400_000), (400_001, 0)] {
        let mut buffer = buffer_of_reads(200_000);
        buffer.reserve_read_capacity(size).unwrap();
        let mut reader = Script::new([Step::Data(bytes(size)), Step::Stuck]);
        while reader.given < size {
            finish(buffer.read_available(&mut reader)).unwrap();
        }
        buffer.advance(size).unwrap();
        assert!(poll_once(pin!(buffer.read_available(&mut reader))).is_pending());
        assert_eq!(buffer.capacity(), kept);
    }
}

#[test]
fn a_large_block_is_touched_step_by_step() {
    let config = config(1 << 20).with_read_size(65536..=131_072).unwrap();
    let mut buffer = HandoffBuffer::with_config(config);
    let mut reader = Script::paced(&bytes(1000), 10);
    while reader.given < 1000 {
        finish(buffer.read_available(&mut reader)).unwrap();
    }
    assert!(reader.offers.iter().all(|offer| *offer <= 4096), "{:?}", reader.offers);
}

#[test]
fn initialised_memory_is_offered_whole_until_the_buffer_waits() {
    let mut buffer = HandoffBuffer::with_config(config(1 << 20).with_read_size(16384..=65536).unwrap());
    let mut reader = &bytes(16384)[..];
    while !reader.is_empty() {
        finish(buffer.read_available(&mut reader)).unwrap();
    }
    buffer.advance(16384).unwrap();
    assert_eq!([offered(&mut buffer, 10), offered(&mut buffer, 10)], [16384; 2]);
    assert!(poll_once(pin!(buffer.read_available(&mut Script::new([Step::Stuck])))).is_pending());
    // What a thread's blocks were used for before makes no difference to what is offered.
    assert_eq!(offered(&mut buffer, 10), 4096);
}
