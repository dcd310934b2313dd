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

/// How often a loop does what it does.
const ROUNDS: usize = 20_000;

/// Runs a loop over a stream whose task is on the same thread, and tells how often another task was polled meanwhile.
fn polls_of_another_task<F: Future<Output = ()>>(
    cooperative: bool,
    busy: impl FnOnce(Handoff) -> F,
) -> usize {
    let config = WriteHandoffConfig::default().with_send_at(0).unwrap().with_cooperative(cooperative);
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

/// A loop that works for long without a wait, and lets others run about once in 500 operations.
macro_rules! turns {
    ($($(#[$attribute:meta])* $name:ident: $busy:expr;)*) => {
        runtimes::watched_tests! {
            $(
                $(#[$attribute])*
                fn $name() {
                    let polls = polls_of_another_task(true, $busy);
                    assert!(polls >= ROUNDS / 1000, "another task was polled {polls} times");
                    let polls = polls_of_another_task(false, $busy);
                    assert!(polls <= 2, "another task was polled {polls} times, although nothing should yield");
                }
            )*
        }
    };
}

turns! {
    a_loop_of_writes_lets_others_run: async |handoff: Handoff| {
        for _ in 0..ROUNDS {
            handoff.write(CHUNK).await.unwrap();
        }
    };

    a_loop_of_writes_without_tickets_lets_others_run: async |handoff: Handoff| {
        for _ in 0..ROUNDS {
            handoff.write_fire_and_forget(CHUNK).await.unwrap();
        }
    };

    a_loop_of_several_parts_lets_others_run: async |handoff: Handoff| {
        for _ in 0..ROUNDS {
            handoff.write_all([CHUNK, CHUNK]).await.unwrap();
        }
    };

    a_loop_of_flushes_lets_others_run: async |handoff: Handoff| {
        for _ in 0..ROUNDS {
            handoff.flush().await.unwrap();
        }
    };

    a_loop_of_flushed_tickets_lets_others_run: async |handoff: Handoff| {
        for _ in 0..ROUNDS {
            handoff.written().flushed().await.unwrap();
        }
    };

    a_loop_of_reservations_that_are_dropped_lets_others_run: async |handoff: Handoff| {
        for _ in 0..ROUNDS {
            drop(handoff.reserve(100).await.unwrap());
        }
    };

    a_loop_of_reservations_that_are_used_lets_others_run: async |handoff: Handoff| {
        for _ in 0..ROUNDS {
            handoff.reserve(100).await.unwrap().send(CHUNK).unwrap();
            handoff.dispatch();
        }
    };

    a_loop_over_a_sink_lets_others_run: async |handoff: Handoff| {
        let mut sink = handoff.into_sink();
        for _ in 0..ROUNDS {
            sink.send(CHUNK).await.unwrap();
        }
    };

    a_copy_into_a_writer_lets_others_run: async |handoff: Handoff| {
        let mut writer = handoff.into_writer();
        let from = io::repeat(7).take(ROUNDS as u64 * 1000);
        io::copy(from, &mut writer).await.unwrap();
    };

    a_loop_of_small_writes_to_a_writer_lets_others_run: async |handoff: Handoff| {
        let mut writer = handoff.into_writer();
        for _ in 0..ROUNDS {
            writer.write_all(&[1; 10]).await.unwrap();
            writer.flush().await.unwrap();
        }
    };

    a_batch_lets_others_run: async |handoff: Handoff| {
        let busy = async {
            for _ in 0..ROUNDS {
                handoff.write_fire_and_forget(CHUNK).await.unwrap();
            }
        };
        handoff.batching(busy).await;
    };
}
