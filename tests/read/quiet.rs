//! The memory of a large message is freed once traffic is small again, however a buffer is read and
//! emptied.

use std::{io::IoSliceMut, pin::pin};

use crate::support::*;
use allocation_counter::measure;
use futures_handoff::{
    HandoffBuffer, HandoffBufferConfig, HandoffReader, LengthPrefix, WriteHandoff, WriteHandoffConfig,
    bytes::Bytes,
};
use futures_io::AsyncRead;
use futures_util::{AsyncBufReadExt, AsyncReadExt, StreamExt};

/// A frame of this many bytes, its length of 4 bytes included, and then many small ones.
const LARGE: usize = 3 << 20;
const SMALL: usize = 104;
/// More than `read_ready` gathers at once.
const SMALL_ONES: usize = 1000;
const LIMIT: usize = 4 << 20;
/// What a quiet buffer may keep, and the largest read.
const QUIET: usize = 64 * 1024;
const READ: usize = 256 * 1024;

/// What a reader does between the small frames.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Between {
    /// It has the next one already.
    Nothing,
    /// It is pending, and what it gave before were whole frames.
    Waits,
    /// It is pending, and it has given the beginning of the next one.
    WaitsWithin,
}

fn stream() -> Bytes {
    let mut stream = Vec::new();
    for len in [LARGE].into_iter().chain([SMALL; SMALL_ONES]) {
        stream.extend(u32::try_from(len - 4).unwrap().to_be_bytes());
        stream.resize(stream.len() + len - 4, 7);
    }
    stream.into()
}

/// A reader that has the stream, the large frame first.
fn input(stream: &Bytes, between: Between) -> Script {
    let mut left = stream.clone();
    let first = left.split_to(if between == Between::WaitsWithin { LARGE + 3 } else { LARGE });
    let mut steps = vec![Step::Data(first)];
    while !left.is_empty() {
        if between != Between::Nothing {
            steps.push(Step::Pending);
        }
        steps.push(Step::Data(left.split_to(left.len().min(SMALL))));
    }
    Script::new(steps)
}

fn read_large(buffer: &mut HandoffBuffer, input: &mut (impl AsyncRead + Unpin)) {
    while buffer.len() < LARGE {
        read(buffer, input);
    }
}

/// The length of the frame at the front, if it is all there.
fn frame_len(buffer: &HandoffBuffer) -> Option<usize> {
    let prefix = buffer.peek().first_chunk()?;
    let n = 4 + usize::try_from(u32::from_be_bytes(*prefix)).unwrap();
    (n <= buffer.len()).then_some(n)
}

type Read = fn(&mut HandoffBuffer, &mut Script);
const READS: [(&str, Read); 3] = [
    ("read_available", |buffer, input| {
        finish(buffer.read_available(input)).unwrap();
    }),
    ("read_ready", |buffer, input| {
        let _ = finish(buffer.read_ready(input, usize::MAX)).unwrap();
    }),
    ("reserve_read_capacity and read_available", |buffer, input| {
        buffer.reserve_read_capacity(SMALL).unwrap();
        finish(buffer.read_available(input)).unwrap();
    }),
];

/// Takes a frame of this many bytes out.
type Take = fn(&mut HandoffBuffer, usize);
const TAKES: [(&str, Take); 8] = [
    ("split_prefix", |buffer, n| drop(buffer.split_prefix(n).unwrap())),
    ("split_prefix_mut", |buffer, n| drop(buffer.split_prefix_mut(n).unwrap())),
    ("freeze_all", |buffer, _| drop(buffer.freeze_all())),
    ("advance", |buffer, n| buffer.advance(n).unwrap()),
    ("take_tail", |buffer, _| drop(buffer.take_tail())),
    ("take", |buffer, n| drop(buffer.parse(|cursor| cursor.take(n)).unwrap())),
    ("advance in a parser", |buffer, n| buffer.parse(|cursor| cursor.advance(n)).unwrap()),
    ("write_prefix", |buffer, n| {
        let config = WriteHandoffConfig::default().with_max_pending_bytes(LIMIT);
        let (handoff, mut task) = WriteHandoff::new(futures_util::io::sink(), config);
        let written = task.run_until(async { handoff.write_prefix(buffer, n).await.unwrap().await });
        finish(written).unwrap();
    }),
];

/// Measures the memory left by `read` over a stream, and what it reports.
fn weigh<T>(name: &str, between: Between, read: impl FnOnce(Script) -> T) {
    let stream = stream();
    let mut kept = None;
    let heap = measure(|| kept = Some(read(input(&stream, between)))).bytes_current;
    // Its block, a block left to the thread, and small things. Reads become smaller over many
    // calls.
    let block = if between == Between::Nothing { READ } else { QUIET };
    let most = i64::try_from(block + QUIET + 8 * 1024).unwrap();
    assert!((0..=most).contains(&heap), "{name}, {between:?}: {heap} bytes are kept");
}

