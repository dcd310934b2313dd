//! Frames: found once, told apart from a truncated tail, and bounded.

use std::{future::Future, io, pin::pin, task::Context};

use crate::support::*;
use futures_handoff::{BufferError, Delimiter, Found, FrameError, FrameFinder, HandoffBuffer, LengthPrefix};
use futures_test::task::new_count_waker;
use futures_util::{FutureExt, StreamExt};

fn lines() -> Delimiter<&'static [u8]> {
    Delimiter::new(b"\r\n")
}

/// Frames that end with `;`, which counts what it is shown and checks that nothing is shown twice as new.
#[derive(Default)]
struct Counting {
    calls: usize,
    looked_at: usize,
    last: usize,
}

impl FrameFinder for Counting {
    fn find_frame(&mut self, buffered: &[u8], searched: usize) -> Found {
        assert_eq!(searched, self.last, "it was shown so many before");
        assert!(searched < buffered.len());
        self.calls += 1;
        let new = &buffered[searched..];
        match new.iter().position(|byte| *byte == b';') {
            Some(at) => {
                self.looked_at += at + 1;
                self.last = 0;
                Found::Frame(searched + at + 1)
            }
            None => {
                self.looked_at += new.len();
                self.last = buffered.len();
                Found::Need(0)
            }
        }
    }
}

#[test]
fn frames_come_whole_however_they_arrive() {
    let stream = b"one\r\n\r\ntwo two\r\nthree\r\n";
    for size in 1..=stream.len() {
        let mut buffer = buffer(64);
        let mut reader = Script::paced(stream, size);
        let frames: Vec<_> = finish(buffer.frames(&mut reader, lines()).map(Result::unwrap).collect());
        assert_eq!(frames, ["one\r\n", "\r\n", "two two\r\n", "three\r\n"]);
        assert!(buffer.is_empty());
    }
}

#[test]
fn length_prefixed_frames_of_every_width() {
    let cases: [(LengthPrefix, &[u8]); 7] = [
        (LengthPrefix::big_endian(1), &[3]),
        (LengthPrefix::big_endian(2), &[0, 3]),
        (LengthPrefix::little_endian(2), &[3, 0]),
        (LengthPrefix::big_endian(4), &[0, 0, 0, 3]),
        (LengthPrefix::little_endian(4), &[3, 0, 0, 0]),
        (LengthPrefix::big_endian(8), &[0, 0, 0, 0, 0, 0, 0, 3]),
        (LengthPrefix::little_endian(8), &[3, 0, 0, 0, 0, 0, 0, 0]),
    ];
    for (mut finder, header) in cases {
        let frame = [header, b"abc"].concat();
        let stream = [&frame[..], &vec![0; header.len()], &frame, b"\x01"].concat();
        for size in [1, 2, 5, 100] {
            let mut buffer = buffer(64);
            let mut reader = Script::bursts(&stream, size);
            let mut next = || next(&mut buffer, &mut reader, &mut finder);
            assert_eq!(next().unwrap().unwrap(), frame);
            assert_eq!(next().unwrap().unwrap(), vec![0; header.len()]);
            assert_eq!(next().unwrap().unwrap(), frame);
            assert!(matches!(next(), Err(FrameError::Truncated { buffered: 1 })));
        }
    }
}

#[test]
fn the_end_between_frames_is_clean_and_inside_one_is_not() {
    let mut buffer = buffer(64);
    let mut reader: &[u8] = b"whole\r\npart";
    let mut finder = lines();
    assert_eq!(frame(&mut buffer, &mut reader, &mut finder), "whole\r\n");
    for _ in 0..2 {
        let error = next(&mut buffer, &mut reader, &mut finder).unwrap_err();
        assert!(matches!(error, FrameError::Truncated { buffered: 4 }));
        assert_eq!(buffer.peek(), b"part");
    }
    let mut more: &[u8] = b"ly\r\n";
    assert_eq!(frame(&mut buffer, &mut more, &mut finder), "partly\r\n");
    assert_eq!(next(&mut buffer, &mut more, &mut finder).unwrap(), None);
}

