//! What frames that are kept hold on to, and what reading allocates.

mod read_parts;

use std::{collections::VecDeque, io::IoSliceMut, pin::pin};

use allocation_counter::measure;
use futures_handoff::{
    HandoffBuffer,
    bytes::{Bytes, BytesMut},
};
use futures_util::AsyncReadExt;
use read_parts::*;

/// What sharing a block costs beside it: the count.
const COUNT: usize = 96;

/// Net heap that `work` leaves allocated.
fn left_by(work: impl FnOnce()) -> usize {
    usize::try_from(measure(work).bytes_current).unwrap()
}

/// The heap that every `keep`-th of 2000 frames of `len` bytes holds on to once the buffer is gone, if
/// `per_read` frames arrive at a time.
fn retained(
    len: usize,
    per_read: usize,
    keep: usize,
    split: fn(&mut HandoffBuffer, usize) -> Bytes,
) -> usize {
    let mut kept = Vec::with_capacity(2000);
    let data = bytes(len * per_read);
    let heap = left_by(|| {
        let mut buffer = buffer(1 << 20);
        let mut at = 0;
        for _ in 0..2000 / per_read {
            let mut reader = &data[..];
            while !reader.is_empty() {
                finish(buffer.read_available(&mut reader)).unwrap();
                while buffer.len() >= len {
                    let frame = split(&mut buffer, len);
                    assert_eq!(frame.len(), len);
                    if at % keep == 0 {
                        kept.push(frame);
                    }
                    at += 1;
                }
            }
        }
    });
    assert_eq!(kept.len(), 2000_usize.div_ceil(keep));
    heap
}

#[test]
fn a_kept_frame_holds_on_to_little_more_than_itself() {
    type Split = fn(&mut HandoffBuffer, usize) -> Bytes;
    let splits: [(&str, Split); 4] = [
        ("split_prefix", |buffer, n| buffer.split_prefix(n).unwrap()),
        ("split_prefix_mut", |buffer, n| buffer.split_prefix_mut(n).unwrap().freeze()),
        ("take", |buffer, n| buffer.parse(|cursor| cursor.take(n)).unwrap()),
        ("take_tail", |buffer, n| {
            if buffer.len() == n { buffer.take_tail().freeze() } else { buffer.split_prefix(n).unwrap() }
        }),
    ];
    for len in [1, 2, 64, 256, 257, 513, 1023, 1024, 1460, 4096, 5000, 16_000, 70_000] {
        for (per_read, keep) in [(1, 1), (1, 64), (8, 1), (8, 8), (8, 64)] {
            for (name, split) in splits {
                let heap = retained(len, per_read, keep, split);
                // The documented bounds.
                let each = if len <= 256 { 2048 } else { 4 * len };
                let most = 2000_usize.div_ceil(keep) * (each + COUNT);
                assert!(heap <= most, "{name} of {len}, {per_read} per read, one of {keep}: {heap} > {most}");
                let shared = len <= 256 && keep == 1 && name != "take_tail";
                // Small frames that are all kept share their blocks.
                assert!(!shared || heap <= 2000 * len * 5 / 4 + 4096, "{name} of {len}: {heap}");
            }
        }
    }
}

#[test]
fn copies_share_a_block_up_to_the_longest_that_counts_as_small() {
    for (small_copy_max, len, shared) in
        [(256, 256, true), (256, 257, false), (1000, 512, true), (1000, 513, false)]
    {
        let config = config(1 << 20).with_small_copy_max(small_copy_max).unwrap();
        let mut buffer = HandoffBuffer::with_config(config);
        finish(buffer.read_available(&mut &bytes(2 * len)[..])).unwrap();
        let (first, second) = (buffer.split_prefix(len).unwrap(), buffer.split_prefix(len).unwrap());
        assert_eq!(first.as_ptr_range().end == second.as_ptr(), shared, "{len}");
    }
}

#[test]
fn copies_that_are_not_small_have_memory_of_their_own() {
    let config = config(1 << 20).with_small_copy_max(8192).unwrap();
    for len in [513, 600, 3000] {
        let mut kept = Vec::with_capacity(100);
        let data = bytes(len);
        let heap = left_by(|| {
            let mut buffer = HandoffBuffer::with_config(config);
            for at in 0..400 {
                finish(buffer.read_available(&mut &data[..])).unwrap();
                let frame = buffer.split_prefix(len).unwrap();
                if at % 4 == 0 {
                    kept.push(frame);
                }
            }
        });
        assert!(heap <= 100 * (len + COUNT), "{len}: {heap}");
    }
}

