//! A loop over a writer that is always ready lets the other tasks of its thread run.

use std::{
    cell::Cell,
    future::Future,
    rc::Rc,
    task::{Context, Poll},
};

use futures_executor::LocalPool;
use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};
use futures_handoff_runtimes as runtimes;
use futures_util::{
    SinkExt,
    future::poll_fn,
    io::{self, AsyncReadExt, AsyncWriteExt, Sink},
    task::LocalSpawnExt,
};

type Handoff = WriteHandoff<Sink>;

/// How many rounds a loop makes.
const ROUNDS: usize = 20_000;

/// Runs a loop over a stream whose task is on the same thread, and returns how often another task
/// was polled meanwhile.
fn polls_of_another_task<F: Future<Output = ()>>(
    cooperative: bool,
    busy: impl FnOnce(Handoff) -> F,
) -> usize {
    let config = WriteHandoffConfig::default().with_send_at(0).with_cooperative(cooperative);
    let (handoff, mut task) = WriteHandoff::new(io::sink(), config);
    let mut pool = LocalPool::new();
    let begun = poll_fn(|cx: &mut Context<'_>| {
        assert!(std::pin::Pin::new(&mut task).poll(cx).is_pending());
        Poll::Ready(())
    });
    pool.run_until(begun);
    let polls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&polls);
    let other = poll_fn(move |cx: &mut Context<'_>| {
        counted.set(counted.get() + 1);
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    });
    let spawner = pool.spawner();
    spawner.spawn_local(other).unwrap();
    spawner.spawn_local(async move { drop(task.await) }).unwrap();
    pool.run_until(busy(handoff));
    polls.get()
}

const CHUNK: Bytes = Bytes::from_static(&[1; 100]);

/// A loop that works for long without waiting yields about once in 500 operations, unless that is
/// turned off.
fn lets_others_run<F: Future<Output = ()>>(busy: impl Fn(Handoff) -> F) {
    let polls = polls_of_another_task(true, &busy);
    assert!(polls >= ROUNDS / 1000, "another task was polled {polls} times");
    let polls = polls_of_another_task(false, &busy);
    assert!(polls <= 2, "another task was polled {polls} times, although nothing should yield");
}

/// Loops over one step each.
macro_rules! turns {
    ($($name:ident: |$handoff:ident| $step:expr $(, over $setup:expr)?;)*) => {
        runtimes::watched_tests! { $(
            fn $name() {
                lets_others_run(async |$handoff: Handoff| {
                    $(let mut $handoff = $setup($handoff);)?
                    for _ in 0..ROUNDS {
                        $step;
                    }
                });
            }
        )* }
    };
}

turns! {
    a_loop_of_writes_lets_others_run: |handoff| handoff.write(CHUNK).await.unwrap();
    a_loop_of_writes_without_tickets_lets_others_run: |handoff| handoff.write_fire_and_forget(CHUNK).await.unwrap();
    a_loop_of_several_parts_lets_others_run: |handoff| handoff.write_chunks(&mut [CHUNK, CHUNK]).await.unwrap();
    a_loop_of_flushes_lets_others_run: |handoff| handoff.flush().await.unwrap();
    a_loop_of_flushed_tickets_lets_others_run: |handoff| handoff.written().flushed().await.unwrap();
    a_loop_of_reservations_that_are_dropped_lets_others_run: |handoff| drop(handoff.reserve(100).await.unwrap());
    a_loop_of_reservations_that_are_used_lets_others_run: |handoff| {
        handoff.reserve(100).await.unwrap().send(CHUNK).unwrap();
        handoff.dispatch();
    };
    a_loop_over_a_sink_lets_others_run: |handoff| handoff.send(CHUNK).await.unwrap(), over Handoff::into_sink;
    a_loop_of_small_writes_to_a_writer_lets_others_run: |handoff| {
        handoff.write_all(&[1; 10]).await.unwrap();
        handoff.flush().await.unwrap();
    }, over Handoff::into_writer;
}

runtimes::watched_tests! {
    fn a_copy_into_a_writer_lets_others_run() {
        lets_others_run(async |handoff: Handoff| {
            let from = io::repeat(7).take(ROUNDS as u64 * 1000);
            io::copy(from, &mut handoff.into_writer()).await.unwrap();
        });
    }

    fn a_batch_lets_others_run() {
        lets_others_run(async |handoff: Handoff| {
            let busy = async {
                for _ in 0..ROUNDS {
                    handoff.write_fire_and_forget(CHUNK).await.unwrap();
                }
            };
            handoff.batching(busy).await;
        });
    }
}
