//! Gather blocks of streams that have nothing to write, for the next stream on this thread that has.

use std::cell::Cell;

/// The most blocks of a thread.
const BLOCKS_MAX: usize = 4;

thread_local! {
    /// All of them are empty.
    static SHELF: Cell<Vec<Vec<u8>>> = const { Cell::new(Vec::new()) };
}

/// Leaves an empty block for others, unless there are enough of them or the thread is ending.
pub(super) fn give(block: Vec<u8>) {
    let _ = SHELF.try_with(|shelf| {
        let mut blocks = shelf.take();
        if blocks.len() < BLOCKS_MAX {
            blocks.push(block);
        }
        shelf.set(blocks);
    });
}

/// An empty block with room for just that many bytes, lest what a stream does depend on what others have left here.
pub(super) fn take(size: usize) -> Option<Vec<u8>> {
    SHELF
        .try_with(|shelf| {
            let mut blocks = shelf.take();
            let found = blocks.iter().rposition(|block| block.capacity() == size);
            let block = found.map(|at| blocks.swap_remove(at));
            shelf.set(blocks);
            block
        })
        .ok()
        .flatten()
}
