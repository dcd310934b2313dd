//! Ctrl-C: what runs ends where it is, what is finished stays.

use std::{
    process,
    sync::atomic::{AtomicBool, Ordering},
};

use event_listener::{Event, listener};

/// The status of a program that ended on Ctrl-C.
pub(super) const STATUS: u8 = 130;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static EVENT: Event = Event::new();

/// From now on the first signal asks for an end, and the second does not ask.
pub(super) fn install() {
    let handler = || {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            process::exit(i32::from(STATUS));
        }
        EVENT.notify(usize::MAX);
    };
    // If there is a handler already, or none can be had, the signal does what it does.
    let _ = ctrlc::set_handler(handler);
}

/// Whether an end has been asked for.
pub(super) fn is_set() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Waits until an end is asked for.
pub(crate) async fn requested() {
    listener!(EVENT => listener);
    if !is_set() {
        listener.await;
    }
}
