//! A handle as a `Sink` and as an `AsyncWrite`.

use super::support::*;
use futures_handoff_runtimes::io::ScriptReader;
use futures_util::{
    AsyncWrite, AsyncWriteExt, SinkExt, StreamExt,
    future::{join, poll_fn},
    io::copy,
    stream,
};
use std::{
    io::{ErrorKind, IoSlice},
    task::Poll,
};

/// A clone of the handle that is nothing but a writer: a handle has methods of its own of the same names.
fn io(handoff: &WriteHandoff<ScriptWriter>) -> Box<dyn AsyncWrite + Unpin + Send> {
    Box::new(handoff.clone())
}

runtimes::tests! {
    async fn a_sink_sends_what_a_stream_gives<R: Runtime>() {
        for seed in 0..10 {
            let writer = ScriptWriter::seeded(seed);
            let log = writer.log();
            let (handoff, task) = WriteHandoff::new(writer, limits(16, 256));
            let task = R::task(task);
            let sent = pattern(5000);
            let chunks: Vec<Bytes> =
                sent.chunks(1 + 40 * seed as usize % 255).map(Bytes::copy_from_slice).collect();
            stream::iter(chunks).map(Ok).forward(handoff).await.unwrap();
            task.await.unwrap();
            assert!(log.written() == sent);
            assert!(log.is_closed(), "forwarding closes");
        }
    }

    async fn send_all_flushes_and_leaves_the_stream_open<R: Runtime>() {
        let writer = ScriptWriter::willing();
        let log = writer.log();
        let (handoff, task) = WriteHandoff::new(writer, defaults());
        let mut handoff = Settled(handoff);
        let task = R::task(task);
        let mut chunks = stream::iter(["a", "b", "c"].map(|part| Ok(text(part))));
        handoff.0.send_all(&mut chunks).await.unwrap();
        assert_eq!((log.written(), log.flushed()), (b"abc".to_vec(), 3));
        handoff.0.send(text("d")).await.unwrap();
        assert_eq!(log.flushed(), 4);
        assert!(!handoff.is_closed());
        drop(handoff);
        task.await.unwrap();
    }

    async fn a_sink_waits_for_room<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(8, 8));
        let mut sink = (*handoff).clone();
        sink.feed(text("full")).now_or_never().expect("there is room").unwrap();
        // A sink asks for one byte; the item that it then gets may exceed the budget by its length.
        sink.feed(text("eight888")).now_or_never().expect("there is room").unwrap();
        assert_eq!((handoff.pending_bytes(), handoff.available()), (12, 0));
        let mut waits = Hand::waiting(sink.feed(text("more")));
        gate.open();
        task.run();
        assert!(waits.run().unwrap().is_ok());
        drop(waits);
        task.run();
        assert_eq!(log.written(), b"fulleight888more");
    }

    async fn a_sink_refuses_what_never_fits_and_goes_on<R: Runtime>() {
        let (handoff, mut task, log) = willing(limits(8, 8));
        let mut sink = (*handoff).clone();
        let error = sink.feed(filled(0, 9)).await.unwrap_err();
        assert!(matches!(&error, WriteError::TooLarge { len: 9, limit: 8, .. }), "{error}");
        assert_eq!(error.into_bytes().len(), 9);
        sink.feed(text("eight888")).await.unwrap();
        task.run();
        // Without having asked for room.
        let error = sink.start_send_unpin(text("x")).unwrap_err();
        assert!(matches!(error, WriteError::TooLarge { len: 1, limit: 0, .. }));
        assert_eq!(log.written(), b"eight888");
    }

    async fn a_closed_sink_says_why<R: Runtime>() {
        let (handoff, mut task, _log) = scripted([WriteStep::Error(ErrorKind::BrokenPipe)], defaults());
        let mut sink = (*handoff).clone();
        sink.feed(text("a")).await.unwrap();
        assert!(task.run().is_some());
        let refused = [
            sink.feed(text("b")).await,
            SinkExt::<Bytes>::flush(&mut sink).await,
            SinkExt::<Bytes>::close(&mut sink).await,
        ];
        for error in refused {
            assert!(matches!(error.unwrap_err().close_reason(), Some(CloseReason::Io(_))));
        }
    }

    async fn closing_a_sink_closes_the_stream_for_all<R: Runtime>() {
        let (handoff, mut task, log) = willing(defaults());
        let mut sink = (*handoff).clone();
        sink.feed(text("a")).await.unwrap();
        let mut close = Hand::waiting(SinkExt::<Bytes>::close(&mut sink));
        assert!(task.run().unwrap().is_ok());
        assert!(close.run().unwrap().is_ok());
        assert!(handoff.try_write(text("b")).unwrap_err().is_closed());
        assert_eq!((log.written(), log.is_closed()), (b"a".to_vec(), true));
    }

    async fn a_reader_can_be_copied_into_a_handle<R: Runtime>() {
        for seed in 0..10 {
            let writer = ScriptWriter::seeded(seed);
            let log = writer.log();
            let (mut handoff, task) = WriteHandoff::new(writer, limits(4, 100));
            let task = R::task(task);
            let sent = pattern(5000);
            let n = copy(ScriptReader::seeded(seed, &sent), &mut handoff).await.unwrap();
            handoff.close().await.unwrap();
            task.await.unwrap();
            assert_eq!(n, 5000);
            assert!(log.written() == sent);
        }
    }

    async fn a_write_takes_as_much_as_there_is_room_for<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(8, 10).with_send_at(4).unwrap());
        let mut writer = io(&handoff);
        assert_eq!(writer.write(b"0123456").await.unwrap(), 7);
        assert_eq!(writer.write(b"789abc").await.unwrap(), 3);
        assert_eq!(handoff.available(), 0);
        let mut waits = Hand::waiting(writer.write(b"abcdefgh"));
        gate.open();
        task.run();
        assert_eq!(waits.run().unwrap().unwrap(), 4, "with no room at all it asks for a send's worth");
        drop(waits);
        task.run();
        assert_eq!(log.written(), b"0123456789abcd");
    }

    async fn vectored_writes_are_joined<R: Runtime>() {
        let (handoff, mut task, log) = willing(limits(8, 10));
        let mut writer = io(&handoff);
        let slices = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
        assert_eq!(writer.write_vectored(&slices).await.unwrap(), 5);
        let slices = [IoSlice::new(b"fgh"), IoSlice::new(b"ij!")];
        assert_eq!(writer.write_vectored(&slices).await.unwrap(), 5, "cut in the middle of a slice");
        task.run();
        assert_eq!(log.written(), b"abcdefghij");
    }

    async fn an_empty_write_is_no_end<R: Runtime>() {
        let (handoff, _task, log) = willing(defaults());
        let mut writer = io(&handoff);
        assert_eq!(writer.write(b"").await.unwrap(), 0);
        assert_eq!(writer.write_vectored(&[]).await.unwrap(), 0);
        assert_eq!((log.calls(), handoff.stats().chunks), (vec![], 0));
    }

    async fn a_closed_writer_gives_io_errors<R: Runtime>() {
        let (handoff, mut task, _log) = willing(defaults());
        let mut writer = io(&handoff);
        drop(handoff.close());
        assert_eq!(writer.write(b"late").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(writer.write(b"").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert!(task.run().unwrap().is_ok());
        writer.flush().await.unwrap();
        writer.close().await.unwrap();

        let (handoff, mut task, _log) = scripted([WriteStep::Error(ErrorKind::TimedOut)], defaults());
        let mut writer = io(&handoff);
        writer.write_all(b"a").await.unwrap();
        assert!(task.run().is_some());
        assert_eq!(writer.write(b"b").await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(writer.flush().await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(writer.close().await.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    /// A flush was given up; the next one owes the bytes that were written in between.
    async fn a_flush_covers_all_that_was_written_before_it<R: Runtime>() {
        for sink in [false, true] {
            let gate = Gate::new();
            let steps = [WriteStep::Wait(gate.clone()), WriteStep::Accept(5)];
            let (handoff, mut task, log) = scripted(steps, defaults());
            let mut writer = (*handoff).clone();
            AsyncWriteExt::write_all(&mut writer, b"first").await.unwrap();
            assert!(AsyncWriteExt::flush(&mut writer).now_or_never().is_none());
            if sink {
                writer.feed(text("second")).await.unwrap();
            } else {
                AsyncWriteExt::write_all(&mut writer, b"second").await.unwrap();
            }
            let mut flush = Hand::waiting(AsyncWriteExt::flush(&mut writer));
            gate.open();
            task.run();
            assert!(flush.run().unwrap().is_ok());
            assert_eq!((log.written(), log.flushed()), (b"firstsecond".to_vec(), 11));
        }
    }

    async fn a_write_given_up_has_written_nothing<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(8, 4));
        let mut writer = io(&handoff);
        writer.write_all(b"full").await.unwrap();
        assert!(writer.write(b"given up").now_or_never().is_none());
        gate.open();
        task.run();
        assert_eq!(writer.write(b"next").await.unwrap(), 4);
        task.run();
        assert_eq!(log.written(), b"fullnext");
    }

    async fn one_handle_can_be_used_in_both_ways<R: Runtime>() {
        let (handoff, mut task, log) = willing(limits(8, 64));
        let mut both = (*handoff).clone();
        // The sink's room is one byte; the write gets more.
        poll_fn(|cx| both.poll_ready_unpin(cx)).await.unwrap();
        assert_eq!(AsyncWriteExt::write(&mut both, b"written").await.unwrap(), 7);
        both.feed(text(" and sent")).await.unwrap();
        poll_fn(|cx| both.poll_ready_unpin(cx)).await.unwrap();
        assert_eq!(handoff.available(), 64 - 16 - 1);
        let clone = both.clone();
        drop(both);
        assert_eq!(handoff.available(), 64 - 16, "a clone holds nothing");
        drop(clone);
        task.run();
        assert_eq!(log.written(), b"written and sent");
    }

    async fn a_sink_that_is_ready_is_told_of_the_end<R: Runtime>() {
        let (handoff, mut task, _log) = willing(defaults());
        let mut sink = (*handoff).clone();
        poll_fn(|cx| sink.poll_ready_unpin(cx)).await.unwrap();
        handoff.abort_handle().abort();
        assert!(task.run().is_some());
        let error = sink.start_send_unpin(text("late")).unwrap_err();
        assert!(matches!(error.close_reason(), Some(CloseReason::Aborted)));
        assert_eq!(error.into_bytes(), "late");
        assert!(poll_fn(|cx| Poll::Ready(matches!(sink.poll_ready_unpin(cx), Poll::Ready(Err(_))))).await);
    }

    async fn sinks_and_writers_of_one_stream_share_its_budget<R: Runtime>() {
        let (handoff, task) = WriteHandoff::new(ScriptWriter::seeded(12), limits(8, 64));
        let handoff = Settled(handoff);
        let task = R::task(task);
        let (mut sink, mut writer) = ((*handoff).clone(), (*handoff).clone());
        let sends = async {
            for _ in 0..200 {
                sink.send(text("0123456789")).await.unwrap();
            }
        };
        let writes = async {
            for _ in 0..200 {
                AsyncWriteExt::write_all(&mut writer, b"9876543210").await.unwrap();
            }
            AsyncWriteExt::flush(&mut writer).await.unwrap();
        };
        join(sends, writes).await;
        assert_eq!(handoff.stats().flushed, 4000);
        drop((handoff, sink, writer));
        task.await.unwrap();
    }
}
