//! The stream benchmark.
#![forbid(unsafe_code)]

use std::{alloc::System, process::ExitCode};

use alloc_tracker::Allocator;

/// Counts allocations, each thread for itself, so that they can be reported.
#[global_allocator]
static ALLOCATOR: Allocator<System> = Allocator::system();

fn main() -> ExitCode {
    futures_handoff_runtimes::stream::main()
}
