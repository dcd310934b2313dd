//! Settings, readiness and conversions of a buffer, and the options of its finders.

use std::{error::Error, io, pin::pin, task::Context};

use crate::support::*;
use futures_handoff::{
    BufferError, Delimiter, Found, FrameError, FrameFinder, HandoffBuffer, HandoffBufferConfig, LengthPrefix,
    bytes::{Buf, Bytes, BytesMut},
};
use futures_test::task::new_count_waker;
use futures_util::{FutureExt, StreamExt};

#[test]
fn a_configuration_of_nothing_panics_and_says_why() {
    let config = config(1000);
    for said in [
        panics(|| HandoffBufferConfig::new(0)),
        panics(|| HandoffBuffer::new(0)),
        panics(|| config.with_read_size(0..=10)),
        panics(|| config.with_read_reserve(0)),
    ] {
        assert!(said.contains("0 bytes"), "{said}");
    }
    #[expect(clippy::reversed_empty_ranges, reason = "it is what is rejected")]
    let said = panics(|| config.with_read_size(10..=9));
    assert_eq!(said, "the smallest read size is 10 bytes, but the largest is 9 bytes");
}

#[test]
fn what_is_above_a_limit_is_taken_as_the_limit() {
    assert_eq!(HandoffBufferConfig::new(usize::MAX).max_len(), isize::MAX as usize);
    let config = config(1000).with_read_size(10..=5000).with_small_copy_max(5000).with_spare_blocks(5000);
    assert_eq!(config.read_size(), 10..=1000);
    assert_eq!((config.small_copy_max(), config.spare_blocks()), (1000, 64));
    assert_eq!(config.with_read_reserve(5000).read_size(), 1000..=1000);
}

#[test]
fn the_order_in_which_a_configuration_is_built_does_not_matter() {
    let steps: [fn(HandoffBufferConfig) -> HandoffBufferConfig; 4] = [
        |config| config.with_read_size(2000..=4000),
        |config| config.with_small_copy_max(3000),
        |config| config.with_spare_blocks(100),
        |config| config.with_cooperative(false),
    ];
    let forth = steps.iter().fold(config(1000), |config, step| step(config));
    let back = steps.iter().rev().fold(config(1000), |config, step| step(config));
    assert_eq!(forth, back);
}

#[test]
fn a_default_buffer_holds_64_kib() {
    assert_eq!(HandoffBufferConfig::default(), HandoffBufferConfig::new(64 * 1024));
}

#[test]
fn fill_to_reads_until_so_many_bytes_are_buffered_and_no_further() {
    let mut buffer = buffer(64);
    let mut reader = Script::paced(&bytes(20), 3);
    assert!(finish(buffer.fill_to(&mut reader, 7)).unwrap());
    assert_eq!((buffer.peek(), reader.given()), (&bytes(20)[..9], 9));
    let polls = reader.polls();
    for n in [0, 1, 9] {
        assert!(finish(buffer.fill_to(&mut reader, n)).unwrap(), "they are there");
    }
    assert_eq!(reader.polls(), polls, "the reader is not asked for what is there");
}

#[test]
fn a_loop_of_fill_to_over_what_is_there_lets_others_run() {
    let mut buffer = holding(64, b"held");
    let mut reader = Script::new([]);
    let (waker, _) = new_count_waker();
    let mut cx = Context::from_waker(&waker);
    let pending =
        (0..2000).filter(|_| buffer.fill_to(&mut reader, 4).poll_unpin(&mut cx).is_pending()).count();
    assert_eq!(pending, 3);
}

#[test]
fn what_fill_to_waits_for_is_moved_a_few_times_only() {
    const LEN: usize = 1 << 20;
    for (step, most) in [(1, 11), (20_000, 11), (LEN, 7)] {
        let mut buffer = HandoffBuffer::with_config(config(LEN).with_read_reserve(4096));
        let mut reader = Script::paced(&bytes(LEN), 1460);
        let mut capacities = vec![0];
        while buffer.len() < LEN {
            let n = (buffer.len() + step).min(LEN);
            while poll_once(pin!(buffer.fill_to(&mut reader, n))).is_pending() {
                capacities.push(buffer.capacity());
            }
        }
        capacities.dedup();
        assert!(capacities.len() <= most, "{step}: {} {capacities:?}", capacities.len());
    }
}

#[test]
fn fill_to_believes_an_announced_length_only_as_far_as_bytes_arrive() {
    let mut buffer = buffer(64 << 20);
    let mut reader = Script::new([Step::data(bytes(100)), Step::stuck()]);
    assert!(poll_once(pin!(buffer.fill_to(&mut reader, 64 << 20))).is_pending());
    assert!(buffer.capacity() <= 8192, "{}", buffer.capacity());
}

