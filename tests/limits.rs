//! The largest sizes, and failed allocations: each ends in an error that leaves the buffer as it
//! was. Separate from the other tests of the read half, some of which count allocations.

#[path = "read/support.rs"]
#[allow(dead_code, reason = "these tests use some of it")]
mod support;

use std::{
    io::{self, IoSliceMut},
    sync::{Mutex, OnceLock},
};

use futures_handoff::{
    BufferError, FrameError, HandoffBuffer, HandoffBufferConfig, LengthPrefix, bytes::BytesMut,
};
use futures_util::{AsyncBufReadExt, AsyncReadExt, StreamExt};
use support::*;

/// The largest that a configuration takes.
const MAX: usize = usize::MAX >> 1;

/// The configuration with which each read asks for more memory than there is.
///
/// With a `usize` of 32 bits, a process can allocate this much once: then it is taken here, and
/// kept.
fn largest() -> HandoffBufferConfig {
    static TAKEN: OnceLock<Mutex<Vec<HandoffBuffer>>> = OnceLock::new();
    TAKEN.get_or_init(|| {
        let taken = (0..4).map_while(|_| {
            let mut buffer = buffer(MAX);
            buffer.reserve_read_capacity(MAX).is_ok().then_some(buffer)
        });
        Mutex::new(taken.collect())
    });
    config(MAX).with_read_reserve(MAX).with_small_copy_max(MAX)
}

fn with_tail(tail: &str) -> HandoffBuffer {
    HandoffBuffer::from_tail(BytesMut::from(tail), largest()).unwrap()
}

fn is_out_of_memory(error: impl Into<io::Error>) -> bool {
    error.into().kind() == io::ErrorKind::OutOfMemory
}

#[test]
fn a_limit_of_more_than_an_allocation_can_have_is_that_much() {
    assert_eq!(HandoffBufferConfig::new(MAX + 1).max_len(), MAX);
}

#[test]
fn a_read_for_which_there_is_no_memory_is_an_error() {
    for tail in ["", "tail"] {
        let mut buffer = with_tail(tail);
        let mut reader = Script::new([]);
        for _ in 0..2 {
            let error = finish(buffer.read_available(&mut reader)).unwrap_err();
            assert!(matches!(error, BufferError::OutOfMemory { requested: MAX }), "{error}");
            assert_eq!(error.to_string(), format!("no memory for a read buffer block of {MAX} bytes"));
            assert!(is_out_of_memory(error));
            let error = finish(buffer.read_ready(&mut reader, usize::MAX)).unwrap_err();
            assert!(matches!(error, BufferError::OutOfMemory { requested: MAX }), "{error}");
        }
        let mut finder = LengthPrefix::big_endian(4);
        let error = next(&mut buffer, &mut reader, &mut finder).unwrap_err();
        assert!(matches!(error, FrameError::Buffer(BufferError::OutOfMemory { requested: MAX })), "{error}");
        let frame = finish(buffer.frames(&mut reader, finder).next()).unwrap();
        assert!(is_out_of_memory(frame.unwrap_err()));
        assert_eq!((buffer.peek(), reader.polls()), (tail.as_bytes(), 0));
    }
}

#[test]
fn reading_through_a_buffer_for_which_there_is_no_memory_is_an_error() {
    let mut reader = with_tail("").into_reader(Script::new([]));
    assert!(is_out_of_memory(finish(reader.read(&mut [0; 8])).unwrap_err()));
    assert!(is_out_of_memory(finish(reader.read_vectored(&mut [IoSliceMut::new(&mut [0; 8])])).unwrap_err()));
    assert!(is_out_of_memory(finish(reader.fill_buf()).unwrap_err()));
    assert_eq!(reader.get_ref().polls(), 0);
}

