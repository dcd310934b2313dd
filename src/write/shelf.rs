//! Gather blocks of streams that have nothing to write, for the next stream on this thread that has.

use std::{cell::Cell, collections::VecDeque};

/// The most blocks of a thread, of at most 16 KiB each.
const BLOCKS_MAX: usize = 8;

thread_local! {
    /// All of them are empty, the oldest first.
    static SHELF: Cell<VecDeque<Vec<u8>>> = const { Cell::new(VecDeque::new()) };
}

/// Leaves an empty block for others, in place of the oldest one if there are enough. Drops it if the thread is ending.
pub(super) fn give(block: Vec<u8>) {
    let _ = SHELF.try_with(|shelf| {
        let mut blocks = shelf.take();
        if blocks.len() == BLOCKS_MAX {
            blocks.pop_front();
        }
        blocks.push_back(block);
        shelf.set(blocks);
    });
}

/// An empty block with room for just that many bytes, so that what a stream does never depends on what others have left here.
pub(super) fn take(size: usize) -> Option<Vec<u8>> {
    SHELF
        .try_with(|shelf| {
            let mut blocks = shelf.take();
            let found = blocks.iter().rposition(|block| block.capacity() == size);
            let block = found.and_then(|at| blocks.swap_remove_back(at));
            shelf.set(blocks);
            block
        })
        .ok()
        .flatten()
}
