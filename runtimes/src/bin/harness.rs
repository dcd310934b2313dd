//! The stream benchmark.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    futures_handoff_runtimes::stream::main()
}
