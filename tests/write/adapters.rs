//! The adapters of a handle: a `Sink` and an `AsyncWrite`.

use super::support::*;
use futures_util::{AsyncWriteExt, SinkExt, StreamExt, future::poll_fn, io::copy, stream as streams};
use std::{
    io::{ErrorKind, IoSlice},
    panic::{AssertUnwindSafe, catch_unwind},
    task::Poll,
};

fn io(handoff: &WriteHandoff<ScriptWriter>) -> HandoffWriter<ScriptWriter> {
    handoff.clone().into_writer()
}

fn sink(handoff: &WriteHandoff<ScriptWriter>) -> HandoffSink<ScriptWriter> {
    handoff.clone().into_sink()
}

runtimes::tests! {
    async fn a_sink_sends_what_a_stream_gives<R: Runtime>() {
        for seed in 0..10 {
            let (handoff, task, log) = background::<R>(ScriptWriter::seeded(seed), limits(16, 256));
            let sent = pattern(5000);
            let chunks = sent.chunks(1 + 40 * seed as usize % 255).map(Bytes::copy_from_slice).map(Ok);
            let last = sink(&handoff);
            drop(handoff);
            streams::iter(chunks.collect::<Vec<_>>()).forward(last).await.unwrap();
            task.await.unwrap();
            assert!(log.written() == sent);
            assert!(log.is_closed(), "forwarding closes the last handle");
        }
    }

    async fn send_all_flushes_and_leaves_the_stream_open<R: Runtime>() {
        let (handoff, task, log) = background::<R>(ScriptWriter::willing(), defaults());
        let mut chunks = streams::iter(["a", "b", "c"].map(|part| Ok(text(part))));
        let mut all = sink(&handoff);
        all.send_all(&mut chunks).await.unwrap();
        assert_eq!((log.written(), log.flushed()), (b"abc".to_vec(), 3));
        all.send(text("d")).await.unwrap();
        assert_eq!(log.flushed(), 4);
        assert!(!handoff.is_closed());
        drop((handoff, all));
        task.await.unwrap();
    }

    async fn a_sink_that_was_not_ready_refuses_an_item_by_a_panic<R: Runtime>() {
        let (handoff, _task, _log) = willing(limits(8, 8));
        let mut sink = sink(&handoff);
        let sent = catch_unwind(AssertUnwindSafe(|| sink.start_send_unpin(text("x"))));
        assert!(sent.is_err());
        sink.feed(text("y")).await.unwrap();
        assert_eq!(handoff.pending_bytes(), 1);
    }

    /// 100 sinks of one stream are ready at once, and each gets an item of the whole budget.
    async fn sinks_that_are_ready_at_once_stay_within_the_budget<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(8, 8));
        let mut sinks: Vec<_> = (0..100).map(|_| sink(&handoff)).collect();
        for sink in &mut sinks {
            poll_fn(|cx| sink.poll_ready_unpin(cx)).await.unwrap();
        }
        for (at, sink) in sinks.iter_mut().enumerate() {
            sink.start_send_unpin(filled(at as u8, 8)).unwrap();
        }
        assert_eq!(handoff.pending_bytes(), 8);
        for sink in &mut sinks {
            assert!(poll_fn(|cx| Poll::Ready(sink.poll_ready_unpin(cx).is_pending())).await);
        }
        drop(sinks);
        gate.open();
        while task.run().is_none() && log.written().len() < 800 {
            assert!(handoff.pending_bytes() <= 8);
        }
        let sent: Vec<u8> = (0..100).flat_map(|at| filled(at, 8)).collect();
        assert_eq!(log.written(), sent, "a sink that is dropped has handed over what it took");
    }

    /// The future that waited is dropped, and the adapter is kept.
    async fn an_adapter_whose_future_was_dropped_delays_no_producer<R: Runtime>() {
        for writer in [false, true] {
            let (handoff, mut task, log, gate) = gated(limits(8, 4));
            handoff.try_write(text("full")).unwrap();
            let (mut sink, mut io) = (sink(&handoff), io(&handoff));
            if writer {
                assert!(io.write(b"given up").now_or_never().is_none());
            } else {
                assert!(sink.feed(text("gone")).now_or_never().is_none());
            }
            let mut behind = Hand::waiting(handoff.write(text("next")));
            gate.open();
            task.run();
            assert!(behind.run().expect("it is its turn").is_ok());
            drop(behind);
            task.run();
            assert_eq!(log.written(), b"fullnext");
            drop((sink, io));
        }
    }

    async fn closing_an_adapter_gives_up_its_own_handle<R: Runtime>() {
        let (handoff, mut task, log) = willing(defaults().with_inline(Inline::Never));
        let mut sink = sink(&handoff);
        sink.feed(text("a")).await.unwrap();
        let mut close = Hand::waiting(SinkExt::<Bytes>::close(&mut sink));
        assert!(task.run().is_none());
        assert!(close.run().unwrap().is_ok());
        drop(close);
        assert_eq!((log.written(), log.flushed(), log.is_closed()), (b"a".to_vec(), 1, false));
        assert!(matches!(
            sink.feed(text("late")).await.unwrap_err().close_reason(),
            Some(CloseReason::Closed)
        ));
        let mut io = io(&handoff);
        io.write_all(b"b").await.unwrap();
        let mut close = Hand::waiting(io.close());
        task.run();
        assert!(close.run().unwrap().is_ok());
        drop(close);
        assert_eq!(io.write(b"late").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!((handoff.is_closed(), log.is_closed()), (false, false));
        let mut last = (*handoff).clone().into_sink();
        drop(handoff);
        let mut close = Hand::waiting(SinkExt::<Bytes>::close(&mut last));
        assert!(task.run().unwrap().is_ok());
        assert!(close.run().unwrap().is_ok());
        assert_eq!((log.written(), log.is_closed()), (b"ab".to_vec(), true));
    }

    async fn a_reader_can_be_copied_into_a_handle<R: Runtime>() {
        for seed in 0..10 {
            let (handoff, task, log) = background::<R>(ScriptWriter::seeded(seed), limits(4, 100));
            let sent = pattern(5000);
            let n = copy(ScriptReader::seeded(seed, &sent), &mut io(&handoff)).await.unwrap();
            drop(handoff);
            task.await.unwrap();
            assert_eq!(n, 5000);
            assert!(log.written() == sent);
        }
    }

    async fn a_write_takes_as_much_as_there_is_room_for<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(limits(8, 10).with_send_at(4));
        let mut writer = io(&handoff);
        assert_eq!(writer.write(b"0123456").await.unwrap(), 7);
        let slices = [IoSlice::new(b"7"), IoSlice::new(b""), IoSlice::new(b"89!")];
        assert_eq!(writer.write_vectored(&slices).await.unwrap(), 3, "cut in the middle of a slice");
        assert_eq!(
            (handoff.stats().chunks, handoff.stats().accepted),
            (2, 10),
            "slices of one write count once"
        );
        assert_eq!(handoff.available(), 0);
        let mut waits = Hand::waiting(writer.write(b"abcdefgh"));
        gate.open();
        task.run();
        assert_eq!(waits.run().unwrap().unwrap(), 8);
        drop(waits);
        task.run();
        assert_eq!(log.written(), b"0123456789abcdefgh");
    }

    async fn adapters_tell_of_the_end<R: Runtime>() {
        let (handoff, mut task, _log) = willing(defaults());
        let mut writer = io(&handoff);
        handoff.close();
        assert_eq!(writer.write(b"late").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(writer.write(b"").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert!(task.run().unwrap().is_ok());
        writer.flush().await.unwrap();
        writer.close().await.unwrap();

        let (handoff, mut task, _log) = scripted([WriteStep::Error(ErrorKind::TimedOut)], defaults());
        let (mut writer, mut sink) = (io(&handoff), sink(&handoff));
        writer.write_all(b"a").await.unwrap();
        assert!(task.run().is_some());
        let of_sink = [
            sink.feed(text("b")).await,
            SinkExt::<Bytes>::flush(&mut sink).await,
            SinkExt::<Bytes>::close(&mut sink).await,
        ];
        for error in of_sink {
            assert!(matches!(error.unwrap_err().close_reason(), Some(CloseReason::Io(_))));
        }
        assert_eq!(writer.write(b"b").await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(writer.flush().await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(writer.close().await.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    /// A flush was dropped; the next one also covers the bytes written in between.
    async fn a_flush_covers_all_that_was_written_before_it<R: Runtime>() {
        for sink in [false, true] {
            let gate = Gate::new();
            let steps = [WriteStep::Wait(gate.clone()), WriteStep::Accept(5)];
            let (handoff, mut task, log) = scripted(steps, defaults());
            let (mut writer, mut items) = (io(&handoff), self::sink(&handoff));
            if sink {
                items.feed(text("first")).await.unwrap();
                assert!(SinkExt::<Bytes>::flush(&mut items).now_or_never().is_none());
                items.feed(text("second")).await.unwrap();
            } else {
                writer.write_all(b"first").await.unwrap();
                assert!(writer.flush().now_or_never().is_none());
                writer.write_all(b"second").await.unwrap();
            }
            let flush = async {
                if sink {
                    SinkExt::<Bytes>::flush(&mut items).await.is_ok()
                } else {
                    writer.flush().await.is_ok()
                }
            };
            let mut flush = Hand::waiting(Box::pin(flush));
            gate.open();
            task.run();
            assert!(flush.run().unwrap());
            assert_eq!((log.written(), log.flushed()), (b"firstsecond".to_vec(), 11));
        }
    }
}
