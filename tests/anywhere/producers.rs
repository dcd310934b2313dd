//! Many producers of one handoff, and each way to run its task.

use std::thread;

use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};
use futures_util::{
    AsyncWrite, FutureExt,
    future::{join, join_all},
};

use crate::support::{Place, received, spawned};

const PRODUCERS: usize = 8;
const LINES: usize = 200;

/// Less than the producers write at once.
fn config() -> WriteHandoffConfig {
    WriteHandoffConfig::new(8, 64)
}

/// Writes the lines of one producer, and waits at times until they are written.
async fn produce<W: AsyncWrite + Unpin>(handoff: WriteHandoff<W>, producer: usize) {
    for line in 0..LINES {
        let bytes = Bytes::from(format!("{producer} {line}\n"));
        if line % 50 == 49 {
            handoff.write(bytes).await.unwrap().await.unwrap();
        } else {
            handoff.write_fire_and_forget(bytes).await.unwrap();
        }
    }
}

/// Each producer's lines are there, in its order, and nothing else is.
#[track_caller]
fn check(received: &[u8]) {
    let mut next = [0; PRODUCERS];
    for line in std::str::from_utf8(received).unwrap().lines() {
        let (producer, line) = line.split_once(' ').unwrap();
        let next = &mut next[producer.parse::<usize>().unwrap()];
        assert_eq!(line.parse(), Ok(*next), "of producer {producer}");
        *next += 1;
    }
    assert_eq!(next, [LINES; PRODUCERS]);
}

/// The task runs on the executor of the place, and so does each producer.
pub(crate) async fn producers_in_tasks_write_to_a_task<P: Place>(place: P) {
    let (near, far) = place.pair().await.unwrap();
    let handoff = spawned(&place, near, config());
    for producer in 0..PRODUCERS {
        place.spawn(produce(handoff.sender(), producer).boxed());
    }
    drop(handoff);
    check(&received(far).await);
}

/// Nothing is spawned: the producers run in the task with the writer.
pub(crate) async fn producers_that_run_with_the_task_share_it<P: Place>(place: P) {
    let (near, far) = place.pair().await.unwrap();
    let (handoff, mut task) = WriteHandoff::new(near, config());
    let producers = join_all((0..PRODUCERS).map(|producer| produce(handoff.clone(), producer)));
    let write = async {
        task.run_until(producers).await;
        drop(handoff);
        task.await.unwrap();
    };
    check(&join(write, received(far)).await.1);
}

/// The writer may be bound to its thread, the producers are elsewhere.
pub(crate) async fn producers_in_other_threads_write_to_a_writer_that_stays<P: Place>(place: P) {
    let (near, far) = place.pair().await.unwrap();
    let (handoff, task) = WriteHandoff::new(near, config());
    let threads: Vec<_> = (0..PRODUCERS)
        .map(|producer| {
            let sender = handoff.sender();
            thread::spawn(move || futures_executor::block_on(produce(sender, producer)))
        })
        .collect();
    drop(handoff);
    let (written, received) = join(task, received(far)).await;
    assert!(written.is_ok());
    check(&received);
    for thread in threads {
        thread.join().unwrap();
    }
}

/// The writer goes to a thread that has nothing else to do, the producers stay.
pub(crate) async fn the_task_has_a_thread_of_its_own<P: Place>(place: P)
where
    P::Stream: Send,
{
    let (near, far) = place.pair().await.unwrap();
    let (handoff, task) = WriteHandoff::new(near, config());
    let thread = thread::spawn(|| futures_executor::block_on(task).map(drop));
    let producers = join_all((0..PRODUCERS).map(|producer| produce(handoff.clone(), producer)));
    let write = async {
        producers.await;
        drop(handoff);
    };
    check(&join(write, received(far)).await.1);
    assert!(thread.join().unwrap().is_ok());
}
