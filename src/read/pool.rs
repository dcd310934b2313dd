//! A pool of blocks for each thread, left there by buffers that wait for their readers.
//!
//! At any time, few of the buffers of a thread hold unread bytes. The other buffers need no block
//! until their reader has data again. A buffer then finds its own block in the pool, unless the
//! pool was full and dropped the block or gave it to another buffer.
//!
//! No block in the pool outlives its buffer. A buffer that is dropped on the thread of the pool
//! removes its block. A buffer that is dropped on another thread, or leaves a block there, marks
//! its old block as an orphan. The thread of the pool drops orphans when it next uses the pool.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::BytesMut;

/// The most blocks in a pool.
const BLOCKS_MAX: usize = 64;
/// The most bytes in a pool.
const BYTES_MAX: usize = 2 * 1024 * 1024;
/// The largest block that a pool accepts.
pub(super) const BLOCK_MAX: usize = 256 * 1024;

/// A block in a pool. Its front may have been handed out.
pub(super) struct Rested {
    /// Initialised up to its length.
    pub(super) block: BytesMut,
    /// The size of the whole allocation.
    pub(super) size: usize,
    /// How many bytes at the front the readers of its buffer may have written.
    pub(super) dirty: usize,
}

impl Rested {
    /// Returns the block if it is whole and has this size. A block whose front was handed out is
    /// whole again once the consumers have dropped that.
    #[inline]
    fn whole(self, size: usize) -> Option<Self> {
        if self.size != size {
            return None;
        }
        if self.block.capacity() == size { Some(self) } else { self.reclaimed() }
    }

    #[cold]
    fn reclaimed(mut self) -> Option<Self> {
        self.block.clear();
        self.dirty = 0;
        let whole = self.block.try_reclaim(self.size) && self.block.capacity() == self.size;
        whole.then_some(self)
    }
}

/// Marks for the blocks of a pool whose buffers are gone. Other threads set them.
struct Orphans {
    any: AtomicBool,
    at: [AtomicBool; BLOCKS_MAX],
}

/// Where a buffer has left its block. No other block ever has this number in this pool, and
/// `Orphans` identifies the pool. So a buffer never takes the block of another buffer for its own.
#[derive(Default)]
pub(super) struct Place {
    pool: Option<Arc<Orphans>>,
    at: usize,
    number: u64,
}

impl Place {
    fn is_in(&self, pool: &Pool) -> bool {
        matches!((&self.pool, &pool.orphans), (Some(this), Some(that)) if Arc::ptr_eq(this, that))
    }

    /// Marks the block, which is in the pool of another thread, as an orphan. If the pool has just
    /// reused the place, the mark drops the block of another buffer, which does no harm.
    fn abandon(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.at[self.at].store(true, Ordering::Relaxed);
            pool.any.store(true, Ordering::Release);
        }
    }
}

/// The blocks of a thread, each in a place and with a number of its own.
struct Pool {
    orphans: Option<Arc<Orphans>>,
    last: u64,
    places: Vec<Option<(u64, Rested)>>,
    /// The places in use, the one with the oldest block first.
    taken: Vec<usize>,
    free: Vec<usize>,
    bytes: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const {
        RefCell::new(Pool {
            orphans: None,
            last: 0,
            places: Vec::new(),
            taken: Vec::new(),
            free: Vec::new(),
            bytes: 0,
        })
    };
}

impl Pool {
    fn is_full(&self, more: usize) -> bool {
        self.taken.len() == BLOCKS_MAX || self.bytes + more > BYTES_MAX
    }

    fn put(&mut self, rested: Rested, place: &mut Place) {
        self.bytes += rested.size;
        let at = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            // So that `remove` does not allocate.
            self.free.reserve(self.places.len());
            self.places.len() - 1
        });
        self.last += 1;
        self.places[at] = Some((self.last, rested));
        self.taken.push(at);
        if !place.is_in(self) {
            let new = || {
                Arc::new(Orphans { any: false.into(), at: [const { AtomicBool::new(false) }; BLOCKS_MAX] })
            };
            place.pool = Some(Arc::clone(self.orphans.get_or_insert_with(new)));
        }
        (place.at, place.number) = (at, self.last);
    }

    fn remove(&mut self, at: usize) -> Option<Rested> {
        let (_, rested) = self.places.get_mut(at)?.take()?;
        if let Some(rank) = self.taken.iter().position(|taken| *taken == at) {
            self.taken.remove(rank);
        }
        self.free.push(at);
        self.bytes -= rested.size;
        Some(rested)
    }

    /// Takes out the block that was left at `place`, if it is still there.
    fn remove_own(&mut self, place: &Place) -> Option<Rested> {
        let is_there = self.places.get(place.at)?.as_ref().is_some_and(|(number, _)| *number == place.number);
        if is_there && place.is_in(self) { self.remove(place.at) } else { None }
    }

    /// The place of the oldest block of this size.
    fn oldest(&self, size: usize) -> Option<usize> {
        let is_so_large = |at: &usize| matches!(&self.places[*at], Some((_, rested)) if rested.size == size);
        self.taken.iter().copied().find(is_so_large)
    }

    /// Drops the blocks of buffers that are gone.
    #[inline]
    fn drop_orphans(&mut self) {
        if let Some(orphans) = &self.orphans {
            if orphans.any.load(Ordering::Relaxed) {
                let orphans = Arc::clone(orphans);
                self.drop_these(&orphans);
            }
        }
    }

    #[cold]
    fn drop_these(&mut self, orphans: &Orphans) {
        orphans.any.swap(false, Ordering::Acquire);
        for (at, orphaned) in orphans.at.iter().enumerate() {
            if orphaned.swap(false, Ordering::Relaxed) {
                self.remove(at);
            }
        }
    }
}

/// Leaves a block of at most [`BLOCK_MAX`] bytes to the pool of this thread. It replaces the block
/// that was left at `place`, and the oldest blocks if the pool is full. If the thread is ending,
/// the block is dropped.
pub(super) fn give(rested: Rested, place: &mut Place) {
    let given = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        pool.drop_orphans();
        if place.is_in(&pool) {
            pool.remove_own(place);
        } else {
            place.abandon();
        }
        while pool.is_full(rested.size) {
            let oldest = pool.taken[0];
            pool.remove(oldest);
        }
        pool.put(rested, place);
    });
    if given.is_err() {
        place.abandon();
    }
}

/// Takes a block of exactly `size` bytes: the one that was left at `place`, or, if the pool has no
/// room for one more block of that size, the block of another buffer, cleared. Also returns how
/// many bytes at the front the readers of this buffer may have written.
pub(super) fn take(size: usize, place: &Place) -> Option<(BytesMut, usize)> {
    let taken = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        pool.drop_orphans();
        // The own block is dropped if the buffer now needs another size.
        if let Some(Rested { block, dirty, .. }) =
            pool.remove_own(place).and_then(|rested| rested.whole(size))
        {
            return Some((block, dirty));
        }
        while pool.is_full(size) {
            let oldest = pool.oldest(size)?;
            if let Some(Rested { mut block, dirty, .. }) =
                pool.remove(oldest).and_then(|rested| rested.whole(size))
            {
                block[..dirty].fill(0);
                return Some((block, 0));
            }
        }
        None
    });
    taken.ok().flatten()
}

/// Drops the block that was left at `place`, because its buffer is gone.
pub(super) fn forget(place: &mut Place) {
    if place.pool.is_none() {
        return;
    }
    let here = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        let here = place.is_in(&pool);
        if here {
            pool.remove_own(place);
        }
        here
    });
    if !here.unwrap_or(false) {
        place.abandon();
    }
}
