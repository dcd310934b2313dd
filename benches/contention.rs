//! Many producers on one stream, named `operation.implementation/runtime/size`.
//!
//! `tokio_current` runs all of them and the task of the stream on one thread, the other runtimes on
//! two. `cargo test --benches` runs each of them once.
#![expect(missing_docs, reason = "`criterion_group!` makes a function that has none")]

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use support::*;

/// How many tasks write.
const PRODUCERS: [usize; 4] = [1, 4, 16, 64];
/// Chunks of a run with small chunks, of all producers together.
const FRAMES: usize = 8 * KIB;
/// The same for a run with large chunks.
const LARGE_CHUNKS: usize = 256;

/// Chunks of 64 bytes to a writer that only counts, which shows the cost of the path from the
/// producers to the writer. The size is the number of producers.
fn contention(criterion: &mut Criterion) {
    let work = |tasks| Work { tasks, pending: 64 * KIB, ..Work::new(64, FRAMES) };
    over!(criterion, "contention.channel", channel to Count, PRODUCERS, work);
    over!(criterion, "contention.async_channel", async_channel to Count, PRODUCERS, work);
    over!(criterion, "contention.fire_and_forget", fire_and_forget to Count, PRODUCERS, work);
    over!(criterion, "contention.dropped", dropped to Count, PRODUCERS, work);
    over!(criterion, "contention.ticket", ticket to Count, PRODUCERS, work);
}

/// Chunks of 32 KiB through a pipe. The size is the number of producers.
fn many_tasks(criterion: &mut Criterion) {
    let work = |tasks| Work { tasks, ..Work::new(32 * KIB, LARGE_CHUNKS) };
    over!(criterion, "many_tasks.channel", channel to Duplex, PRODUCERS, work);
    over!(criterion, "many_tasks.fire_and_forget", fire_and_forget to Duplex, PRODUCERS, work);
    over!(criterion, "many_tasks.ticket", ticket to Duplex, PRODUCERS, work);
}

/// Four producers that write far more than the budget and the pipe hold. The size is the budget, in
/// chunks.
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
    config = criterion();
    targets = contention, many_tasks, backpressure
}
criterion_main!(benches);
