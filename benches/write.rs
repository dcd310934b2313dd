//! The write half beside what is written by hand, named `operation.implementation/runtime/size`.
//!
//! Large chunks go through an in-memory pipe, whose other end is read by a task. Small frames go to a writer that counts
//! and drops what it takes, so what shows there is the cost of a frame, and not what gathering saves in system calls.
//! All rounds of a benchmark use one writer; how many bytes came out of it is checked at their end. `cargo test --benches` runs
//! each of them once.
#![expect(missing_docs, reason = "`criterion_group!` makes a function that has none")]

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
use futures_channel::{mpsc, oneshot};
use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};
use futures_handoff_runtimes::{self as runtimes, Runtime, Task, io::Duplex};
use futures_util::{AsyncReadExt, AsyncWrite, AsyncWriteExt, SinkExt, StreamExt, future::join_all};

const KIB: usize = 1024;
/// Chunks of a run over large chunks, and of one over many tasks.
const LARGE_CHUNKS: usize = 32;
const TASK_CHUNKS: usize = 256;
const TASK_CHUNK: usize = 32 * KIB;
/// Frames of a run over small ones.
const FRAMES: usize = 8 * KIB;
/// What a pipe holds, and the byte budget, unless they are what is measured.
const ROOM: usize = 4 * KIB * KIB;
/// How much the other end of a pipe reads at a time.
const READ: usize = 64 * KIB;

/// Where the bytes of all rounds go. A new pipe for each round would show little but its memory being touched first.
trait Output: AsyncWrite + Unpin + Send + Sized + 'static {
    /// The writer, and how many bytes came out of it, once it is closed.
    fn open<R: Runtime>(work: &Work) -> (Self, Task<usize>);
}

impl Output for Duplex {
    fn open<R: Runtime>(work: &Work) -> (Self, Task<usize>) {
        let (writer, mut reader) = R::duplex(work.room);
        let received = R::task(async move {
            let mut buf = vec![0; READ];
            let mut bytes = 0;
            loop {
                match reader.read(&mut buf).await.expect("a pipe can be read") {
                    0 => return bytes,
                    n => bytes += n,
                }
            }
        });
        (writer, received)
    }
}

/// Counts and forgets what it takes.
#[derive(Debug)]
struct Count {
    bytes: usize,
    closed: Option<oneshot::Sender<usize>>,
}

impl Output for Count {
    fn open<R: Runtime>(_: &Work) -> (Self, Task<usize>) {
        let (sender, receiver) = oneshot::channel();
        let received = R::task(async { receiver.await.expect("the writer is closed") });
        (Self { bytes: 0, closed: Some(sender) }, received)
    }
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

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(closed) = self.closed.take() {
            closed.send(self.bytes).expect("somebody waits for the count");
        }
        Poll::Ready(Ok(()))
    }
}

/// A chunk to write `count` times, by `tasks` producers together.
#[derive(Clone)]
struct Work {
    chunk: Bytes,
    count: usize,
    tasks: usize,
    /// What a pipe holds.
    room: usize,
    /// The byte budget, and that of a bounded channel, in chunks of this length.
    pending: usize,
}

