//! The block the unread bytes lie in, and how bytes leave it.

use std::{
    mem,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use futures_io::AsyncRead;

use super::{
    error::ReadError,
    pool::{self, Owner, Place, Rested},
    spares::Spares,
};

/// Small prefixes share a block of this size: a kept one holds on to no more than this.
const SMALL_BLOCK: usize = 2 * 1024;
/// The longest prefix for the small block: at least four fit in one.
const SMALL_MAX: usize = SMALL_BLOCK / 4;

/// One block, of which `start..filled` is unread.
///
/// Invariants: `start <= filled <= block.len() <= block.capacity()`, and `start == filled` only if both are 0.
/// `block.len()` is the initialised extent, not what was read: spare memory is cleared once and then stays
/// initialised. For that reason `block` is never asked to grow while it holds more than the unread bytes, for
/// growing would copy the whole extent.
pub(super) struct Storage {
    block: BytesMut,
    /// What was allocated for `block`, of which a front may have been handed off.
    size: usize,
    start: usize,
    filled: usize,
    /// `block` may hold bytes read earlier up to here, besides those up to `filled`.
    dirty: usize,
    /// So much of the end of `block`'s length does not count as initialised: it came initialised from the pool. What is
    /// offered to a reader shall not depend on what others have left there.
    uncounted: usize,
    /// `block` came from elsewhere. It may be part of something larger, and is nothing for others.
    adopted: bool,
    /// Named once the thread's pool is asked for a block.
    owner: Option<Owner>,
    /// Where the pool has the block that was left to it.
    left: Place,
    small: BytesMut,
    spares: Spares,
    small_copy_max: usize,
}

/// Room offered to a reader. What it reads counts at once, whatever happens next.
pub(super) struct Room<'a> {
    rest: &'a mut [u8],
    filled: &'a mut usize,
}

impl Room<'_> {
    /// How much is left of it.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    /// Reads once into what is left of it.
    #[inline]
    pub(super) fn poll_read<R: AsyncRead + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        reader: Pin<&mut R>,
    ) -> Poll<Result<usize, ReadError>> {
        let n = match ready!(reader.poll_read(cx, self.rest)) {
            Ok(n) => n,
            Err(error) => return Poll::Ready(Err(ReadError::Io(error))),
        };
        let given = self.rest.len();
        if n > given {
            return Poll::Ready(Err(ReadError::InvalidReader { reported: n, given }));
        }
        self.rest = &mut mem::take(&mut self.rest)[n..];
        *self.filled += n;
        Poll::Ready(Ok(n))
    }
}

impl Storage {
    pub(super) fn new(tail: BytesMut, small_copy_max: usize, spare_blocks: usize) -> Self {
        Self {
            size: tail.capacity(),
            start: 0,
            filled: tail.len(),
            dirty: 0,
            uncounted: 0,
            adopted: true,
            owner: None,
            left: Place::default(),
            block: tail,
            small: BytesMut::new(),
            spares: Spares::new(spare_blocks),
            small_copy_max,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.filled - self.start
    }

    pub(super) fn capacity(&self) -> usize {
        self.block.capacity()
    }

    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        &self.block[self.start..self.filled]
    }

    /// Bytes of room behind the unread ones.
    #[inline]
    pub(super) fn spare(&self) -> usize {
        self.block.capacity() - self.filled
    }

    /// How much of that room is initialised.
    #[inline]
    pub(super) fn initialised(&self) -> usize {
        self.block.len() - self.uncounted - self.filled
    }

