//! Ctrl-C: what runs ends where it is, what is finished stays.

use std::{
    process,
    sync::atomic::{AtomicBool, Ordering},
};

use event_listener::{Event, listener};

use super::Failure;

/// The status of a program that ended on Ctrl-C.
pub(super) const STATUS: u8 = 130;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static EVENT: Event = Event::new();

/// From now on the first signal asks for an end, and the second one ends the process.
pub(super) fn install() {
    let handler = || {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            process::exit(i32::from(STATUS));
        }
        EVENT.notify(usize::MAX);
    };
    // Without a handler the signal ends the process.
    let _ = ctrlc::set_handler(handler);
}

/// Fails once an end has been asked for.
pub(super) fn check() -> Result<(), Failure> {
    if INTERRUPTED.load(Ordering::SeqCst) { Err(Failure::Interrupted) } else { Ok(()) }
}

/// Waits until an end is asked for.
pub(super) async fn requested() {
    listener!(EVENT => listener);
    if check().is_ok() {
        listener.await;
    }
}
