//! What is said on stdout and stderr. Whoever reads it may have gone, which is no reason to panic.

use std::{
    fmt,
    io::{self, Write},
    panic,
};

use super::Failure;

/// Prints a line of results; a failure if it cannot be printed, as in `return Err`.
macro_rules! show {
    ($($words:tt)*) => { $crate::stream::say::shown(format_args!($($words)*)) };
}

/// Says a sentence beside the results. That it cannot be said changes nothing.
macro_rules! say {
    ($($words:tt)*) => { $crate::stream::say::said(format_args!($($words)*)) };
}

pub(super) use {say, show};

pub(super) fn shown(line: fmt::Arguments<'_>) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let printed = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    printed.map_err(|error| Failure::Other(format!("the results cannot be printed: {error}")))
}

pub(super) fn said(sentence: fmt::Arguments<'_>) {
    // One write, so that sentences of two processes do not mix.
    let _ = io::stderr().lock().write_all(format!("harness: {sentence}\n").as_bytes());
}

/// From now on a panic is one sentence, too.
pub(super) fn panics_as_sentences() {
    panic::set_hook(Box::new(|info| {
        let cause = info.payload_as_str().unwrap_or("for no reason given").replace('\n', " ");
        match info.location() {
            Some(place) => say!("panicked: {cause} ({}:{})", place.file(), place.line()),
            None => say!("panicked: {cause}"),
        }
    }));
}
