//! A writer that buffers is flushed before its stream falls quiet, by the party that wrote last,
//! and only then.

use super::support::*;
use futures_util::SinkExt;

/// A stream into a writer that buffers everything until it is flushed.
fn buffering(config: WriteHandoffConfig) -> (Settled<ScriptWriter>, Hand<WriteTask<ScriptWriter>>, WriteLog) {
    over(ScriptWriter::willing().buffering(usize::MAX), config)
}

/// The configurations with which different parties call the writer.
fn parties() -> [WriteHandoffConfig; 4] {
    let at_once = defaults().with_send_at(0);
    [defaults(), at_once, at_once.with_inline(Inline::Always), defaults().with_inline(Inline::Never)]
}

/// Everything was flushed, with one flush for each of this many quiet periods.
#[track_caller]
fn assert_flushed(log: &WriteLog, len: usize, flushes: usize) {
    assert_eq!((log.len(), log.passed(), log.flushed(), log.flushes()), (len, len, len, flushes));
}

runtimes::tests! {
    async fn what_the_task_writes_is_flushed_once_before_it_sleeps_and_nothing_is_not<R: Runtime>() {
        let (handoff, mut task, log) = buffering(defaults().with_inline(Inline::Never));
        for period in 0..4 {
            for _ in 0..2 {
                task.wake();
                task.run();
                handoff.dispatch();
                handoff.with_writer(|_| ());
                assert!(handoff.written().await.is_ok());
                assert!(handoff.try_write(Bytes::new()).unwrap().await.is_ok());
                task.run();
                assert_flushed(&log, 6 * period, period);
            }
            put(&handoff, "abc");
            put(&handoff, "def");
            task.run();
            let calls = [Call::Write { offered: 6 }, Call::Flush].repeat(period + 1);
            assert_eq!(log.calls(), calls);
        }
        assert_eq!((handoff.stats().flush_calls, handoff.stats().flushed), (4, 24));
    }

    async fn what_is_submitted_in_any_way_is_flushed<R: Runtime>() {
        for config in parties() {
            let (handoff, mut task, log) = buffering(config);
            let mut buffer = holding(&pattern(40_000));
            let (mut len, mut periods) = (0, 0);
            let mut flushed = |n| {
                task.run();
                (len, periods) = (len + n, periods + 1);
                assert_flushed(&log, len, periods);
            };
            for n in [1, 1000, 5000, 16 * 1024, 100_000, 3] {
                handoff.write_fire_and_forget(filled(b'x', n)).await.unwrap();
                flushed(n);
                handoff.try_write_fire_and_forget(filled(b'y', n)).unwrap();
                flushed(n);
            }
            for n in [20_000, 5] {
                handoff.reserve(n).await.unwrap().send(filled(b'x', n)).unwrap();
                flushed(n);
                handoff.try_reserve(n).unwrap().send(filled(b'y', n)).unwrap();
                flushed(n);
            }
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

    async fn a_batch_is_flushed_once_and_not_between_its_writes<R: Runtime>() {
        for config in [defaults(), defaults().with_inline(Inline::Never)] {
            let (handoff, mut task, log) = buffering(config);
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
        let writer = ScriptWriter::new([WriteStep::Accept(3), WriteStep::Wait(gate.clone())]).buffering(1000);
        let (handoff, mut task, log) = over(writer, defaults().with_inline(Inline::Never));
        put(&handoff, "abcdef");
        task.run();
        assert!(gate.is_reached());
        assert_eq!((log.len(), log.flushes()), (3, 0));
        gate.open();
        task.run();
        assert_flushed(&log, 6, 1);
    }

    /// The task yields in the middle of this much work.
    async fn a_long_queue_is_flushed_at_its_end_alone<R: Runtime>() {
        let writer = ScriptWriter::new(vec![WriteStep::Accept(1); 200]).buffering(1000);
        let (handoff, mut task, log) = over(writer, defaults().with_inline(Inline::Never));
        put_each(&handoff, b'x', [200]);
        task.run();
        assert_flushed(&log, 200, 1);
        assert!(task.polls() > 2, "in several polls");
    }

    /// One flush is also enough if one was requested.
    async fn a_flush_that_was_asked_for_serves<R: Runtime>() {
        for config in parties() {
            let (handoff, mut task, log) = buffering(config.with_send_at(16 * 1024));
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

    /// A stream without bytes is flushed and closed too.
    async fn what_was_just_written_is_flushed_once_by_a_close_and_by_taking_the_writer_back<R: Runtime>() {
        let ends = [Call::Flush, Call::Close];
        for config in parties() {
            for (part, calls, closes) in
                [("abc", &ends[..], true), ("", &ends[..], true), ("abc", &ends[..1], false)]
            {
                let (handoff, mut task, log) = buffering(config.with_send_at(16 * 1024));
                put(&handoff, part);
                let end = if closes {
                    let close = closing(&handoff);
                    assert!(task.run().unwrap().is_ok());
                    close.await.is_ok()
                } else {
                    let mut parts = Hand::waiting((*handoff).clone().into_parts());
                    task.run();
                    parts.run().unwrap().is_ok()
                };
                let write = (!part.is_empty()).then_some(Call::Write { offered: 3 });
                let calls: Vec<_> = write.into_iter().chain(calls.iter().copied()).collect();
                assert_eq!((end, log.calls(), log.flushed()), (true, calls, part.len()));
            }
        }
    }
}
