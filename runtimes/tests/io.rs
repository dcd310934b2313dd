//! The scripted streams follow their scripts.

use std::{
    io::{ErrorKind, IoSlice},
    panic::{AssertUnwindSafe, catch_unwind},
};

use futures_executor::block_on;
use futures_handoff_runtimes::io::{
    Call, EndStep, Gate, ReadStep, ScriptReader, ScriptWriter, WriteStep, duplex,
};
use futures_util::{AsyncReadExt, AsyncWriteExt, FutureExt, future::join};

#[test]
fn a_reader_follows_its_script() {
    let gate = Gate::new();
    let mut reader = ScriptReader::new([
        ReadStep::data("abcdef"),
        ReadStep::Pending,
        ReadStep::End,
        ReadStep::Error(ErrorKind::ConnectionReset),
        ReadStep::OverReport(3),
        ReadStep::Wait(gate.clone()),
        ReadStep::data("g"),
    ]);
    let log = reader.log();
    let mut buf = [0; 4];
    block_on(async {
        assert_eq!(reader.read(&mut buf).await.unwrap(), 4);
        assert_eq!(&buf, b"abcd");
        assert_eq!(reader.read(&mut buf).await.unwrap(), 2);
        assert!(reader.read(&mut buf).now_or_never().is_none());
        assert_eq!(reader.read(&mut buf).await.unwrap(), 0);
        assert_eq!(reader.read(&mut buf).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(reader.read(&mut buf).await.unwrap(), 7);
        assert!(reader.read(&mut buf).now_or_never().is_none());
        assert!(gate.is_reached());
        gate.open();
        assert_eq!(reader.read(&mut buf[..2]).await.unwrap(), 1);
        assert_eq!(reader.read(&mut buf).await.unwrap(), 0);
    });
    assert_eq!(log.offered(), [4, 4, 4, 4, 4, 4, 4, 2, 4]);
}

#[test]
fn a_reader_panics_once() {
    let mut reader = ScriptReader::new([ReadStep::Panic, ReadStep::data("a")]);
    let mut buf = [0; 1];
    let panicked = catch_unwind(AssertUnwindSafe(|| block_on(reader.read(&mut buf)).unwrap()));
    assert!(panicked.is_err());
    assert_eq!(block_on(reader.read(&mut buf)).unwrap(), 1);
}

#[test]
fn a_writer_follows_its_script() {
    let mut writer = ScriptWriter::new([
        WriteStep::Accept(2),
        WriteStep::Pending,
        WriteStep::Zero,
        WriteStep::Error(ErrorKind::BrokenPipe),
        WriteStep::OverReport(5),
        WriteStep::Accept(4),
    ])
    .with_flush([EndStep::Error(ErrorKind::TimedOut), EndStep::Done])
    .with_close([EndStep::Pending]);
    let log = writer.log();
    block_on(async {
        assert_eq!(writer.write(b"abc").await.unwrap(), 2);
        assert!(writer.write(b"cd").now_or_never().is_none());
        assert_eq!(writer.write(b"cd").await.unwrap(), 0);
        assert_eq!(writer.write(b"cd").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(writer.write(b"cd").await.unwrap(), 7);
        let slices = [IoSlice::new(b"ef"), IoSlice::new(b""), IoSlice::new(b"ghi")];
        assert_eq!(writer.write_vectored(&slices).await.unwrap(), 4);
        assert_eq!(writer.flush().await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(log.flushed(), 0);
        writer.flush().await.unwrap();
        assert!(writer.close().now_or_never().is_none());
        assert!(!log.is_closed());
        writer.close().await.unwrap();
    });
    drop(writer);
    assert_eq!(log.written(), b"abcdefgh");
    assert_eq!((log.writes(), log.vectored_writes(), log.flushes(), log.closes()), (5, 1, 2, 2));
    assert_eq!(log.calls()[5], Call::WriteVectored { slices: 3, offered: 5 });
    assert_eq!(log.flushed(), 8);
    assert!(log.is_closed() && log.is_dropped());
}

#[test]
fn a_writer_without_vectored_writes_takes_the_first_slice_that_holds_something() {
    let mut writer = ScriptWriter::willing().not_vectored();
    let slices = [IoSlice::new(b""), IoSlice::new(b"ab"), IoSlice::new(b"c")];
    assert_eq!(block_on(writer.write_vectored(&slices)).unwrap(), 2);
    assert_eq!(writer.log().written(), b"ab");
}

#[test]
fn a_gate_holds_until_it_is_opened_and_a_record_can_be_awaited() {
    let gate = Gate::new();
    let mut writer = ScriptWriter::new([WriteStep::Wait(gate.clone())]);
    let log = writer.log();
    let opened = async {
        gate.reached().await;
        assert!(log.is_empty());
        gate.open();
        log.wait_until(|log| log.len() == 3).await;
    };
    let (wrote, ()) = block_on(join(writer.write_all(b"abc"), opened));
    wrote.unwrap();
    assert_eq!(log.written(), b"abc");
}

#[test]
fn seeded_streams_lose_nothing_and_repeat_themselves() {
    let sent: Vec<u8> = (0..20_000u32).map(|i| (i % 253) as u8).collect();
    let shape = |seed| {
        let mut reader = ScriptReader::seeded(seed, &sent);
        let mut writer = ScriptWriter::seeded(seed);
        let read = reader.log();
        let mut received = Vec::new();
        block_on(async {
            reader.read_to_end(&mut received).await.unwrap();
            writer.write_all(&received).await.unwrap();
        });
        assert_eq!(received, sent);
        assert_eq!(writer.log().written(), sent);
        (read.offered(), writer.log().calls())
    };
    assert_eq!(shape(1), shape(1));
    assert_ne!(shape(1), shape(2));
    // Short reads and writes did happen.
    assert!(shape(3).1.len() > 10);
}

#[test]
fn duplex_takes_slices_together_ends_and_breaks() {
    block_on(async {
        let (mut near, mut far) = duplex(6);
        let slices = [IoSlice::new(b""), IoSlice::new(b"abc"), IoSlice::new(b"de"), IoSlice::new(b"fgh")];
        assert_eq!(near.write_vectored(&slices).await.unwrap(), 6);
        let mut received = [0; 6];
        far.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"abcdef");

        near.close().await.unwrap();
        assert_eq!(near.write(b"x").await.unwrap_err().kind(), ErrorKind::NotConnected);
        assert_eq!(far.read(&mut received).await.unwrap(), 0);
        far.write_all(b"back").await.unwrap();
        near.read_exact(&mut received[..4]).await.unwrap();
        drop(near);
        assert_eq!(far.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_buffering_writer_passes_on_what_fills_its_buffer_what_is_flushed_and_what_it_is_closed_with() {
    let mut writer = ScriptWriter::willing().buffering(4).with_flush([EndStep::Pending, EndStep::Done]);
    let log = writer.log();
    block_on(async {
        writer.write_all(b"abc").await.unwrap();
        assert_eq!((log.len(), log.passed()), (3, 0));
        writer.write_all(b"d").await.unwrap();
        assert_eq!(log.passed(), 4, "the buffer was full");
        writer.write_all(b"ef").await.unwrap();
        assert!(writer.flush().now_or_never().is_none());
        assert_eq!((log.passed(), log.flushed()), (4, 0));
        writer.flush().await.unwrap();
        assert_eq!((log.passed(), log.flushed()), (6, 6));
        writer.write_all(b"g").await.unwrap();
        writer.close().await.unwrap();
        assert_eq!((log.passed(), log.flushed()), (7, 6));
    });
}

#[test]
fn a_writer_that_does_not_buffer_passes_on_all_at_once() {
    let mut writer = ScriptWriter::willing();
    block_on(writer.write_all(b"abc")).unwrap();
    assert_eq!((writer.log().passed(), writer.log().flushed()), (3, 0));
}