#[test]
fn a_frame_that_fills_the_buffer_fits_and_one_byte_more_does_not() {
    for (stream, fits) in [(b"123456\r\n", true), (b"1234567\r", false)] {
        let mut buffer = buffer(8);
        let mut reader = Script::bursts(stream, 3);
        let result = next(&mut buffer, &mut reader, &mut lines());
        if fits {
            assert_eq!(result.unwrap().unwrap(), stream[..]);
        } else {
            assert!(matches!(result, Err(FrameError::TooLong { needed: 9, limit: 8 })));
            assert_eq!(buffer.peek(), stream);
            assert_eq!(reader.given, 8);
        }
    }
}

#[test]
fn an_announced_length_over_the_limit_is_refused_before_the_frame_arrives() {
    let cases: [(LengthPrefix, &[u8], usize); 4] = [
        (LengthPrefix::big_endian(2), &[1, 0, b'x'], 258),
        (LengthPrefix::big_endian(4), &[0xff; 4], (u32::MAX as usize).saturating_add(4)),
        (LengthPrefix::big_endian(8), &[0xff; 8], usize::MAX),
        (LengthPrefix::little_endian(8), &[0xfa, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], usize::MAX),
    ];
    for (mut finder, header, bytes_needed) in cases {
        let mut buffer = buffer(257);
        let mut reader = Script::new([Step::Data(header.to_vec()), Step::Stuck]);
        let result = buffer.next_frame(&mut reader, &mut finder).now_or_never().unwrap();
        let Err(FrameError::TooLong { needed, limit }) = result else { panic!("{result:?}") };
        assert_eq!((needed, limit), (bytes_needed, 257));
        assert_eq!(buffer.peek(), header);
    }
}

#[test]
fn an_announced_frame_gets_memory_only_as_it_arrives() {
    let mut buffer = buffer(1 << 30);
    let mut reader = Script::new([Step::Data(vec![0x20, 0, 0, 0]), Step::Stuck]);
    assert!(buffer.next_frame(&mut reader, &mut LengthPrefix::big_endian(4)).now_or_never().is_none());
    assert!(buffer.capacity() <= 8192, "{}", buffer.capacity());
}

#[test]
fn a_large_announced_frame_is_moved_a_few_times_only() {
    let length = 1 << 20;
    let stream = [&u32::try_from(length - 4).unwrap().to_be_bytes()[..], &bytes(length - 4)].concat();
    let mut buffer = HandoffBuffer::new(4 << 20);
    let mut reader = Script::paced(&stream, 1460);
    let mut capacities = vec![0];
    let mut frames = buffer.frames(&mut reader, LengthPrefix::big_endian(4));
    let frame = loop {
        if let std::task::Poll::Ready(frame) = poll_once(pin!(frames.next())) {
            break frame.unwrap().unwrap();
        }
        // `Debug` is the only view of a buffer that a stream borrows.
        let shown = format!("{frames:?}");
        let shown = &shown[shown.find("capacity: ").unwrap() + 10..];
        let capacity: usize = shown[..shown.find(',').unwrap()].parse().unwrap();
        if capacity != *capacities.last().unwrap() {
            capacities.push(capacity);
        }
    };
    assert_eq!(frame, stream);
    assert!(capacities.len() <= 8, "{capacities:?}");
    assert_eq!(*capacities.last().unwrap(), length);
}

#[test]
fn a_finder_sees_each_byte_as_new_once() {
    let mut stream: Vec<u8> = bytes(65536);
    stream.retain(|byte| *byte != b';');
    stream.extend_from_slice(b";a;;b;");
    let mut buffer = buffer(1 << 20);
    let mut reader = Script::paced(&stream, 64);
    let frames: Vec<_> =
        finish(buffer.frames(&mut reader, Counting::default()).map(Result::unwrap).collect());
    assert_eq!((frames.concat().len(), frames.len()), (stream.len(), 4));
    let mut counting = Counting::default();
    let mut reader = Script::paced(&stream, 64);
    let mut got = 0;
    while let Some(frame) = next(&mut buffer, &mut reader, &mut counting).unwrap() {
        got += frame.len();
    }
    assert_eq!(got, stream.len());
    assert_eq!(counting.looked_at, stream.len());
    assert!(counting.calls <= stream.len().div_ceil(64) + 4, "{}", counting.calls);
}

