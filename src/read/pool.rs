//! Blocks of buffers that wait for their reader, left to the thread.
//!
//! Of all the buffers that a thread serves few hold unread bytes at a time. The others need no
//! block until their reader has something again. They find their own one here, unless there are so
//! many of them that others had to take it.
//!
//! No block outlives its buffer here. One that was dropped on the thread, or left a block to
//! another thread since, takes it along; for one that was dropped on another thread that notes it,
//! and this thread drops the block when it next looks here.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::BytesMut;

/// The most blocks of a thread.
const BLOCKS_MAX: usize = 64;
/// The most bytes of them.
const BYTES_MAX: usize = 2 * 1024 * 1024;
/// The largest block that is taken.
pub(super) const BLOCK_MAX: usize = 256 * 1024;

/// A block, or what is left of one that was handed off in parts.
pub(super) struct Rested {
    /// All of its length is initialised.
    pub(super) block: BytesMut,
    /// What was allocated for it.
    pub(super) size: usize,
    /// How many bytes at its front may have been written by readers of its owner.
    pub(super) dirty: usize,
}

impl Rested {
    /// Itself if it is a whole block of that size. One that was handed off in parts comes back once
    /// its consumers have dropped them.
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

/// Which blocks of a thread belong to buffers that are gone, as other threads say.
struct Orphans {
    any: AtomicBool,
    at: [AtomicBool; BLOCKS_MAX],
}

/// Where a buffer has left its block, if it has. Nothing else was ever left there with that number,
/// and no other thread has the same orphans, so no buffer takes the block of another for its
/// own.
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

    /// The block is on another thread, and no longer needed. At worst that drops another one, if
    /// the place was given away just now.
    fn abandon(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.at[self.at].store(true, Ordering::Relaxed);
            pool.any.store(true, Ordering::Release);
        }
    }
}

/// Those that rest, each in its place, with the number that it was left with.
struct Pool {
    orphans: Option<Arc<Orphans>>,
    last: u64,
    places: Vec<Option<(u64, Rested)>>,
    /// The places that are taken, by the one that has been there longest first.
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
            // To leave a place shall not allocate.
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

    /// Takes the block out that was left at `place`, if it is still there.
    fn remove_own(&mut self, place: &Place) -> Option<Rested> {
        let is_there = self.places.get(place.at)?.as_ref().is_some_and(|(number, _)| *number == place.number);
        if is_there && place.is_in(self) { self.remove(place.at) } else { None }
    }

    /// Where the one of that size is that has been here longest.
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

/// Leaves a block of at most [`BLOCK_MAX`] bytes to the thread, where it takes the place of older
/// ones, first of the one that was left at `place`. It is dropped if the thread is ending.
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

/// A block of just so many bytes: the one that was left at `place`, with how many bytes of it may
/// have been written by readers of its owner; or another one, cleared, if one more would be too
/// many.
pub(super) fn take(size: usize, place: &Place) -> Option<(BytesMut, usize)> {
    let taken = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        pool.drop_orphans();
        // One that its owner has outgrown is of no use to it.
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

/// The buffer that left a block at `place` is gone.
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
