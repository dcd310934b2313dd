//! The block that holds the unread bytes, and how bytes leave it.

use std::{
    mem,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use futures_io::AsyncRead;

use super::{
    error::BufferError,
    pool::{self, Place, Rested},
    spares::Spares,
};

/// The size of the block that small prefixes share. A prefix that is kept keeps no more memory
/// alive.
const SMALL_BLOCK: usize = 2 * 1024;
/// The longest prefix for the small block. At least four fit in one.
const SMALL_MAX: usize = SMALL_BLOCK / 4;
/// A larger block is allocated in a fallible way, which costs one allocation more.
const SURE: usize = 64 * 1024;

/// One block, in which `start..filled` is unread.
///
/// Invariants: `start <= filled <= block.len() <= block.capacity()`, and `start == filled` only if
/// both are 0. `block.len()` is the initialised extent, not the number of read bytes: spare memory
/// is cleared once and then stays initialised. So `block` must not grow in place while it is longer
/// than the unread bytes, because growing would copy the whole extent.
pub(super) struct Storage {
    block: BytesMut,
    /// The size of the allocation of `block`, including a front that was handed out.
    size: usize,
    start: usize,
    filled: usize,
    /// The front of `block` that was offered to readers, which may have written to all of it,
    /// whatever they reported.
    dirty: usize,
    /// How many bytes at the end of `block` came initialised from the pool and count as
    /// uninitialised. The size of the room for a reader must not depend on what other buffers have
    /// left in the pool.
    uncounted: usize,
    /// `block` is a tail from the caller. It may be part of a larger allocation, so it is neither
    /// remembered nor left to the pool.
    adopted: bool,
    /// Where in the pool of a thread the block was left.
    left: Place,
    small: BytesMut,
    spares: Spares,
    small_copy_max: usize,
}

/// Room for a reader. The bytes of each read count at once, whatever happens next.
pub(super) struct Room<'a> {
    rest: &'a mut [u8],
    filled: &'a mut usize,
}

