//! The buffer in front of its reader, as one reader.

use std::io::{self, IoSliceMut};

use crate::support::*;
use futures_handoff_runtimes::io::{Call, ScriptWriter};
use futures_util::{AsyncReadExt, AsyncWriteExt};

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
    assert_eq!(reader.get_ref().offers()[1], 50_000);
    assert_eq!(out, bytes(100_000)[4096..54_096]);
    assert_eq!(reader.buffer(), b"");
}

#[test]
fn empty_reads_do_not_poll_the_reader() {
    let mut reader = buffer(64).into_reader(Script::new([Step::Panic]));
    assert_eq!(finish(reader.read(&mut [])).unwrap(), 0);
    assert_eq!(finish(reader.read_vectored(&mut [])).unwrap(), 0);
    assert_eq!(finish(reader.read_vectored(&mut [IoSliceMut::new(&mut [])])).unwrap(), 0);
}

#[test]
fn each_write_call_reaches_its_own_counterpart() {
    let mut stream = buffer(64).into_reader(ScriptWriter::willing());
    let log = stream.get_ref().log();
    finish(stream.write(b"out")).unwrap();
    finish(stream.write_vectored(&[io::IoSlice::new(b"put")])).unwrap();
    finish(stream.flush()).unwrap();
    finish(stream.close()).unwrap();
    let (write, vectored) = (Call::Write { offered: 3 }, Call::WriteVectored { slices: 1, offered: 3 });
    assert_eq!(log.calls(), [write, vectored, Call::Flush, Call::Close]);
    assert_eq!(log.written(), b"output");
}