    /// The first `n <= spare()` bytes of room, initialised.
    #[inline]
    pub(super) fn room(&mut self, n: usize) -> Room<'_> {
        let end = self.filled + n;
        if self.block.len() < end {
            self.block.resize(end, 0);
        }
        self.uncounted = self.uncounted.min(self.block.len() - end);
        Room { rest: &mut self.block[self.filled..end], filled: &mut self.filled }
    }

    /// Drops the first `n <= len()` unread bytes.
    #[inline]
    pub(super) fn consume(&mut self, n: usize) {
        self.start += n;
        if self.start == self.filled {
            self.dirty = self.dirty.max(self.filled);
            (self.start, self.filled) = (0, 0);
        }
    }

    /// Makes at least `enough` bytes of room, for reads of `read` bytes, in a block of
    /// `target >= len() + enough` bytes if this one will not do.
    #[inline]
    pub(super) fn make_room(&mut self, enough: usize, read: usize, target: usize) {
        let replace = self.size < read && self.len() == 0;
        if replace || self.spare() < enough {
            self.find_room(replace, enough, read, target);
        }
    }

    fn find_room(&mut self, replace: bool, enough: usize, read: usize, target: usize) {
        if !replace && self.compact(enough, read, target) {
            return;
        }
        let acceptable = (self.len() + enough).max(target - target / 4).max(read);
        // A remembered block may be any larger: it is in memory already.
        if let Some(block) = self.spares.take_back(acceptable) {
            self.move_to(block);
        } else if (acceptable..=target).contains(&self.size) && self.reclaim() {
            // The front of this block is free again.
        } else {
            let owner = *self.owner.get_or_insert_with(Owner::new);
            let pooled = pool::take(target, owner, self.left);
            let (block, dirty) = pooled.unwrap_or_else(|| (BytesMut::with_capacity(target), 0));
            self.move_to(block);
            (self.dirty, self.uncounted) = (dirty, self.block.len() - self.filled);
        }
    }

    /// Makes at least `n` bytes of room, in a block of `target >= len() + n` bytes if this one has not enough;
    /// or returns false and changes nothing if memory is short.
    pub(super) fn try_make_room(&mut self, n: usize, target: usize) -> bool {
        if self.spare() >= n || self.compact(n, 0, 0) {
            return true;
        }
        let mut memory = Vec::new();
        if memory.try_reserve_exact(target).is_err() {
            return false;
        }
        // A vector with spare capacity becomes a `BytesMut` of the same memory only by way of `Bytes`, and an
        // empty one would be dropped on that way.
        memory.push(0);
        self.move_to(BytesMut::from(Bytes::from(memory)));
        true
    }

    /// Moves the unread bytes to the front of the block if that makes enough room, and either enough was
    /// consumed to pay for the move in a block that reads have not outgrown, or a block of `target` bytes would
    /// be no larger.
    fn compact(&mut self, enough: usize, read: usize, target: usize) -> bool {
        let capacity = self.block.capacity();
        let pays = (self.start >= capacity / 4 && self.size >= read) || target <= capacity;
        let compacts = pays && capacity - self.len() >= enough;
        if compacts {
            self.dirty = self.dirty.max(self.filled);
            self.block.copy_within(self.start..self.filled, 0);
            (self.start, self.filled) = (0, self.len());
        }
        compacts
    }

    /// Gets the front of this block back if its consumers have dropped it. The spare has to be initialised
    /// anew.
    fn reclaim(&mut self) -> bool {
        self.trim_to_unread();
        let reclaimed = self.block.try_reclaim(self.size - self.filled);
        // A tail from elsewhere may turn out to be part of something larger.
        self.size = self.size.max(self.block.capacity());
        reclaimed
    }

    /// Leaves nothing but the unread bytes in the block's view of its memory.
    fn trim_to_unread(&mut self) {
        self.block.truncate(self.filled);
        self.uncounted = 0;
        self.block.advance(self.start);
        (self.start, self.filled) = (0, self.block.len());
    }

    /// Makes `block` the block, with the unread bytes at its front.
    fn move_to(&mut self, mut block: BytesMut) {
        let unread = &self.block[self.start..self.filled];
        let overlapping = block.len();
        if !unread.is_empty() {
            let overlap = unread.len().min(overlapping);
            block[..overlap].copy_from_slice(&unread[..overlap]);
            block.extend_from_slice(&unread[overlap..]);
        }
        (self.start, self.filled) = (0, unread.len());
        (self.size, self.dirty, self.uncounted) = (block.capacity(), overlapping, 0);
        self.adopted = false;
        self.block = block;
    }

    /// Whether a prefix of `n` bytes is copied rather than shared: a shared one is at least a quarter of the
    /// block it holds on to.
    #[inline]
    pub(super) fn copies(&self, n: usize) -> bool {
        n <= self.small_copy_max || n < self.size.div_ceil(4)
    }

    /// Copies unread bytes out, counted from the first one, into the shared small block or one of their own.
    pub(super) fn copy_out(&mut self, range: Range<usize>) -> BytesMut {
        let bytes = &self.block[self.start + range.start..self.start + range.end];
        if bytes.len() > self.small_copy_max.min(SMALL_MAX) {
            return BytesMut::from(bytes);
        }
        if self.small.capacity() < bytes.len() && !self.small.try_reclaim(SMALL_BLOCK) {
            self.small = BytesMut::with_capacity(SMALL_BLOCK);
        }
        self.small.extend_from_slice(bytes);
        self.small.split()
    }

    /// Takes the first `n <= len()` unread bytes out without copying them. They share the block.
    pub(super) fn detach(&mut self, n: usize) -> BytesMut {
        self.block.advance(self.start);
        self.filled -= self.start + n;
        self.start = 0;
        self.block.split_to(n)
    }

    /// As [`detach`](Self::detach), but a block that leaves nearly filled and whole is remembered, unless it came from
    /// elsewhere.
    pub(super) fn detach_frozen(&mut self, n: usize) -> Bytes {
        let whole = self.block.capacity() == self.size && !self.adopted;
        if n < self.len() || n < self.size - self.size / 4 || !whole {
            return self.detach(n).freeze();
        }
        let block = mem::take(&mut self.block).freeze();
        let bytes = block.slice(self.start..self.filled);
        self.spares.remember(block);
        (self.start, self.filled, self.size, self.uncounted) = (0, 0, 0, 0);
        bytes
    }

    /// Takes the unread bytes out, with the block if they are a quarter of it.
    pub(super) fn take(&mut self) -> BytesMut {
        let n = self.len();
        if n < self.size.div_ceil(4) || n == 0 {
            let bytes = BytesMut::from(self.unread());
            self.consume(n);
            return bytes;
        }
        self.trim_to_unread();
        (self.filled, self.size) = (0, 0);
        mem::take(&mut self.block)
    }

    /// Puts the piece that was [detached](Self::detach) last back in front of the unread bytes, without copying it.
    pub(super) fn rejoin(&mut self, mut piece: BytesMut) {
        debug_assert_eq!(self.start, 0, "nothing was consumed since");
        self.filled += piece.len();
        piece.unsplit(mem::take(&mut self.block));
        self.block = piece;
    }

    /// Puts pieces that were detached back in front of the unread bytes.
    pub(super) fn put_back(&mut self, pieces: &[Bytes]) {
        let total = self.len() + pieces.iter().map(Bytes::len).sum::<usize>();
        let mut block = BytesMut::with_capacity(total);
        for piece in pieces {
            block.extend_from_slice(piece);
        }
        block.extend_from_slice(self.unread());
        (self.start, self.filled, self.size) = (0, total, block.capacity());
        (self.uncounted, self.adopted) = (0, false);
        self.block = block;
    }

    /// Forgets the blocks handed off whole.
    pub(super) fn forget_spares(&mut self) {
        self.spares.trim(0);
    }

    /// With nothing unread: leaves the block to the thread's pool, or keeps it if it is too large for that and no larger
    /// than `budget`; and keeps at most what is left of that of blocks handed off whole.
    pub(super) fn rest(&mut self, budget: usize) {
        if self.size <= pool::BLOCK_MAX || self.size > budget {
            self.part_with_block();
        }
        self.spares.trim(budget - self.size);
    }

    fn part_with_block(&mut self) {
        let (block, size) = (mem::take(&mut self.block), mem::take(&mut self.size));
        self.uncounted = 0;
        if (1..=pool::BLOCK_MAX).contains(&size) && !self.adopted {
            let owner = *self.owner.get_or_insert_with(Owner::new);
            let dirty = self.dirty.min(block.len());
            self.left = pool::give(Rested { block, size, dirty, owner }, self.left);
        }
    }
}
