//! The read half compared with hand-written code, over memory, named
//! `operation.implementation/runtime/size`.
//!
//! Every run checks how many bytes and frames came out. `cargo test --benches` runs each of them
//! once.
#![expect(missing_docs, reason = "`criterion_group!` makes a function that has none")]

mod support;

use std::{
    future::Future,
    hint::black_box,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
    measurement::WallTime,
};
use futures_handoff::{
    Delimiter, HandoffBuffer, HandoffBufferConfig,
    bytes::{Bytes, BytesMut},
};
use futures_handoff_runtimes::{self as runtimes, Runtime};
use futures_util::{AsyncRead, AsyncReadExt};

const LINES: usize = 16 * 1024;
/// The length of a line with its end.
const LINE: usize = 33;
/// The bytes to split into prefixes.
const BLOCK: usize = 2 * 1024 * 1024;
/// The read size of all implementations.
const READ: usize = 16 * 1024;
/// Changes of protocol in one run.
const SWITCHES: usize = 256;

/// Bytes that came out, and the frames they came in.
type Moved = (usize, usize);

/// Returns memory in arrivals of a fixed length.
struct Arrivals<'a> {
    left: &'a [u8],
    arrival: usize,
}

impl AsyncRead for Arrivals<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let n = self.arrival.min(buf.len()).min(self.left.len());
        let (arrived, left) = self.left.split_at(n);
        buf[..n].copy_from_slice(arrived);
        self.left = left;
        Poll::Ready(Ok(n))
    }
}

fn lines() -> Vec<u8> {
    (0..LINES).flat_map(|line| format!("{line:032}\n").into_bytes()).collect()
}

fn config() -> HandoffBufferConfig {
    let config = HandoffBufferConfig::new(4 * READ);
    config.with_read_reserve(READ)
}

/// The minimum cost of reading: bytes are counted and overwritten.
async fn discard(mut reader: Arrivals<'_>) -> Moved {
    let mut room = vec![0; READ];
    let mut bytes = 0;
    loop {
        match reader.read(&mut room).await.expect("memory can be read") {
            0 => return (bytes, 0),
            n => bytes += black_box(&room[..n]).len(),
        }
    }
}

async fn owned_lines(mut reader: Arrivals<'_>) -> Moved {
    let mut buffer = HandoffBuffer::with_config(config());
    let mut finder = Delimiter::new(b"\n");
    let (mut bytes, mut frames) = (0, 0);
    while let Some(line) = buffer.next_frame(&mut reader, &mut finder).await.expect("all lines have an end") {
        bytes += black_box(line).len();
        frames += 1;
    }
    (bytes, frames)
}

/// A `Vec` to parse in, and a copy of each line.
async fn owned_lines_by_vec(mut reader: Arrivals<'_>) -> Moved {
    let mut room = vec![0; READ];
    let mut pending = Vec::with_capacity(2 * READ);
    let (mut bytes, mut frames) = (0, 0);
    loop {
        let n = reader.read(&mut room).await.expect("memory can be read");
        if n == 0 {
            return (bytes, frames);
        }
        pending.extend_from_slice(&room[..n]);
        let mut start = 0;
        while let Some(end) = memchr(&pending[start..]) {
            let line = Bytes::copy_from_slice(&pending[start..=start + end]);
            start += line.len();
            bytes += black_box(line).len();
            frames += 1;
        }
        pending.drain(..start);
    }
}

/// A `BytesMut` that is read into, and a line split off without a copy. Reserved room is cleared,
/// and used up before more is reserved.
async fn owned_lines_by_bytes_mut(mut reader: Arrivals<'_>) -> Moved {
    let mut pending = BytesMut::with_capacity(2 * READ);
    let mut filled = 0;
    let (mut bytes, mut frames) = (0, 0);
    loop {
        if pending.len() - filled < READ / 2 {
            pending.truncate(filled);
            pending.reserve(READ);
            pending.resize(filled + READ, 0);
        }
        let n = reader.read(&mut pending[filled..]).await.expect("memory can be read");
        if n == 0 {
            return (bytes, frames);
        }
        filled += n;
        while let Some(end) = memchr(&pending[..filled]) {
            let line = pending.split_to(end + 1).freeze();
            filled -= line.len();
            bytes += black_box(line).len();
            frames += 1;
        }
    }
}

fn memchr(bytes: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', bytes)
}

/// Counts the pieces that come out of a block.
fn count<T: AsRef<[u8]>>(mut next: impl FnMut() -> Option<T>) -> Moved {
    let (mut bytes, mut frames) = (0, 0);
    while let Some(piece) = next() {
        bytes += black_box(piece).as_ref().len();
        frames += 1;
    }
    (bytes, frames)
}

fn buffer(block: BytesMut) -> HandoffBuffer {
    HandoffBuffer::from_tail(block, HandoffBufferConfig::new(BLOCK)).expect("it fits")
}

/// Takes everything out in pieces of one length.
fn split(block: BytesMut, piece: usize) -> Moved {
    let mut buffer = buffer(block);
    count(|| buffer.split_prefix(piece).ok())
}

fn split_mut(block: BytesMut, piece: usize) -> Moved {
    let mut buffer = buffer(block);
    count(|| buffer.split_prefix_mut(piece).ok())
}

fn split_bytes_mut(mut block: BytesMut, piece: usize) -> Moved {
    count(|| (!block.is_empty()).then(|| block.split_to(piece).freeze()))
}

fn split_mut_bytes_mut(mut block: BytesMut, piece: usize) -> Moved {
    count(|| (!block.is_empty()).then(|| block.split_to(piece)))
}

