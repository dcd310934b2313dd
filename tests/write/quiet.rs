//! A writer that buffers is flushed before its stream falls quiet, by whichever party wrote last, and only then.

use super::support::*;
use futures_handoff_runtimes::io::ScriptReader;
use futures_util::{AsyncWrite, SinkExt, io::copy};
use std::io::ErrorKind;

/// A stream into a writer that keeps all it takes to itself until it is flushed.
fn buffering(
    config: WriteHandoffConfig,
    flush: impl IntoIterator<Item = EndStep>,
) -> (Settled<ScriptWriter>, Hand<WriteTask<ScriptWriter>>, WriteLog) {
    let writer = ScriptWriter::willing().buffering(usize::MAX).with_flush(flush);
    let log = writer.log();
    let (handoff, task) = stream(writer, config);
    (handoff, task, log)
}

/// The configurations with which different parties call the writer.
fn parties() -> [WriteHandoffConfig; 4] {
    let flushing = WriteHandoffConfig::default();
    let at_once = flushing.with_send_at(0);
    [flushing, at_once, at_once.with_inline(Inline::Always), flushing.with_inline(Inline::Never)]
}

/// Everything was flushed, in one flush for each of so many quiet periods.
#[track_caller]
fn assert_flushed(log: &WriteLog, len: usize, flushes: usize) {
    assert_eq!((log.len(), log.passed(), log.flushed(), log.flushes()), (len, len, len, flushes));
}

