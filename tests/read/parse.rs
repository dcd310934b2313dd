//! Parsing commits all or nothing, or up to a checkpoint. And the cost of parsers that fail again
//! and again because bytes are missing.

use futures_handoff::{BufferError, HandoffBuffer, bytes::Bytes};

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

/// Frames that the parser kept stay unchanged, whatever the buffer does next.
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
    // A block that was taken as a whole is put back too.
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

/// How often the buffered bytes were moved by parsers that fail after each of many small reads:
/// each takes three frames, which go to `keep`, and fails because a fourth one is missing.
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

/// How often a parser that needs this many lines, which arrive in small reads, looked at a part,
/// and how many reads there were. It goes on where it stopped if it `keeps` its place, or starts
/// over.
fn steps(lines: usize, keeps: bool) -> (usize, usize) {
    let stream: Vec<u8> = (0..lines).flat_map(|n| format!("{n}\r\n").into_bytes()).collect();
    let mut buffer = buffer(stream.len());
    let (mut steps, mut reads, mut kept) = (0, 0, Vec::new());
    for piece in stream.chunks(64) {
        read_all(&mut buffer, piece);
        reads += 1;
        let done = buffer.parse(|cursor| {
            let mut taken = kept.len();
            while taken < lines {
                steps += 1;
                let end = cursor.find(b"\r\n").ok_or(())?;
                let line = cursor.take(end + 2).map_err(drop)?;
                taken += 1;
                if keeps {
                    kept.push(line);
                    cursor.checkpoint();
                }
            }
            Ok::<_, ()>(())
        });
        assert_eq!(done.is_ok(), reads == stream.len().div_ceil(64));
    }
    assert!(buffer.is_empty());
    assert!(kept.iter().enumerate().all(|(n, line)| *line == format!("{n}\r\n")));
    (steps, reads)
}

#[test]
fn a_parser_with_checkpoints_looks_at_each_part_once_and_once_more_for_each_read() {
    let (with, reads) = steps(100_000, true);
    assert!(with <= 100_001 + reads, "{with} steps in {reads} reads");
    // Without `keeps` it starts over, and the difference shows.
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
