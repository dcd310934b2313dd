//! The buffer in front of its reader, as one reader.

use std::{
    io::{self, IoSliceMut},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use crate::support::*;
use futures_handoff::{BufferError, HandoffBuffer, HandoffReader};
use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};
use futures_util::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, io::AllowStdIo};

/// A reader whose first `held` bytes of `data` are in the buffer already.
fn reader(data: &[u8], held: usize, size: usize) -> HandoffReader<Script> {
    holding(1 << 16, &data[..held]).into_reader(Script::paced(&data[held..], size))
}

#[test]
fn the_tail_comes_first_then_the_stream() {
    let data = bytes(20_000);
    for (held, size) in [(0, 7), (1, 1460), (5000, 1), (5000, 20_000), (20_000, 1)] {
        let mut reader = reader(&data, held, size);
        let mut got = Vec::new();
        finish(reader.read_to_end(&mut got)).unwrap();
        assert_eq!(got, data, "{held} {size}");
    }
}

#[test]
fn reads_of_every_size_see_the_same_bytes() {
    let data = bytes(30_000);
    for step in [1, 100, 4095, 4096, 9999] {
        let mut reader = reader(&data, 3000, 2500);
        let mut got = Vec::new();
        let mut out = vec![0; step];
        loop {
            let n = finish(reader.read(&mut out)).unwrap();
            if n == 0 {
                break;
            }
            got.extend_from_slice(&out[..n]);
        }
        assert_eq!(got, data, "{step}");
    }
}

#[test]
fn small_reads_are_gathered_and_large_ones_bypass_the_buffer() {
    let mut reader = buffer(1 << 16).into_reader(Script::bursts(&bytes(100_000), 100_000));
    let mut out = [0; 1];
    for _ in 0..4096 {
        assert_eq!(finish(reader.read(&mut out)).unwrap(), 1);
    }
    assert_eq!(reader.get_ref().polls(), 1);
    let mut out = vec![0; 50_000];
    assert_eq!(finish(reader.read(&mut out)).unwrap(), 50_000);
    assert_eq!(reader.get_ref().offers[1], 50_000);
    assert_eq!(out, bytes(100_000)[4096..54_096]);
    assert_eq!(reader.buffer(), b"");
}

#[test]
fn a_buffered_tail_is_never_bypassed() {
    let mut reader = reader(b"tailstream", 4, 6);
    let mut out = vec![0; 8192];
    assert_eq!(finish(reader.read(&mut out)).unwrap(), 4);
    assert_eq!(&out[..4], b"tail");
    assert_eq!(reader.get_ref().polls(), 0);
}

#[test]
fn empty_reads_ask_nobody() {
    let mut reader = buffer(64).into_reader(Script::new([Step::Panic]));
    assert_eq!(finish(reader.read(&mut [])).unwrap(), 0);
    assert_eq!(finish(reader.read_vectored(&mut [])).unwrap(), 0);
    assert_eq!(finish(reader.read_vectored(&mut [IoSliceMut::new(&mut [])])).unwrap(), 0);
}

#[test]
fn vectored_reads_fill_slice_after_slice() {
    let mut reader = reader(b"tailstream", 4, 6);
    let (mut a, mut b, mut c) = ([0; 3], [0; 0], [0; 3]);
    let mut outs = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b), IoSliceMut::new(&mut c)];
    assert_eq!(finish(reader.read_vectored(&mut outs)).unwrap(), 4);
    assert_eq!((&a, &c[..1]), (b"tai", &b"l"[..]));
    let mut d = [0; 4];
    assert_eq!(finish(reader.read_vectored(&mut [IoSliceMut::new(&mut d)])).unwrap(), 4);
    assert_eq!((&d, reader.buffer()), (b"stre", &b"am"[..]));
}