const BETWEEN: [Between; 3] = [Between::Nothing, Between::Waits, Between::WaitsWithin];

#[test]
fn a_buffer_that_is_read_and_emptied_in_any_way_gives_the_memory_of_a_large_frame_back() {
    for (read_name, read) in READS {
        for (take_name, take) in TAKES {
            for between in BETWEEN {
                weigh(&format!("{read_name}, {take_name}"), between, |mut input| {
                    let mut buffer = HandoffBuffer::new(LIMIT);
                    while input.given() < LARGE + SMALL * SMALL_ONES {
                        read(&mut buffer, &mut input);
                        while let Some(n) = frame_len(&buffer) {
                            take(&mut buffer, n);
                        }
                    }
                    buffer
                });
            }
        }
    }
}

#[test]
fn a_buffer_that_is_read_frame_by_frame_gives_the_memory_of_a_large_frame_back() {
    for config in [config(LIMIT), config(LIMIT).with_read_size(1024..=4096)] {
        for between in BETWEEN {
            weigh("next_frame", between, |mut input| {
                let mut buffer = HandoffBuffer::with_config(config);
                let mut finder = LengthPrefix::big_endian(4);
                for _ in 0..=SMALL_ONES {
                    frame(&mut buffer, &mut input, &mut finder);
                }
                buffer
            });
            weigh("frames", between, |mut input| {
                let mut buffer = HandoffBuffer::with_config(config);
                let mut frames = pin!(buffer.frames(&mut input, LengthPrefix::big_endian(4)));
                for _ in 0..=SMALL_ONES {
                    finish(frames.next()).unwrap().unwrap();
                }
                buffer
            });
        }
    }
}

/// Reads something through a buffer, which had a large message when its protocol changed.
type Through = fn(&mut HandoffReader<Script>) -> usize;
const THROUGH: [(&str, Through); 5] = [
    ("read", |reader| finish(reader.read(&mut [0; 64])).unwrap()),
    ("read past the buffer", |reader| finish(reader.read(&mut vec![0; 1 << 20])).unwrap()),
    ("read_vectored", |reader| finish(reader.read_vectored(&mut [IoSliceMut::new(&mut [0; 64])])).unwrap()),
    ("read_vectored past the buffer", |reader| {
        finish(reader.read_vectored(&mut [IoSliceMut::new(&mut vec![0; 1 << 20])])).unwrap()
    }),
    ("fill_buf", |reader| {
        let n = finish(reader.fill_buf()).unwrap().len().min(64);
        reader.consume_unpin(n);
        n
    }),
];

#[test]
fn a_buffer_that_is_read_through_gives_the_memory_of_a_large_message_back() {
    for (name, through) in THROUGH {
        for between in BETWEEN {
            weigh(name, between, |mut input| {
                let mut buffer = HandoffBuffer::new(LIMIT);
                read_large(&mut buffer, &mut input);
                let mut reader = buffer.into_reader(input);
                while through(&mut reader) > 0 {}
                reader.into_parts().0
            });
        }
    }
}

/// The requested room counts as needed.
#[test]
fn room_that_was_asked_for_stays_when_a_larger_block_goes() {
    let stream = stream();
    let mut input = input(&stream, Between::Waits);
    let mut buffer = HandoffBuffer::new(LIMIT);
    read_large(&mut buffer, &mut input);
    buffer.advance(LARGE).unwrap();
    assert!(buffer.capacity() >= LARGE);
    buffer.reserve_read_capacity(100_000).unwrap();
    assert!(poll_once(pin!(buffer.read_available(&mut input))).is_pending());
    assert!((100_000..=400_000).contains(&buffer.capacity()), "{}", buffer.capacity());
    let reads = measure(|| {
        read(&mut buffer, &mut input);
    });
    assert_eq!(reads.count_total, 0);
}

/// A block grows with what it holds, so one that holds a quarter of it is still growing.
#[test]
fn a_large_frame_that_arrives_slowly_keeps_its_block() {
    let stream = stream();
    let mut buffer = HandoffBuffer::new(LIMIT);
    let mut moved = 0;
    let mut at = std::ptr::null();
    for piece in stream[..LARGE].chunks(1460) {
        let before = buffer.len();
        read_all(&mut buffer, piece);
        wait(&mut buffer);
        if buffer.peek().as_ptr() != at {
            moved += before;
        }
        at = buffer.peek().as_ptr();
    }
    assert!(moved <= 2 * LARGE, "{moved} bytes were moved");
}

/// Also where blocks of that size are what reads ask for.
#[test]
fn blocks_of_the_usual_size_stay_with_a_reader_that_always_has_something() {
    let config: HandoffBufferConfig = config(LIMIT).with_read_reserve(256 * 1024);
    let mut buffer = HandoffBuffer::with_config(config.with_spare_blocks(8));
    let data = bytes(256 * 1024);
    let mut round = || {
        read(&mut buffer, &mut &data[..]);
        drop(buffer.freeze_all());
    };
    (0..20).for_each(|_| round());
    let bytes = measure(|| (0..100).for_each(|_| round())).bytes_total;
    assert!(bytes <= 100 * 128, "{bytes}");
}

