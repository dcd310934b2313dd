//! Parsing commits all or nothing.

mod read_parts;

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_handoff::{HandoffBuffer, SplitError, bytes::Bytes};
use read_parts::*;

#[test]
fn commits_once_what_was_consumed() {
    let mut buffer = holding(64, b"one two three");
    let parsed = buffer.parse(|cursor| {
        assert_eq!((cursor.consumed(), cursor.len(), cursor.is_empty()), (0, 13, false));
        let one = cursor.take(3)?;
        cursor.advance(1)?;
        let two = cursor.take(3)?;
        assert_eq!((cursor.consumed(), cursor.len()), (7, 6));
        assert_eq!(cursor.remaining(), b" three");
        Ok::<_, SplitError>((one, two))
    });
    let (one, two) = parsed.unwrap();
    assert_eq!((&one[..], &two[..]), (&b"one"[..], &b"two"[..]));
    assert_eq!(buffer.peek(), b" three");
    buffer
        .parse(|cursor| {
            cursor.advance_all();
            assert!(cursor.is_empty());
            Ok::<_, ()>(())
        })
        .unwrap();
    assert!(buffer.is_empty());
}

#[test]
fn an_error_undoes_everything() {
    let content = bytes(8192);
    let mut buffer = holding(8192, &content);
    let mut kept = Vec::new();
    let result = buffer.parse(|cursor| {
        kept.push(cursor.take(100).unwrap());
        cursor.advance(7).unwrap();
        kept.push(cursor.take(3000).unwrap());
        cursor.advance(5).unwrap();
        kept.push(cursor.take(2500).unwrap());
        kept.push(cursor.take(2).unwrap());
        let error = cursor.take(4000).unwrap_err();
        assert_eq!(cursor.consumed(), 5614);
        assert_eq!(cursor.remaining(), &content[5614..]);
        Err::<(), _>(error)
    });
    assert_eq!(result.unwrap_err().available, 8192 - 5614);
    assert_eq!(buffer.peek(), content);
    // Frames that the parser smuggled out stay what they were, whatever the buffer does next.
    buffer.advance(8192).unwrap();
    let mut reader: &[u8] = &[b'#'; 5000];
    finish(buffer.read_available(&mut reader)).unwrap();
    let expected = [&content[..100], &content[107..3107], &content[3112..5612], &content[5612..5614]];
    assert_eq!(kept, expected);
}

#[test]
fn an_undone_take_of_the_whole_block_is_put_back() {
    let content = bytes(4096);
    let mut buffer = holding(4096, &content);
    let mut kept = Bytes::new();
    let failed = buffer.parse(|cursor| {
        kept = cursor.take(4096).unwrap();
        assert!(cursor.is_empty());
        Err::<(), _>(())
    });
    assert!(failed.is_err());
    assert_eq!(buffer.peek(), content);
    buffer.advance(4096).unwrap();
    let mut reader: &[u8] = &[b'#'; 4096];
    for _ in 0..3 {
        finish(buffer.read_available(&mut reader)).unwrap();
        drop(buffer.freeze_all());
    }
    assert_eq!(kept, content);
}

#[test]
fn a_panic_commits_nothing_and_leaves_the_buffer_usable() {
    let content = bytes(8192);
    let mut buffer = holding(8192, &content);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        buffer.parse(|cursor| -> Result<(), ()> {
            let _frame = cursor.take(5000);
            cursor.advance(10).unwrap();
            panic!("parser");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(buffer.peek(), content);
    assert_eq!(buffer.split_prefix(5000).unwrap(), content[..5000]);
    let mut reader: &[u8] = b"more";
    finish(buffer.read_available(&mut reader)).unwrap();
    assert_eq!(buffer.len(), 3196);
}

#[test]
fn bounds_are_checked_and_nothing_is_consumed_on_error() {
    let mut buffer = holding(64, b"hello");
    buffer
        .parse(|cursor| {
            cursor.advance(2)?;
            for n in [4, usize::MAX] {
                let split = cursor.take(n).unwrap_err();
                assert_eq!((split.requested, split.available), (n, 3));
                assert_eq!(cursor.advance(n).unwrap_err(), split);
            }
            assert_eq!(cursor.take(0)?, "");
            Ok::<_, SplitError>(())
        })
        .unwrap();
    assert_eq!(buffer.peek(), b"llo");
}

/// Two lines at a time, by searching; fails until both are there.
fn two_lines(buffer: &mut HandoffBuffer) -> Option<(Bytes, Bytes)> {
    let lines = buffer.parse(|cursor| {
        let mut line = || {
            let end = cursor.find(b"\n").ok_or(())?;
            cursor.take(end + 1).map_err(|_| ())
        };
        Ok::<_, ()>((line()?, line()?))
    });
    lines.ok()
}

#[test]
fn searches_in_a_parser_resume_and_are_right() {
    let mut text = bytes(3000);
    text.retain(|byte| *byte != b'\n');
    let (first, second) = text.split_at(1000);
    let stream = [first, b"\n", second, b"\n", b"x\n\ny"].concat();
    let mut buffer = buffer(8192);
    let mut reader = Script::bursts(&stream, 17);
    let mut got = Vec::new();
    while finish(buffer.read_available(&mut reader)).unwrap() > 0 {
        got.extend(two_lines(&mut buffer));
    }
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].0, [first, b"\n"].concat());
    assert_eq!(got[0].1, [second, b"\n"].concat());
    assert_eq!((&got[1].0[..], &got[1].1[..]), (&b"x\n"[..], &b"\n"[..]));
    assert_eq!(buffer.peek(), b"y");
    assert_eq!(buffer.find(b"\n"), None);
    assert_eq!(buffer.find(b"y"), Some(0));
}

#[test]
fn a_buffer_search_after_one_from_the_middle_misses_nothing() {
    let mut buffer = holding(64, b"a,b;c,d");
    buffer
        .parse(|cursor| {
            cursor.advance(4)?;
            assert_eq!(cursor.find(b","), Some(1));
            Err::<(), _>(SplitError::clone(&cursor.advance(9).unwrap_err()))
        })
        .unwrap_err();
    assert_eq!(buffer.find(b","), Some(1));
    buffer.advance(2).unwrap();
    assert_eq!(buffer.find(b","), Some(3));
}

#[test]
fn a_search_behind_a_large_frame_is_right_afterwards() {
    let content = bytes(4096);
    let mut buffer = HandoffBuffer::with_config(config(8192));
    buffer.reserve_read_capacity(4096).unwrap();
    let mut reader = &content[..];
    while !reader.is_empty() {
        finish(buffer.read_available(&mut reader)).unwrap();
    }
    let needle = [1, 1, 1];
    buffer
        .parse(|cursor| {
            cursor.take(3000)?;
            assert_eq!(cursor.find(&needle), None);
            Ok::<_, SplitError>(())
        })
        .unwrap();
    assert_eq!(buffer.find(&needle), None);
    let mut reader: &[u8] = &needle;
    finish(buffer.read_available(&mut reader)).unwrap();
    assert_eq!(buffer.find(&needle), Some(1096));
}