#[test]
fn a_tail_holds_on_to_little_more_than_itself() {
    for len in [1, 100, 5000, 20_000] {
        let mut tail = Bytes::new();
        let heap = left_by(|| {
            let mut buffer = holding(1 << 20, &bytes(65536));
            buffer.advance(65536 - len).unwrap();
            tail = buffer.take_tail().freeze();
        });
        assert_eq!(tail.len(), len);
        assert!(heap <= 4 * len + COUNT, "{len}: {heap}");
    }
}

/// The most blocks, and bytes of them, that waiting buffers leave to a thread.
const POOL_BLOCKS: usize = 64;
const POOL: usize = 2 * 1024 * 1024;

#[test]
fn connections_that_wait_hold_no_block() {
    let mut empty = None;
    assert_eq!(left_by(|| empty = Some(buffer(1 << 20))), 0);
    let mut quiet = Script::new([Step::Stuck]);
    quiet.offers.reserve(1000);
    drop(empty);
    let mut buffers: Vec<_> = (0..1000).map(|_| buffer(1 << 20)).collect();
    for _ in 0..2 {
        let heap = left_by(|| {
            for buffer in &mut buffers {
                assert!(poll_once(pin!(buffer.read_available(&mut quiet))).is_pending());
            }
        });
        assert!(heap <= POOL_BLOCKS * (4096 + 128), "{heap}");
    }
    assert!(buffers.iter().all(|buffer| buffer.capacity() == 0));
}

/// One huge frame, then blocks handed off whole and dropped, then small frames.
fn much_traffic(data: &[u8]) -> HandoffBuffer {
    let mut buffer = holding(4 << 20, data);
    drop(buffer.freeze_all());
    let mut reader = Script::bursts(data, 100_000);
    while reader.given < data.len() {
        let _ = finish(buffer.read_ready(&mut reader, 1 << 20)).unwrap();
        drop(buffer.freeze_all());
    }
    let mut reader = Script::bursts(&data[..1000], 100);
    reader.push(Step::Stuck);
    while reader.given < 1000 {
        finish(buffer.read_available(&mut reader)).unwrap();
        drop(buffer.freeze_all());
    }
    assert!(poll_once(pin!(buffer.read_available(&mut reader))).is_pending());
    buffer
}

#[test]
fn connections_that_fell_quiet_hold_little() {
    let data = bytes(1 << 20);
    let mut buffers = Vec::with_capacity(50);
    let heap = left_by(|| buffers.extend((0..50).map(|_| much_traffic(&data))));
    let each = 2048 + 4 * COUNT + 64;
    assert!(heap <= POOL + 50 * each, "{heap}");
}

#[test]
fn a_quiet_connection_forgets_what_it_remembered() {
    // How many of eight blocks stay: one is left to the thread or, if it is too large for that, kept within the limit.
    for (size, stay) in [(30_000, 3), (300_000, 2)] {
        let config = config(1 << 20).with_read_reserve(size).unwrap().with_spare_blocks(8).unwrap();
        let mut buffer = HandoffBuffer::with_config(config);
        let mut reader = Script::bursts(&bytes(8 * size), size);
        reader.push(Step::Stuck);
        reader.offers.reserve(16);
        let heap = measure(|| {
            let mut held = Vec::new();
            for _ in 0..8 {
                finish(buffer.read_available(&mut reader)).unwrap();
                held.push(buffer.freeze_all());
            }
            drop(held);
            assert!(poll_once(pin!(buffer.read_available(&mut reader))).is_pending());
        });
        // The script gives its own memory back meanwhile.
        let (heap, stay) = (heap.bytes_current + 8 * size as i64, stay * size as i64);
        assert!((stay..=stay + 1024).contains(&heap), "{heap}");
    }
}

#[test]
fn blocks_of_a_burst_are_forgotten_once_reads_become_smaller() {
    let data = bytes(1 << 20);
    let mut kept = None;
    let heap = left_by(|| {
        let mut buffer = HandoffBuffer::with_config(config(1 << 20).with_read_size(1024..=65536).unwrap());
        let mut reader = &data[..];
        while buffer.len() < 65536 {
            buffer.advance(buffer.len()).unwrap();
            finish(buffer.read_available(&mut reader)).unwrap();
        }
        let first = buffer.freeze_all();
        finish(buffer.read_available(&mut reader)).unwrap();
        let second = buffer.freeze_all();
        assert_eq!((first.len(), second.len()), (65536, 65536));
        drop((first, second));
        for _ in 0..4 {
            assert_eq!(finish(buffer.read_available(&mut &data[..10])).unwrap(), 10);
            buffer.advance(10).unwrap();
        }
        kept = Some(buffer);
    });
    let capacity = kept.map_or(0, |buffer| buffer.capacity());
    assert!((capacity..=capacity + 1024).contains(&heap), "{heap}, {capacity} of them in use");
}

