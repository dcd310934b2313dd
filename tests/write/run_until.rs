//! A producer and the task in one task.

use super::support::*;
use futures_test::task::new_count_waker;
use futures_util::future::BoxFuture;
use std::{
    future::pending,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
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
    async fn the_task_needs_nobody_else<R: Runtime>() {
        let (handoff, mut task, log) = unborn([], limits(4, 4));
        task.run_until(async {
            handoff.write(text("abcd")).await.unwrap().await.unwrap();
            handoff.write_fire_and_forget(text("efgh")).await.unwrap();
            // There is no room until those are written.
            handoff.write_fire_and_forget(text("ij")).await.unwrap();
            handoff.flush().await.unwrap();
            assert_eq!(log.flushed(), 10);
            put(&handoff, "kl");
            handoff.close();
            handoff.closed().await.unwrap();
        })
        .await;
        assert_eq!(log.written(), b"abcdefghijkl");
        drop(task.await.unwrap());
    }

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

    /// A writer that is not ready is asked with the waker of both, once, and goes on when it has woken it.
    async fn a_writer_that_waits_wakes_both<R: Runtime>() {
        let gate = Gate::new();
        let (handoff, mut task, log) = unborn([WriteStep::Wait(gate.clone())], limits(4, 4));
        let mut producer = Hand::new(task.run_until(async {
            handoff.write_fire_and_forget(text("abcd")).await.unwrap();
            handoff.write(text("efgh")).await.unwrap().await.unwrap();
        }));
        assert!(producer.run().is_none());
        assert!(producer.polls() <= 2, "{}", producer.polls());
        gate.open();
        assert!(producer.is_due(), "the writer wakes it");
        assert!(producer.run().is_some());
        assert_eq!(log.written(), b"abcdefgh");
    }

    /// Nothing has changed for it, whatever else the future waits for.
    async fn each_poll_asks_a_writer_that_waits_once<R: Runtime>() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let writer = FnWriter(move |op: Op<'_>, _: &mut Context<'_>| match op {
            Op::Write(_) => {
                counted.fetch_add(1, Ordering::SeqCst);
                Poll::Pending
            }
            _ => op.all(),
        });
        let (handoff, mut task) = WriteHandoff::new(writer, unflushed());
        put(&handoff, "a");
        let mut idle = pin!(task.run_until(pending::<()>()));
        for polls in 1..4 {
            assert!(idle.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert_eq!(asked.load(Ordering::SeqCst), polls);
        }
    }

    /// A future may be polled by one task and then by another.
    async fn the_last_waker_counts<R: Runtime>() {
        let gate = Gate::new();
        let (handoff, mut task, _log) = unborn([WriteStep::Wait(gate.clone())], unflushed());
        let mut producer = pin!(task.run_until(async {
            handoff.write(text("a")).await.unwrap().await.unwrap();
        }));
        let (second, wakes) = new_count_waker();
        assert!(producer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(producer.as_mut().poll(&mut Context::from_waker(&second)).is_pending());
        gate.open();
        assert!(wakes.get() > 0);
        assert!(producer.as_mut().poll(&mut Context::from_waker(&second)).is_ready());
    }

    /// While it sleeps without work, too: whoever brings some wakes the task that polled it last.
    async fn other_producers_wake_it<R: Runtime>() {
        let (handoff, mut task, log) = unborn([], unflushed());
        let other = handoff.sender();
        let mut idle = pin!(task.run_until(pending::<()>()));
        let (first, first_wakes) = new_count_waker();
        let (second, second_wakes) = new_count_waker();
        assert!(idle.as_mut().poll(&mut Context::from_waker(&first)).is_pending());
        assert!(idle.as_mut().poll(&mut Context::from_waker(&second)).is_pending());
        other.try_write_fire_and_forget(text("a")).unwrap();
        assert_eq!((first_wakes.get(), second_wakes.get()), (0, 1));
        assert!(idle.as_mut().poll(&mut Context::from_waker(&second)).is_pending());
        assert_eq!(log.written(), b"a");
    }

    /// A router with several destinations: what goes to any of them is held until it waits.
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

    async fn producers_elsewhere_are_served_meanwhile<R: Runtime>() {
        let (handoff, mut task, log) = unborn([], limits(2, 2));
        let other = handoff.clone();
        let elsewhere = R::task(async move {
            for _ in 0..100 {
                other.write_fire_and_forget(text("o")).await.unwrap();
            }
        });
        task.run_until(async {
            for _ in 0..100 {
                handoff.write_fire_and_forget(text("h")).await.unwrap();
            }
            elsewhere.outcome().await.unwrap();
        })
        .await;
        drop(handoff);
        task.await.unwrap();
        let written = log.written();
        assert_eq!(written.len(), 200);
        assert_eq!(written.iter().filter(|byte| **byte == b'h').count(), 100);
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
                scope.spawn(|| assert!(producer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()));
            });
        }
        assert_eq!(log.len(), 60_000);
        assert_eq!(handoff.stats().inline_write_calls, 3);
    }

    async fn a_panic_inside_loses_nothing<R: Runtime>() {
        let (handoff, mut task, log) = unborn([], unflushed());
        let mut producer = Box::pin(task.run_until(async {
            put(&handoff, "a");
            panic!("inside");
        }));
        let mut poll = || {
            let _ = producer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        };
        assert!(catch_unwind(AssertUnwindSafe(&mut poll)).is_err());
        drop(producer);
        drop(handoff);
        task.await.unwrap();
        assert_eq!(log.written(), b"a");
    }

    async fn a_failure_of_the_writer_reaches_the_producer<R: Runtime>() {
        let (handoff, mut task, _log) = unborn([WriteStep::Error(io::ErrorKind::Other)], unflushed());
        let refused = task
            .run_until(async {
                put(&handoff, "lost");
                yield_now().await;
                handoff.write(text("more")).await.unwrap_err()
            })
            .await;
        assert_eq!(refused.into_bytes(), "more");
        let failure = task.await.unwrap_err();
        assert_eq!(failure.unwritten(), [text("lost")]);
    }

    /// One that may not poll the writer leaves it to the task, which is right there.
    async fn without_the_right_to_poll_the_writer_the_task_does<R: Runtime>() {
        let (handoff, mut task, log) = unborn([], unflushed().with_inline(Inline::Never));
        task.run_until(async {
            handoff.write(text("a")).await.unwrap().await.unwrap();
            handoff.close();
            handoff.closed().await.unwrap();
        })
        .await;
        assert_eq!(log.written(), b"a");
        assert_eq!(handoff.stats().inline_write_calls, 0);
    }

    async fn an_ended_stream_does_not_end_the_producer<R: Runtime>() {
        let (handoff, mut task, _log) = unborn([], unflushed());
        let outcome = task
            .run_until(async {
                handoff.close();
                handoff.closed().await.unwrap();
                yield_now().await;
                handoff.try_write(text("late")).is_err()
            })
            .await;
        assert!(outcome);
        assert!(task.run_until(async { true }).await, "nor does it matter before");
        task.await.unwrap();
    }
}
