//! The write half compared with hand-written code, named `operation.implementation/runtime/size`.
//!
//! Large chunks go through an in-memory pipe, whose other end is read by a task. Small frames go to
//! a writer that only counts, which shows the cost of a frame and not the system calls that
//! gathering saves. `cargo test --benches` runs each of them once.
#![expect(missing_docs, reason = "`criterion_group!` makes a function that has none")]

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use support::*;

/// Chunks of a run with large chunks.
const LARGE_CHUNKS: usize = 32;
/// Frames of a run with small frames.
const FRAMES: usize = 8 * KIB;

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

criterion_group! {
    name = benches;
    config = criterion();
    targets = large_chunks, small_frames
}
criterion_main!(benches);
