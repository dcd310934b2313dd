//! How reads adapt: their size, and whether to look again.

use std::pin::pin;

use futures_handoff::{Filled, HandoffBuffer, Then};

use crate::support::*;

#[test]
fn paced_input_costs_no_reads_in_vain() {
    let data = bytes(64 * 640);
    let mut reader = Script::paced(&data, 64);
    let mut buffer = buffer(1 << 20);
    let (mut calls, mut waits) = (0, 0);
    while reader.given() < data.len() {
        {
            let mut read = pin!(buffer.read_ready(&mut reader, 65536));
            while poll_once(read.as_mut()).is_pending() {
                waits += 1;
            }
        }
        calls += 1;
        buffer.advance(buffer.len()).unwrap();
    }
    assert_eq!(calls, 640);
    // The first piece is there at once. A call that looks again meets the `Pending` that the next
    // one would wait at.
    let looked_again = calls - 1 - waits;
    assert!(looked_again <= 1 + 640 / 64, "{looked_again}");
}

#[test]
fn a_change_from_paced_to_bursts_is_noticed() {
    let mut reader = Script::paced(&bytes(64 * 100), 64);
    let mut buffer = buffer(1 << 20);
    while reader.given() < 6400 {
        let _ = ready(&mut buffer, &mut reader, 65536);
    }
    (0..1000).for_each(|_| reader.push(Step::data(vec![1; 64])));
    let mut calls = 0;
    while reader.given() < 70_400 {
        let _ = ready(&mut buffer, &mut reader, 65536);
        calls += 1;
    }
    // At most two times 64 short reads pass before looking again has paid often enough; then 256
    // per call.
    assert!((4..=2 * 64 + 4).contains(&calls), "{calls}");
}

#[test]
fn a_filled_offer_is_followed_by_another() {
    let mut buffer = buffer_of_reads(1000..=1000);
    // Teach it that a second read after a short one brings nothing.
    let mut reader = Script::paced(&[0; 20], 1);
    while reader.given() < 20 {
        let _ = ready(&mut buffer, &mut reader, 65536);
    }
    buffer.advance(20).unwrap();
    buffer.reserve_read_capacity(10_000).unwrap();
    let mut reader = Script::bursts(&bytes(5300), 1000);
    let filled = ready(&mut buffer, &mut reader, 65536);
    assert!(matches!(filled, Filled { n: 5300, then: Then::Pending }));
    assert_eq!(reader.polls(), 6);
}

/// How much a reader with `n` bytes is offered; the bytes are consumed.
fn offered(buffer: &mut HandoffBuffer, n: usize) -> usize {
    let mut reader = Script::bursts(&vec![1; n], n);
    read(buffer, &mut reader);
    buffer.advance(buffer.len()).unwrap();
    reader.offers()[0]
}

/// An empty buffer whose reads have grown from 1024 bytes to `max`.
fn grown(max: usize) -> HandoffBuffer {
    let mut buffer = buffer_of_reads(1024..=max);
    for _ in 0..20 {
        offered(&mut buffer, max);
    }
    assert_eq!(offered(&mut buffer, max), max);
    buffer
}

#[test]
fn the_read_size_follows_the_reads() {
    let mut buffer = buffer_of_reads(1024..=16384);
    let mut offer = |available: usize| {
        let offer = offered(&mut buffer, available);
        // A new block each time, so that offers only show the size.
        drop(buffer.take_tail());
        offer
    };
    let growing: Vec<_> = (0..7).map(|_| offer(65536)).collect();
    assert_eq!((growing[0], growing[6]), (1024, 16384));
    assert!(growing.is_sorted(), "{growing:?}");
    let shrinking: Vec<_> = (0..40).map(|_| offer(10)).collect();
    assert!(shrinking.is_sorted_by(|a, b| a >= b), "{shrinking:?}");
    assert_eq!(shrinking[39], 1024);
}

#[test]
fn the_read_size_grows_to_what_is_asked_for_at_a_time() {
    let mut buffer = buffer_of_reads(1024..=65536);
    let mut reader = Script::bursts(&vec![1; 1 << 20], 1 << 20);
    let mut settled = |limit: usize| {
        for _ in 0..10 {
            assert!(ready(&mut buffer, &mut reader, limit).n > 0);
            drop(buffer.freeze_all());
        }
        let before = reader.polls();
        assert_eq!(ready(&mut buffer, &mut reader, limit).n, limit);
        let capacity = buffer.capacity();
        drop(buffer.freeze_all());
        (reader.polls() - before, capacity)
    };
    assert_eq!(settled(8192), (1, 8192));
    assert_eq!(settled(20_000), (1, 20_000));
}

fn read_either(buffer: &mut HandoffBuffer, reader: &mut Script, gathers: bool) {
    if gathers {
        let _ = ready(buffer, reader, 1 << 20);
    } else {
        read(buffer, reader);
    }
}

