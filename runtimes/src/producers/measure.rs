//! Times and counts of many writes.

use std::{
    io,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_channel::mpsc;
use futures_util::{StreamExt, future::try_join_all};

use super::{
    Completion, Implementation, Written,
    discard::Discard,
    handle::{Handle, Limits, Visitor, visit},
};
use crate::{
    Runtime,
    io::Gate,
    set_workers,
    stream::{Failure, Interval, RuntimeName, Usage},
    workers,
};

/// What may be pending: the defaults of this crate.
const ITEMS: usize = 1024;
const BYTES: usize = 128 << 10;

/// Writes of each producer before the interval, in which everything grows to what it needs.
const WARM_UP: u64 = 64;

/// How long the producers may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Writes of many producers.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// What it runs on.
    pub runtime: RuntimeName,
    /// The threads of that, if it has several.
    pub worker_threads: usize,
    /// What is between the producers and the writer.
    pub implementation: Implementation,
    /// What a write is followed by.
    pub completion: Completion,
    /// How many tasks write.
    pub producers: usize,
    /// How long a chunk is.
    pub chunk_len: usize,
    /// Writes of all producers, shared as evenly as can be.
    pub writes: u64,
}

/// Measures writes once. The record is that of pair `pair`.
///
/// # Errors
///
/// If they cannot be measured, fail, or take too long, or if not all bytes arrive.
pub fn write(work: &Work, pair: usize) -> Result<Written, Failure> {
    set_workers(work.worker_threads);
    let visited = visit(work.runtime, work.implementation, Measure { work: *work });
    let measured = visited.map_err(|unavailable| Failure::Other(unavailable.to_string()))??;
    let each = work.writes as f64;
    Ok(Written {
        runtime: work.runtime,
        worker_threads: workers(),
        implementation: work.implementation,
        completion: work.completion,
        producers: work.producers,
        chunk_len: work.chunk_len,
        pair,
        writes: work.writes,
        bytes: measured.bytes,
        ns_per_write: measured.wall.as_secs_f64() * 1e9 / each,
        cpu_ns_per_write: measured.usage.cpu() * 1e9 / each,
        allocations_per_write: measured.usage.allocations as f64 / each,
        allocations: measured.usage.allocations,
    })
}

struct Measured {
    wall: Duration,
    usage: Usage,
    bytes: u64,
}

struct Measure {
    work: Work,
}

impl Visitor for Measure {
    type Output = Result<Measured, Failure>;

    fn visit<R: Runtime, H: Handle>(self) -> Self::Output {
        let measured = R::block_on(R::timeout(LIMIT, measure::<R, H>(self.work)));
        let measured = measured.ok_or_else(|| stalled(LIMIT))?.map_err(failed)?;
        arrived(measured.bytes, self.work.bytes()).map(|()| measured)
    }
}

impl Work {
    /// The writes of a producer, without those before the interval.
    fn share(&self, producer: usize) -> u64 {
        let (all, producers, place) = (self.writes, self.producers as u64, producer as u64);
        all / producers + u64::from(place < all % producers)
    }

    fn bytes(&self) -> u64 {
        (self.writes + WARM_UP * self.producers as u64) * self.chunk_len as u64
    }
}

pub(super) fn stalled(limit: Duration) -> Failure {
    Failure::Other(format!("the producers are not done after {limit:?}"))
}

pub(super) fn failed(error: io::Error) -> Failure {
    Failure::Other(format!("a write failed: {error}"))
}

pub(super) fn arrived(bytes: u64, sent: u64) -> Result<(), Failure> {
    if bytes == sent {
        return Ok(());
    }
    Err(Failure::Other(format!("{bytes} bytes arrived of {sent} that were written")))
}

async fn measure<R: Runtime, H: Handle>(work: Work) -> io::Result<Measured> {
    let writer = Discard::default();
    let chunk = Bytes::from(vec![b'x'; work.chunk_len]);
    let limits = Limits { items: ITEMS, bytes: BYTES.max(work.chunk_len), producers: work.producers };
    let (handle, end) = H::open::<R>(writer.clone(), limits)?;
    let (ready, mut readied) = mpsc::channel(work.producers);
    let start = Gate::new();
    let producer = |place| {
        let (mut handle, chunk, start, mut ready) =
            (handle.clone(), chunk.clone(), start.clone(), ready.clone());
        R::task(async move {
            produce(&mut handle, &chunk, work.completion, WARM_UP).await?;
            // There is room for everybody's.
            let _ = ready.try_send(());
            start.pass().await;
            produce(&mut handle, &chunk, work.completion, work.share(place)).await
        })
    };
    let producers: Vec<_> = (0..work.producers).map(producer).collect();
    drop((handle, ready));
    // One that fails says nothing, and what it failed with comes below.
    for _ in 0..work.producers {
        if readied.next().await.is_none() {
            break;
        }
    }
    let (interval, wall) = (Interval::start(), Instant::now());
    start.open();
    try_join_all(producers).await?;
    end.await?;
    let (wall, usage) = (wall.elapsed(), interval.end());
    Ok(Measured { wall, usage, bytes: writer.taken() })
}

async fn produce<H: Handle>(
    handle: &mut H,
    chunk: &Bytes,
    completion: Completion,
    writes: u64,
) -> io::Result<()> {
    for _ in 0..writes {
        match completion {
            Completion::FireAndForget => handle.submit(chunk.clone()).await?,
            Completion::Dropped => drop(handle.write(chunk.clone()).await?),
            Completion::Awaited => H::wait(handle.write(chunk.clone()).await?).await?,
        }
    }
    Ok(())
}
