//! The write half and hand-written alternatives, over an in-memory pipe or a writer that counts.
//!
//! All rounds of a benchmark use one writer. The number of bytes that came out is checked at the
//! end.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    unused_macros,
    missing_docs,
    reason = "each benchmark uses some of it"
)]

pub use futures_handoff_runtimes::io::Duplex;

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, measurement::WallTime};
use futures_channel::{mpsc, oneshot};
use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};
use futures_handoff_runtimes::{Runtime, Task};
use futures_util::{AsyncReadExt, AsyncWrite, AsyncWriteExt, SinkExt, StreamExt, future::join_all};

pub const KIB: usize = 1024;
/// The capacity of a pipe and the byte budget, unless they are measured.
const ROOM: usize = 4 * KIB * KIB;
/// How much the other end of a pipe reads at a time.
const READ: usize = 64 * KIB;

/// The writer of all rounds. A new pipe for each round would mostly measure the first use of its
/// memory.
pub trait Output: AsyncWrite + Unpin + Send + Sized + 'static {
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

/// Counts and drops its bytes.
#[derive(Debug)]
pub struct Count {
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
            closed.send(self.bytes).expect("the receiver of the count is there");
        }
        Poll::Ready(Ok(()))
    }
}

/// A chunk to write `count` times, by `tasks` producers together.
#[derive(Clone)]
pub struct Work {
    pub chunk: Bytes,
    pub count: usize,
    pub tasks: usize,
    /// The capacity of a pipe.
    pub room: usize,
    /// The byte budget, and that of a bounded channel, in chunks of this length.
    pub pending: usize,
}

impl Work {
    pub fn new(chunk: usize, count: usize) -> Self {
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

pub async fn direct<R: Runtime, W: Output>(mut writer: W, work: Work) -> W {
    R::task(async move {
        for _ in 0..work.count {
            writer.write_all(&work.chunk).await.expect("the writer works");
        }
        writer
    })
    .await
}

/// The usual alternative: a channel of `futures`, and a task that writes its items.
pub async fn channel<R: Runtime, W: Output>(mut writer: W, work: Work) -> W {
    // The channel holds one more item for each sender.
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

/// The same with another channel that many programs use.
pub async fn async_channel<R: Runtime, W: Output>(mut writer: W, work: Work) -> W {
    let (sender, receiver) = async_channel::bounded::<Bytes>(work.pending / work.chunk.len());
    let written = R::task(async move {
        while let Ok(chunk) = receiver.recv().await {
            writer.write_all(&chunk).await.expect("the writer works");
        }
        writer
    });
    work.share::<R, _, _>(sender, async |sender, chunk, count| {
        for _ in 0..count {
            sender.send(chunk.clone()).await.expect("the receiver is there");
        }
    })
    .await;
    written.await
}

/// A handle, through which the producers write their shares.
async fn through<R: Runtime, W: Output, F>(
    writer: W,
    work: Work,
    produce: impl Fn(WriteHandoff<W>, Bytes, usize) -> F,
) -> W
where
    F: Future<Output = ()> + Send + 'static,
{
    let config = WriteHandoffConfig::default();
    let config = config.with_max_pending_bytes(work.pending);
    let (handoff, task) = WriteHandoff::new(writer, config);
    R::spawn(task.detach());
    work.share::<R, _, _>(handoff.clone(), produce).await;
    handoff.into_parts().await.expect("the writer works")
}

pub async fn fire_and_forget<R: Runtime, W: Output>(writer: W, work: Work) -> W {
    through::<R, _, _>(writer, work, async |handoff, chunk, count| {
        for _ in 0..count {
            handoff.write_fire_and_forget(chunk.clone()).await.expect("the handoff is open");
        }
    })
    .await
}

/// Every ticket is dropped at once.
pub async fn dropped<R: Runtime, W: Output>(writer: W, work: Work) -> W {
    through::<R, _, _>(writer, work, async |handoff, chunk, count| {
        for _ in 0..count {
            drop(handoff.write(chunk.clone()).await.expect("the handoff is open"));
        }
    })
    .await
}

/// Every ticket is awaited before the next write.
pub async fn ticket<R: Runtime, W: Output>(writer: W, work: Work) -> W {
    through::<R, _, _>(writer, work, async |handoff, chunk, count| {
        for _ in 0..count {
            let ticket = handoff.write(chunk.clone()).await.expect("the handoff is open");
            ticket.await.expect("the writer works");
        }
    })
    .await
}

pub fn bench<R: Runtime, W: Output, F: Future<Output = W>>(
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

/// How long all of them are measured.
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

/// Measures an implementation over the work that `$work` makes of each size.
macro_rules! over {
    ($criterion:ident, $name:literal, $run:ident to $writer:ty, $sizes:expr, $work:expr) => {
        let mut group = $criterion.benchmark_group($name);
        futures_handoff_runtimes::for_each!(R => {
            for size in $sizes {
                bench::<R, _, _>(&mut group, size, &$work(size), $run::<R, $writer>);
            }
        });
        group.finish();
    };
}
pub(crate) use over;
