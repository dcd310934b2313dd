//! Memory for short reads, which the tunnels of a thread share.

use std::cell::Cell;

/// How much a short read asks for. Requests fit in it, and to clear it takes no time that could be
/// measured.
pub(super) const SHORT: usize = 2 * 1024;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Gives `SHORT` zeros to `use_it`. They are cleared afterwards, so that no reader is shown the
/// bytes of another tunnel.
#[inline]
pub(super) fn with<T>(use_it: impl FnOnce(&mut [u8]) -> T) -> T {
    // It is taken out: what runs now may poll a tunnel of its own.
    let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
    if scratch.is_empty() {
        scratch.resize(SHORT, 0);
    }
    let result = use_it(&mut scratch);
    scratch.fill(0);
    // Without a thread to leave it to, it is dropped.
    let _ = SCRATCH.try_with(|place| place.set(scratch));
    result
}
