//! Blocks of buffers that wait for their reader, for the next buffer on this thread that reads.
//!
//! Of all the buffers that a thread serves few hold unread bytes at a time. The others need no block until their
//! reader has something again, so they leave it here.

use std::{
    cell::RefCell,
    num::NonZeroU64,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::BytesMut;

/// The most blocks of a thread.
const BLOCKS_MAX: usize = 4;
/// The most bytes of them.
const BYTES_MAX: usize = 512 * 1024;
/// The largest block that is taken.
pub(super) const BLOCK_MAX: usize = 256 * 1024;

/// Tells a buffer from all others of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner(NonZeroU64);

impl Owner {
    pub(super) fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let next = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        Self(NonZeroU64::new(next).unwrap_or(NonZeroU64::MAX))
    }
}

/// A block that nobody else holds a part of, all of whose length is initialised.
struct Pooled {
    block: BytesMut,
    /// How many bytes at its front may have been read by its owner.
    dirty: usize,
    owner: Owner,
}

thread_local! {
    /// The last one given is at the end.
    static POOL: RefCell<Vec<Pooled>> = const { RefCell::new(Vec::new()) };
}

/// Leaves a block of at most [`BLOCK_MAX`] bytes for others; what they find in it is zeros. It is dropped if the thread
/// is ending. The oldest blocks make room for it.
pub(super) fn give(block: BytesMut, dirty: usize, owner: Owner) {
    let dirty = dirty.min(block.len());
    // Dropped after the pool is free again.
    let mut rejected = Some(Pooled { block, dirty, owner });
    let mut evicted = Vec::new();
    let _ = POOL.try_with(|pool| {
        let Ok(mut pool) = pool.try_borrow_mut() else { return };
        pool.extend(rejected.take());
        let mut held: usize = pool.iter().map(|pooled| pooled.block.capacity()).sum();
        let mut excess = pool.len().saturating_sub(BLOCKS_MAX);
        while held > BYTES_MAX && excess < pool.len() {
            held -= pool[excess].block.capacity();
            excess += 1;
        }
        if excess > 0 {
            evicted.extend(pool.drain(..excess));
        }
    });
}

/// A block of just so many bytes: the one that `owner` left last, with how many of them may have been read by it, or
/// else another, cleared.
pub(super) fn take(size: usize, owner: Owner) -> Option<(BytesMut, usize)> {
    let taken = POOL.try_with(|pool| {
        let mut pool = pool.try_borrow_mut().ok()?;
        let fits = |pooled: &Pooled| pooled.block.capacity() == size;
        let own = pool.iter().rposition(|pooled| pooled.owner == owner && fits(pooled));
        let at = own.or_else(|| pool.iter().rposition(fits))?;
        Some(pool.remove(at))
    });
    let Pooled { mut block, dirty, owner: before } = taken.ok().flatten()?;
    if before == owner {
        return Some((block, dirty));
    }
    block[..dirty].fill(0);
    Some((block, 0))
}
