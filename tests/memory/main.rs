//! What the crate keeps in memory and allocates, as counted by the allocator of these tests on each
//! thread.

mod connections;
#[cfg(feature = "fragment")]
mod fragment;
mod freed;
#[cfg(feature = "message")]
mod message;
mod reading;
mod writing;

#[allow(dead_code, reason = "the tests of the read half use the rest")]
#[path = "../read/support.rs"]
mod read_parts;
#[allow(dead_code, unused_imports, reason = "the tests of the write half use the rest")]
#[path = "../write/support.rs"]
mod support;

use allocation_counter::{AllocationInfo, measure};

const ROUNDS: u64 = 1000;

/// What this many rounds allocate, once everything has grown to its final size.
fn steady(mut round: impl FnMut()) -> AllocationInfo {
    (0..200).for_each(|_| round());
    measure(|| (0..ROUNDS).for_each(|_| round()))
}

#[track_caller]
fn allocates_nothing(round: impl FnMut()) {
    let count = steady(round).count_total;
    assert_eq!(count, 0, "{count} allocations in {ROUNDS} rounds");
}
