//! Frames that are too long are detected however they arrive, and skipped; bytes that are not a
//! frame are rejected.

use std::io;

use crate::support::*;
use futures_handoff::{Delimiter, Found, FrameError, FrameFinder, HandoffBuffer, LengthPrefix};
use futures_util::{FutureExt, StreamExt};

/// A frame of 14 bytes and its end, then one that fits in 8.
const LINES: &[u8] = b"aaaaaaaaaaaaaa\nok\n";
const LENGTHS: &[u8] = b"\x00\x0eaaaaaaaaaaaaaa\x00\x02ok";

/// Reports the length of a frame once its header is there.
fn announced(buffered: &[u8], _: usize) -> Found {
    match *buffered {
        [high, low, ..] => Found::Length(2 + usize::from(u16::from_be_bytes([high, low]))),
        _ => Found::Need(2),
    }
}

/// Knows nothing of a frame before its end.
fn unannounced(buffered: &[u8], _: usize) -> Found {
    match buffered.iter().position(|byte| *byte == b'\n') {
        Some(at) => Found::Frame(at + 1),
        None => Found::Need(0),
    }
}

/// A frame that is too long, then one that fits, with the expectations for each way of skipping.
fn skips(stream: &[u8], mut finder: impl FrameFinder, first: usize, last: &[u8]) {
    for size in 1..=stream.len() {
        for paced in [false, true] {
            let mut buffer = buffer(8);
            let mut reader = if paced { Script::paced(stream, size) } else { Script::bursts(stream, size) };
            let result = next(&mut buffer, &mut reader, &mut finder);
            assert!(matches!(result, Err(FrameError::TooLong { limit: 8, .. })), "{result:?}");
            assert_eq!(finish(buffer.skip_frame(&mut reader, &mut finder)).unwrap(), first as u64);
            assert!(buffer.capacity() <= 8);
            assert_eq!(frame(&mut buffer, &mut reader, &mut finder), *last);
            assert_eq!(next(&mut buffer, &mut reader, &mut finder).unwrap(), None);
            assert_eq!(finish(buffer.skip_frame(&mut reader, &mut finder)).unwrap(), 0);
        }
    }
}

#[test]
fn a_frame_that_is_too_long_is_left_behind_and_the_next_one_comes_whole() {
    skips(LINES, Delimiter::new("\n"), 15, b"ok\n");
    // One byte too many.
    skips(b"12345678\nok\n", Delimiter::new("\n"), 9, b"ok\n");
    skips(b"1234567\r\nk\r\n", Delimiter::new("\r\n"), 9, b"k\r\n");
    skips(b"aaaaaaaaaaaaaa\r\r\nok\r\n", Delimiter::new("\r\n"), 17, b"ok\r\n");
    skips(b"aaaa123456aaaa1234567k1234567", Delimiter::new("1234567"), 21, b"k1234567");
    skips(LENGTHS, LengthPrefix::big_endian(2), 16, b"\x00\x02ok");
    skips(LENGTHS, announced, 16, b"\x00\x02ok");
    let mut inner = LengthPrefix::big_endian(2);
    skips(LENGTHS, move |buffered: &[u8], searched| inner.find_frame(buffered, searched), 16, b"\x00\x02ok");
}