#[test]
fn room_that_cannot_be_had_is_an_error() {
    for tail in ["", "tail"] {
        let mut buffer = with_tail(tail);
        let capacity = buffer.capacity();
        let error = buffer.reserve_read_capacity(MAX - tail.len()).unwrap_err();
        assert!(error.to_string().ends_with(&format!("block of {MAX} bytes")), "{error}");
        assert!(is_out_of_memory(error));
        let error = buffer.reserve_read_capacity(usize::MAX).unwrap_err();
        assert!(matches!(error, BufferError::LimitExceeded { attempted: usize::MAX, limit: MAX }), "{error}");
        assert_eq!((buffer.peek(), buffer.capacity()), (tail.as_bytes(), capacity));
    }
    // After that the buffer works as before.
    let mut vast = buffer(MAX);
    assert!(is_out_of_memory(vast.reserve_read_capacity(MAX).unwrap_err()));
    assert_eq!(vast.capacity(), 0);
    read_all(&mut vast, b"still usable");
    assert_eq!(vast.peek(), b"still usable");
}

/// The requested room is less than a read, for which there is no memory.
#[test]
fn room_for_less_than_a_read_can_be_had() {
    let mut buffer = with_tail("tail");
    buffer.reserve_read_capacity(100).unwrap();
    assert!((104..MAX).contains(&buffer.capacity()));
    assert_eq!(read(&mut buffer, &mut &[b'+'; 200][..]), 100);
}

#[test]
fn what_is_there_can_be_taken_out_in_any_way() {
    let parse = |buffer: &mut HandoffBuffer| {
        let failed = buffer.parse(|cursor| {
            cursor.take(2).unwrap();
            Err::<(), _>(())
        });
        assert!(failed.is_err());
        assert_eq!(buffer.peek(), b"tail");
    };
    let config = config(MAX).with_read_reserve(MAX);
    for config in [largest(), config, config.with_small_copy_max(0)] {
        let mut buffer = HandoffBuffer::from_tail(BytesMut::from("tail"), config).unwrap();
        parse(&mut buffer);
        assert_eq!(buffer.split_prefix(1).unwrap(), "t");
        assert_eq!(buffer.split_prefix_mut(1).unwrap(), "a");
        assert!(buffer.split_prefix(usize::MAX).is_err() && buffer.advance(usize::MAX).is_err());
        buffer.advance(1).unwrap();
        assert_eq!(buffer.take_tail(), "l");
    }
}

#[test]
fn the_largest_read_size_costs_nothing_while_reads_are_small() {
    let config = config(MAX).with_read_size(64..=MAX);
    let mut buffer = HandoffBuffer::with_config(config);
    let mut reader = Script::bursts(&bytes(100_000), 100_000);
    while reader.given() < 100_000 {
        read(&mut buffer, &mut reader);
    }
    assert_eq!(buffer.peek(), bytes(100_000));
    assert!(buffer.capacity() < 1 << 20);
}

/// The test limits the memory of its process, so it runs in a process of its own.
#[cfg(target_os = "linux")]
#[test]
fn reads_that_have_grown_become_small_again_before_memory_is_short() {
    use std::{env, process::Command};

    const VARIABLE: &str = "HANDOFF_LIMITED_MEMORY";
    if env::var_os(VARIABLE).is_none() {
        let name = "reads_that_have_grown_become_small_again_before_memory_is_short";
        let script = "ulimit -v 400000 && exec \"$0\" \"$@\"";
        let limited = Command::new("sh")
            .args(["-c", script])
            .arg(env::current_exe().unwrap())
            .args([name, "--exact", "--test-threads=1"])
            .env(VARIABLE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&limited.stdout);
        assert!(limited.status.success() && said.contains("1 passed"), "{limited:?}");
        return;
    }
    let config = config(MAX).with_read_size(4096..=MAX);
    let mut buffer = HandoffBuffer::with_config(config);
    // Each read is filled, and so the next one is twice as large, until there is no memory for
    // that.
    let mut reads = Vec::new();
    for _ in 0..40 {
        reads.push(read(&mut buffer, &mut Liar));
        buffer.advance(buffer.len()).unwrap();
    }
    let grown = reads.iter().position(|n| *n > 32 << 20).expect("reads grow");
    assert!(reads[grown..].windows(2).any(|pair| pair[1] <= pair[0]), "{reads:?}");
    assert!(is_out_of_memory(buffer.reserve_read_capacity(1 << 30).unwrap_err()));
    assert_eq!(read(&mut buffer, &mut &b"on"[..]), 2);
    assert_eq!(buffer.peek(), b"on");
}
