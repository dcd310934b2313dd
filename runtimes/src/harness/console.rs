//! Prints to stdout and logs to stderr. A closed reader causes no panic.

use std::{
    fmt,
    io::{self, Write},
    panic,
};

use super::Failure;

/// Prints a line of results; fails if it cannot be printed.
macro_rules! print_line {
    ($($words:tt)*) => { $crate::harness::console::print(format_args!($($words)*)) };
}

/// Logs a sentence. A failure to log changes nothing.
macro_rules! log {
    ($($words:tt)*) => { $crate::harness::console::log_line(format_args!($($words)*)) };
}

pub(super) use {log, print_line};

pub(super) fn print(line: fmt::Arguments<'_>) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let printed = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    printed.map_err(|error| Failure::Other(format!("the results cannot be printed: {error}")))
}

pub(super) fn log_line(sentence: fmt::Arguments<'_>) {
    // One write, so that sentences of two processes do not mix.
    let _ = io::stderr().lock().write_all(format!("harness: {sentence}\n").as_bytes());
}

/// From now on a panic is also logged as one sentence.
pub(super) fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let cause = info.payload_as_str().unwrap_or("for no reason given").replace('\n', " ");
        match info.location() {
            Some(place) => log!("panicked: {cause} ({}:{})", place.file(), place.line()),
            None => log!("panicked: {cause}"),
        }
    }));
}