#[test]
fn lines_and_buffered_reads_work() {
    let mut reader = reader(b"one\ntwo\nthree", 2, 3);
    let mut line = String::new();
    finish(reader.read_line(&mut line)).unwrap();
    finish(reader.read_line(&mut line)).unwrap();
    assert_eq!(line, "one\ntwo\n");
    assert_eq!(finish(reader.fill_buf()).unwrap()[0], b't');
    reader.consume_unpin(usize::MAX);
    assert_eq!(reader.buffer(), b"");
    let mut rest = String::new();
    finish(reader.read_to_string(&mut rest)).unwrap();
    assert!("hree".ends_with(&rest));
    assert_eq!(finish(reader.fill_buf()).unwrap(), b"");
}

#[test]
fn taking_it_apart_loses_nothing() {
    let mut reader = reader(b"head|tail", 6, 3);
    reader.get_mut().push(Step::Data(b"more".to_vec()));
    let mut head = [0; 5];
    finish(reader.read_exact(&mut head)).unwrap();
    assert_eq!(reader.buffer(), b"t");
    let (mut buffer, mut inner) = reader.into_parts();
    while read(&mut buffer, &mut inner) > 0 {}
    assert_eq!(buffer.peek(), b"tailmore");
}

#[test]
fn inner_errors_and_waits_pass_through() {
    let mut reader = buffer(64).into_reader(Script::new([
        Step::Pending,
        Step::Fail(io::ErrorKind::ConnectionReset),
        Step::Data(b"on".to_vec()),
    ]));
    let mut out = [0; 8];
    assert!(poll_once(pin!(reader.read(&mut out))).is_pending());
    let error = finish(reader.read(&mut out)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(finish(reader.read(&mut out)).unwrap(), 2);
}

#[test]
fn a_lying_inner_reader_is_found_out_on_every_path() {
    let invalid = |result: Poll<io::Result<usize>>| {
        let Poll::Ready(Err(error)) = result else { panic!("{result:?}") };
        let inner = error.get_ref().unwrap().downcast_ref::<BufferError>();
        assert!(matches!(inner, Some(BufferError::InvalidReader { .. })), "{error}");
    };
    let mut cx = Context::from_waker(Waker::noop());
    let mut reader = buffer(64).into_reader(Script::new((0..4).map(|_| Step::Lie(1))));
    let mut out = [0; 100];
    invalid(Pin::new(&mut reader).poll_read(&mut cx, &mut out[..1]));
    invalid(Pin::new(&mut reader).poll_read(&mut cx, &mut out));
    invalid(Pin::new(&mut reader).poll_read_vectored(&mut cx, &mut [IoSliceMut::new(&mut out)]));
    let filled = Pin::new(&mut reader).poll_fill_buf(&mut cx);
    invalid(filled.map(|filled| filled.map(<[u8]>::len)));
    assert_eq!(reader.get_ref().polls(), 4);
}

#[test]
fn writes_pass_through() {
    let mut stream = HandoffBuffer::new(64).into_reader(AllowStdIo::new(io::Cursor::new(Vec::new())));
    finish(stream.write_all(b"out")).unwrap();
    finish(stream.write_vectored(&[io::IoSlice::new(b"put")])).unwrap();
    finish(stream.flush()).unwrap();
    finish(stream.close()).unwrap();
    assert_eq!(stream.get_ref().get_ref().get_ref(), b"output");
}

#[test]
fn each_write_call_reaches_its_own_counterpart() {
    #[derive(Default)]
    struct Calls(Vec<&'static str>);
    impl AsyncWrite for Calls {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            self.0.push("write");
            Poll::Ready(Ok(1))
        }
        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[io::IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.0.push("vectored");
            Poll::Ready(Ok(1))
        }
        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.0.push("flush");
            Poll::Ready(Ok(()))
        }
        fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.0.push("close");
            Poll::Ready(Ok(()))
        }
    }
    let mut stream = buffer(64).into_reader(Calls::default());
    finish(stream.write(b"x")).unwrap();
    finish(stream.write_vectored(&[io::IoSlice::new(b"x")])).unwrap();
    finish(stream.flush()).unwrap();
    finish(stream.close()).unwrap();
    assert_eq!(stream.get_ref().0, ["write", "vectored", "flush", "close"]);
}