/// Blocks handed off whole, none of which is large.
#[test]
fn a_connection_that_waits_within_a_frame_forgets_what_it_remembered() {
    let size = 30_000;
    let config = config(LIMIT).with_read_reserve(size).with_spare_blocks(8);
    let data = bytes(size);
    let mut buffer = HandoffBuffer::with_config(config);
    let heap = measure(|| {
        let mut held = Vec::new();
        for _ in 0..8 {
            read(&mut buffer, &mut &data[..]);
            held.push(buffer.freeze_all());
        }
        drop(held);
        read_all(&mut buffer, &[1]);
        wait(&mut buffer);
    });
    let most = i64::try_from(QUIET).unwrap();
    assert!(heap.bytes_current <= most, "{}", heap.bytes_current);
}

/// It was handed off whole and comes back after reads that need no other block.
#[test]
fn a_large_block_that_is_remembered_is_forgotten_by_a_reader_that_always_has_something() {
    let stream = stream();
    let mut input = &stream[..LARGE];
    let mut buffer = HandoffBuffer::with_config(config(LIMIT).with_read_reserve(4096));
    buffer.reserve_read_capacity(LARGE).unwrap();
    read_large(&mut buffer, &mut input);
    let large = buffer.freeze_all();
    let heap = measure(|| {
        for _ in 0..20 {
            read(&mut buffer, &mut &[1; 100][..]);
            buffer.advance(100).unwrap();
        }
        drop(large);
    });
    let most = i64::try_from(QUIET).unwrap() - i64::try_from(LARGE).unwrap();
    assert!(heap.bytes_current <= most, "{}", heap.bytes_current);
}

/// So that such traffic does not allocate a large block each time.
#[test]
fn a_large_block_that_is_needed_every_few_reads_stays() {
    let (small, large) = (bytes(100), bytes(1 << 20));
    let mut buffer = HandoffBuffer::new(LIMIT);
    let mut round = || {
        for _ in 0..10 {
            read(&mut buffer, &mut &small[..]);
            buffer.advance(100).unwrap();
        }
        read_all(&mut buffer, &large);
        buffer.advance(large.len()).unwrap();
    };
    (0..5).for_each(|_| round());
    assert_eq!(measure(|| (0..20).for_each(|_| round())).bytes_total, 0);
}

/// A buffer whose block has just this size and was read full, and then emptied.
fn emptied(config: HandoffBufferConfig, size: usize) -> HandoffBuffer {
    let mut buffer = HandoffBuffer::with_config(config);
    buffer.reserve_read_capacity(size).unwrap();
    read_all(&mut buffer, &bytes(size));
    buffer.advance(size).unwrap();
    assert_eq!(buffer.capacity(), size);
    buffer
}

#[test]
fn a_quiet_buffer_leaves_a_block_of_up_to_256_kib_to_its_thread() {
    for size in [262_144, 262_145] {
        let mut first = emptied(config(1 << 20), size);
        wait(&mut first);
        assert_eq!(first.capacity(), 0);
        // Blocks left to the thread are found again; blocks that are too large for that were kept.
        let mut second = buffer_of_reads(size..=size);
        wait(&mut second);
        let allocated = measure(|| read_all(&mut second, &[1])).bytes_max;
        assert!(allocated < 4096, "{allocated}");
    }
}

#[test]
fn a_quiet_buffer_keeps_the_room_that_was_asked_for() {
    let mut buffer = buffer(1 << 20);
    let mut reader = &bytes(300_000)[..];
    buffer.reserve_read_capacity(300_000).unwrap();
    wait(&mut buffer);
    let capacity = buffer.capacity();
    assert!(capacity >= 300_000);
    while buffer.len() < 300_000 {
        read(&mut buffer, &mut reader);
        assert_eq!(buffer.capacity(), capacity);
    }
    buffer.advance(300_000).unwrap();
    wait(&mut buffer);
    assert!(buffer.capacity() <= QUIET);
}

/// Which is larger than one that a thread takes.
#[test]
fn a_quiet_buffer_keeps_a_block_of_up_to_twice_its_smallest_read() {
    let mut needed = buffer_of_reads(300_000..=300_000);
    for _ in 0..3 {
        wait(&mut needed);
        assert_eq!(needed.capacity(), 300_000);
    }
    for (size, kept) in [(400_000, 400_000), (400_001, 0)] {
        let mut buffer = emptied(config(1 << 20).with_read_reserve(200_000), size);
        wait(&mut buffer);
        assert_eq!(buffer.capacity(), kept);
    }
}
