//! The harness.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use alloc_tracker::Allocator;
use mimalloc::MiMalloc;

/// Counts allocations per thread, for the reports.
#[global_allocator]
static ALLOCATOR: Allocator<MiMalloc> = Allocator::new(MiMalloc);

fn main() -> ExitCode {
    futures_handoff_runtimes::harness::main()
}
