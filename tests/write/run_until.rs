//! A producer and the task in one task.

use super::support::*;
use futures_util::future::BoxFuture;
use std::{
    future::pending,
    pin::pin,
    task::{Context, Poll, Waker},
};

/// A stream whose task was never polled.
fn unborn(
    steps: impl IntoIterator<Item = WriteStep>,
    config: WriteHandoffConfig,
) -> (WriteHandoff<ScriptWriter>, WriteTask<ScriptWriter>, WriteLog) {
    let writer = ScriptWriter::new(steps);
    let log = writer.log();
    let (handoff, task) = WriteHandoff::new(writer, config);
    (handoff, task, log)
}

runtimes::tests! {
    async fn what_is_written_leaves_as_one_when_the_producer_waits<R: Runtime>() {
        let (handoff, mut task, log) = unborn([], unflushed());
        let mut producer = Hand::new(task.run_until(async {
            put(&handoff, "a");
            put(&handoff, "b");
            pause().await;
            put(&handoff, "c");
            "done"
        }));
        assert!(producer.run().is_none());
        assert_eq!(log.calls(), [Call::Write { offered: 2 }]);
        assert!(!producer.is_due(), "nothing is left to do");
        let mut future = producer.into_future();
        assert_eq!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready("done"));
        assert_eq!(log.written(), b"abc", "and when it is done");
    }

    /// The task is not polled again if nothing has changed for it, whatever else the future waits
    /// for.
    async fn each_poll_asks_a_writer_that_waits_once<R: Runtime>() {
        let (handoff, mut task, log) = unborn([WriteStep::Wait(Gate::new())], unflushed());
        put(&handoff, "a");
        let mut idle = pin!(task.run_until(pending::<()>()));
        for polls in 1..4 {
            assert!(idle.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert_eq!(log.calls().len(), polls);
        }
    }

    /// A router with several destinations: writes to all of them are held until it waits.
    async fn nested_it_serves_several_writers<R: Runtime>() {
        let streams: Vec<_> = (0..3).map(|_| unborn([], unflushed())).collect();
        let logs: Vec<_> = streams.iter().map(|(.., log)| log.clone()).collect();
        let (handoffs, mut tasks): (Vec<_>, Vec<_>) =
            streams.into_iter().map(|(handoff, task, _)| (handoff, task)).unzip();
        let router = async {
            for _ in 0..2 {
                for part in ["a", "b"] {
                    handoffs.iter().for_each(|handoff| put(handoff, part));
                }
                assert!(logs.iter().all(|log| log.len() % 2 == 0));
                pause().await;
            }
            for handoff in &handoffs {
                handoff.close();
                handoff.closed().await.unwrap();
            }
        };
        let [first, second, third] = &mut tasks[..] else { unreachable!() };
        let mut router = Hand::new(first.run_until(second.run_until(third.run_until(router))));
        for waits in 1..=2 {
            assert!(router.run().is_none());
            assert_eq!(router.polls(), waits, "nothing is left to do");
            assert!(logs.iter().all(|log| log.calls().len() == waits && log.len() == 2 * waits));
            router.wake();
        }
        assert!(router.run().is_some());
        assert!(logs.iter().all(|log| log.written() == b"abab"));
    }

    /// The right to poll the writer goes with the thread that polls the task.
    async fn a_large_chunk_needs_no_hop_on_any_thread<R: Runtime>() {
        let (handoff, mut task, log) = unborn([], unflushed());
        let mut producer: BoxFuture<'_, ()> = Box::pin(task.run_until(async {
            for _ in 0..3 {
                handoff.write_fire_and_forget(filled(b'L', 20_000)).await.unwrap();
                pause().await;
            }
        }));
        for _ in 0..3 {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    assert!(producer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending())
                });
            });
        }
        assert_eq!(log.len(), 60_000);
        assert_eq!(handoff.stats().inline_write_calls, 3);
    }
}
