//! Blocks of buffers that wait for their reader, left to the thread.
//!
//! Of all the buffers that a thread serves few hold unread bytes at a time. The others need no block until their reader has
//! something again. They find their own one here, unless there are so many of them that others had to take it.

use std::{
    cell::RefCell,
    num::NonZeroU64,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::BytesMut;

/// The most blocks of a thread.
const BLOCKS_MAX: usize = 64;
/// The most bytes of them.
const BYTES_MAX: usize = 2 * 1024 * 1024;
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

/// A block, or what is left of one that was handed off in parts.
pub(super) struct Rested {
    /// All of its length is initialised.
    pub(super) block: BytesMut,
    /// What was allocated for it.
    pub(super) size: usize,
    /// How many bytes at its front may have been read by its owner.
    pub(super) dirty: usize,
    pub(super) owner: Owner,
}

impl Rested {
    /// Whether it is whole now. One that was handed off in parts comes back once its consumers have dropped them.
    fn make_whole(&mut self) -> bool {
        if self.block.capacity() == self.size {
            return true;
        }
        self.block.clear();
        self.dirty = 0;
        self.block.try_reclaim(self.size) && self.block.capacity() == self.size
    }
}

/// Those that rest, the one that has been here longest first.
struct Pool {
    rested: Vec<Rested>,
    bytes: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { rested: Vec::new(), bytes: 0 }) };
}

impl Pool {
    fn remove(&mut self, at: usize) -> Rested {
        let rested = self.rested.remove(at);
        self.bytes -= rested.size;
        rested
    }

    fn is_full(&self, more: usize) -> bool {
        self.rested.len() == BLOCKS_MAX || self.bytes + more > BYTES_MAX
    }

    /// The one that `owner` left, or the one of that size that has been here longest if another would be too many.
    fn position(&self, size: usize, owner: Owner) -> Option<usize> {
        let own = self.rested.iter().position(|rested| rested.owner == owner);
        own.or_else(|| {
            let oldest = || self.rested.iter().position(|rested| rested.size == size);
            self.is_full(size).then(oldest).flatten()
        })
    }
}

/// Leaves a block of at most [`BLOCK_MAX`] bytes to the thread, where it takes the place of older ones. It is dropped if the
/// thread is ending.
pub(super) fn give(block: Rested) {
    let _ = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        while pool.is_full(block.size) {
            pool.remove(0);
        }
        pool.bytes += block.size;
        pool.rested.push(block);
    });
}

/// A block of just so many bytes: that of `owner` as it was left, with how many of them may have been read by it, or
/// another one, cleared.
pub(super) fn take(size: usize, owner: Owner) -> Option<(BytesMut, usize)> {
    let taken = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        while let Some(at) = pool.position(size, owner) {
            let mut rested = pool.remove(at);
            // One that its owner has outgrown is of no use to it.
            if rested.size == size && rested.make_whole() {
                return Some(rested);
            }
        }
        None
    });
    let Rested { mut block, dirty, owner: before, .. } = taken.ok().flatten()?;
    if before == owner {
        return Some((block, dirty));
    }
    block[..dirty].fill(0);
    Some((block, 0))
}
