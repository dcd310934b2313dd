//! Parsing commits all or nothing, and up to a checkpoint; and what parsers cost that fail for want of bytes, again and again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_handoff::{BufferError, HandoffBuffer, ParseCursor, bytes::Bytes};

use crate::support::*;

#[test]
fn commits_once_what_was_consumed() {
    let mut buffer = holding(64, b"one two three");
    let parsed = buffer.parse(|cursor| {
        assert_eq!(
            (cursor.consumed(), cursor.remaining().len(), cursor.remaining().is_empty()),
            (0, 13, false)
        );
        let one = cursor.take(3)?;
        cursor.advance(1)?;
        let two = cursor.take(3)?;
        assert_eq!((cursor.consumed(), cursor.remaining().len()), (7, 6));
        assert_eq!(cursor.remaining(), b" three");
        Ok::<_, BufferError>((one, two))
    });
    assert_eq!(parsed.unwrap(), (Bytes::from("one"), Bytes::from("two")));
    assert_eq!(buffer.peek(), b" three");
    let parsed = buffer.parse(|cursor| {
        cursor.advance(cursor.remaining().len()).unwrap();
        assert!(cursor.remaining().is_empty());
        Ok::<_, ()>(())
    });
    assert!(parsed.is_ok() && buffer.is_empty());
}

#[test]
fn bounds_are_checked_and_nothing_is_consumed_on_error() {
    let mut buffer = holding(64, b"hello");
    let parsed = buffer.parse(|cursor| {
        cursor.advance(2)?;
        for n in [4, usize::MAX] {
            assert_eq!(cursor.take(n).unwrap_err().missing(), Some(n - 3));
            assert_eq!(cursor.advance(n).unwrap_err().missing(), Some(n - 3));
        }
        assert_eq!(cursor.take(0)?, "");
        Ok::<_, BufferError>(())
    });
    assert!(parsed.is_ok());
    assert_eq!(buffer.peek(), b"llo");
}

/// Frames that the parser smuggled out stay what they were, whatever the buffer does next.
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
    assert_eq!(result.unwrap_err().missing(), Some(4000 - (8192 - 5614)));
    assert_eq!(buffer.peek(), content);
    // A block that was taken whole is put back as well.
    let failed = buffer.parse(|cursor| {
        kept.push(cursor.take(8192).unwrap());
        assert!(cursor.remaining().is_empty());
        Err::<(), _>(())
    });
    assert!(failed.is_err());
    assert_eq!(buffer.peek(), content);
    buffer.advance(8192).unwrap();
    for _ in 0..3 {
        read_all(&mut buffer, &[b'#'; 8192]);
        drop(buffer.freeze_all());
    }
    let expected =
        [&content[..100], &content[107..3107], &content[3112..5612], &content[5612..5614], &content];
    assert_eq!(kept, expected);
}

#[test]
fn what_is_before_a_checkpoint_stays_consumed_if_the_parser_fails_or_panics() {
    let content = bytes(8192);
    for (checkpoint, n) in [(false, 5000), (true, 3000), (true, 30)] {
        for panics in [false, true] {
            let mut buffer = holding(8192, &content);
            let parsed = catch_unwind(AssertUnwindSafe(|| {
                buffer.parse(|cursor| {
                    assert_eq!(cursor.take(n).unwrap(), content[..n]);
                    cursor.advance(5).unwrap();
                    if checkpoint {
                        cursor.checkpoint();
                        assert_eq!(cursor.consumed(), n + 5);
                        assert_eq!(cursor.take(n).unwrap(), content[n + 5..2 * n + 5]);
                        cursor.advance(1).unwrap();
                        assert_eq!(cursor.consumed(), 2 * n + 6);
                        assert_eq!(cursor.remaining(), &content[2 * n + 6..]);
                    }
                    if panics { panic!("parser") } else { Err::<(), _>(()) }
                })
            }));
            assert_eq!(parsed.is_err(), panics);
            let left = &content[if checkpoint { n + 5 } else { 0 }..];
            assert_eq!(buffer.peek(), left);
            assert_eq!(buffer.split_prefix(1000).unwrap(), left[..1000]);
            read_all(&mut buffer, b"more");
            assert_eq!(buffer.peek(), [&left[1000..], b"more"].concat());
        }
    }
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
    while read(&mut buffer, &mut reader) > 0 {
        got.extend(two_lines(&mut buffer));
    }
    assert_eq!(got.len(), 2);
    assert_eq!(got[0], ([first, b"\n"].concat().into(), [second, b"\n"].concat().into()));
    assert_eq!(got[1], ("x\n".into(), "\n".into()));
    assert_eq!(buffer.peek(), b"y");
    assert_eq!((buffer.find(b"\n"), buffer.find(b"y")), (None, Some(0)));
}

