//! The write half beside what is written by hand, named `operation.implementation/runtime/size`.
//!
//! The writer counts and drops what it takes, so a call of it costs next to nothing: what gathering saves in system
//! calls does not show here. Every run checks how many bytes were written. `cargo test --benches` runs each of them once.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
    measurement::WallTime,
};
use futures_channel::mpsc;
use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};
use futures_handoff_runtimes::{self as runtimes, Runtime};
use futures_util::{AsyncWrite, AsyncWriteExt, SinkExt, StreamExt, future::join_all};

const KIB: usize = 1024;
/// Chunks of a run over large chunks, and of one over many tasks.
const LARGE_CHUNKS: usize = 32;
const TASK_CHUNKS: usize = 256;
const TASK_CHUNK: usize = 32 * KIB;
/// Frames of a run over small ones.
const FRAMES: usize = 8 * KIB;
/// Chunks that a bounded channel holds.
const CHANNEL: usize = 1024;

/// Counts and forgets what it takes.
#[derive(Debug, Default)]
struct Count {
    bytes: usize,
}

impl AsyncWrite for Count {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.bytes += buf.len();
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let n = bufs.iter().map(|buf| buf.len()).sum();
        self.bytes += n;
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A chunk to write `count` times, by `tasks` producers together.
#[derive(Clone)]
struct Work {
    chunk: Bytes,
    count: usize,
    tasks: usize,
    /// The byte budget.
    pending: usize,
}

impl Work {
    fn new(chunk: usize, count: usize) -> Self {
        let chunk = Bytes::from(vec![b'x'; chunk]);
        Self { chunk, count, tasks: 1, pending: 4 * KIB * KIB }
    }

    fn total(&self) -> usize {
        self.chunk.len() * self.count
    }

    /// Runs the producers, each with its share of the chunks.
    async fn share<R: Runtime, H, F>(self, handle: H, produce: impl Fn(H, Bytes, usize) -> F)
    where
        H: Clone + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let share = self.count / self.tasks;
        let producer = |_| R::task(produce(handle.clone(), self.chunk.clone(), share));
        join_all((0..self.tasks).map(producer).collect::<Vec<_>>()).await;
    }
}

async fn direct<R: Runtime>(work: Work) -> usize {
    R::task(async move {
        let mut writer = Count::default();
        for _ in 0..work.count {
            writer.write_all(&work.chunk).await.expect("counting works");
        }
        writer.bytes
    })
    .await
}

/// What is written for want of anything better: a channel, and a task that writes what comes out of it.
async fn channel<R: Runtime>(work: Work) -> usize {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(CHANNEL);
    let written = R::task(async move {
        let mut writer = Count::default();
        while let Some(chunk) = receiver.next().await {
            writer.write_all(&chunk).await.expect("counting works");
        }
        writer.bytes
    });
    work.share::<R, _, _>(sender, async |mut sender, chunk, count| {
        for _ in 0..count {
            sender.send(chunk.clone()).await.expect("the receiver is there");
        }
    })
    .await;
    written.await
}

fn spawn<R: Runtime>(work: &Work) -> WriteHandoff<Count> {
    let config =
        WriteHandoffConfig::default().with_max_pending_bytes(work.pending).expect("the limit is valid");
    let (handoff, task) = WriteHandoff::new(Count::default(), config);
    R::spawn(task.detach());
    handoff
}

async fn fire_and_forget<R: Runtime>(work: Work) -> usize {
    let handoff = spawn::<R>(&work);
    work.share::<R, _, _>(handoff.clone(), async |handoff, chunk, count| {
        for _ in 0..count {
            handoff.write_fire_and_forget(chunk.clone()).await.expect("the handoff is open");
        }
    })
    .await;
    handoff.into_parts().await.expect("counting works").bytes
}

/// Every ticket is awaited before the next write.
async fn ticket<R: Runtime>(work: Work) -> usize {
    let handoff = spawn::<R>(&work);
    work.share::<R, _, _>(handoff.clone(), async |handoff, chunk, count| {
        for _ in 0..count {
            let ticket = handoff.write(chunk.clone()).await.expect("the handoff is open");
            ticket.await.expect("counting works");
        }
    })
    .await;
    handoff.into_parts().await.expect("counting works").bytes
}

fn bench<R: Runtime, F: Future<Output = usize>>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    size: usize,
    work: &Work,
    run: impl Fn(Work) -> F,
) {
    group.throughput(Throughput::Bytes(work.total() as u64));
    group.bench_function(BenchmarkId::new(R::NAME, size), |bencher| {
        bencher.iter_custom(|rounds| {
            R::block_on(async {
                let start = Instant::now();
                for _ in 0..rounds {
                    assert_eq!(run(work.clone()).await, work.total());
                }
                start.elapsed()
            })
        });
    });
}

/// Measures an implementation over the work that `$work` makes of each size.
macro_rules! over {
    ($criterion:ident, $name:literal, $run:ident, $sizes:expr, $work:expr) => {
        let mut group = $criterion.benchmark_group($name);
        runtimes::for_each!(R => {
            for size in $sizes {
                bench::<R, _>(&mut group, size, &$work(size), $run::<R>);
            }
        });
        group.finish();
    };
}

fn large_chunks(criterion: &mut Criterion) {
    let sizes = [64 * KIB, KIB * KIB];
    let work = |size| Work::new(size, LARGE_CHUNKS);
    over!(criterion, "large_chunks.direct", direct, sizes, work);
    over!(criterion, "large_chunks.channel", channel, sizes, work);
    over!(criterion, "large_chunks.fire_and_forget", fire_and_forget, sizes, work);
    over!(criterion, "large_chunks.ticket", ticket, sizes, work);
}

fn small_frames(criterion: &mut Criterion) {
    let sizes = [64, 512];
    let work = |size| Work::new(size, FRAMES);
    over!(criterion, "small_frames.direct", direct, sizes, work);
    over!(criterion, "small_frames.channel", channel, sizes, work);
    over!(criterion, "small_frames.fire_and_forget", fire_and_forget, sizes, work);
    over!(criterion, "small_frames.ticket", ticket, sizes, work);
}

/// The size is the number of producers.
fn many_tasks(criterion: &mut Criterion) {
    let sizes = [1, 4, 16, 64];
    let work = |tasks| Work { tasks, ..Work::new(TASK_CHUNK, TASK_CHUNKS) };
    over!(criterion, "many_tasks.channel", channel, sizes, work);
    over!(criterion, "many_tasks.fire_and_forget", fire_and_forget, sizes, work);
    over!(criterion, "many_tasks.ticket", ticket, sizes, work);
}

/// Four producers that want far more than there is room for. The size is the budget, in chunks.
fn backpressure(criterion: &mut Criterion) {
    let sizes = [1, 16];
    let work = |chunks| Work { tasks: 4, pending: chunks * 2 * KIB, ..Work::new(2 * KIB, FRAMES) };
    over!(criterion, "backpressure.fire_and_forget", fire_and_forget, sizes, work);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = large_chunks, small_frames, many_tasks, backpressure
}
criterion_main!(benches);
