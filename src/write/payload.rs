//! What a producer submits: a chunk, several chunks, or borrowed bytes.

use super::{
    batch::Batch,
    config::MAX_COPY,
    error::RejectReason,
    queue::{Chunk, Queue},
    state::{Limits, Room, State},
};
use crate::{HandoffBuffer, contain::contain};
use bytes::{Buf, Bytes};
use std::mem;

/// The longest prefix that is copied when it has to wait. Making it owned would take the block from
/// the buffer, and a new block costs more than copying this much.
const PREFIX_COPY_MAX: usize = 4 * 1024;

/// Bytes to be submitted. Bytes that the writer takes at once are neither queued nor copied.
pub(crate) trait Payload {
    fn len(&self) -> usize;

    /// The bytes. Empty for several chunks.
    fn as_slice(&self) -> &[u8];

    /// Whether the bytes are in one slice. Several chunks are always queued.
    #[inline]
    fn is_one(&self) -> bool {
        true
    }

    /// Checks the payload before it is submitted.
    #[inline]
    fn check(&self) -> Result<(), RejectReason> {
        Ok(())
    }

    /// The room that it takes now. Bytes copied into the open block take no entry.
    #[inline]
    fn room(&self, state: &State) -> Room {
        state.room_of(self.len())
    }

    /// The longest payload that is copied into the open block instead of queued.
    #[inline]
    fn copy_max(&self, limits: &Limits) -> usize {
        limits.copy_max
    }

    /// The length to compare with `send_at`. Long borrowed bytes count a quarter of `send_at`
    /// more, because sending them is cheaper than copying them.
    #[inline]
    fn counts_for(&self, _: &Limits) -> usize {
        self.len()
    }

    /// Queues the payload without a copy, under the lock. Returns `false` if it must be made owned
    /// first.
    fn queue(&mut self, _: &mut State) -> bool {
        false
    }

    /// Removes the first `n` bytes, which are written. The payload has at least as many.
    fn advance(&mut self, n: usize);

    /// Drops the payload, all of which is copied or written. Not called under the lock.
    fn discard(&mut self);

    /// Turns the bytes into a chunk. Not called under the lock, because it may allocate and copy.
    fn own(&mut self) -> Bytes {
        let bytes = Bytes::copy_from_slice(self.as_slice());
        self.discard();
        bytes
    }

    /// Takes back bytes that were made owned and then rejected.
    fn restore(&mut self, _: Bytes) {}

    /// Called under the lock once the payload has its positions in the stream.
    #[inline]
    fn accepted(&mut self) {}

    /// Moves the unwritten rest of an entry from the queue into the batch, which is written first.
    fn leave_to(&mut self, _: &mut Batch) {}

    /// Returns the written block of an entry from the queue.
    #[inline]
    fn recycle(&mut self, _: &mut Queue) {}

    /// Turns a payload that has to wait into a chunk. A short payload is copied into a block from
    /// `block`, which returns one with room for that many bytes.
    fn make_chunk(&mut self, limits: &Limits, block: &mut dyn FnMut(usize) -> Vec<u8>) -> Chunk {
        let len = self.len();
        if len > self.copy_max(limits) {
            return Chunk::Owned(self.own());
        }
        let mut block = block(len);
        block.extend_from_slice(self.as_slice());
        self.discard();
        Chunk::Block(block)
    }
}

/// The only entry of the queue, or none.
#[derive(Default)]
pub(crate) struct Entry {
    chunk: Option<Chunk>,
    /// How many of its bytes are written.
    head: usize,
    /// Its block, once it is written.
    block: Option<Vec<u8>>,
}

impl Entry {
    #[inline]
    pub(crate) fn new(chunk: Option<Chunk>) -> Self {
        Self { chunk, head: 0, block: None }
    }
}

impl Payload for Entry {
    #[inline]
    fn len(&self) -> usize {
        self.as_slice().len()
    }

    #[inline]
    fn as_slice(&self) -> &[u8] {
        self.chunk.as_ref().map_or(&[], |chunk| &chunk.as_slice()[self.head..])
    }

    fn advance(&mut self, n: usize) {
        self.head += n;
    }

    #[inline]
    fn discard(&mut self) {
        self.block = self.chunk.take().and_then(Chunk::finish);
    }

    fn leave_to(&mut self, batch: &mut Batch) {
        if let Some(chunk) = self.chunk.take() {
            batch.begin(chunk, self.head);
        }
    }

    #[inline]
    fn recycle(&mut self, queue: &mut Queue) {
        if let Some(block) = self.block.take() {
            queue.recycle(block);
        }
    }
}

/// A chunk; `None` once it is gone. Its owner may panic in its drop: the chunk is accepted
/// nevertheless.
pub(crate) struct Owned(pub(crate) Option<Bytes>);

impl Payload for Owned {
    #[inline]
    fn len(&self) -> usize {
        self.0.as_ref().map_or(0, Bytes::len)
    }

