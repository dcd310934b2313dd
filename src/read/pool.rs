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
    /// Itself if it is a whole block of that size. One that was handed off in parts comes back once its consumers have
    /// dropped them.
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

/// Those that rest, each in the place where its owner looks for it.
struct Pool {
    places: Vec<Option<Place>>,
    taken: usize,
    bytes: usize,
    /// How many were ever left.
    left: u64,
}

struct Place {
    rested: Rested,
    /// How many were left before it: the one with the fewest has been here longest.
    since: u64,
}

thread_local! {
    static POOL: RefCell<Pool> =
        const { RefCell::new(Pool { places: Vec::new(), taken: 0, bytes: 0, left: 0 }) };
}

impl Pool {
    fn remove(&mut self, at: usize) -> Option<Rested> {
        let Place { rested, .. } = self.places.get_mut(at)?.take()?;
        self.taken -= 1;
        self.bytes -= rested.size;
        Some(rested)
    }

    fn is_full(&self, more: usize) -> bool {
        self.taken == BLOCKS_MAX || self.bytes + more > BYTES_MAX
    }

    fn is_of(&self, owner: Owner, at: usize) -> bool {
        matches!(self.places.get(at), Some(Some(place)) if place.rested.owner == owner)
    }

    /// The place of the one that has been here longest, of that size if one is given.
    #[cold]
    fn oldest(&self, size: Option<usize>) -> Option<usize> {
        let all = self.places.iter().enumerate();
        let taken = all.filter_map(|(at, place)| place.as_ref().map(|place| (at, place)));
        let fitting = taken.filter(|(_, place)| size.is_none_or(|size| place.rested.size == size));
        fitting.min_by_key(|(_, place)| place.since).map(|(at, _)| at)
    }

    /// A place that is free: `wanted` if it can be had.
    fn free(&mut self, wanted: usize) -> usize {
        if matches!(self.places.get(wanted), Some(None)) {
            return wanted;
        }
        self.places.iter().position(Option::is_none).unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        })
    }
}

/// Leaves a block of at most [`BLOCK_MAX`] bytes to the thread, where it takes the place of older ones, and returns where its
/// owner finds it: at `before`, if nobody else has come there since. It is dropped if the thread is ending.
pub(super) fn give(rested: Rested, before: usize) -> usize {
    let given = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        while pool.is_full(rested.size) {
            let oldest = pool.oldest(None);
            drop(oldest.and_then(|at| pool.remove(at)));
        }
        let at = pool.free(before);
        pool.taken += 1;
        pool.bytes += rested.size;
        pool.left += 1;
        let since = pool.left;
        pool.places[at] = Some(Place { rested, since });
        at
    });
    given.unwrap_or(before)
}

/// A block of just so many bytes: the one that `owner` left at `place`, with how many bytes of it may have been read by it;
/// or another one, cleared, if one more would be too many.
pub(super) fn take(size: usize, owner: Owner, place: usize) -> Option<(BytesMut, usize)> {
    let taken = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.is_of(owner, place) {
            // One that its owner has outgrown is of no use to it.
            if let Some(own) = pool.remove(place).and_then(|rested| rested.whole(size)) {
                return Some((own.block, own.dirty));
            }
        }
        while pool.is_full(size) {
            let oldest = pool.oldest(Some(size))?;
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