impl Work {
    fn new(chunk: usize, count: usize) -> Self {
        let chunk = Bytes::from(vec![b'x'; chunk]);
        Self { chunk, count, tasks: 1, room: ROOM, pending: ROOM }
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

async fn direct<R: Runtime, W: Output>(mut writer: W, work: Work) -> W {
    R::task(async move {
        for _ in 0..work.count {
            writer.write_all(&work.chunk).await.expect("the writer works");
        }
        writer
    })
    .await
}

/// What is written for want of anything better: a channel, and a task that writes what comes out of it.
async fn channel<R: Runtime, W: Output>(mut writer: W, work: Work) -> W {
    // It holds one more for each sender.
    let chunks = (work.pending / work.chunk.len()).saturating_sub(work.tasks);
    let (sender, mut receiver) = mpsc::channel::<Bytes>(chunks);
    let written = R::task(async move {
        while let Some(chunk) = receiver.next().await {
            writer.write_all(&chunk).await.expect("the writer works");
        }
        writer
    });
    work.share::<R, _, _>(sender, async |mut sender, chunk, count| {
        for _ in 0..count {
            sender.send(chunk.clone()).await.expect("the receiver is there");
        }
    })
    .await;
    written.await
}

fn spawn<R: Runtime, W: Output>(writer: W, work: &Work) -> WriteHandoff<W> {
    let config =
        WriteHandoffConfig::default().with_max_pending_bytes(work.pending).expect("the limit is valid");
    let (handoff, task) = WriteHandoff::new(writer, config);
    R::spawn(task.detach());
    handoff
}

async fn fire_and_forget<R: Runtime, W: Output>(writer: W, work: Work) -> W {
    let handoff = spawn::<R, W>(writer, &work);
    work.share::<R, _, _>(handoff.clone(), async |handoff, chunk, count| {
        for _ in 0..count {
            handoff.write_fire_and_forget(chunk.clone()).await.expect("the handoff is open");
        }
    })
    .await;
    handoff.into_parts().await.expect("the writer works")
}

/// Every ticket is awaited before the next write.
async fn ticket<R: Runtime, W: Output>(writer: W, work: Work) -> W {
    let handoff = spawn::<R, W>(writer, &work);
    work.share::<R, _, _>(handoff.clone(), async |handoff, chunk, count| {
        for _ in 0..count {
            let ticket = handoff.write(chunk.clone()).await.expect("the handoff is open");
            ticket.await.expect("the writer works");
        }
    })
    .await;
    handoff.into_parts().await.expect("the writer works")
}

fn bench<R: Runtime, W: Output, F: Future<Output = W>>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    size: usize,
    work: &Work,
    run: impl Fn(W, Work) -> F,
) {
    group.throughput(Throughput::Bytes(work.total() as u64));
    group.bench_function(BenchmarkId::new(R::NAME, size), |bencher| {
        bencher.iter_custom(|rounds| {
            R::block_on(async {
                let (mut writer, received) = W::open::<R>(work);
                let start = Instant::now();
                for _ in 0..rounds {
                    writer = run(writer, work.clone()).await;
                }
                writer.close().await.expect("the writer works");
                assert_eq!(received.await as u64, rounds * work.total() as u64);
                start.elapsed()
            })
        });
    });
}

/// Measures an implementation over the work that `$work` makes of each size.
macro_rules! over {
    ($criterion:ident, $name:literal, $run:ident to $writer:ty, $sizes:expr, $work:expr) => {
        let mut group = $criterion.benchmark_group($name);
        runtimes::for_each!(R => {
            for size in $sizes {
                bench::<R, _, _>(&mut group, size, &$work(size), $run::<R, $writer>);
            }
        });
        group.finish();
    };
}

fn large_chunks(criterion: &mut Criterion) {
    let sizes = [64 * KIB, KIB * KIB];
    let work = |size| Work::new(size, LARGE_CHUNKS);
    over!(criterion, "large_chunks.direct", direct to Duplex, sizes, work);
    over!(criterion, "large_chunks.channel", channel to Duplex, sizes, work);
    over!(criterion, "large_chunks.fire_and_forget", fire_and_forget to Duplex, sizes, work);
    over!(criterion, "large_chunks.ticket", ticket to Duplex, sizes, work);
}

fn small_frames(criterion: &mut Criterion) {
    let sizes = [64, 512];
    let work = |size| Work { pending: 1024 * size, ..Work::new(size, FRAMES) };
    over!(criterion, "small_frames.direct", direct to Count, sizes, work);
    over!(criterion, "small_frames.channel", channel to Count, sizes, work);
    over!(criterion, "small_frames.fire_and_forget", fire_and_forget to Count, sizes, work);
    over!(criterion, "small_frames.ticket", ticket to Count, sizes, work);
}

/// The size is the number of producers.
fn many_tasks(criterion: &mut Criterion) {
    let sizes = [1, 4, 16, 64];
    let work = |tasks| Work { tasks, ..Work::new(TASK_CHUNK, TASK_CHUNKS) };
    over!(criterion, "many_tasks.channel", channel to Duplex, sizes, work);
    over!(criterion, "many_tasks.fire_and_forget", fire_and_forget to Duplex, sizes, work);
    over!(criterion, "many_tasks.ticket", ticket to Duplex, sizes, work);
}

/// Four producers that want far more than there is room for, in the budget and behind the writer. The size is the
/// budget, in chunks.
fn backpressure(criterion: &mut Criterion) {
    let sizes = [4, 16];
    let work = |chunks| {
        let chunk = 2 * KIB;
        Work { tasks: 4, room: 4 * chunk, pending: chunks * chunk, ..Work::new(chunk, FRAMES) }
    };
    over!(criterion, "backpressure.channel", channel to Duplex, sizes, work);
    over!(criterion, "backpressure.fire_and_forget", fire_and_forget to Duplex, sizes, work);
    over!(criterion, "backpressure.ticket", ticket to Duplex, sizes, work);
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
