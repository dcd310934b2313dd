//! Futures that read: bytes that were read are in the buffer or handed out, the rest is in the
//! reader.

use std::{future::poll_fn, pin::Pin};

use futures_handoff::{Delimiter, FrameError, FrameFinder, HandoffBuffer, HandoffReader, LengthPrefix};
use futures_handoff_runtimes::cancel::{Cut, at_every_poll};
use futures_util::{AsyncBufReadExt, AsyncReadExt, StreamExt};

use super::{
    cancelled,
    slow::{SlowReader, writes_through},
};

const LINES: &[u8] = b"one\nand two\nthe third one\nrest";

fn buffer() -> HandoffBuffer {
    HandoffBuffer::new(64)
}

/// Runs a future that reads into a buffer, and returns what it has handed out. These bytes, the
/// buffered ones and those left in the reader are all bytes, and the next read gets the rest.
fn runs(content: &[u8], mut read: impl FnMut(&mut Cut, &mut HandoffBuffer, &mut SlowReader) -> Vec<u8>) {
    let most = at_every_poll(|cut| {
        let (mut buffer, mut reader) = (buffer(), SlowReader::new(content));
        let handed_out = read(cut, &mut buffer, &mut reader);
        assert_eq!([&handed_out, buffer.peek(), &reader.left()].concat(), content, "all of it is somewhere");
        let stirring = reader.clone();
        let mut rest = Vec::new();
        let read = Cut::whole().run(buffer.into_reader(reader).read_to_end(&mut rest), || stirring.unblock());
        assert!(read.is_some_and(|read| read.is_ok()));
        assert_eq!([handed_out, rest].concat(), content, "the next one gets the rest");
    });
    assert!(most > 1, "it never waits: there is nothing to cancel");
}

/// Runs a future that reads, and appends what it hands out.
fn reads(content: &[u8], mut read: impl AsyncFnMut(&mut HandoffBuffer, &mut SlowReader, &mut Vec<u8>)) {
    runs(content, |cut, buffer, reader| {
        let (stirring, mut out) = (reader.clone(), Vec::new());
        cut.run(read(buffer, reader, &mut out), || stirring.unblock());
        out
    });
}

/// Runs a future that reads through a buffer in front of its reader.
fn reads_through(mut read: impl AsyncFnMut(&mut HandoffReader<SlowReader>, &mut Vec<u8>)) {
    runs(LINES, |cut, buffer, reader| {
        let stirring = reader.clone();
        let mut through = std::mem::replace(buffer, self::buffer()).into_reader(reader.clone());
        let mut out = Vec::new();
        cut.run(read(&mut through, &mut out), || stirring.unblock());
        *buffer = through.into_parts().0;
        out
    });
}

cancelled! {
    "fn read_available"
    fn a_read() {
        reads(LINES, async |buffer, reader, _| drop(buffer.read_available(reader).await));
    }

    "fn poll_read_available"
    fn a_read_that_is_polled_for() {
        reads(LINES, async |buffer, reader, _| {
            drop(poll_fn(|cx| buffer.poll_read_available(cx, Pin::new(&mut *reader))).await);
        });
    }

    "fn read_ready"
    fn a_read_of_all_there_is() {
        reads(LINES, async |buffer, reader, _| drop(buffer.read_ready(reader, 20).await));
    }

    "fn poll_read_ready"
    fn a_read_of_all_there_is_that_is_polled_for() {
        reads(LINES, async |buffer, reader, _| {
            drop(poll_fn(|cx| buffer.poll_read_ready(cx, Pin::new(&mut *reader), 20)).await);
        });
    }

    "fn next_frame"
    fn a_frame() {
        reads(LINES, async |buffer, reader, out| {
            out.extend(buffer.next_frame(reader, &mut Delimiter::new(b"\n")).await.unwrap().unwrap());
        });
        reads(b"\0\x09announced and the rest", async |buffer, reader, out| {
            out.extend(buffer.next_frame(reader, &mut LengthPrefix::big_endian(2)).await.unwrap().unwrap());
        });
    }

    "fn skip_frame"
    fn a_frame_that_is_left_behind() {
        let line = [&[b'a'; 100][..], b"\nnext\nrest"].concat();
        let length = [&[0, 100][..], &[b'a'; 100], b"\0\x04next"].concat();
        let cases: [(&[u8], &mut dyn FrameFinder, usize); 2] =
            [(&line, &mut Delimiter::new(b"\n"), 101), (&length, &mut LengthPrefix::big_endian(2), 102)];
        for (content, finder, end) in cases {
            let mut nexts = 0;
            runs(content, |cut, buffer, reader| {
                let stirring = reader.clone();
                let skipped = cut.run(buffer.skip_frame(reader, finder), || stirring.unblock());
                assert!(skipped.is_none_or(|skipped| skipped.unwrap() == end as u64));
                // The next future goes on there, unless that one was never polled.
                let next =
                    Cut::whole().run(buffer.next_frame(reader, finder), || stirring.unblock()).unwrap();
                match next {
                    Ok(next) => {
                        let next = next.unwrap();
                        assert!(content[end..].starts_with(&next));
                        nexts += 1;
                        content[..end + next.len()].to_vec()
                    }
                    Err(error) => {
                        assert!(matches!(error, FrameError::TooLong { .. }), "{error}");
                        Vec::new()
                    }
                }
            });
            assert!(nexts > 10, "{nexts}");
        }
    }

    "Stream for Frames"
    fn a_stream_of_frames() {
        reads(LINES, async |buffer, reader, out| {
            let mut frames = buffer.frames(reader, Delimiter::new(b"\n"));
            while out.len() < LINES.len() - 4 {
                out.extend(frames.next().await.unwrap().unwrap());
            }
        });
    }

    "AsyncRead for HandoffReader"
    fn a_read_through_the_buffer() {
        for room in [2, 100] {
            reads_through(async |reader, out| {
                let mut piece = vec![0; room];
                while out.len() < 10 {
                    let n = reader.read(&mut piece).await.unwrap();
                    out.extend_from_slice(&piece[..n]);
                }
            });
        }
    }

    "AsyncBufRead for HandoffReader"
    fn a_line_through_the_buffer() {
        reads_through(async |reader, out| {
            reader.read_until(b'\n', out).await.unwrap();
            reader.read_until(b'\n', out).await.unwrap();
        });
    }

    /// It is the inner one that writes.
    "AsyncWrite for HandoffReader"
    fn a_write_to_what_is_read_from() {
        writes_through(|slow| buffer().into_reader(slow));
    }
}
