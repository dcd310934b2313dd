//! Panics as findings.

use std::{any::Any, cell::RefCell, panic};

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on panics of this process print nothing. Where one ends a schedule, the finding says where it was.
pub fn keep_panics_quiet() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string);
        // A thread that is ending finds nothing any more.
        let _ = LAST.try_with(|last| *last.borrow_mut() = place);
    }));
}

/// What there is to say of a panic that was caught on this thread.
pub(super) fn describe(panic: &(dyn Any + Send)) -> String {
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message");
    match LAST.take() {
        Some(place) => format!("a panic at {place}: {message}"),
        None => format!("a panic: {message}"),
    }
}