#[test]
fn a_stream_of_frames_goes_on_behind_one_that_is_longer_than_its_finder_or_its_buffer_allows() {
    let limited = [(64, Delimiter::new("\n").with_max_frame_len(8)), (8, Delimiter::new("\n"))];
    for (max_len, finder) in limited {
        for size in [1, 7, 1000] {
            let mut buffer = buffer(max_len);
            let mut reader = Script::paced(b"first\na line that is too long\nlast\n", size);
            let mut lines = buffer.frames(&mut reader, finder);
            let (mut short, mut skipped) = (Vec::new(), 0);
            while let Some(line) = finish(lines.next()) {
                match line {
                    Ok(line) => short.push(line),
                    Err(FrameError::TooLong { limit: 8, .. }) => {
                        assert!(finish(lines.next()).is_none(), "it stays ended until the frame is skipped");
                        skipped += finish(lines.skip_frame()).unwrap();
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            assert_eq!(short, ["first\n", "last\n"], "{max_len}, in pieces of {size}");
            assert_eq!(skipped, 24, "{max_len}, in pieces of {size}");
        }
    }
}

#[test]
fn whether_a_frame_is_too_long_does_not_depend_on_how_it_arrives() {
    for size in 1..=5 {
        for (limit, fits) in [(4, false), (5, true)] {
            for needle in [true, false] {
                let mut buffer = buffer(limit);
                let mut reader = Script::paced(b"xyz\r\n", size);
                let mut lines = Delimiter::new("\r\n");
                let mut wrapped =
                    |buffered: &[u8], searched| Delimiter::new("\r\n").find_frame(buffered, searched);
                let finder: &mut dyn FrameFinder = if needle { &mut lines } else { &mut wrapped };
                match finish(buffer.next_frame(&mut reader, finder)) {
                    Ok(Some(frame)) => assert!(fits && frame == "xyz\r\n", "{limit} {frame:?}"),
                    Err(FrameError::TooLong { needed: 5, limit: 4 }) => assert!(!fits),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

#[test]
fn a_frame_whose_end_cannot_be_known_stays_too_long() {
    let cases: [(&mut dyn FrameFinder, &[u8]); 4] = [
        (&mut unannounced, b"aaaaaaaa\n"),
        (&mut LengthPrefix::big_endian(8), &[0xff; 9]),
        (&mut Delimiter::new("needle of nine"), b"aaaaaaaaa"),
        (&mut |buffered: &[u8], _| Found::Need(buffered.len() + 1), b"aaaaaaaaa"),
    ];
    for (finder, stream) in cases {
        let mut buffer = buffer(8);
        let mut reader = stream;
        for _ in 0..2 {
            let result = finish(buffer.skip_frame(&mut reader, finder));
            assert!(matches!(result, Err(FrameError::TooLong { limit: 8, .. })), "{result:?}");
            assert_eq!(buffer.peek(), &stream[..8], "nothing is consumed");
        }
    }
}

#[test]
fn a_frame_that_fits_is_left_behind_as_well() {
    for finder in [&mut Delimiter::new("\n") as &mut dyn FrameFinder, &mut unannounced] {
        let mut buffer = buffer(8);
        let mut reader = Script::paced(b"four\nnext\n", 3);
        assert_eq!(finish(buffer.skip_frame(&mut reader, finder)).unwrap(), 5);
        assert_eq!(finish(buffer.next_frame(&mut reader, finder)).unwrap().unwrap(), "next\n");
    }
}

/// Gives up skipping after each number of polls, and takes the next frame as `then` does.
fn given_up(
    stream: &[u8],
    finder: impl FrameFinder + Copy,
    then: impl Fn(&mut HandoffBuffer, &mut Script) -> Vec<u8>,
) {
    let mut most = 0;
    for polls in 1.. {
        let mut buffer = buffer(8);
        let mut reader = Script::paced(stream, 1);
        let mut finder = finder;
        let skipped = {
            let mut future = std::pin::pin!(buffer.skip_frame(&mut reader, &mut finder));
            (0..polls).any(|_| poll_once(future.as_mut()).is_ready())
        };
        assert_eq!(
            then(&mut buffer, &mut reader),
            stream[stream.len() - 3..],
            "given up after {polls} polls"
        );
        most = polls;
        if skipped {
            break;
        }
    }
    assert!(most > 10, "{most}");
}

#[test]
fn skipping_that_is_given_up_is_gone_on_with() {
    given_up(LINES, Delimiter::new("\n"), |buffer, reader| {
        finish(buffer.next_frame(reader, &mut Delimiter::new("\n"))).unwrap().unwrap().to_vec()
    });
    given_up(LINES, Delimiter::new("\n"), |buffer, reader| {
        let mut frames = buffer.frames(reader, Delimiter::new("\n"));
        finish(frames.next()).unwrap().unwrap().to_vec()
    });
    given_up(b"\x0eaaaaaaaaaaaaaa\x02ok", LengthPrefix::big_endian(1), |buffer, reader| {
        finish(buffer.next_frame(reader, &mut LengthPrefix::big_endian(1))).unwrap().unwrap().to_vec()
    });
}

#[test]
fn skipping_in_as_many_futures_as_there_are_bytes_ends_where_the_frame_does() {
    for (stream, finder) in [
        (LINES, &mut Delimiter::new("\n") as &mut dyn FrameFinder),
        (LENGTHS, &mut LengthPrefix::big_endian(2)),
    ] {
        let mut buffer = buffer(8);
        let mut reader = Script::paced(stream, 1);
        while buffer.skip_frame(&mut reader, finder).now_or_never().is_none() {}
        let last = finish(buffer.next_frame(&mut reader, finder)).unwrap().unwrap();
        assert!(last.starts_with(&stream[stream.len() - last.len()..]) && last.len() < 5, "{last:?}");
    }
}

#[test]
fn the_end_within_a_frame_that_is_left_behind_is_no_clean_one() {
    for (stream, finder) in [
        (&LINES[..12], &mut Delimiter::new("\n") as &mut dyn FrameFinder),
        (&LENGTHS[..12], &mut LengthPrefix::big_endian(2)),
    ] {
        let mut buffer = buffer(8);
        let mut reader = stream;
        let result = finish(buffer.skip_frame(&mut reader, finder));
        assert!(matches!(result, Err(FrameError::Truncated { buffered: 0 })), "{result:?}");
        let result = finish(buffer.next_frame(&mut reader, finder));
        assert!(matches!(result, Err(FrameError::Truncated { buffered: 0 })), "{result:?}");
    }
}

#[test]
fn a_caller_that_consumes_bytes_itself_takes_over() {
    let mut buffer = buffer(8);
    let mut reader = Script::new([Step::data(b"\x0eaaaaa"), Step::Pending, Step::data(b"b\x02ok")]);
    let mut lengths = LengthPrefix::big_endian(1);
    assert!(buffer.skip_frame(&mut reader, &mut lengths).now_or_never().is_none());
    assert!(buffer.is_empty());
    read(&mut buffer, &mut reader);
    buffer.advance(1).unwrap();
    assert_eq!(frame(&mut buffer, &mut reader, &mut lengths), "\x02ok");
}

#[test]
fn a_finder_rejects_what_is_no_frame() {
    let mut hello = |buffered: &[u8], _: usize| match buffered {
        [b'h', b'i', ..] => Found::Frame(2),
        [b'h'] => Found::Need(2),
        _ => Found::Reject("no greeting"),
    };
    let mut buffer = buffer(64);
    let mut reader = Script::bursts(b"hihxhi", 1);
    assert_eq!(frame(&mut buffer, &mut reader, &mut hello), "hi");
    for _ in 0..2 {
        let error = next(&mut buffer, &mut reader, &mut hello).unwrap_err();
        assert!(matches!(error, FrameError::Rejected { reason: "no greeting" }));
        assert_eq!(error.to_string(), "frame finder rejected the buffered bytes: no greeting");
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidData);
        assert!(matches!(
            finish(buffer.skip_frame(&mut reader, &mut hello)),
            Err(FrameError::Rejected { reason: "no greeting" })
        ));
        assert_eq!(buffer.peek(), b"hx", "nothing is consumed");
    }
    buffer.advance(2).unwrap();
    let mut frames = buffer.frames(&mut reader, hello);
    assert_eq!(finish(frames.next()).unwrap().unwrap(), "hi");
    assert!(finish(frames.next()).is_none());
}

#[test]
fn a_length_may_be_told_when_the_frame_is_there_and_none_is_empty() {
    let mut lengths = |buffered: &[u8], _: usize| Found::Length(usize::from(buffered[0]));
    let mut buffer = buffer(64);
    let mut reader = Script::bursts(b"\x03ab\x01\x00", 2);
    assert_eq!(frame(&mut buffer, &mut reader, &mut lengths), "\x03ab");
    assert_eq!(frame(&mut buffer, &mut reader, &mut lengths), "\x01");
    let error = next(&mut buffer, &mut reader, &mut lengths).unwrap_err();
    assert!(matches!(error, FrameError::InvalidFinder { reported: 0, buffered: 1 }), "{error:?}");
}

/// Frames of random lengths in random pieces, taken and skipped by futures that are kept or dropped
/// at random.
#[test]
fn every_frame_comes_whole_or_is_left_behind_whole() {
    let mut below = random(0x9e37_79b9_7f4a_7c15);
    let (mut whole, mut left_behind) = (0, 0);
    for round in 0..300 {
        let limit = 3 + below(40);
        let by_length = round % 2 == 0;
        let needle = [&b"\n"[..], b"\r\n", b"\n\n\r"][below(3)];
        let frames: Vec<Vec<u8>> = (0..10)
            .map(|_| {
                let len = below(2 * limit);
                let filling = (0..len).map(|_| b"\r\nab"[below(4)]).collect::<Vec<_>>();
                if by_length {
                    return [&[len as u8], &filling[..]].concat();
                }
                // The needle ends it, and is nowhere before.
                let frame = [&filling, needle].concat();
                let end = frame.windows(needle.len()).position(|window| window == needle).unwrap();
                frame[..end + needle.len()].to_vec()
            })
            .collect();
        let mut reader = Script::new([]);
        for piece in frames.concat().chunks(1 + below(2 * limit)) {
            reader.push(Step::data(piece));
            if below(2) == 0 {
                reader.push(Step::Pending);
            }
        }
        let (mut lines, mut lengths) = (Delimiter::new(needle), LengthPrefix::big_endian(1));
        let finder: &mut dyn FrameFinder = if by_length { &mut lengths } else { &mut lines };
        let mut buffer = buffer(limit);
        for frame in &frames {
            let mut dropped = 0;
            let mut next = || loop {
                let mut future = std::pin::pin!(buffer.next_frame(&mut reader, finder));
                // The first poll may be the last one.
                if let Some(done) = (0..=dropped % 3).find_map(|_| match poll_once(future.as_mut()) {
                    std::task::Poll::Ready(done) => Some(done),
                    std::task::Poll::Pending => None,
                }) {
                    break done;
                }
                dropped += 1;
            };
            match next() {
                Ok(got) => {
                    assert_eq!(got.unwrap(), *frame);
                    assert!(frame.len() <= limit);
                    whole += 1;
                }
                Err(FrameError::TooLong { .. }) => {
                    assert!(frame.len() > limit);
                    // Once it has begun, the next frame may be asked for.
                    let polls = 1 + below(4);
                    let over = {
                        let mut future = std::pin::pin!(buffer.skip_frame(&mut reader, finder));
                        (0..polls).any(|_| poll_once(future.as_mut()).is_ready())
                    };
                    if over {
                        assert!(buffer.len() <= limit);
                    }
                    left_behind += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(finish(buffer.next_frame(&mut reader, finder)).unwrap(), None);
    }
    assert!(whole > 500 && left_behind > 500, "{whole} {left_behind}");
}
