//! Frames: found once, distinguished from a truncated tail, and bounded.

use crate::support::*;
use futures_handoff::{Delimiter, Found, FrameError, FrameFinder, LengthPrefix};
use futures_util::FutureExt;

fn lines() -> Delimiter<&'static [u8]> {
    Delimiter::new(b"\r\n")
}

#[test]
fn an_announced_length_over_the_limit_is_refused_before_the_frame_arrives() {
    let big = LengthPrefix::big_endian;
    let little = LengthPrefix::little_endian;
    let cases: [(LengthPrefix, &[u8], usize, usize); 9] = [
        (big(2), &[1, 0, b'x'], 258, 257),
        (big(4), &[0xff; 4], (u32::MAX as usize).saturating_add(4), 257),
        (big(8), &[0xff; 8], usize::MAX, 257),
        (little(8), &[0xfa, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], usize::MAX, 257),
        // More than a number can be.
        (little(8).with_adjustment(i64::MAX), &[0xff; 8], usize::MAX, 257),
        (big(8).with_offset(1).with_adjustment(-9), &[0xff; 9], usize::MAX, 257),
        (big(1).with_offset(usize::MAX), &[1], usize::MAX, 257),
        // The limit of the finder.
        (big(2).with_max_frame_len(10), &[0, 9], 11, 10),
        (big(2).with_max_frame_len(10), &[0, 9, b'x'], 11, 10),
    ];
    for (mut finder, header, bytes_needed, lowest) in cases {
        let mut buffer = buffer(257);
        let mut reader = Script::new([Step::data(header), Step::stuck()]);
        let result = buffer.next_frame(&mut reader, &mut finder).now_or_never().unwrap();
        let Err(FrameError::TooLong { needed, limit }) = result else { panic!("{finder:?}: {result:?}") };
        assert_eq!((needed, limit), (bytes_needed, lowest), "{finder:?}");
        assert_eq!(buffer.peek(), header, "{finder:?}");
    }
}

#[test]
fn an_announced_frame_gets_memory_only_as_it_arrives() {
    let mut buffer = buffer(1 << 30);
    let mut reader = Script::new([Step::data(vec![0x20, 0, 0, 0]), Step::stuck()]);
    assert!(buffer.next_frame(&mut reader, &mut LengthPrefix::big_endian(4)).now_or_never().is_none());
    assert!(buffer.capacity() <= 8192, "{}", buffer.capacity());
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
    // An empty needle ends no frame, not even with a finder that hides it from the buffer.
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
fn delimiters_and_lengths_work_on_their_own() {
    let mut lines = lines();
    assert_eq!(lines.find_frame(b"ab\r", 0), Found::Need(4));
    assert_eq!(lines.find_frame(b"ab\r\ncd", 3), Found::Frame(4));
    assert_eq!(lines.find_frame(b"abcdef\r\n", 3), Found::Frame(8));
    assert_eq!(lines.find_frame(b"\r\n", 0), Found::Frame(2));
    // It gets the number of bytes of the last call, in which no frame ended.
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