runtimes::tests! {
    async fn what_the_task_writes_is_flushed_once_before_it_sleeps<R: Runtime>() {
        let (handoff, mut task, log) = buffering(WriteHandoffConfig::default().with_inline(Inline::Never), []);
        for period in 1..4 {
            put(&handoff, "abc");
            put(&handoff, "def");
            task.run();
            assert_flushed(&log, 6 * period, period);
            task.wake();
            task.run();
            assert_flushed(&log, 6 * period, period);
        }
        assert_eq!(log.calls()[..4], [Call::Write { offered: 6 }, Call::Flush, Call::Write { offered: 6 }, Call::Flush]);
        assert_eq!(handoff.stats().flush_calls, 3);
        assert_eq!(handoff.stats().flushed, 18);
    }

    async fn a_writer_that_was_given_nothing_is_not_flushed<R: Runtime>() {
        let (handoff, mut task, log) = buffering(WriteHandoffConfig::default(), []);
        task.wake();
        task.run();
        handoff.dispatch();
        handoff.with_writer(|_| ());
        task.run();
        assert_eq!(log.calls(), []);
    }

    async fn what_a_producer_writes_is_flushed<R: Runtime>() {
        for config in parties() {
            let (handoff, mut task, log) = buffering(config, []);
            let (mut len, mut periods) = (0, 0);
            for size in [1, 1000, 5000, 16 * 1024, 100_000, 3] {
                assert!(Hand::new(handoff.write_fire_and_forget(filled(b'x', size))).run().unwrap().is_ok());
                task.run();
                (len, periods) = (len + size, periods + 1);
                assert_flushed(&log, len, periods);
                handoff.try_write_fire_and_forget(filled(b'y', size)).unwrap();
                task.run();
                (len, periods) = (len + size, periods + 1);
                assert_flushed(&log, len, periods);
            }
        }
    }

    async fn what_is_submitted_in_any_way_is_flushed<R: Runtime>() {
        for config in parties() {
            let (handoff, mut task, log) = buffering(config, []);
            let mut buffer = holding(&pattern(40_000));
            let (mut len, mut periods) = (0, 0);
            let mut flushed = |n| {
                task.run();
                (len, periods) = (len + n, periods + 1);
                assert_flushed(&log, len, periods);
            };
            handoff.reserve(20_000).await.unwrap().send(filled(b'x', 20_000)).unwrap();
            flushed(20_000);
            handoff.try_reserve(5).unwrap().send(text("small")).unwrap();
            flushed(5);
            for n in [10, 30_000, 2000] {
                handoff.write_prefix(&mut buffer, n).await.unwrap();
                flushed(n);
            }
            handoff.sender().write_fire_and_forget(text("abc")).await.unwrap();
            flushed(3);
            (*handoff).clone().into_sink().feed(text("abc")).await.unwrap();
            flushed(3);
            put(&handoff, "abc");
            handoff.dispatch();
            flushed(3);
        }
    }

    async fn what_is_copied_into_a_handle_is_flushed_before_the_copy_ends<R: Runtime>() {
        for config in parties() {
            let (handoff, mut task, log) = buffering(config, []);
            let gate = Gate::new();
            let reader = ScriptReader::new([
                runtimes::io::ReadStep::data(pattern(3000)),
                runtimes::io::ReadStep::Wait(gate.clone()),
                runtimes::io::ReadStep::data("end"),
            ]);
            let mut into: Box<dyn AsyncWrite + Unpin + Send> = Box::new((*handoff).clone().into_writer());
            let mut copying = Hand::waiting(copy(reader, &mut into));
            task.run();
            assert_flushed(&log, 3000, 1);
            gate.open();
            let copied = copying.run();
            task.run();
            assert_eq!(copied.or_else(|| copying.run()).unwrap().unwrap(), 3003);
            assert_eq!((log.passed(), log.flushed()), (3003, 3003));
        }
    }

    async fn a_batch_is_flushed_once_and_not_between_its_writes<R: Runtime>() {
        for config in [WriteHandoffConfig::default(), WriteHandoffConfig::default().with_inline(Inline::Never)] {
            let (handoff, mut task, log) = buffering(config, []);
            let mut producer = Hand::new(handoff.batching(async {
                for _ in 0..3 {
                    put(&handoff, "abc");
                    assert_eq!(log.flushes(), 0);
                }
                pause().await;
                put(&handoff, "d");
            }));
            assert!(producer.run().is_none());
            task.run();
            assert_flushed(&log, 9, 1);
            producer.wake();
            assert!(producer.run().is_some());
            drop(producer);
            task.run();
            assert_flushed(&log, 10, 2);
        }
    }

    async fn what_runs_with_the_task_is_flushed_once_when_it_waits_and_when_it_is_done<R: Runtime>() {
        for config in parties() {
            let writer = ScriptWriter::willing().buffering(usize::MAX);
            let log = writer.log();
            let (handoff, mut task) = WriteHandoff::new(writer, config.with_send_at(16 * 1024));
            let mut producer = Hand::new(task.run_until(async {
                for period in 0..3 {
                    put(&handoff, "a");
                    put(&handoff, "b");
                    assert_eq!(log.flushes(), period, "the producer has not waited yet");
                    pause().await;
                }
                put(&handoff, "c");
            }));
            for period in 1..4 {
                assert!(producer.run().is_none());
                assert_flushed(&log, 2 * period, period);
                producer.wake();
            }
            assert!(producer.run().is_some());
            drop(producer);
            let mut task = Hand::waiting(task);
            assert_flushed(&log, 7, 4);
            task.wake();
            task.run();
            assert_flushed(&log, 7, 4);
        }
    }

    async fn nothing_is_flushed_while_more_is_queued<R: Runtime>() {
        let gate = Gate::new();
        let writer = ScriptWriter::new([WriteStep::Accept(3), WriteStep::Wait(gate.clone())]);
        let log = writer.log();
        let (handoff, mut task) = stream(writer.buffering(1000), WriteHandoffConfig::default().with_inline(Inline::Never));
        put(&handoff, "abcdef");
        task.run();
        assert!(gate.is_reached());
        assert_eq!((log.len(), log.flushes()), (3, 0));
        gate.open();
        task.run();
        assert_flushed(&log, 6, 1);
    }

    /// The task yields in the middle of so much.
    async fn a_long_queue_is_flushed_at_its_end_alone<R: Runtime>() {
        let writer = ScriptWriter::new(vec![WriteStep::Accept(1); 200]).buffering(1000);
        let log = writer.log();
        let (handoff, mut task) = stream(writer, WriteHandoffConfig::default().with_inline(Inline::Never));
        handoff.try_write_fire_and_forget(filled(b'x', 200)).unwrap();
        task.run();
        assert_flushed(&log, 200, 1);
        assert!(task.polls() > 2, "in several polls");
    }

    /// So is one flush enough where one was asked for.
    async fn a_flush_that_was_asked_for_serves<R: Runtime>() {
        for config in parties() {
            let (handoff, mut task, log) = buffering(config.with_send_at(16 * 1024), []);
            put(&handoff, "abc");
            let mut flush = Hand::new(handoff.flush());
            let flushed = flush.run();
            task.run();
            assert!(flushed.or_else(|| flush.run()).unwrap().is_ok());
            task.wake();
            task.run();
            assert_flushed(&log, 3, 1);
        }
    }

    async fn a_flush_that_is_pending_is_polled_until_it_is_done<R: Runtime>() {
        for config in parties() {
            let (handoff, mut task, log) = buffering(config, vec![EndStep::Pending; 5]);
            put(&handoff, "abc");
            task.run();
            assert_flushed(&log, 3, 6);
            assert_eq!(handoff.stats().flushed, 3);
            task.wake();
            task.run();
            assert_flushed(&log, 3, 6);
        }
    }

    async fn newer_writes_go_out_while_a_flush_is_pending<R: Runtime>() {
        for config in parties() {
            let gate = Gate::new();
            let (handoff, mut task, log) = buffering(config, [EndStep::Wait(gate.clone())]);
            put(&handoff, "old ");
            task.run();
            assert!(gate.is_reached());
            for part in ["new ", "newer ", "newest"] {
                let ticket = handoff.try_write(text(part)).unwrap();
                task.run();
                assert_eq!(ticket.try_result().map(|result| result.is_ok()), Some(true), "{part} is written");
            }
            let mut write = Hand::new(handoff.write_fire_and_forget(filled(b'x', 20_000)));
            assert!(write.run().unwrap().is_ok());
            drop(write);
            task.run();
            assert_eq!((log.len(), log.passed(), log.flushed()), (20_020, 0, 0));
            gate.open();
            task.run();
            assert_eq!((log.passed(), log.flushed(), handoff.stats().flushed), (20_020, 20_020, 20_020));
            task.wake();
            let flushes = log.flushes();
            task.run();
            assert_eq!(log.flushes(), flushes);
        }
    }

    /// It is the writer that decides how much it takes before it is flushed.
    async fn newer_bytes_go_out_while_a_flush_that_nobody_waits_for_is_pending<R: Runtime>() {
        const BUDGET: usize = 64;
        for inline in [Inline::Never, Inline::SameThread, Inline::Always] {
            let gate = Gate::new();
            let config = WriteHandoffConfig::new(8, BUDGET).with_inline(inline);
            let (handoff, mut task, log) = buffering(config, [EndStep::Wait(gate.clone())]);
            put(&handoff, "0123456789");
            task.run();
            assert!(gate.is_reached());
            let mut accepted = 10;
            for _ in 0..100 {
                accepted += 8 * usize::from(handoff.try_write_fire_and_forget(filled(b'x', 8)).is_ok());
                task.run();
            }
            assert_eq!((accepted, log.len()), (810, 810), "newer bytes are not held up");
            gate.open();
            task.run();
            assert_eq!((log.len(), log.passed(), log.flushed()), (accepted, accepted, accepted));
        }
    }

    async fn a_flush_can_be_asked_for_while_one_is_pending<R: Runtime>() {
        for config in parties() {
            let gate = Gate::new();
            let (handoff, mut task, log) = buffering(config, [EndStep::Wait(gate.clone())]);
            put(&handoff, "abc");
            task.run();
            let mut flush = Hand::waiting(handoff.flush());
            put(&handoff, "def");
            task.run();
            gate.open();
            task.run();
            assert!(flush.run().unwrap().is_ok());
            assert_eq!((log.passed(), log.flushed()), (6, 6));
        }
    }

    async fn closing_while_a_flush_is_pending_waits_for_it<R: Runtime>() {
        for config in parties() {
            let gate = Gate::new();
            let (handoff, mut task, log) = buffering(config, [EndStep::Wait(gate.clone())]);
            put(&handoff, "abc");
            task.run();
            let mut close = Hand::waiting(closing(&handoff));
            task.run();
            assert_eq!(log.closes(), 0);
            gate.open();
            assert!(task.run().unwrap().is_ok());
            assert!(close.run().unwrap().is_ok());
            assert_eq!((log.flushed(), log.calls().pop()), (3, Some(Call::Close)));
        }
    }

    async fn closing_what_was_just_written_flushes_once<R: Runtime>() {
        for config in parties() {
            let (handoff, mut task, log) = buffering(config.with_send_at(16 * 1024), []);
            put(&handoff, "abc");
            let close = closing(&handoff);
            assert!(task.run().unwrap().is_ok());
            assert!(close.await.is_ok());
            assert_eq!(log.calls(), [Call::Write { offered: 3 }, Call::Flush, Call::Close]);
        }
    }

    async fn taking_the_writer_back_flushes_what_was_just_written_once_and_does_not_close<R: Runtime>() {
        for config in parties() {
            let (handoff, mut task, log) = buffering(config.with_send_at(16 * 1024), []);
            put(&handoff, "abc");
            let mut parts = Hand::waiting((*handoff).clone().into_parts());
            task.run();
            assert!(parts.run().unwrap().is_ok());
            assert_eq!(log.calls(), [Call::Write { offered: 3 }, Call::Flush]);
            assert_eq!(log.flushed(), 3);
        }
    }

    async fn an_error_of_the_flush_ends_the_stream<R: Runtime>() {
        for config in parties() {
            let (handoff, mut task, log) = buffering(config, [EndStep::Error(ErrorKind::TimedOut)]);
            let ticket = handoff.try_write(text("taken")).unwrap();
            let failure = task.run().expect("the stream has ended").unwrap_err();
            assert!(matches!(failure.reason(), CloseReason::Io(error) if error.kind() == ErrorKind::TimedOut));
            assert_eq!((failure.written(), failure.flushed(), log.flushes()), (5, 0, 1));
            assert!(ticket.await.is_ok(), "its bytes were taken");
            assert!(handoff.try_write(text("more")).unwrap_err().is_closed());
            assert!(handoff.flush().await.is_err());
        }
    }

    async fn a_panic_of_the_flush_ends_the_stream_and_reaches_no_producer<R: Runtime>() {
        for config in parties() {
            let (handoff, mut task, log) = buffering(config, [EndStep::Panic]);
            let written = Hand::new(handoff.write_fire_and_forget(filled(b'x', 20_000))).run();
            assert!(written.unwrap().is_ok());
            let failure = task.run().expect("the stream has ended").unwrap_err();
            assert!(matches!(failure.reason(), CloseReason::Panicked), "{}", failure.reason());
            assert_eq!((failure.written(), failure.flushed(), log.flushes()), (20_000, 0, 1));
            assert!(failure.in_doubt().is_empty(), "no byte was on offer");
        }
    }

    async fn a_writer_that_does_not_buffer_need_not_be_flushed<R: Runtime>() {
        for config in parties() {
            let (handoff, mut task, log) = buffering(config.with_flush_when_idle(false), []);
            put(&handoff, "abc");
            task.run();
            assert!(Hand::new(handoff.write_fire_and_forget(filled(b'x', 20_000))).run().unwrap().is_ok());
            task.run();
            assert_eq!((log.len(), log.passed(), log.flushes()), (20_003, 0, 0));
            let mut flush = Hand::new(handoff.flush());
            let flushed = flush.run();
            task.run();
            assert!(flushed.or_else(|| flush.run()).unwrap().is_ok());
            assert_flushed(&log, 20_003, 1);
        }
    }
}
