//! What parsers cost that fail for want of bytes, again and again.

mod read_parts;

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_handoff::{HandoffBuffer, ParseCursor, SplitError, bytes::Bytes};
use read_parts::*;

/// Takes two large frames and fails for want of a third one.
fn fails(buffer: &mut HandoffBuffer, mut keep: impl FnMut(Bytes)) {
    let failed = buffer.parse(|cursor| {
        cursor.advance(4)?;
        keep(cursor.take(30_000)?);
        cursor.advance(6)?;
        keep(cursor.take(20_000)?);
        keep(cursor.take(10)?);
        cursor.take(1 << 20)
    });
    assert!(failed.is_err());
}

/// How often what is buffered was moved by parsers that fail after each of many small reads.
fn moves(buffer: &mut HandoffBuffer, content: &[u8], mut keep: impl FnMut(Bytes)) -> usize {
    let mut moved = 0;
    let mut arrived = buffer.len();
    while arrived < content.len() {
        let mut reader = &content[arrived..content.len().min(arrived + 64)];
        arrived += finish(buffer.read_available(&mut reader)).unwrap();
        let before = (buffer.peek().as_ptr(), buffer.capacity());
        fails(buffer, &mut keep);
        assert_eq!(buffer.peek(), &content[..arrived]);
        moved += usize::from((buffer.peek().as_ptr(), buffer.capacity()) != before);
    }
    moved
}

#[test]
fn undoing_frames_that_were_dropped_moves_nothing() {
    let content = bytes(60_000);
    let mut buffer = holding(1 << 20, &content[..51_000]);
    assert_eq!(moves(&mut buffer, &content, drop), 0);
    assert_eq!(buffer.split_prefix(60_000).unwrap(), content);
    let mut reader: &[u8] = b"more";
    finish(buffer.read_available(&mut reader)).unwrap();
    assert_eq!(buffer.peek(), b"more");
}

#[test]
fn after_a_parser_that_did_not_fail_undoing_moves_once() {
    let content = bytes(60_000);
    let mut buffer = holding(1 << 20, &content[..51_000]);
    buffer.parse(|cursor| cursor.advance(0)).unwrap();
    assert_eq!(moves(&mut buffer, &content, drop), 1);
    buffer.parse(|cursor| cursor.take(50_000)).unwrap();
    assert_eq!(buffer.peek(), &content[50_000..]);
}

#[test]
fn frames_that_a_failed_parser_kept_stay_what_they_were() {
    let content = bytes(52_000);
    let mut buffer = holding(1 << 20, &content[..51_000]);
    for keeps in [1, 2, 3] {
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
        let after = buffer.freeze_all();
        assert_eq!(after, content);
        drop(after);
        let mut reader = &vec![b'#'; 51_000][..];
        while !reader.is_empty() {
            finish(buffer.read_available(&mut reader)).unwrap();
        }
        let frames = [&content[4..30_004], &content[30_010..50_010], &content[50_010..50_020]];
        assert!(kept.iter().all(|kept| frames.iter().any(|frame| kept == frame)));
        buffer = holding(1 << 20, &content[..51_000]);
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
    fn number(&mut self, cursor: &mut ParseCursor<'_>, kind: u8) -> Result<usize, SplitError> {
        self.steps += 1;
        let Some(end) = cursor.find(b"\r\n") else {
            return cursor.advance(cursor.len() + 1).map(|()| 0);
        };
        let line = cursor.take(end + 2)?;
        assert_eq!(line[0], kind);
        Ok(std::str::from_utf8(&line[1..end]).unwrap().parse().unwrap())
    }

    /// Goes on where it stopped; `false` keeps no place.
    fn parse(&mut self, cursor: &mut ParseCursor<'_>, keeps: bool) -> Result<(), SplitError> {
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
        let mut reader = piece;
        while !reader.is_empty() {
            finish(buffer.read_available(&mut reader)).unwrap();
        }
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
    let (steps, reads) = steps(100_000, true);
    assert!(steps <= 100_001 + reads, "{steps} steps in {reads} reads");
}

/// What is measured above is there to be seen.
#[test]
fn a_parser_without_checkpoints_starts_over() {
    let (steps, reads) = steps(1000, false);
    assert!(steps > 10 * (1001 + reads), "{steps} steps in {reads} reads");
}

#[test]
fn what_is_before_a_checkpoint_stays_consumed_if_the_parser_fails_or_panics() {
    let content = bytes(8192);
    for large in [false, true] {
        for panics in [false, true] {
            let mut buffer = holding(8192, &content);
            let n = if large { 3000 } else { 30 };
            let parsed = catch_unwind(AssertUnwindSafe(|| {
                buffer.parse(|cursor| {
                    assert_eq!(cursor.take(n).unwrap(), content[..n]);
                    cursor.advance(5).unwrap();
                    cursor.checkpoint();
                    assert_eq!(cursor.consumed(), n + 5);
                    assert_eq!(cursor.take(n).unwrap(), content[n + 5..2 * n + 5]);
                    cursor.advance(1).unwrap();
                    assert_eq!(cursor.consumed(), 2 * n + 6);
                    assert_eq!(cursor.remaining(), &content[2 * n + 6..]);
                    if panics { panic!("parser") } else { Err::<(), _>(()) }
                })
            }));
            assert_eq!(parsed.is_err(), panics);
            assert_eq!(buffer.peek(), &content[n + 5..]);
        }
    }
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
                let enough = buffer.len() + SplitError::missing(&split);
                while buffer.len() < enough {
                    finish(buffer.read_available(&mut reader)).unwrap();
                }
            }
        }
    };
    assert_eq!((&frame[..], parses), (&message[1..], 3));
}