/// A line, and then the rest of the bytes moves to the next protocol.
async fn switch(input: &[u8]) -> Moved {
    let mut moved = (0, 0);
    for _ in 0..SWITCHES {
        let mut reader = Arrivals { left: input, arrival: READ };
        let mut buffer = HandoffBuffer::with_config(config());
        let line = buffer.next_frame(&mut reader, &mut Delimiter::new(b"\n")).await;
        let line = line.expect("the line has an end").expect("there is a line");
        let next = HandoffBuffer::from_tail(buffer.take_tail(), config()).expect("the limit is the same");
        moved.0 += line.len() + black_box(next).len();
        moved.1 += 1;
    }
    moved
}

async fn switch_by_vec(input: &[u8]) -> Moved {
    let mut moved = (0, 0);
    for _ in 0..SWITCHES {
        let mut reader = Arrivals { left: input, arrival: READ };
        let mut pending = vec![0; READ];
        let n = reader.read(&mut pending).await.expect("memory can be read");
        pending.truncate(n);
        let end = memchr(&pending).expect("there is a line");
        let line = Bytes::copy_from_slice(&pending[..=end]);
        let next = pending.split_off(end + 1);
        moved.0 += line.len() + black_box(next).len();
        moved.1 += 1;
    }
    moved
}

/// Measures `run` on the runtime, many times within one of it, and checks what it moved each time.
fn bench<R: Runtime, F: Future<Output = Moved>>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    size: usize,
    expected: Moved,
    mut run: impl FnMut() -> F,
) {
    group.throughput(Throughput::Bytes(expected.0 as u64));
    group.bench_function(BenchmarkId::new(R::NAME, size), |bencher| {
        bencher.iter_custom(|rounds| {
            R::block_on(async {
                let start = Instant::now();
                for _ in 0..rounds {
                    assert_eq!(run().await, expected);
                }
                start.elapsed()
            })
        });
    });
}

/// A block for each round, allocated outside of the measurement.
fn bench_split<R: Runtime>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    piece: usize,
    split: fn(BytesMut, usize) -> Moved,
) {
    group.throughput(Throughput::Bytes(BLOCK as u64));
    group.bench_function(BenchmarkId::new(R::NAME, piece), |bencher| {
        bencher.iter_custom(|rounds| {
            R::block_on(async {
                let mut total = Duration::ZERO;
                for _ in 0..rounds {
                    let block = BytesMut::from(&vec![b'x'; BLOCK][..]);
                    let start = Instant::now();
                    assert_eq!(split(block, piece), (BLOCK, BLOCK / piece));
                    total += start.elapsed();
                }
                total
            })
        });
    });
}

/// Measures an implementation of reading all lines, for each length of arrivals.
macro_rules! over_lines {
    ($criterion:ident, $name:literal, $run:ident, $frames:expr, $arrivals:expr) => {
        let input = lines();
        let mut group = $criterion.benchmark_group($name);
        runtimes::for_each!(R => {
            for arrival in $arrivals {
                let expected = (LINES * LINE, $frames);
                bench::<R, _>(&mut group, arrival, expected, || $run(Arrivals { left: &input, arrival }));
            }
        });
        group.finish();
    };
}

macro_rules! over_block {
    ($criterion:ident, $name:literal, $run:ident) => {
        let mut group = $criterion.benchmark_group($name);
        runtimes::for_each!(R => {
            for piece in [16, 64, 512] {
                bench_split::<R>(&mut group, piece, $run);
            }
        });
        group.finish();
    };
}

macro_rules! over_tails {
    ($criterion:ident, $name:literal, $run:ident) => {
        let mut group = $criterion.benchmark_group($name);
        runtimes::for_each!(R => {
            for tail in [64, READ - LINE] {
                let input = [&lines()[..LINE], &vec![b'x'; tail][..]].concat();
                let expected = (SWITCHES * input.len(), SWITCHES);
                bench::<R, _>(&mut group, tail, expected, || $run(&input));
            }
        });
        group.finish();
    };
}

fn read(criterion: &mut Criterion) {
    over_lines!(criterion, "discard.lower_bound", discard, 0, [64, READ]);
    over_lines!(criterion, "owned_lines.handoff", owned_lines, LINES, [64, READ]);
    over_lines!(criterion, "owned_lines.manual_vec", owned_lines_by_vec, LINES, [64, READ]);
    over_lines!(criterion, "owned_lines.bytes_mut", owned_lines_by_bytes_mut, LINES, [64, READ]);
    let fragments = [1, 8, 64, 1460, READ];
    over_lines!(criterion, "fragments.handoff", owned_lines, LINES, fragments);
    over_lines!(criterion, "fragments.manual_vec", owned_lines_by_vec, LINES, fragments);
    over_lines!(criterion, "fragments.bytes_mut", owned_lines_by_bytes_mut, LINES, fragments);
}

fn take(criterion: &mut Criterion) {
    over_block!(criterion, "split_prefix.handoff", split);
    over_block!(criterion, "split_prefix.bytes_mut", split_bytes_mut);
    over_block!(criterion, "split_prefix_mut.handoff", split_mut);
    over_block!(criterion, "split_prefix_mut.bytes_mut", split_mut_bytes_mut);
    over_tails!(criterion, "mode_switch.handoff", switch);
    over_tails!(criterion, "mode_switch.manual_vec", switch_by_vec);
}

criterion_group! {
    name = benches;
    config = support::criterion();
    targets = read, take
}
criterion_main!(benches);