impl Room<'_> {
    /// How many bytes are left.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    /// Reads once into the room that is left.
    #[inline]
    pub(super) fn poll_read<R: AsyncRead + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        reader: Pin<&mut R>,
    ) -> Poll<Result<usize, BufferError>> {
        let n = match ready!(reader.poll_read(cx, self.rest)) {
            Ok(n) => n,
            Err(error) => return Poll::Ready(Err(BufferError::Io(error))),
        };
        let given = self.rest.len();
        if n > given {
            return Poll::Ready(Err(BufferError::InvalidReader { reported: n, given }));
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
            dirty: tail.len(),
            uncounted: 0,
            adopted: true,
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

    /// The room after the unread bytes.
    #[inline]
    pub(super) fn spare(&self) -> usize {
        self.block.capacity() - self.filled
    }

    /// How much of the room is initialised.
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
        self.dirty = self.dirty.max(end);
        self.uncounted = self.uncounted.min(self.block.len() - end);
        Room { rest: &mut self.block[self.filled..end], filled: &mut self.filled }
    }

    /// Drops the first `n <= len()` unread bytes.
    #[inline]
    pub(super) fn consume(&mut self, n: usize) {
        self.start += n;
        if self.start == self.filled {
            (self.start, self.filled) = (0, 0);
        }
    }

    /// Makes at least `enough` bytes of room for reads of `read` bytes. If the current block cannot
    /// have it, takes a block of `target >= len() + enough` bytes. Returns `false` and changes
    /// nothing if memory is short.
    #[inline]
    #[must_use]
    pub(super) fn make_room(&mut self, enough: usize, read: usize, target: usize) -> bool {
        let replace = self.size < read && self.len() == 0;
        !replace && self.spare() >= enough || self.find_room(replace, enough, read, target)
    }

    fn find_room(&mut self, replace: bool, enough: usize, read: usize, target: usize) -> bool {
        if !replace && self.compact(enough, read, target) {
            return true;
        }
        let acceptable = (self.len() + enough).max(target - target / 4).max(read);
        // A remembered block of any larger size is good too, since it is in memory already.
        if let Some(block) = self.spares.take_back(acceptable) {
            self.move_to(block);
            return true;
        }
        // Perhaps the front of this block is free again.
        (acceptable..=target).contains(&self.size) && self.reclaim() || self.replace(target)
    }

    /// Moves the unread bytes to another block of `target >= len()` bytes. Returns `false` and
    /// changes nothing if memory is short.
    pub(super) fn replace(&mut self, target: usize) -> bool {
        let pooled = pool::take(target, &self.left);
        let Some((block, dirty)) = pooled.or_else(|| Some((allocate(target)?, 0))) else { return false };
        self.move_to(block);
        (self.dirty, self.uncounted) = (dirty.max(self.filled), self.block.len() - self.filled);
        true
    }

    /// Moves the unread bytes to the front of the block if that makes enough room and one of two
    /// things holds: enough bytes were consumed to pay for the move and the block is large enough
    /// for reads of `read` bytes, or a block of `target` bytes would be no larger.
    fn compact(&mut self, enough: usize, read: usize, target: usize) -> bool {
        let capacity = self.block.capacity();
        let pays = (self.start >= capacity / 4 && self.size >= read) || target <= capacity;
        let compacts = pays && capacity - self.len() >= enough;
        if compacts {
            self.block.copy_within(self.start..self.filled, 0);
            (self.start, self.filled) = (0, self.len());
        }
        compacts
    }

    /// Gets the front of this block back if its consumers have dropped it. The room has to be
    /// initialised again.
    fn reclaim(&mut self) -> bool {
        self.trim_to_unread();
        let reclaimed = self.block.try_reclaim(self.size - self.filled);
        // An adopted tail may turn out to be part of a larger allocation.
        self.size = self.size.max(self.block.capacity());
        reclaimed
    }

    /// Shrinks the block's view of its memory to the unread bytes.
    fn trim_to_unread(&mut self) {
        self.block.truncate(self.filled);
        self.uncounted = 0;
        self.block.advance(self.start);
        (self.start, self.filled, self.dirty) = (0, self.block.len(), self.block.len());
    }

    /// Replaces the block by `block`, with the unread bytes at its front.
    fn move_to(&mut self, mut block: BytesMut) {
        let unread = &self.block[self.start..self.filled];
        if !unread.is_empty() {
            let overlap = unread.len().min(block.len());
            block[..overlap].copy_from_slice(&unread[..overlap]);
            block.extend_from_slice(&unread[overlap..]);
        }
        (self.start, self.filled) = (0, unread.len());
        (self.size, self.dirty, self.uncounted) = (block.capacity(), block.len(), 0);
        self.adopted = false;
        self.block = block;
    }

    /// Whether a prefix of `n` bytes is copied rather than shared. A shared prefix is at least a
    /// quarter of the block that it keeps alive.
    #[inline]
    pub(super) fn copies(&self, n: usize) -> bool {
        n <= self.small_copy_max || n < self.size.div_ceil(4)
    }

    /// Copies a range of the unread bytes into the shared small block or into a block of its own.
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

    /// Takes the first `n <= len()` unread bytes out without a copy. They share the block.
    pub(super) fn detach(&mut self, n: usize) -> BytesMut {
        self.block.advance(self.start);
        self.filled -= self.start + n;
        self.dirty -= self.start + n;
        self.start = 0;
        self.block.split_to(n)
    }

    /// As [`detach`](Self::detach), but remembers a block that leaves whole and at least three
    /// quarters filled, unless it is adopted.
    pub(super) fn detach_frozen(&mut self, n: usize) -> Bytes {
        let whole = self.block.capacity() == self.size && !self.adopted;
        if n < self.len() || n < self.size - self.size / 4 || !whole {
            return self.detach(n).freeze();
        }
        let unread = self.start..self.filled;
        let block = self.give_up_block().freeze();
        let bytes = block.slice(unread);
        self.spares.remember(block);
        bytes
    }

    /// Takes the unread bytes out, together with the block if they are at least a quarter of it.
    pub(super) fn take(&mut self) -> BytesMut {
        let n = self.len();
        if n < self.size.div_ceil(4) || n == 0 {
            let bytes = BytesMut::from(self.unread());
            self.consume(n);
            return bytes;
        }
        self.trim_to_unread();
        self.give_up_block()
    }

    /// Puts the piece that was [detached](Self::detach) last back in front of the unread bytes,
    /// without a copy.
    pub(super) fn rejoin(&mut self, mut piece: BytesMut) {
        debug_assert_eq!(self.start, 0, "nothing was consumed since");
        self.filled += piece.len();
        self.dirty += piece.len();
        piece.unsplit(mem::take(&mut self.block));
        self.block = piece;
    }

    /// Puts detached pieces back in front of the unread bytes, in a new block.
    pub(super) fn put_back(&mut self, pieces: &[Bytes]) {
        let total = self.len() + pieces.iter().map(Bytes::len).sum::<usize>();
        let mut block = BytesMut::with_capacity(total);
        for piece in pieces {
            block.extend_from_slice(piece);
        }
        block.extend_from_slice(self.unread());
        (self.start, self.filled, self.size) = (0, total, block.capacity());
        (self.dirty, self.uncounted, self.adopted) = (total, 0, false);
        self.block = block;
    }

    /// Forgets the remembered blocks.
    pub(super) fn forget_spares(&mut self) {
        self.spares.trim(0);
    }

    /// The size of the largest block, current or remembered.
    #[inline]
    pub(super) fn largest(&self) -> usize {
        self.size.max(self.spares.largest())
    }

    /// Replaces a block of more than `bound` bytes by one of `target >= len()` bytes, or by none
    /// for a `target` of 0, and forgets remembered blocks of more than `bound` bytes. The block
    /// stays if memory is short.
    pub(super) fn shrink(&mut self, bound: usize, target: usize) {
        self.spares.forget_larger(bound);
        if self.size > bound {
            if target == 0 {
                self.give_up_block();
            } else {
                self.replace(target);
            }
        }
    }

    /// Keeps at most `budget` bytes, less the size of the block, in remembered blocks.
    pub(super) fn trim(&mut self, budget: usize) {
        self.spares.trim(budget.saturating_sub(self.size));
    }

    /// Leaves the block to the pool of the thread, when nothing is unread. A block of more than
    /// `budget` bytes is dropped, and so is an adopted one. Another block that is too large for the
    /// pool stays. Remembered blocks keep at most what is left of `budget`.
    pub(super) fn rest(&mut self, budget: usize) {
        if self.size > budget || self.adopted {
            self.give_up_block();
        } else if (1..=pool::BLOCK_MAX).contains(&self.size) {
            let (size, dirty) = (self.size, self.dirty);
            pool::give(Rested { block: self.give_up_block(), size, dirty }, &mut self.left);
        }
        self.trim(budget);
    }

    /// Takes the block out, with its unread bytes.
    fn give_up_block(&mut self) -> BytesMut {
        (self.start, self.filled, self.size, self.dirty, self.uncounted) = (0, 0, 0, 0, 0);
        mem::take(&mut self.block)
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        pool::forget(&mut self.left);
    }
}

/// Allocates a block. Returns `None` if there is no memory for a block of more than [`SURE`] bytes.
fn allocate(size: usize) -> Option<BytesMut> {
    if size <= SURE {
        return Some(BytesMut::with_capacity(size));
    }
    let mut memory = Vec::new();
    memory.try_reserve_exact(size).ok()?;
    // A vector with spare capacity becomes a `BytesMut` of the same memory only through `Bytes`,
    // which would drop the memory of an empty vector.
    memory.push(0);
    let mut block = BytesMut::from(Bytes::from(memory));
    block.clear();
    Some(block)
}