/// A read that is longer than the buffer's own goes past it, and finds nothing as well.
#[test]
fn a_quiet_connection_that_is_read_past_its_buffer_forgets_what_it_remembered() {
    let config = config(1 << 20).with_read_reserve(30_000).unwrap().with_spare_blocks(8).unwrap();
    for vectored in [false, true] {
        let mut reader = Script::bursts(&bytes(8 * 30_000), 30_000);
        reader.push(Step::Stuck);
        reader.offers.reserve(16);
        let mut out = bytes(30_000);
        let (mut kept, script) = (None, &mut reader);
        let heap = measure(|| {
            let mut buffer = HandoffBuffer::with_config(config);
            let mut held = Vec::new();
            for _ in 0..8 {
                finish(buffer.read_available(&mut *script)).unwrap();
                held.push(buffer.freeze_all());
            }
            drop(held);
            let mut through = buffer.into_reader(script);
            let read = poll_once(pin!(async {
                if vectored {
                    through.read_vectored(&mut [IoSliceMut::new(&mut out)]).await
                } else {
                    through.read(&mut out).await
                }
            }));
            assert!(read.is_pending());
            kept = Some(through);
        });
        drop(kept);
        // The script gives its own memory back meanwhile.
        let heap = heap.bytes_current + 8 * 30_000;
        assert!(heap <= 65536 + 1024, "{heap}");
    }
}

#[test]
fn a_block_that_others_have_read_into_holds_zeros() {
    // More of them than a thread keeps blocks.
    let mut others: Vec<_> = (0..=POOL_BLOCKS).map(|_| buffer(1 << 20)).collect();
    for first in &mut others {
        let mut reader = Script::bursts(&bytes(3000), 3000);
        reader.push(Step::Stuck);
        assert_eq!(finish(first.read_available(&mut reader)).unwrap(), 3000);
        first.advance(3000).unwrap();
        assert!(poll_once(pin!(first.read_available(&mut reader))).is_pending());
    }

    let mut second = buffer(1 << 20);
    let read = || assert_eq!(finish(second.read_available(&mut Liar)).unwrap(), 4096);
    assert_eq!(measure(read).count_total, 0, "it has the block of another");
    assert!(second.peek().iter().all(|byte| *byte == 0), "what another connection has read");
}

/// What looks like a block of 50 bytes is the second half of one of 100, and must not come to a buffer of 50.
#[test]
fn a_block_that_came_from_elsewhere_is_not_left_to_others() {
    let config = config(50).with_read_reserve(50).unwrap().with_small_copy_max(0).unwrap();
    let mut reader = Script::new([Step::Data(bytes(10)), Step::Stuck]);
    let mut tail = BytesMut::zeroed(100);
    drop(tail.split_to(50));
    let mut first = HandoffBuffer::from_tail(tail, config).unwrap();
    drop(first.freeze_all());
    // It remembers the block, and now uses it again.
    assert_eq!(finish(first.read_available(&mut reader)).unwrap(), 10);
    first.advance(10).unwrap();
    assert!(poll_once(pin!(first.read_available(&mut reader))).is_pending());

    for _ in 1..POOL_BLOCKS {
        let mut crowd = buffer(1 << 20);
        assert!(poll_once(pin!(crowd.read_available(&mut reader))).is_pending());
    }
    let mut second = HandoffBuffer::with_config(config);
    let mut reader = Script::bursts(&bytes(80), 50);
    assert_eq!(finish(second.read_available(&mut reader)).unwrap(), 50);
    drop(second.split_prefix(30).unwrap());
    assert_eq!(finish(second.read_available(&mut reader)).unwrap(), 30);
    assert!(second.capacity() <= 50, "{}", second.capacity());
}

/// Allocations and allocated bytes of this many rounds, after a warm-up.
const ROUNDS: u64 = 1000;
fn steady(mut round: impl FnMut()) -> (u64, u64) {
    (0..200).for_each(|_| round());
    let info = measure(|| (0..ROUNDS).for_each(|_| round()));
    (info.count_total, info.bytes_total)
}