#[test]
fn a_finder_is_not_asked_before_it_has_what_it_needs() {
    let mut asked = Vec::new();
    let mut finder = |buffered: &[u8], searched: usize| {
        asked.push((buffered.len(), searched));
        if buffered.len() < 10 { Found::Need(10) } else { Found::Frame(10) }
    };
    let mut buffer = buffer(64);
    let mut reader = Script::paced(&bytes(24), 3);
    assert_eq!(frame(&mut buffer, &mut reader, &mut finder), bytes(24)[..10]);
    assert_eq!(frame(&mut buffer, &mut reader, &mut finder), bytes(24)[10..20]);
    assert_eq!(asked, [(3, 0), (12, 3), (2, 0), (11, 2)]);
}

#[test]
fn the_search_for_a_needle_outlives_a_cancelled_future() {
    /// Counts how often it is asked rather than searched for.
    struct Needle(usize);
    impl FrameFinder for Needle {
        fn find_frame(&mut self, _: &[u8], _: usize) -> Found {
            self.0 += 1;
            Found::Need(0)
        }
        fn needle(&self) -> Option<&[u8]> {
            Some(b"<end>")
        }
    }
    let mut finder = Needle(0);
    let mut buffer = buffer(4096);
    let mut content = bytes(2000);
    content.extend_from_slice(b"<end>tail");
    let mut reader = Script::paced(&content, 3);
    let mut cancelled = 0;
    let frame = loop {
        match buffer.next_frame(&mut reader, &mut finder).now_or_never() {
            Some(frame) => break frame.unwrap().unwrap(),
            None => cancelled += 1,
        }
    };
    assert_eq!(frame, content[..2005]);
    assert!(cancelled > 600);
    assert_eq!(finder.0, 0);
}
#[test]
fn finders_that_contradict_themselves_are_found_out() {
    for reported in [0, 5, usize::MAX] {
        let mut buffer = holding(64, b"held");
        let mut reader = Script::new([]);
        let mut finder = |_: &[u8], _: usize| Found::Frame(reported);
        let error = next(&mut buffer, &mut reader, &mut finder).unwrap_err();
        let FrameError::InvalidFinder { reported: told, buffered: 4 } = error else { panic!("{error:?}") };
        assert_eq!(told, reported);
        assert_eq!(buffer.peek(), b"held");
        assert_eq!(reader.polls(), 0);
    }
    // A needle without bytes ends no frame, not even behind a finder that does not pass on that there is one.
    let mut inner = Delimiter::new("");
    let mut outer = |buffered: &[u8], searched| inner.find_frame(buffered, searched);
    for finder in [&mut Delimiter::new("") as &mut dyn FrameFinder, &mut outer] {
        let mut buffer = holding(64, b"held");
        let result = next(&mut buffer, &mut Script::new([]), finder);
        assert!(matches!(result, Err(FrameError::InvalidFinder { reported: 0, buffered: 4 })), "{result:?}");
        assert_eq!(buffer.peek(), b"held");
    }
}

#[test]
fn reader_faults_reach_the_caller_and_leave_the_bytes() {
    let mut buffer = holding(64, b"he");
    let mut reader = Script::new([
        Step::Fail(io::ErrorKind::ConnectionReset),
        Step::Lie(2),
        Step::SpoilAndFail,
        Step::Data(b"ld;".to_vec()),
    ]);
    let mut finder = Delimiter::new(";");
    let mut next = || next(&mut buffer, &mut reader, &mut finder);
    assert!(matches!(next(), Err(FrameError::Io(error)) if error.kind() == io::ErrorKind::ConnectionReset));
    assert!(
        matches!(next(), Err(FrameError::Buffer(BufferError::InvalidReader { reported, given })) if reported == given + 2)
    );
    assert!(matches!(next(), Err(FrameError::Io(_))));
    assert_eq!(next().unwrap().unwrap(), "held;");
}

