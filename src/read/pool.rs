//! Blocks of buffers that wait for their reader, left to the thread.
//!
//! Of all the buffers that a thread serves few hold unread bytes at a time. The others need no block until their reader has
//! something again. They find their own one here, unless there are so many of them that others had to take it.

use std::{
    cell::RefCell,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::BytesMut;
use memchr::memchr;

/// The most blocks of a thread.
const BLOCKS_MAX: usize = 64;
/// The most bytes of them.
const BYTES_MAX: usize = 2 * 1024 * 1024;
/// The largest block that is taken.
pub(super) const BLOCK_MAX: usize = 256 * 1024;

/// Tells a buffer from all others of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner(u64);

impl Owner {
    pub(super) fn new() -> Self {
        Self(number())
    }
}

/// A number that was not given before, and never 0.
fn number() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
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

/// Where a buffer has left its block.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// A number that only the pool of that thread has, or 0 for none.
    pool: u64,
    at: u8,
}

/// Those that rest, each in its place.
struct Pool {
    number: u64,
    places: Vec<Option<Rested>>,
    /// The places that are taken, by the one that has been there longest first.
    taken: Vec<u8>,
    free: Vec<u8>,
    bytes: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const {
        RefCell::new(Pool { number: 0, places: Vec::new(), taken: Vec::new(), free: Vec::new(), bytes: 0 })
    };
}

impl Pool {
    fn is_full(&self, more: usize) -> bool {
        self.taken.len() == BLOCKS_MAX || self.bytes + more > BYTES_MAX
    }

    fn put(&mut self, rested: Rested) -> Place {
        if self.number == 0 {
            self.number = number();
        }
        self.bytes += rested.size;
        let at = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            // To leave a place shall not allocate.
            self.free.reserve(self.places.len());
            // There are no more than `BLOCKS_MAX`.
            (self.places.len() - 1) as u8
        });
        self.places[usize::from(at)] = Some(rested);
        self.taken.push(at);
        Place { pool: self.number, at }
    }

    fn remove(&mut self, at: u8) -> Option<Rested> {
        let rested = self.places.get_mut(usize::from(at))?.take()?;
        if let Some(rank) = memchr(at, &self.taken) {
            self.taken.remove(rank);
        }
        self.free.push(at);
        self.bytes -= rested.size;
        Some(rested)
    }

    fn is_at(&self, at: u8, wanted: impl FnOnce(&Rested) -> bool) -> bool {
        self.places.get(usize::from(at)).and_then(Option::as_ref).is_some_and(wanted)
    }

    /// Where the block of `owner` is.
    fn own(&self, owner: Owner, left: Place) -> Option<u8> {
        let is_own = |at: u8| self.is_at(at, |rested| rested.owner == owner);
        if left.pool == self.number || left.pool == 0 {
            return is_own(left.at).then_some(left.at);
        }
        // It has left one to another thread since.
        self.taken.iter().copied().find(|at| is_own(*at))
    }

    /// Where the one of that size is that has been here longest.
    fn oldest(&self, size: usize) -> Option<u8> {
        self.taken.iter().copied().find(|at| self.is_at(*at, |rested| rested.size == size))
    }
}

/// Leaves a block of at most [`BLOCK_MAX`] bytes to the thread, where it takes the place of older ones, first of one that its
/// owner still has there, and returns where it is. It is dropped if the thread is ending.
pub(super) fn give(rested: Rested, left: Place) -> Place {
    let given = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if let Some(own) = pool.own(rested.owner, left) {
            pool.remove(own);
        }
        while pool.is_full(rested.size) {
            let oldest = pool.taken[0];
            pool.remove(oldest);
        }
        pool.put(rested)
    });
    given.unwrap_or_default()
}

/// A block of just so many bytes: the one that `owner` left, at `left` if this is the thread that it last left one to, with how
/// many bytes of it may have been read by it; or another one, cleared, if one more would be too many.
pub(super) fn take(size: usize, owner: Owner, left: Place) -> Option<(BytesMut, usize)> {
    let taken = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        let own = pool.own(owner, left).and_then(|at| pool.remove(at));
        // One that its owner has outgrown is of no use to it.
        if let Some(Rested { block, dirty, .. }) = own.and_then(|rested| rested.whole(size)) {
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
