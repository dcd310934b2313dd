//! What a buffer holds, and how bytes leave it.

use std::{fmt, io};

use crate::support::*;
use futures_handoff::{
    BufferError, Delimiter, Filled, Frames, HandoffBuffer, HandoffBufferConfig, HandoffReader, LengthPrefix,
    ParseCursor, Then, bytes::BytesMut,
};
#[test]
fn a_large_tail_takes_its_block_along_and_a_small_one_does_not() {
    // A quarter of the block is large.
    for (consumed, is_large) in [(4000, true), (8192 - 2048, true), (8000, false)] {
        let mut buffer = holding(8192, &bytes(8192));
        let capacity = buffer.capacity();
        buffer.advance(consumed).unwrap();
        let tail = buffer.take_tail();
        assert_eq!(tail, bytes(8192)[consumed..]);
        assert_eq!(buffer.capacity(), if is_large { 0 } else { capacity });
        assert!(if is_large { tail.capacity() >= capacity - consumed } else { tail.capacity() < 400 });
    }
}
#[test]
fn a_mutable_prefix_is_apart_from_the_tail() {
    for n in [3, 300, 3000, 4096] {
        let content = bytes(4096);
        let mut buffer = holding(4096, &content);
        let mut prefix = buffer.split_prefix_mut(n).unwrap();
        assert_eq!(prefix, content[..n]);
        prefix.fill(b'#');
        prefix.extend_from_slice(b"more");
        assert_eq!(buffer.peek(), &content[n..]);
    }
}

#[test]
fn prefixes_of_every_class_have_their_bytes() {
    let content = bytes(16384);
    for n in [0, 1, 256, 257, 512, 513, 4095, 4096, 12287, 12288, 16383, 16384] {
        let mut buffer = holding(16384, &content);
        assert_eq!(buffer.split_prefix(n).unwrap(), content[..n], "{n}");
        assert_eq!(buffer.peek(), &content[n..]);
        assert_eq!(buffer.freeze_all(), content[n..]);
        assert!(buffer.is_empty());
    }
}

#[test]
fn the_copy_rule_has_its_boundary_where_it_says() {
    let config = config(1024).with_small_copy_max(100);
    // The rest of the block shows whether the prefix was copied: a shared prefix takes its memory
    // along.
    let capacity_after = |n: usize| {
        let mut tail = BytesMut::with_capacity(128);
        tail.extend_from_slice(&[7; 128]);
        let mut buffer = HandoffBuffer::from_tail(tail, config).unwrap();
        assert_eq!(buffer.split_prefix(n).unwrap().len(), n);
        buffer.capacity()
    };
    assert_eq!(capacity_after(100), 128);
    assert_eq!(capacity_after(101), 27);
}

#[test]
fn copying_for_smallness_can_be_turned_off() {
    let config = config(1024).with_small_copy_max(0);
    let mut tail = BytesMut::with_capacity(16);
    tail.extend_from_slice(b"0123456789abcdef");
    let mut buffer = HandoffBuffer::from_tail(tail, config).unwrap();
    let at = buffer.peek().as_ptr();
    let shared = buffer.split_prefix(4).unwrap();
    assert_eq!(shared.as_ptr(), at);
    let copied = buffer.split_prefix(3).unwrap();
    assert_eq!(copied, "456");
    assert_eq!(buffer.capacity(), 12);
}

#[test]
fn reserved_room_serves_the_reads_it_was_made_for() {
    let mut buffer = holding(65536, b"xxhead");
    buffer.advance(2).unwrap();
    buffer.reserve_read_capacity(50_000).unwrap();
    let capacity = buffer.capacity();
    assert!((50_004..=65536).contains(&capacity));
    let data = bytes(50_000);
    let mut reader = Script::bursts(&data, 700);
    while buffer.len() < 50_004 {
        assert!(read(&mut buffer, &mut reader) > 0);
        assert_eq!(buffer.capacity(), capacity);
    }
    assert_eq!(&buffer.peek()[..4], b"head");
    assert_eq!(buffer.peek()[4..], data);
}

#[test]
fn reserved_room_outlasts_a_growing_read_size() {
    let mut buffer = buffer_of_reads(1000..=100_000);
    buffer.reserve_read_capacity(10_000).unwrap();
    let mut reader = &bytes(30_000)[..];
    let mut got = 0;
    while got < 10_000 {
        got += read(&mut buffer, &mut reader);
        if got < 10_000 {
            assert_eq!(buffer.capacity(), 10_000);
        }
        buffer.advance(buffer.len()).unwrap();
    }
    // After that a larger block replaces it.
    read(&mut buffer, &mut reader);
    assert!(buffer.capacity() > 10_000);
}