#[test]
fn a_stream_of_frames_ends_with_its_first_error() {
    let mut buffer = buffer(64);
    let mut reader = Script::new([
        Step::Data(b"a;b".to_vec()),
        Step::Fail(io::ErrorKind::ConnectionReset),
        Step::Data(b";c;".to_vec()),
    ]);
    // What comes out of a stream of frames until it has ended, and once more after that; "" is an error.
    let mut until_the_end = |reader: &mut Script| {
        let mut frames = buffer.frames(reader, Delimiter::new(";"));
        let mut got = Vec::new();
        while let Some(frame) = finish(frames.next()) {
            got.push(frame.unwrap_or_default());
        }
        assert!(finish(frames.next()).is_none());
        got
    };
    assert_eq!(until_the_end(&mut reader), ["a;", ""]);
    assert_eq!(until_the_end(&mut reader), ["b;", "c;"]);
    reader.push(Step::Data(b"d;".to_vec()));
    assert_eq!(until_the_end(&mut reader), ["d;"]);
}

#[test]
fn the_protocol_may_change_after_any_frame() {
    let mut buffer = buffer(64);
    let mut reader = Script::bursts(b"hello\nLEN\n\x02hiTUNNEL\nopaque", 11);
    {
        let mut lines = buffer.frames(&mut reader, Delimiter::new("\n"));
        assert_eq!(finish(lines.next()).unwrap().unwrap(), "hello\n");
        assert_eq!(finish(lines.next()).unwrap().unwrap(), "LEN\n");
    }
    assert_eq!(frame(&mut buffer, &mut reader, &mut LengthPrefix::big_endian(1)), "\x02hi");
    assert_eq!(frame(&mut buffer, &mut reader, &mut Delimiter::new("\n")), "TUNNEL\n");
    while read(&mut buffer, &mut reader) > 0 {}
    assert_eq!(buffer.freeze_all(), "opaque");
}

#[test]
fn a_reader_that_is_always_ready_does_not_keep_the_task() {
    let mut buffer = buffer(4096);
    let mut reader = Script::bursts(&bytes(1000), 1);
    reader.push(Step::Stuck);
    let (waker, count) = new_count_waker();
    let mut finder = |_: &[u8], _: usize| Found::Need(4096);
    let mut future = pin!(buffer.next_frame(&mut reader, &mut finder));
    let mut polls = 0;
    // Yields are polls that wake at once; the reader itself never wakes.
    while count.get() == polls {
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        polls += 1;
    }
    // One more, as these are more than 512 operations.
    assert_eq!(polls, 1000 / 256 + 2);
}

#[test]
fn delimiters_and_lengths_work_on_their_own() {
    let mut lines = lines();
    assert_eq!(lines.find_frame(b"ab\r", 0), Found::Need(4));
    assert_eq!(lines.find_frame(b"ab\r\ncd", 3), Found::Frame(4));
    assert_eq!(lines.find_frame(b"abcdef\r\n", 3), Found::Frame(8));
    assert_eq!(lines.find_frame(b"\r\n", 0), Found::Frame(2));
    // It is told how much it was shown before, and that no frame ended there.
    assert_eq!(lines.find_frame(b"a\r\nb\r\n", 3), Found::Frame(6));
    assert_eq!(lines.find_frame(b"a\r\nb\r\n", 2), Found::Frame(3));
    assert_eq!(Delimiter::new("\n").find_frame(b"\n\n", 1), Found::Frame(2));
    assert_eq!(lines.needle(), Some(&b"\r\n"[..]));
    assert_eq!(LengthPrefix::big_endian(2).find_frame(&[0], 0), Found::Need(2));
    assert_eq!(LengthPrefix::big_endian(2).find_frame(&[1, 2, 3], 0), Found::Length(260));
    assert_eq!(LengthPrefix::big_endian(8).find_frame(&[0xff; 8], 0), Found::Need(usize::MAX));
    assert_eq!(LengthPrefix::little_endian(2).find_frame(&[1, 0, 3, 4], 0), Found::Frame(3));
    assert_eq!(LengthPrefix::big_endian(1).needle(), None);
}