#[test]
fn fill_to_panics_if_it_is_polled_after_it_was_ready() {
    let mut buffer = holding(64, b"held");
    let mut reader = Script::new([]);
    let mut filling = pin!(buffer.fill_to(&mut reader, 1));
    assert!(poll_once(filling.as_mut()).is_ready());
    assert_eq!(panics(|| poll_once(filling.as_mut())), "future polled after completion");
}

#[test]
fn a_buffer_is_read_as_any_buf() {
    fn decode(mut buf: impl Buf) -> (u16, u32, usize) {
        let decoded = (buf.get_u16(), buf.get_u32_le(), buf.remaining());
        buf.advance(1);
        decoded
    }
    let mut buffer = holding(64, b"\x01\x02\x03\0\0\0rest");
    assert_eq!(AsRef::<[u8]>::as_ref(&buffer), b"\x01\x02\x03\0\0\0rest");
    assert_eq!(decode(&mut buffer), (0x102, 3, 4));
    assert_eq!((buffer.chunk(), buffer.remaining(), buffer.peek()), (&b"est"[..], 3, &b"est"[..]));
    assert!(buffer.try_get_u32().is_err());
    assert_eq!(buffer.copy_to_bytes(3), "est");
    assert!(!buffer.has_remaining());
}

#[test]
fn bytes_taken_from_a_buf_share_its_block() {
    let mut buffer = holding(8192, &bytes(8192));
    let at = buffer.peek().as_ptr();
    assert_eq!(buffer.copy_to_bytes(4096).as_ptr(), at);
}

#[test]
fn a_buf_panics_where_the_buffer_returns_an_error() {
    let mut buffer = holding(64, b"held");
    assert!(buffer.advance(5).is_err(), "the buffer's own");
    for said in [panics(|| Buf::advance(&mut buffer, 5)), panics(|| buffer.copy_to_bytes(5))] {
        assert_eq!(said, "5 bytes requested, but only 4 bytes are buffered");
    }
    assert_eq!(buffer.peek(), b"held");
}

/// The frames of a stream that arrives in pieces of `size` bytes.
fn frames(stream: &[u8], size: usize, finder: impl FrameFinder) -> Vec<Result<Bytes, FrameError>> {
    let mut buffer = buffer(1000);
    let mut reader = Script::paced(stream, size);
    finish(buffer.frames(&mut reader, finder).collect())
}

#[test]
fn a_delimiter_can_be_left_out() {
    for needle in ["\n", "\r\n", "--end of a longer frame--"] {
        let lines = ["one", "", "and two", ""];
        let stream: String = lines.iter().flat_map(|line| [line, needle]).collect();
        for size in [1, 3, 1000] {
            let finder = Delimiter::new(needle).without_delimiter();
            let found: Vec<_> =
                frames(stream.as_bytes(), size, finder).into_iter().map(Result::unwrap).collect();
            assert_eq!(found, lines, "{needle:?} in pieces of {size}");
        }
    }
}

/// Left out or not, the bytes do not stay in the buffer.
#[test]
fn what_is_left_out_of_a_frame_is_consumed() {
    let mut buffer = holding(64, b"line\n\x03abcrest");
    let mut reader = Script::new([]);
    let mut lines = Delimiter::new("\n").without_delimiter();
    assert_eq!(finish(buffer.next_frame(&mut reader, &mut lines)).unwrap().unwrap(), "line");
    assert_eq!(buffer.peek(), b"\x03abcrest");
    let mut records = LengthPrefix::big_endian(1).without_header();
    assert_eq!(finish(buffer.next_frame(&mut reader, &mut records)).unwrap().unwrap(), "abc");
    assert_eq!(buffer.peek(), b"rest");
}

#[test]
fn a_frame_may_be_as_long_as_its_finder_allows_and_no_longer() {
    type Limited = fn(usize) -> Box<dyn FrameFinder>;
    // With the needle or the length, 6 bytes each.
    let cases: [(&[u8], Limited); 3] = [
        (b"12345\n", |most| Box::new(Delimiter::new("\n").with_max_frame_len(most))),
        (b"1234\r\n", |most| Box::new(Delimiter::new("\r\n").with_max_frame_len(most).without_delimiter())),
        (b"\x00\x041234", |most| Box::new(LengthPrefix::big_endian(2).with_max_frame_len(most))),
    ];
    for (frame, finder) in cases {
        let stream = [frame, frame].concat();
        for size in [1, 4, 6, 12] {
            let mut buffer = buffer(64);
            let mut reader = Script::paced(&stream, size);
            assert!(finish(buffer.next_frame(&mut reader, &mut *finder(6))).unwrap().is_some());
            let long = finish(buffer.next_frame(&mut reader, &mut *finder(5)));
            assert!(matches!(long, Err(FrameError::TooLong { needed: 6, limit: 5 })), "{long:?}");
            assert_eq!(finish(buffer.skip_frame(&mut reader, &mut *finder(5))).unwrap(), 6);
            assert_eq!(finish(buffer.next_frame(&mut reader, &mut *finder(5))).unwrap(), None);
        }
    }
}

