//! Blocks of buffers that wait, which are left to the thread. Each test has a thread to itself.

mod read_parts;

use std::{panic, pin::pin, slice, thread};

use allocation_counter::measure;
use futures_handoff::{HandoffBuffer, bytes::BytesMut};
use read_parts::*;

/// The most bytes of blocks that a thread keeps.
const KEPT: usize = 2 * 1024 * 1024;

fn alone(work: fn()) {
    if let Err(panicked) = thread::spawn(work).join() {
        panic::resume_unwind(panicked);
    }
}

fn buffers(count: usize, reads: usize) -> Vec<HandoffBuffer> {
    let config = config(1 << 20).with_read_reserve(reads).unwrap();
    (0..count).map(|_| HandoffBuffer::with_config(config)).collect()
}

fn read_one_byte_each(buffers: &mut [HandoffBuffer]) {
    for buffer in buffers {
        assert_eq!(finish(buffer.read_available(&mut &[1][..])).unwrap(), 1);
    }
}

fn consume_and_wait(buffer: &mut HandoffBuffer) {
    buffer.advance(buffer.len()).unwrap();
    assert!(poll_once(pin!(buffer.read_available(&mut Script::new([Step::Stuck])))).is_pending());
    assert_eq!(buffer.capacity(), 0);
}

#[test]
fn up_to_64_blocks_and_2_mib_are_found_again() {
    alone(|| {
        for (count, size) in [(64, 4096), (8, KEPT / 8)] {
            let mut buffers = buffers(count, size);
            read_one_byte_each(&mut buffers);
            buffers.iter_mut().for_each(consume_and_wait);
            assert_eq!(measure(|| read_one_byte_each(&mut buffers)).count_total, 0);
        }
    });
}

/// Also one that was found again and left again in the meantime, which has not been here for long.
#[test]
fn the_one_that_has_been_here_longest_goes_to_another_buffer() {
    alone(|| {
        let mut buffers = buffers(9, KEPT / 8);
        let (last, others) = buffers.split_last_mut().unwrap();
        read_one_byte_each(others);
        others.iter_mut().for_each(consume_and_wait);
        read_one_byte_each(&mut others[..1]);
        consume_and_wait(&mut others[0]);
        let last = slice::from_mut(last);
        assert_eq!(measure(|| read_one_byte_each(last)).count_total, 0);
        assert_eq!(measure(|| read_one_byte_each(&mut others[2..])).count_total, 0);
        assert_eq!(measure(|| read_one_byte_each(&mut others[..1])).count_total, 0);
        assert_eq!(measure(|| read_one_byte_each(&mut others[1..2])).count_total, 1);
    });
}

/// Though it has left a block to that one, too, and at another place.
#[test]
fn a_buffer_that_was_on_another_thread_finds_its_block() {
    alone(|| {
        let mut buffers = buffers(2, 4096);
        read_one_byte_each(&mut buffers);
        buffers.iter_mut().for_each(consume_and_wait);
        let moves = &mut buffers[1..];
        thread::scope(|scope| {
            scope.spawn(|| {
                read_one_byte_each(moves);
                consume_and_wait(&mut moves[0]);
            });
        });
        assert_eq!(measure(|| read_one_byte_each(moves)).count_total, 0);
    });
}

/// Though it has got another one back from a consumer in the meantime, each time.
#[test]
fn a_thread_keeps_one_block_of_a_buffer() {
    alone(|| {
        let mut buffers = buffers(1, 4096);
        let heap = measure(|| {
            for _ in 0..10 {
                assert_eq!(finish(buffers[0].read_available(&mut &[1; 4096][..])).unwrap(), 4096);
                let whole = buffers[0].split_prefix(4096).unwrap();
                read_one_byte_each(&mut buffers);
                consume_and_wait(&mut buffers[0]);
                drop(whole);
                read_one_byte_each(&mut buffers);
                consume_and_wait(&mut buffers[0]);
            }
        });
        assert!(heap.bytes_current < 2 * 4096, "{}", heap.bytes_current);
    });
}

#[test]
fn no_more_than_2_mib_are_kept_however_often_blocks_come_and_go() {
    alone(|| {
        // Their sum is never just 2 MiB.
        let mut buffers = buffers(60, 100_000);
        let heap = measure(|| {
            for _ in 0..3 {
                read_one_byte_each(&mut buffers);
                buffers.iter_mut().for_each(consume_and_wait);
            }
        });
        let heap = usize::try_from(heap.bytes_current).unwrap();
        assert!((KEPT - 100_000..KEPT + 8192).contains(&heap), "{heap}");
    });
}

#[test]
fn a_block_that_was_found_again_is_read_into_piece_by_piece() {
    alone(|| {
        let data = bytes(4096);
        let mut buffer = buffer(1 << 20);
        assert_eq!(finish(buffer.read_available(&mut &data[..3000])).unwrap(), 3000);
        consume_and_wait(&mut buffer);
        let mut reader = Script::bursts(&data[..3000], 1000);
        while reader.given < 3000 {
            finish(buffer.read_available(&mut reader)).unwrap();
        }
        assert_eq!(reader.offers, [4096, 3096, 2096]);
        assert_eq!(buffer.peek(), &data[..3000]);
    });
}

#[test]
fn a_block_handed_off_in_parts_is_found_again_once_they_are_dropped() {
    alone(|| {
        let data = bytes(4096);
        let buffer = &mut buffers(1, 4096)[0];
        for dropped in [false, true, false, true] {
            assert_eq!(finish(buffer.read_available(&mut &data[..3000])).unwrap(), 3000);
            let mut frame = Some(buffer.split_prefix(2000).unwrap());
            consume_and_wait(buffer);
            if dropped {
                frame = None;
            }
            let read = measure(|| assert_eq!(finish(buffer.read_available(&mut &data[..])).unwrap(), 4096));
            assert_eq!(read.count_total == 0, dropped);
            assert!(buffer.peek() == data && frame.is_none_or(|frame| frame == data[..2000]));
            buffer.advance(4096).unwrap();
        }
    });
}

#[test]
fn a_block_that_came_from_elsewhere_is_freed() {
    alone(|| {
        let mut tail = BytesMut::with_capacity(4096);
        tail.extend_from_slice(b"tail");
        let mut buffer = HandoffBuffer::from_tail(tail, config(1 << 20)).unwrap();
        assert_eq!(measure(|| consume_and_wait(&mut buffer)).bytes_current, -4096);
    });
}
