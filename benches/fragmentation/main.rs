//! Long messages in short packets, compared with the steps of the transport of
//! [Freenet](https://github.com/freenet/freenet-core). Named
//! `fragmentation.work.implementation/size`; everything runs in memory and in one thread.
//!
//! The output is compared with the input once for each benchmark, and counted in each iteration.
//! `-- compare` measures in turns and prints ratios. `cargo test --benches` runs each benchmark
//! once.
#![allow(unreachable_pub, reason = "its modules are those of one program")]

mod buffers;
mod compare;
mod cut;
mod freenet;
mod ours;
mod reassembly;
mod rows;
mod wire;

use std::{env, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput};

use rows::Row;

/// Bytes that are about to be copied: `allocations.rs` counts them.
#[inline(always)]
fn copied(bytes: &[u8]) -> &[u8] {
    bytes
}

fn all() -> Vec<Row> {
    [cut::rows(), reassembly::rows(), wire::rows()].into_iter().flatten().collect()
}

fn main() {
    let mut args = env::args().skip(1).peekable();
    if args.next_if_eq("compare").is_some() {
        return compare::run(args);
    }
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for row in all() {
        let mut group = criterion.benchmark_group(format!("fragmentation.{}.{}", row.work, row.name));
        group.throughput(Throughput::Elements(row.units));
        let mut run = None;
        group.bench_function(BenchmarkId::from_parameter(row.size), |bencher| {
            // Not for those that are filtered out.
            let run = run.get_or_insert_with(|| row.prepare());
            bencher.iter(run);
        });
        group.finish();
    }
    criterion.final_summary();
}