#[test]
fn a_length_may_have_any_width_and_order_and_lie_behind_other_bytes() {
    type Order = fn(usize) -> LengthPrefix;
    for width in 1..=8 {
        for offset in [0, 1, 5] {
            // This many bytes follow the length, and 2 more that it does not count.
            let length = if width == 1 { 200 } else { 300 };
            let big = &u64::to_be_bytes(length)[8 - width..];
            let little = &u64::to_le_bytes(length)[..width];
            let orders: [(&[u8], Order); 2] =
                [(big, LengthPrefix::big_endian), (little, LengthPrefix::little_endian)];
            for (field, order) in orders {
                let body = bytes(length as usize + 2);
                let frame = [&vec![7; offset][..], field, &body].concat();
                let stream = [&frame[..], &frame].concat();
                let finder = order(width).with_offset(offset).with_adjustment(2);
                for size in [1, 100, 1000] {
                    let whole = frames(&stream, size, finder);
                    assert_eq!(whole.len(), 2);
                    assert!(whole.into_iter().all(|found| found.unwrap() == frame), "{finder:?}");
                }
                let bodies = frames(&stream, 50, finder.without_header());
                assert!(bodies.into_iter().all(|found| found.unwrap() == body), "{finder:?}");
            }
        }
    }
}

#[test]
fn a_length_may_count_itself_and_not_less() {
    let finder = LengthPrefix::big_endian(4).with_offset(1).with_adjustment(-4);
    let stream = b"Q\x00\x00\x00\x04X\x00\x00\x00\x06abY\x00\x00\x00\x03";
    let mut found = frames(stream, 100, finder).into_iter();
    assert_eq!(found.next().unwrap().unwrap(), "Q\x00\x00\x00\x04");
    assert_eq!(found.next().unwrap().unwrap(), "X\x00\x00\x00\x06ab");
    assert!(matches!(found.next(), Some(Err(FrameError::Rejected { .. }))));
    assert!(found.next().is_none());
}

#[test]
fn a_length_has_1_to_8_bytes() {
    for width in [0, 9, usize::MAX] {
        for said in
            [panics(|| LengthPrefix::big_endian(width)), panics(|| LengthPrefix::little_endian(width))]
        {
            assert_eq!(said, "the width of the length must be 1 to 8 bytes");
        }
    }
}

/// Frames of four bytes, of which it hands out the given part.
struct Part(usize, usize);

impl FrameFinder for Part {
    fn find_frame(&mut self, _: &[u8], _: usize) -> Found {
        Found::Length(4)
    }

    fn payload(&self, _: usize) -> std::ops::Range<usize> {
        self.0..self.1
    }
}

#[test]
fn a_payload_that_is_not_in_its_frame_is_an_error_and_consumes_nothing() {
    let mut buffer = holding(64, b"fourmore");
    let mut reader = Script::new([]);
    for (start, end) in [(0, 5), (3, 2), (5, 5), (1, usize::MAX)] {
        let found = finish(buffer.next_frame(&mut reader, &mut Part(start, end)));
        assert!(matches!(found, Err(FrameError::InvalidFinder { reported, buffered: 4 }) if reported == end));
        assert_eq!(buffer.peek(), b"fourmore");
    }
    assert_eq!(finish(buffer.next_frame(&mut reader, &mut Part(1, 3))).unwrap().unwrap(), "ou");
    assert_eq!(finish(buffer.next_frame(&mut reader, &mut Part(4, 4))).unwrap().unwrap(), "");
    assert!(buffer.is_empty());
}

#[test]
fn no_error_repeats_its_source() {
    let refused = || io::Error::from_raw_os_error(13);
    let tail = HandoffBuffer::from_tail(BytesMut::from("tail"), config(3)).unwrap_err();
    let errors: [Box<dyn Error + Send + Sync>; 6] = [
        Box::new(BufferError::Io(refused())),
        Box::new(FrameError::Io(refused())),
        Box::new(FrameError::from(BufferError::Io(refused()))),
        Box::new(FrameError::from(holding(8, b"held").advance(5).unwrap_err())),
        Box::new(io::Error::from(holding(8, b"held").reserve_read_capacity(5).unwrap_err())),
        Box::new(FrameError::from(tail)),
    ];
    for error in errors {
        let (said, mut source) = (error.to_string(), error.source());
        while let Some(cause) = source {
            assert!(!said.contains(&cause.to_string()), "{said}: {cause}");
            source = cause.source();
        }
    }
}

#[test]
fn a_tail_that_is_too_long_survives_the_way_to_an_io_error() {
    let refused = HandoffBuffer::from_tail(BytesMut::from("tail"), config(3)).unwrap_err();
    let error = io::Error::from(refused);
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    let inner = error.into_inner().unwrap().downcast::<BufferError>().unwrap();
    assert!(matches!(*inner, BufferError::TailTooLong { tail, limit: 3 } if tail == "tail"));
}
