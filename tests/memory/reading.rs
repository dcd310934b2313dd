//! The read half: what kept frames hold, what a quiet buffer keeps, and what reading allocates.

use std::{collections::VecDeque, io::IoSliceMut, pin::pin};

use allocation_counter::measure;
use futures_handoff::{
    HandoffBuffer, HandoffBufferConfig, HandoffReader,
    bytes::{Bytes, BytesMut},
};
use futures_util::AsyncReadExt;

use super::{ROUNDS, allocates_nothing, read_parts::*, steady};

/// The extra cost of sharing a block: its reference count.
const COUNT: usize = 96;

/// Net heap that `work` leaves allocated.
fn left_by(work: impl FnOnce()) -> usize {
    usize::try_from(measure(work).bytes_current).unwrap()
}

type Split = fn(&mut HandoffBuffer, usize) -> Bytes;

/// The heap that every `keep`-th of 2000 frames of `len` bytes holds on to once the buffer is gone,
/// if `per_read` frames arrive at a time.
fn retained(config: HandoffBufferConfig, len: usize, per_read: usize, keep: usize, split: Split) -> usize {
    let mut kept = Vec::with_capacity(2000);
    let data = bytes(len * per_read);
    let heap = left_by(|| {
        let mut buffer = HandoffBuffer::with_config(config);
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
                let heap = retained(config(1 << 20), len, per_read, keep, split);
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
        let config = config(1 << 20).with_small_copy_max(small_copy_max);
        let mut buffer = HandoffBuffer::with_config(config);
        read_all(&mut buffer, &bytes(2 * len));
        let (first, second) = (buffer.split_prefix(len).unwrap(), buffer.split_prefix(len).unwrap());
        assert_eq!(first.as_ptr_range().end == second.as_ptr(), shared, "{len}");
    }
}

#[test]
fn copies_that_are_not_small_have_memory_of_their_own() {
    let config = config(1 << 20).with_small_copy_max(8192);
    for len in [513, 600, 3000] {
        let heap = retained(config, len, 1, 4, |buffer, n| buffer.split_prefix(n).unwrap());
        assert!(heap <= 500 * (len + COUNT), "{len}: {heap}");
    }
}

/// Also if a read that is longer than the buffer's own goes past it and finds nothing as well.
#[test]
fn a_quiet_connection_forgets_what_it_remembered() {
    type Wait = fn(HandoffBuffer, &mut [u8]) -> HandoffBuffer;
    fn past(buffer: HandoffBuffer, read: impl FnOnce(&mut HandoffReader<Script>) -> bool) -> HandoffBuffer {
        let mut reader = buffer.into_reader(Script::new([Step::stuck()]));
        assert!(read(&mut reader));
        reader.into_parts().0
    }
    let waits: [Wait; 3] = [
        |mut buffer, _| {
            wait(&mut buffer);
            buffer
        },
        |buffer, out| past(buffer, |reader| poll_once(pin!(reader.read(out))).is_pending()),
        |buffer, out| {
            past(buffer, |reader| {
                poll_once(pin!(reader.read_vectored(&mut [IoSliceMut::new(out)]))).is_pending()
            })
        },
    ];
    // How many of eight blocks stay: one is left to the thread or, if it is too large for that,
    // kept within the limit.
    for (size, stay) in [(30_000, 3), (300_000, 2)] {
        for waiting in waits {
            let config = config(1 << 20).with_read_reserve(size).with_spare_blocks(8);
            let (data, mut out, mut kept) = (bytes(size), bytes(size), None);
            let heap = left_by(|| {
                let mut buffer = HandoffBuffer::with_config(config);
                let mut held = Vec::new();
                for _ in 0..8 {
                    read_all(&mut buffer, &data);
                    held.push(buffer.freeze_all());
                }
                drop(held);
                kept = Some(waiting(buffer, &mut out));
            });
            drop(kept);
            let most = stay * size + 1024;
            assert!((size..=most).contains(&heap), "{heap} of blocks of {size}");
        }
    }
}

#[test]
fn blocks_of_a_burst_are_forgotten_once_reads_become_smaller() {
    let data = bytes(1 << 20);
    let mut kept = None;
    let heap = left_by(|| {
        let mut buffer = HandoffBuffer::with_config(config(1 << 20).with_read_size(1024..=65536));
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

/// A block that looks like 50 bytes is the second half of one of 100, and must not go to a buffer
/// of 50.
#[test]
fn a_block_that_came_from_elsewhere_is_not_left_to_others() {
    let config = config(50).with_read_reserve(50).with_small_copy_max(0);
    let mut tail = BytesMut::zeroed(100);
    drop(tail.split_to(50));
    let mut first = HandoffBuffer::from_tail(tail, config).unwrap();
    drop(first.freeze_all());
    // It remembers the block, and now uses it again.
    read_all(&mut first, &bytes(10));
    first.advance(10).unwrap();
    wait(&mut first);

    // With these the thread has as many blocks as it keeps.
    (1..64).for_each(|_| wait(&mut buffer(1 << 20)));
    let mut second = HandoffBuffer::with_config(config);
    let mut reader = Script::bursts(&bytes(80), 50);
    assert_eq!(finish(second.read_available(&mut reader)).unwrap(), 50);
    drop(second.split_prefix(30).unwrap());
    assert_eq!(finish(second.read_available(&mut reader)).unwrap(), 30);
    assert!(second.capacity() <= 50, "{}", second.capacity());
}

#[test]
fn reading_parsing_and_consuming_allocates_nothing() {
    let data = bytes(3000);
    let mut buffer = buffer(1 << 20);
    allocates_nothing(|| {
        let mut reader = &data[..];
        while !reader.is_empty() {
            finish(buffer.read_available(&mut reader)).unwrap();
            assert_eq!(buffer.find(b"no such"), None);
            buffer.advance(buffer.len() / 2).unwrap();
        }
    });
    allocates_nothing(|| {
        read_all(&mut buffer, &data[..100]);
        let failed = buffer.parse(|cursor| {
            cursor.advance(10).unwrap();
            assert_eq!(cursor.find(b"no such"), None);
            Err::<(), _>(())
        });
        assert!(failed.is_err());
        buffer.parse(|cursor| cursor.advance(100)).unwrap();
    });
    allocates_nothing(|| {
        assert!(finish(buffer.read_ready(&mut &data[..], 65536)).unwrap().n > 0);
        buffer.advance(buffer.len()).unwrap();
    });
    // Small frames that are dropped are copies.
    allocates_nothing(|| {
        read_all(&mut buffer, &data[..64]);
        drop(buffer.split_prefix(64).unwrap());
    });
}

#[test]
fn small_frames_that_are_kept_allocate_a_block_for_many() {
    let data = bytes(64);
    let mut buffer = buffer(1 << 20);
    let mut kept = VecDeque::with_capacity(101);
    let info = steady(|| {
        for _ in 0..32 {
            read_all(&mut buffer, &data);
            kept.push_back(buffer.split_prefix(64).unwrap());
            if kept.len() > 100 {
                kept.pop_front();
            }
        }
    });
    assert!(info.count_total <= 2 * ROUNDS && info.bytes_total <= (2048 + COUNT as u64) * ROUNDS, "{info:?}");
}

/// What it costs to hand off what was read, each time, if as many of them are held before they are
/// dropped.
fn handing_off(len: usize, held: usize, spare_blocks: usize) -> (u64, u64) {
    let config = config(1 << 20).with_read_reserve(16384).with_spare_blocks(spare_blocks);
    let mut buffer = HandoffBuffer::with_config(config);
    let data = bytes(len);
    let mut out = VecDeque::with_capacity(held + 1);
    let info = steady(|| {
        assert_eq!(finish(buffer.read_available(&mut &data[..])).unwrap(), len);
        out.push_back(buffer.freeze_all());
        assert!(out.iter().all(|block| *block == data));
        if out.len() > held {
            out.pop_front();
        }
    });
    (info.count_total.div_ceil(ROUNDS), info.bytes_total.div_ceil(ROUNDS))
}

#[test]
fn blocks_that_were_handed_off_are_used_again() {
    // A block counts as whole from three quarters on. Of one that is shared, here in parts, the
    // front comes back.
    for (len, held) in [(16384, 0), (16384, 1), (16384, 8), (12288, 1), (5000, 0)] {
        let (count, bytes) = handing_off(len, held, held + 1);
        // The count of a shared block, each time.
        assert!(count <= 1 && bytes <= COUNT as u64, "{held} of {len}: {count} {bytes}");
    }
    let (_, bytes) = handing_off(16384, 0, 0);
    assert!(bytes >= 16384, "without spare blocks each is allocated, and not {bytes} bytes");
}