#[test]
fn a_search_after_one_from_the_middle_misses_nothing() {
    let mut buffer = holding(64, b"a,b;c,d");
    let failed = buffer.parse(|cursor| {
        cursor.advance(4)?;
        assert_eq!(cursor.find(b","), Some(1));
        Err::<(), _>(cursor.advance(9).unwrap_err())
    });
    assert!(failed.is_err());
    assert_eq!(buffer.find(b","), Some(1));
    buffer.advance(2).unwrap();
    assert_eq!(buffer.find(b","), Some(3));
}

#[test]
fn a_search_behind_a_checkpoint_finds_what_is_there() {
    let mut buffer = holding(64, b"a,b;c,d;");
    let failed = buffer.parse(|cursor| {
        assert_eq!(cursor.find(b";"), Some(3));
        cursor.advance(2).unwrap();
        cursor.checkpoint();
        assert_eq!((cursor.find(b","), cursor.find(b";")), (Some(3), Some(1)));
        cursor.advance(2).unwrap();
        assert_eq!((cursor.find(b","), cursor.find(b";")), (Some(1), Some(3)));
        Err::<(), _>(())
    });
    assert!(failed.is_err());
    assert_eq!((buffer.find(b","), buffer.find(b";")), (Some(3), Some(1)));
    assert_eq!(buffer.peek(), b"b;c,d;");
}

#[test]
fn a_search_behind_a_large_frame_is_right_afterwards() {
    let needle = [1, 1, 1];
    let mut buffer = holding(8192, &bytes(4096));
    let parsed = buffer.parse(|cursor| {
        cursor.take(3000)?;
        assert_eq!(cursor.find(&needle), None);
        Ok::<_, BufferError>(())
    });
    assert!(parsed.is_ok());
    assert_eq!(buffer.find(&needle), None);
    read_all(&mut buffer, &needle);
    assert_eq!(buffer.find(&needle), Some(1096));
}

/// How often what is buffered was moved by parsers that fail after each of many small reads: each takes three frames, which go
/// to `keep`, and fails for want of a fourth one.
fn moves(buffer: &mut HandoffBuffer, content: &[u8], mut keep: impl FnMut(Bytes)) -> usize {
    let mut moved = 0;
    let mut arrived = buffer.len();
    while arrived < content.len() {
        arrived += read(buffer, &mut &content[arrived..content.len().min(arrived + 64)]);
        let before = (buffer.peek().as_ptr(), buffer.capacity());
        let failed = buffer.parse(|cursor| {
            cursor.advance(4)?;
            keep(cursor.take(30_000)?);
            cursor.advance(6)?;
            keep(cursor.take(20_000)?);
            keep(cursor.take(10)?);
            cursor.take(1 << 20)
        });
        assert!(failed.is_err());
        assert_eq!(buffer.peek(), &content[..arrived]);
        moved += usize::from((buffer.peek().as_ptr(), buffer.capacity()) != before);
    }
    moved
}

#[test]
fn undoing_frames_that_were_dropped_moves_nothing_and_once_after_a_parser_that_did_not_fail() {
    let content = bytes(60_000);
    for succeeds in [false, true] {
        let mut buffer = holding(1 << 20, &content[..51_000]);
        if succeeds {
            buffer.parse(|cursor| cursor.advance(0)).unwrap();
        }
        assert_eq!(moves(&mut buffer, &content, drop), usize::from(succeeds));
        assert_eq!(buffer.split_prefix(60_000).unwrap(), content);
        read_all(&mut buffer, b"more");
        assert_eq!(buffer.peek(), b"more");
    }
}