#[test]
fn the_read_size_grows_beside_a_tail_that_stays() {
    for gathers in [false, true] {
        let mut buffer = buffer_of_reads(1024..=16384);
        // A parser that always leaves the last 100 bytes: most offers fall short of the read size
        // by those.
        let mut reader = Script::new([Step::data(bytes(500)), Step::Pending, Step::data(bytes(400_000))]);
        for _ in 0..20 {
            read_either(&mut buffer, &mut reader, gathers);
            buffer.advance(buffer.len() - 100).unwrap();
        }
        assert_eq!(reader.offers().iter().max(), Some(&16384), "{:?}", reader.offers());
        assert!(reader.offers()[10..].iter().all(|offer| *offer > 16384 / 2), "{:?}", reader.offers());
    }
}

#[test]
fn the_read_size_stays_if_reads_nearly_fill_it() {
    for gathers in [false, true] {
        let mut buffer = buffer_of_reads(1024..=16384);
        let mut reader = Script::paced(&bytes(20 * 820), 820);
        while reader.given() < 20 * 820 {
            read_either(&mut buffer, &mut reader, gathers);
            buffer.advance(buffer.len()).unwrap();
        }
        assert!(reader.offers().iter().all(|offer| *offer <= 1024), "{:?}", reader.offers());
    }
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
    assert!((0..4).all(|_| offered(&mut buffer, 10) == 4096));
    assert_eq!((offered(&mut buffer, 4096), offered(&mut buffer, 4096)), (2048, 4096));
}

#[test]
fn calls_that_read_nothing_do_not_make_reads_smaller() {
    let mut buffer = grown(4096);
    for _ in 0..10 {
        let filled = ready(&mut buffer, &mut Script::new([]), 0);
        assert!(matches!(filled, Filled { n: 0, then: Then::Limit }));
        let filled = ready(&mut buffer, &mut Script::new([]), 1000);
        assert!(matches!(filled, Filled { n: 0, then: Then::End }));
        assert_eq!(read(&mut buffer, &mut Script::new([])), 0);
    }
    assert_eq!(offered(&mut buffer, 1), 4096);
}

#[test]
fn reads_after_a_wait_are_as_large_as_before() {
    let mut buffer = buffer_of_reads(16384..=65536);
    let mut reader = Script::paced(&bytes(3 * 16384), 16384);
    for _ in 0..3 {
        assert_eq!(ready(&mut buffer, &mut reader, 16384).n, 16384);
        buffer.advance(16384).unwrap();
    }
    assert_eq!(reader.offers().last(), Some(&16384), "{:?}", reader.offers());
}

#[test]
fn a_quiet_connection_starts_again_with_reads_of_64_kib() {
    let mut buffer = grown(262_144);
    wait(&mut buffer);
    assert_eq!(offered(&mut buffer, 1), 65536);
    assert_eq!(buffer.capacity(), 65536);
}

#[test]
fn arrivals_of_one_size_settle_on_it() {
    let mut buffer = buffer_of_reads(1024..=1 << 18);
    let mut reader = Script::bursts(&vec![1; 16384 * 1200], 16384);
    let mut whole = 0;
    for call in 0..1200 {
        read(&mut buffer, &mut reader);
        whole += usize::from(call >= 600 && buffer.len() == 16384 && buffer.capacity() == 16384);
        drop(buffer.freeze_all());
    }
    // Most blocks hold one arrival and nothing else, so they are handed off whole.
    assert!(whole > 500, "{whole}");
}

#[test]
fn a_fixed_read_size_is_kept() {
    let mut buffer = buffer_of_reads(16384..=16384);
    for available in [16384, 16384, 1, 1, 1, 1, 1, 1, 1, 16384] {
        assert_eq!(offered(&mut buffer, available), 16384);
    }
}

#[test]
fn a_large_block_is_touched_step_by_step() {
    let mut buffer = buffer_of_reads(65536..=131_072);
    let mut reader = Script::paced(&bytes(1000), 10);
    while reader.given() < 1000 {
        read(&mut buffer, &mut reader);
    }
    assert!(reader.offers().iter().all(|offer| *offer <= 4096), "{:?}", reader.offers());
}

#[test]
fn initialised_memory_is_offered_whole_until_the_buffer_waits() {
    let mut buffer = buffer_of_reads(16384..=65536);
    read_all(&mut buffer, &bytes(16384));
    buffer.advance(16384).unwrap();
    assert_eq!([offered(&mut buffer, 10), offered(&mut buffer, 10)], [16384; 2]);
    wait(&mut buffer);
    // The offer does not depend on the earlier use of the thread's blocks.
    assert_eq!(offered(&mut buffer, 10), 4096);
}
