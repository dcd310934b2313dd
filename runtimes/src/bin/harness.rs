//! The harness.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use alloc_tracker::Allocator;
use mimalloc::MiMalloc;

/// Counts allocations, each thread for itself, so that they can be reported.
#[global_allocator]
static ALLOCATOR: Allocator<MiMalloc> = Allocator::new(MiMalloc);

fn main() -> ExitCode {
    futures_handoff_runtimes::harness::main()
}
