//! A wrapped producer sends exactly when it is about to wait.

use super::support::*;
use std::{task::Poll, thread};

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    future.poll_unpin(&mut futures_test::task::noop_context())
}

runtimes::tests! {
    async fn it_sends_when_the_producer_is_about_to_wait<R: Runtime>() {
        let (handoff, task, log) = willing(unflushed());
        let mut producer = Box::pin(handoff.batching(async {
            put(&handoff, "a");
            put(&handoff.clone(), "b");
            put(&handoff.sender(), "c");
            assert!(log.is_empty() && !task.is_due(), "it sleeps until the batch is complete");
            pause().await;
            put(&handoff, "d");
            pause().await;
            put(&handoff, "e");
        }));
        assert!(poll(&mut producer).is_pending());
        assert_eq!(log.written(), b"abc");
        assert!(poll(&mut producer).is_pending());
        assert_eq!(log.written(), b"abcd");
        assert!(poll(&mut producer).is_ready());
        assert_eq!(log.written(), b"abcde", "and when it is done");
        assert_eq!(log.calls().len(), 3);
        assert!(!task.is_due(), "the task is not woken");
        assert_eq!(handoff.stats().inline_write_calls, 3);
    }

    async fn large_chunks_still_leave_at_once<R: Runtime>() {
        let (handoff, task, log) = willing(unflushed());
        handoff
            .batching(async {
                put(&handoff, "small ");
                handoff.try_write_fire_and_forget(filled(b'L', 20_000)).unwrap();
                assert_eq!(log.len(), 20_006);
            })
            .await;
        assert_eq!(log.calls().len(), 1);
        assert!(!task.is_due(), "with nothing left it is not woken");
    }

    async fn chunks_that_are_not_copied_are_held_alike<R: Runtime>() {
        let (handoff, task, log) = willing(unflushed());
        let mut producer = Box::pin(handoff.batching(async {
            for (first, sent) in [(text("small "), 0), (filled(b'M', 2000), 6006)] {
                handoff.try_write_fire_and_forget(first).unwrap();
                for _ in 0..3 {
                    handoff.try_write_fire_and_forget(filled(b'M', 2000)).unwrap();
                }
                assert!(!task.is_due() && log.len() == sent);
                pause().await;
            }
        }));
        assert!(poll(&mut producer).is_pending());
        assert_eq!(log.calls(), [Call::WriteVectored { slices: 4, offered: 6006 }]);
        assert!(poll(&mut producer).is_pending());
        assert_eq!(log.calls(), [6006, 8000].map(|offered| Call::WriteVectored { slices: 4, offered }));
    }

    /// A writer that is not ready gets the task's waker only when the producer has no more to
    /// write.
    async fn while_it_lasts_a_stalled_writer_wakes_no_task<R: Runtime>() {
        let (handoff, mut task, log, gate) = gated(unflushed());
        let mut producer = Box::pin(handoff.batching(async {
            handoff.try_write_fire_and_forget(filled(b'L', 20_000)).unwrap();
            assert!(!task.is_due(), "the producer sends");
            pause().await;
        }));
        assert!(poll(&mut producer).is_pending());
        drop(producer);
        assert!(task.is_due(), "what it could not send is the task's");
        gate.open();
        task.run();
        assert_eq!(log.len(), 20_000);
    }

    async fn without_the_right_to_poll_the_writer_a_dispatch_waits_for_the_end_of_it<R: Runtime>() {
        let (handoff, mut task, log) = willing(unflushed().with_inline(Inline::Never));
        let mut producer = Box::pin(handoff.batching(async {
            put(&handoff, "a");
            handoff.dispatch();
            assert!(!task.is_due(), "it is woken once");
            put(&handoff, "b");
            pause().await;
        }));
        assert!(poll(&mut producer).is_pending());
        drop(producer);
        task.run();
        assert_eq!(log.calls(), [Call::Write { offered: 2 }]);
    }

    async fn what_a_producer_waits_for_inside_comes<R: Runtime>() {
        let (handoff, _task, log) = willing(limits(8, 8).with_flush_when_idle(false));
        let produce = async {
            handoff.write(text("ticket")).await.unwrap().await.unwrap();
            put(&handoff, "flush");
            handoff.flush().await.unwrap();
            put(&handoff, "room");
            handoff.write_fire_and_forget(text("eight888")).await.unwrap();
            handoff.written().await.unwrap();
        };
        handoff.batching(produce).await;
        assert_eq!(log.written(), b"ticketflushroomeight888");
        assert_eq!(log.flushed(), 11);
    }

    /// A producer outside of the batch does not have to wait for the producer that batches.
    async fn other_producers_are_not_held_up<R: Runtime>() {
        let (handoff, mut task, log) = willing(unflushed());
        handoff
            .batching(async {
                put(&handoff, "a");
                thread::scope(|scope| scope.spawn(|| put(&handoff, "b")).join().unwrap());
                assert!(task.is_due());
                task.run();
                assert_eq!(log.written(), b"ab");
                put(&handoff, "c");
            })
            .await;
        assert_eq!(log.written(), b"abc");
    }

    async fn batches_nest<R: Runtime>() {
        let (outer, outer_task, outer_log) = willing(unflushed());
        let (inner, inner_task, inner_log) = willing(unflushed());
        outer
            .batching(async {
                put(&outer, "a");
                inner
                    .batching(async {
                        put(&inner, "x");
                        inner.batching(async { put(&inner, "y") }).await;
                        assert_eq!(inner_log.written(), b"xy");
                        put(&inner, "z");
                    })
                    .await;
                assert_eq!(inner_log.written(), b"xyz");
                put(&outer, "b");
                assert_eq!(outer_log.calls(), []);
            })
            .await;
        assert_eq!(outer_log.calls(), [Call::Write { offered: 2 }]);
        assert!(!outer_task.is_due() && !inner_task.is_due());
    }

    /// A write to the outer stream inside the inner batch is not lost.
    async fn a_batch_of_another_stream_does_not_hold_this_one_up<R: Runtime>() {
        let (outer, mut outer_task, outer_log) = willing(unflushed());
        let (inner, _inner_task, _) = willing(unflushed());
        let mut producer = Box::pin(outer.batching(async {
            inner.batching(async { put(&outer, "a") }).await;
            pause().await;
        }));
        assert!(poll(&mut producer).is_pending());
        outer_task.run();
        assert_eq!(outer_log.written(), b"a");
    }
}
