//! How often producers are polled that wait for room.

use std::{
    future::{Future, poll_fn},
    io,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_channel::mpsc;
use futures_util::{StreamExt, future::try_join_all};

use super::{
    Implementation, Waited,
    discard::{Discard, Stall},
    handle::{Handle, Limits, Visitor, visit},
    measure::{arrived, failed, stalled},
};
use crate::{
    Runtime, set_workers,
    stream::{Failure, RuntimeName},
    workers,
};

/// How long the producers may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Between two looks at a writer.
const PAUSE: Duration = Duration::from_millis(1);

/// Producers that want more than there is room for.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    /// What it runs on.
    pub runtime: RuntimeName,
    /// The threads of that, if it has several.
    pub worker_threads: usize,
    /// What is between the producers and the writer.
    pub implementation: Implementation,
    /// How many tasks write.
    pub producers: usize,
    /// How long a chunk is.
    pub chunk_len: usize,
    /// How many chunks there is room for.
    pub room: usize,
    /// Writes of each producer.
    pub writes_each: u64,
}

/// Counts the polls of writes that all begin while the writer takes nothing.
///
/// # Errors
///
/// If they fail or take too long, or if not all bytes arrive.
pub fn wait(crowd: &Crowd) -> Result<Waited, Failure> {
    set_workers(crowd.worker_threads);
    let visited = visit(crowd.runtime, crowd.implementation, Count { crowd: *crowd });
    let counted = visited.map_err(|unavailable| Failure::Other(unavailable.to_string()))??;
    let writes = crowd.writes();
    Ok(Waited {
        runtime: crowd.runtime,
        worker_threads: workers(),
        implementation: crowd.implementation,
        producers: crowd.producers,
        chunk_len: crowd.chunk_len,
        room: crowd.room,
        writes,
        bytes: counted.bytes,
        polls: counted.polls.all,
        polls_per_write: counted.polls.all as f64 / writes as f64,
        most_polls: counted.polls.most,
    })
}

impl Crowd {
    fn writes(&self) -> u64 {
        self.producers as u64 * self.writes_each
    }

    /// What arrives; there is a chunk before all others.
    fn bytes(&self) -> u64 {
        (self.writes() + 1) * self.chunk_len as u64
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Polls {
    all: u64,
    most: u64,
}

impl Polls {
    fn add(&mut self, polls: u64) {
        self.all += polls;
        self.most = self.most.max(polls);
    }
}

struct Counted {
    polls: Polls,
    bytes: u64,
}

struct Count {
    crowd: Crowd,
}

impl Visitor for Count {
    type Output = Result<Counted, Failure>;

    fn visit<R: Runtime, H: Handle>(self) -> Self::Output {
        let counted = R::block_on(R::timeout(LIMIT, count::<R, H>(self.crowd)));
        let counted = counted.ok_or_else(|| stalled(LIMIT))?.map_err(failed)?;
        arrived(counted.bytes, self.crowd.bytes()).map(|()| counted)
    }
}

async fn count<R: Runtime, H: Handle>(crowd: Crowd) -> io::Result<Counted> {
    let stall = Arc::new(Stall::default());
    let writer = Discard::stalling(Arc::clone(&stall));
    let chunk = Bytes::from(vec![b'x'; crowd.chunk_len]);
    let limits =
        Limits { items: crowd.room, bytes: crowd.room * crowd.chunk_len, producers: crowd.producers };
    let (mut handle, end) = H::open::<R>(writer.clone(), limits)?;
    // The task is polled once before anybody waits.
    handle.submit(chunk.clone()).await?;
    while writer.taken() < crowd.chunk_len as u64 {
        R::sleep(PAUSE).await;
    }
    stall.arm();
    let (begun, mut beginnings) = mpsc::channel(crowd.producers);
    let producer = |_| {
        let (mut handle, chunk, mut begun) = (handle.clone(), chunk.clone(), Some(begun.clone()));
        R::task(async move {
            let mut polls = Polls::default();
            for _ in 0..crowd.writes_each {
                let mut of_this = 0;
                polled(handle.write(chunk.clone()), || {
                    of_this += 1;
                    if let Some(mut begun) = begun.take() {
                        // There is room for everybody's.
                        let _ = begun.try_send(());
                    }
                })
                .await?;
                polls.add(of_this);
            }
            Ok::<_, io::Error>(polls)
        })
    };
    let producers: Vec<_> = (0..crowd.producers).map(producer).collect();
    drop((handle, begun));
    for _ in 0..crowd.producers {
        if beginnings.next().await.is_none() {
            break;
        }
    }
    stall.end();
    let mut polls = Polls::default();
    for of_one in try_join_all(producers).await? {
        polls.all += of_one.all;
        polls.most = polls.most.max(of_one.most);
    }
    end.await?;
    Ok(Counted { polls, bytes: writer.taken() })
}

/// The output of a future, with something done after each poll of it.
async fn polled<F: Future>(future: F, mut after: impl FnMut()) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        after();
        polled
    })
    .await
}
