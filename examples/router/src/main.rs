//! The program: see `command.rs`.

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    futures_handoff_router::command::main()
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("router: it needs a Unix system");
    ExitCode::FAILURE
}