#[test]
fn reading_and_consuming_allocates_nothing() {
    let data = bytes(3000);
    let mut buffer = buffer(1 << 20);
    let borrowed = steady(|| {
        let mut reader = &data[..];
        while !reader.is_empty() {
            finish(buffer.read_available(&mut reader)).unwrap();
            assert_eq!(buffer.find(b"no such"), None);
            buffer.advance(buffer.len() / 2).unwrap();
        }
    });
    assert_eq!(borrowed, (0, 0));
    let gathered = steady(|| {
        let mut reader = &data[..];
        assert!(finish(buffer.read_ready(&mut reader, 65536)).unwrap().n > 0);
        buffer.advance(buffer.len()).unwrap();
    });
    assert_eq!(gathered, (0, 0));
}

#[test]
fn small_frames_that_are_dropped_allocate_nothing() {
    let data = bytes(64);
    let mut buffer = buffer(1 << 20);
    let costs = steady(|| {
        let mut reader = &data[..];
        finish(buffer.read_available(&mut reader)).unwrap();
        drop(buffer.split_prefix(64).unwrap());
    });
    assert_eq!(costs, (0, 0));
}

#[test]
fn small_frames_that_are_kept_allocate_a_block_for_many() {
    let data = bytes(64);
    let mut buffer = buffer(1 << 20);
    let mut kept = VecDeque::with_capacity(101);
    let (count, bytes) = steady(|| {
        for _ in 0..32 {
            let mut reader = &data[..];
            finish(buffer.read_available(&mut reader)).unwrap();
            kept.push_back(buffer.split_prefix(64).unwrap());
            if kept.len() > 100 {
                kept.pop_front();
            }
        }
    });
    assert!(count <= 2 * ROUNDS && bytes <= (2048 + COUNT as u64) * ROUNDS, "{count} {bytes}");
}

#[test]
fn blocks_handed_off_whole_are_used_again() {
    // A block counts as whole from three quarters on.
    for (held, len) in [(0, 16384), (1, 16384), (8, 16384), (1, 12288)] {
        let config = config(1 << 20).with_read_reserve(16384).unwrap().with_spare_blocks(held + 1).unwrap();
        let mut buffer = HandoffBuffer::with_config(config);
        let data = bytes(len);
        let mut out = VecDeque::with_capacity(held + 1);
        let (count, bytes) = steady(|| {
            let mut reader = &data[..];
            assert_eq!(finish(buffer.read_available(&mut reader)).unwrap(), len);
            out.push_back(buffer.freeze_all());
            assert!(out.iter().all(|block| *block == data));
            if out.len() > held {
                out.pop_front();
            }
        });
        // The count of a shared block, each time.
        assert!(count <= ROUNDS && bytes <= COUNT as u64 * ROUNDS, "{held} of {len}: {count} {bytes}");
    }
}

#[test]
fn without_spare_blocks_each_is_allocated() {
    let config = config(1 << 20).with_read_reserve(16384).unwrap().with_spare_blocks(0).unwrap();
    let mut buffer = HandoffBuffer::with_config(config);
    let data = bytes(16384);
    let (_, bytes) = steady(|| {
        let mut reader = &data[..];
        finish(buffer.read_available(&mut reader)).unwrap();
        drop(buffer.freeze_all());
    });
    assert!(bytes >= 16384 * ROUNDS, "{bytes}");
}

#[test]
fn a_block_shared_in_parts_is_reclaimed_once_they_are_dropped() {
    let config = config(1 << 20).with_read_reserve(16384).unwrap();
    let mut buffer = HandoffBuffer::with_config(config);
    let data = bytes(5000);
    let (_, bytes) = steady(|| {
        let mut reader = &data[..];
        finish(buffer.read_available(&mut reader)).unwrap();
        let frame = buffer.freeze_all();
        assert_eq!(frame, data[..frame.len()]);
    });
    assert!(bytes <= COUNT as u64 * ROUNDS, "{bytes}");
}

#[test]
fn parsing_allocates_only_for_frames_that_share_the_block() {
    let data = bytes(3000);
    let mut buffer = holding(4096, &data);
    let info = measure(|| {
        let failed = buffer.parse(|cursor| {
            cursor.advance(10).unwrap();
            assert_eq!(cursor.find(b"no such"), None);
            Err::<(), _>(())
        });
        assert!(failed.is_err());
        buffer.parse(|cursor| cursor.advance(100)).unwrap();
    });
    assert_eq!(info.count_total, 0);
    assert_eq!(buffer.peek(), &data[100..]);
}
