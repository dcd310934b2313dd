//! A buffer for short reads that the tunnels of a thread share.

use std::cell::Cell;

/// The size of a short read. Most requests fit in it, and the time to clear it is too short to
/// measure.
pub(super) const SHORT: usize = 2 * 1024;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Calls `use_it` with `SHORT` zeros. Clears them afterwards, so that no reader sees the bytes of
/// another tunnel.
#[inline]
pub(super) fn with<T>(use_it: impl FnOnce(&mut [u8]) -> T) -> T {
    // Taken out for the call, because a reader or writer may poll another tunnel.
    let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
    if scratch.is_empty() {
        scratch.resize(SHORT, 0);
    }
    let result = use_it(&mut scratch);
    scratch.fill(0);
    // If the thread is ending, the buffer is dropped.
    let _ = SCRATCH.try_with(|place| place.set(scratch));
    result
}
