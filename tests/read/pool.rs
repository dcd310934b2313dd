//! Blocks that waiting buffers leave to their thread. Each test has its own thread.

use std::{slice, thread};

use crate::support::*;
use allocation_counter::measure;
use futures_handoff::{HandoffBuffer, bytes::BytesMut};

/// The most bytes of blocks that a thread keeps.
const KEPT: usize = 2 * 1024 * 1024;

fn buffers(count: usize, reads: usize) -> Vec<HandoffBuffer> {
    (0..count).map(|_| buffer_of_reads(reads..=reads)).collect()
}

fn read_one_byte_each(buffers: &mut [HandoffBuffer]) {
    for buffer in buffers {
        assert_eq!(read(buffer, &mut &[1][..]), 1);
    }
}

fn consume_and_wait(buffer: &mut HandoffBuffer) {
    buffer.advance(buffer.len()).unwrap();
    wait(buffer);
    assert_eq!(buffer.capacity(), 0);
}

/// A buffer that has read a secret, at rest.
fn at_rest() -> HandoffBuffer {
    let mut buffer = buffers(1, 4096).remove(0);
    assert_eq!(read(&mut buffer, &mut &b"secret"[..]), 6);
    consume_and_wait(&mut buffer);
    buffer
}

futures_handoff_runtimes::watched_tests! {
    fn up_to_64_blocks_and_2_mib_are_found_again() {
        for (count, size) in [(64, 4096), (8, KEPT / 8)] {
            let mut buffers = buffers(count, size);
            read_one_byte_each(&mut buffers);
            buffers.iter_mut().for_each(consume_and_wait);
            assert_eq!(measure(|| read_one_byte_each(&mut buffers)).count_total, 0);
        }
    }

    /// Also a block that was taken and left again in the meantime, so that it is recent.
    fn the_one_that_has_been_here_longest_goes_to_another_buffer() {
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
        assert!(measure(|| read_one_byte_each(&mut others[1..2])).count_total > 0);
    }

    fn a_dropped_buffer_leaves_no_memory_to_its_thread() {
        let crowd = || drop((0..70).map(|_| at_rest()).collect::<Vec<_>>());
        // Only the list stays.
        crowd();
        let heap = measure(|| {
            drop(at_rest());
            crowd();
        });
        assert_eq!(heap.bytes_current, 0);
    }

    /// The other thread cannot reach the block, so this one drops it when a buffer asks for one.
    fn a_buffer_that_is_dropped_on_another_thread_leaves_no_memory_to_its_own() {
        let mut second = at_rest();
        let mut heap = 0;
        for _ in 0..10 {
            let first = at_rest();
            let given = measure(|| thread::spawn(|| drop(first)).join().unwrap());
            let read = measure(|| {
                read_one_byte_each(slice::from_mut(&mut second));
                consume_and_wait(&mut second);
            });
            assert!(given.bytes_current.abs() < 4096, "no other thread frees it");
            heap += read.bytes_current;
        }
        assert_eq!(heap, -10 * 4096);
    }

    /// It has a block only on the last thread where it was used.
    fn a_buffer_that_was_on_another_thread_takes_its_block_along() {
        let mut buffers = buffers(2, 4096);
        read_one_byte_each(&mut buffers);
        buffers.iter_mut().for_each(consume_and_wait);
        let (stays, moves) = buffers.split_at_mut(1);
        thread::scope(|scope| {
            scope.spawn(|| {
                read_one_byte_each(moves);
                consume_and_wait(&mut moves[0]);
                assert_eq!(measure(|| read_one_byte_each(moves)).count_total, 0);
                consume_and_wait(&mut moves[0]);
            });
        });
        let heap = measure(|| {
            read_one_byte_each(stays);
            consume_and_wait(&mut stays[0]);
        });
        assert_eq!(heap.bytes_current, -4096);
        assert_eq!(measure(|| read_one_byte_each(moves)).count_total, 1);
    }

    /// Although each time it has got another block back from a consumer.
    fn a_thread_keeps_one_block_of_a_buffer() {
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
    }

    fn no_more_than_2_mib_are_kept_however_often_blocks_come_and_go() {
        // Their sum is never exactly 2 MiB.
        let mut buffers = buffers(60, 100_000);
        let heap = measure(|| {
            for _ in 0..3 {
                read_one_byte_each(&mut buffers);
                buffers.iter_mut().for_each(consume_and_wait);
            }
        });
        let heap = usize::try_from(heap.bytes_current).unwrap();
        assert!((KEPT - 100_000..KEPT + 8192).contains(&heap), "{heap}");
    }

    fn a_block_that_was_found_again_is_read_into_piece_by_piece() {
        let data = bytes(4096);
        let mut buffer = buffer(1 << 20);
        assert_eq!(read(&mut buffer, &mut &data[..3000]), 3000);
        consume_and_wait(&mut buffer);
        let mut reader = Script::bursts(&data[..3000], 1000);
        while reader.given() < 3000 {
            read(&mut buffer, &mut reader);
        }
        assert_eq!(reader.offers(), [4096, 3096, 2096]);
        assert_eq!(buffer.peek(), &data[..3000]);
    }

    fn a_block_handed_off_in_parts_is_found_again_once_they_are_dropped() {
        let data = bytes(4096);
        let mut buffer = buffers(1, 4096).remove(0);
        for dropped in [false, true, false, true] {
            assert_eq!(read(&mut buffer, &mut &data[..3000]), 3000);
            let mut frame = Some(buffer.split_prefix(2000).unwrap());
            consume_and_wait(&mut buffer);
            if dropped {
                frame = None;
            }
            let read = measure(|| assert_eq!(read(&mut buffer, &mut &data[..]), 4096));
            assert_eq!(read.count_total == 0, dropped);
            assert!(buffer.peek() == data && frame.is_none_or(|frame| frame == data[..2000]));
            buffer.advance(4096).unwrap();
        }
    }

    fn a_block_that_came_from_elsewhere_is_freed() {
        let mut tail = BytesMut::with_capacity(4096);
        tail.extend_from_slice(b"tail");
        let mut buffer = HandoffBuffer::from_tail(tail, config(1 << 20)).unwrap();
        assert_eq!(measure(|| consume_and_wait(&mut buffer)).bytes_current, -4096);
    }
}