    #[inline]
    fn as_slice(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    #[inline]
    fn queue(&mut self, state: &mut State) -> bool {
        self.0.take().into_iter().for_each(|bytes| state.push(Chunk::Owned(bytes)));
        true
    }

    #[inline(always)]
    fn advance(&mut self, n: usize) {
        match &mut self.0 {
            Some(bytes) if n < bytes.len() => bytes.advance(n),
            _ => self.discard(),
        }
    }

    #[inline(always)]
    fn discard(&mut self) {
        if let Some(bytes) = self.0.take() {
            contain(|| drop(bytes));
        }
    }

    fn own(&mut self) -> Bytes {
        self.0.take().unwrap_or_default()
    }

    #[cold]
    fn restore(&mut self, owned: Bytes) {
        self.0 = Some(owned);
    }
}

/// Borrowed bytes.
pub(crate) struct Slice<'a>(pub(crate) &'a [u8]);

impl Payload for Slice<'_> {
    #[inline]
    fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    fn as_slice(&self) -> &[u8] {
        self.0
    }

    #[inline]
    fn counts_for(&self, limits: &Limits) -> usize {
        if self.0.len() > limits.copy_max { self.0.len() + limits.send_at / 4 } else { self.0.len() }
    }

    #[inline]
    fn advance(&mut self, n: usize) {
        self.0 = &self.0[n..];
    }

    #[inline]
    fn discard(&mut self) {
        self.0 = &[];
    }
}

/// The first bytes of a read buffer. Accepted bytes are removed from the buffer.
pub(crate) struct Prefix<'a> {
    pub(crate) buffer: &'a mut HandoffBuffer,
    pub(crate) len: usize,
}

impl Payload for Prefix<'_> {
    #[inline]
    fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn as_slice(&self) -> &[u8] {
        &self.buffer.peek()[..self.len]
    }

    #[inline]
    fn check(&self) -> Result<(), RejectReason> {
        let (requested, available) = (self.len, self.buffer.len());
        if requested > available { Err(RejectReason::OutOfBounds { requested, available }) } else { Ok(()) }
    }

    #[inline]
    fn copy_max(&self, limits: &Limits) -> usize {
        limits.copy_max.max(PREFIX_COPY_MAX)
    }

    #[inline]
    fn counts_for(&self, limits: &Limits) -> usize {
        if self.len > PREFIX_COPY_MAX { self.len + limits.send_at / 4 } else { self.len }
    }

    #[inline]
    fn advance(&mut self, n: usize) {
        let taken = self.buffer.advance(n);
        debug_assert!(taken.is_ok(), "the buffer holds at least as many");
        self.len -= n;
    }

    #[inline]
    fn discard(&mut self) {
        self.advance(self.len);
    }

    fn own(&mut self) -> Bytes {
        self.buffer.split_front(mem::take(&mut self.len))
    }

    #[cold]
    fn restore(&mut self, owned: Bytes) {
        self.len = owned.len();
        self.buffer.put_back(owned);
    }
}

/// Chunks that stay adjacent.
pub(crate) struct Chunks<'a>(pub(crate) &'a mut [Bytes]);

impl Payload for Chunks<'_> {
    fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).fold(0, usize::saturating_add)
    }

    fn as_slice(&self) -> &[u8] {
        &[]
    }

    fn is_one(&self) -> bool {
        false
    }

    fn room(&self, _: &State) -> Room {
        Room { bytes: self.len(), entries: self.0.iter().filter(|chunk| !chunk.is_empty()).count() }
    }

    /// Copies small chunks, up to the limit of one critical section, and leaves them for
    /// [`discard`](Self::discard).
    fn queue(&mut self, state: &mut State) -> bool {
        let mut left = MAX_COPY;
        for chunk in &mut *self.0 {
            if chunk.len() <= state.limits.copy_max.min(left) {
                left -= chunk.len();
                state.push_copy(chunk);
            } else {
                state.push(Chunk::Owned(mem::take(chunk)));
            }
        }
        true
    }

    fn advance(&mut self, _: usize) {}

    fn discard(&mut self) {
        for chunk in &mut *self.0 {
            let chunk = mem::take(chunk);
            contain(|| drop(chunk));
        }
    }
}

/// A payload with a lock that was taken before it was made. So payloads are accepted in the order
/// in which they were made under that lock. The lock is released once this one is accepted, before
/// any user code runs.
#[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
pub(crate) struct Ordered<P, G> {
    pub(crate) payload: P,
    pub(crate) order: Option<G>,
}

#[cfg(any(feature = "secure", feature = "secure-rustcrypto"))]
impl<P: Payload, G> Payload for Ordered<P, G> {
    #[inline]
    fn len(&self) -> usize {
        self.payload.len()
    }

    #[inline]
    fn as_slice(&self) -> &[u8] {
        self.payload.as_slice()
    }

    #[inline]
    fn is_one(&self) -> bool {
        self.payload.is_one()
    }

    fn room(&self, state: &State) -> Room {
        self.payload.room(state)
    }

    fn queue(&mut self, state: &mut State) -> bool {
        self.payload.queue(state)
    }

    #[inline]
    fn advance(&mut self, n: usize) {
        self.payload.advance(n);
    }

    #[inline]
    fn discard(&mut self) {
        self.payload.discard();
    }

    fn own(&mut self) -> Bytes {
        self.payload.own()
    }

    #[inline]
    fn accepted(&mut self) {
        self.order = None;
    }
}