#[test]
fn room_asked_for_again_outlasts_a_read_size_that_has_outgrown_it() {
    let mut buffer = buffer_of_reads(1000..=100_000);
    buffer.reserve_read_capacity(10_000).unwrap();
    let mut reader = &bytes(30_000)[..];
    for n in [1000, 2000, 4000] {
        assert_eq!(read(&mut buffer, &mut reader), n);
        buffer.advance(n).unwrap();
    }
    buffer.reserve_read_capacity(10_000).unwrap();
    for n in [8000, 10_000] {
        assert_eq!(read(&mut buffer, &mut reader), n);
        assert_eq!(buffer.capacity(), 10_000);
        buffer.advance(n).unwrap();
    }
}

#[test]
fn reserving_room_that_is_there_changes_nothing() {
    let mut empty = buffer(16);
    empty.reserve_read_capacity(0).unwrap();
    assert_eq!(empty.capacity(), 0);
    let mut buffer = holding(65536, &bytes(4000));
    buffer.reserve_read_capacity(10_000).unwrap();
    buffer.advance(100).unwrap();
    let (at, capacity) = (buffer.peek().as_ptr(), buffer.capacity());
    for n in [1, 5000, 10_000] {
        buffer.reserve_read_capacity(n).unwrap();
        assert_eq!((buffer.peek().as_ptr(), buffer.capacity()), (at, capacity));
    }
}
#[test]
fn a_configuration_has_defaults_within_its_limit() {
    let config = config(1000);
    assert_eq!(config.read_size(), 1000..=1000);
    let defaults = HandoffBufferConfig::new(1 << 20);
    assert_eq!(defaults.max_len(), 1 << 20);
    assert_eq!(defaults.read_size(), 4096..=262_144);
    assert_eq!((defaults.small_copy_max(), defaults.spare_blocks()), (256, 2));
}
#[test]
fn debug_names_the_type_and_its_sizes_and_shows_no_payload() {
    fn shows(value: &dyn fmt::Debug, parts: &[&str]) {
        let shown = format!("{value:?}");
        assert!(parts.iter().all(|part| shown.contains(part)), "{shown} should show {parts:?}");
        // As text and as a list of numbers.
        assert!(!shown.contains("secret") && !shown.contains("115, 101"), "{shown}");
    }
    let mut buffer = holding(64, b"secret");
    let mut reader = Script::new([]);
    let lines = Delimiter::new("secret");
    let all = ["HandoffBuffer", "len: 6", "max_len: 64", "capacity: 64"];
    shows(&buffer, &all);
    shows(
        &buffer.frames(&mut reader, LengthPrefix::big_endian(1)),
        &[&all[..], &["Frames", "done: false"]].concat(),
    );
    shows(&lines, &["Delimiter", "len: 6"]);
    shows(&LengthPrefix::big_endian(1), &["LengthPrefix"]);
    let parsed = buffer.parse(|cursor| {
        cursor.advance(2)?;
        shows(cursor, &["ParseCursor", "consumed: 2", "len: 4"]);
        cursor.advance(5)
    });
    assert!(parsed.is_err());
    let error = HandoffBuffer::from_tail(BytesMut::from("secret"), config(5)).unwrap_err();
    shows(&error, &["TailTooLong", "len: 6", "limit: 5"]);
    shows(&buffer.into_reader(io::empty()), &[&all[..], &["HandoffReader"]].concat());
}
#[test]
fn the_types_go_where_they_must() {
    fn sent<T: Send + Sync + Unpin>() {}
    sent::<HandoffBuffer>();
    sent::<HandoffBufferConfig>();
    sent::<ParseCursor<'_>>();
    sent::<Frames<'_, io::Empty, LengthPrefix>>();
    sent::<HandoffReader<io::Empty>>();
    sent::<Filled>();
    sent::<Then>();
    sent::<BufferError>();
    sent::<futures_handoff::FrameError>();
    fn future<T: Send + Sync + Unpin>(_: T) {}
    let (mut buffer, mut finder) = (buffer(8), LengthPrefix::big_endian(1));
    let mut reader: &[u8] = b"";
    future(buffer.read_available(&mut reader));
    future(buffer.read_ready(&mut reader, 1));
    future(buffer.fill_to(&mut reader, 1));
    future(buffer.next_frame(&mut reader, &mut finder));
    future(buffer.skip_frame(&mut reader, &mut finder));
    fn unpin<T: Unpin>() {}
    unpin::<Frames<'_, io::Empty, std::marker::PhantomPinned>>();
}