#[test]
fn frames_that_a_failed_parser_kept_stay_what_they_were() {
    let content = bytes(52_000);
    for keeps in [1, 2, 3] {
        let mut buffer = holding(1 << 20, &content[..51_000]);
        let mut kept = Vec::new();
        let mut taken = 0;
        let moved = moves(&mut buffer, &content, |frame| {
            // Of the three frames that it takes, one or all.
            taken += 1;
            if keeps == 3 || taken % 3 == keeps {
                kept.push(frame);
            }
        });
        assert!(keeps > 1 || moved > 10, "{moved}");
        assert_eq!(buffer.freeze_all(), content);
        read_all(&mut buffer, &[b'#'; 51_000]);
        let frames = [&content[4..30_004], &content[30_010..50_010], &content[50_010..50_020]];
        assert!(kept.iter().all(|kept| frames.iter().any(|frame| kept == frame)));
    }
}

/// An array of RESP: its length, and as many strings.
#[derive(Default)]
struct Array {
    left: Option<usize>,
    strings: Vec<Bytes>,
    /// How often a part was looked at.
    steps: usize,
}

impl Array {
    fn number(&mut self, cursor: &mut ParseCursor<'_>, kind: u8) -> Result<usize, BufferError> {
        self.steps += 1;
        let Some(end) = cursor.find(b"\r\n") else {
            return cursor.advance(cursor.remaining().len() + 1).map(|()| 0);
        };
        let line = cursor.take(end + 2)?;
        assert_eq!(line[0], kind);
        Ok(std::str::from_utf8(&line[1..end]).unwrap().parse().unwrap())
    }

    /// Goes on where it stopped; `false` keeps no place.
    fn parse(&mut self, cursor: &mut ParseCursor<'_>, keeps: bool) -> Result<(), BufferError> {
        let mut left = match self.left {
            Some(left) => left,
            None => self.number(cursor, b'*')?,
        };
        while left > 0 {
            let len = self.number(cursor, b'$')?;
            let string = cursor.take(len)?;
            cursor.advance(2)?;
            left -= 1;
            if keeps {
                self.left = Some(left);
                self.strings.push(string);
                cursor.checkpoint();
            }
        }
        Ok(())
    }
}

fn steps(strings: usize, keeps: bool) -> (usize, usize) {
    let mut stream = format!("*{strings}\r\n").into_bytes();
    for n in 0..strings {
        stream.extend_from_slice(format!("${}\r\n{n}\r\n", n.to_string().len()).as_bytes());
    }
    let mut buffer = buffer(stream.len());
    let mut array = Array::default();
    let mut reads = 0;
    for piece in stream.chunks(64) {
        read_all(&mut buffer, piece);
        reads += 1;
        let done = buffer.parse(|cursor| array.parse(cursor, keeps));
        assert_eq!(done.is_ok(), reads == stream.len().div_ceil(64));
    }
    assert!(buffer.is_empty());
    assert!(!keeps || array.strings.iter().enumerate().all(|(n, string)| *string == n.to_string()));
    (array.steps, reads)
}

#[test]
fn a_parser_with_checkpoints_looks_at_each_part_once_and_once_more_for_each_read() {
    let (with, reads) = steps(100_000, true);
    assert!(with <= 100_001 + reads, "{with} steps in {reads} reads");
    // One without them starts over: there is a difference to be seen.
    let (without, reads) = steps(1000, false);
    assert!(without > 10 * (1001 + reads), "{without} steps in {reads} reads");
}

#[test]
fn a_parser_tells_how_many_bytes_it_lacks() {
    let message = [&[200][..], &bytes(200)].concat();
    let mut buffer = buffer(1024);
    let mut reader = Script::bursts(&message, 10);
    let mut parses = 0;
    let frame = loop {
        parses += 1;
        let parsed = buffer.parse(|cursor| {
            let header = cursor.take(1)?;
            cursor.take(usize::from(header[0]))
        });
        match parsed {
            Ok(frame) => break frame,
            Err(split) => {
                let enough = buffer.len() + split.missing().unwrap();
                while buffer.len() < enough {
                    read(&mut buffer, &mut reader);
                }
            }
        }
    };
    assert_eq!((&frame[..], parses), (&message[1..], 3));
}
