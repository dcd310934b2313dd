//! The queue of a stream: accepted chunks that no holder of the writer has taken yet.

use crate::{contain::contain, sync::thread};
use bytes::Bytes;
use std::{cell::Cell, collections::VecDeque, mem};

/// The size of a stream's first block. Blocks grow to [`BLOCK_MAX`] when bursts fill them, and
/// shrink again when they stay mostly empty.
const BLOCK_MIN: usize = 1024;
const BLOCK_MAX: usize = 16 * 1024;

/// An empty list of chunks with a capacity above this frees its memory.
const KEEP: usize = 256;

/// A piece of the stream. Its borders carry no meaning: several submitted chunks may share one.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// A chunk as it was submitted.
    Owned(Bytes),
    /// Copies of small chunks.
    Block(Vec<u8>),
}

impl Chunk {
    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Block(block) => block,
        }
    }

    /// Drops a written chunk, and returns its block for reuse if it has one. The owner of the
    /// memory may panic; the bytes are written nevertheless.
    #[inline]
    pub(crate) fn finish(self) -> Option<Vec<u8>> {
        match self {
            Self::Owned(bytes) => {
                contain(|| drop(bytes));
                None
            }
            Self::Block(mut block) => {
                block.clear();
                Some(block)
            }
        }
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Block(block) => Bytes::from(block),
        }
    }
}

/// Chunks, followed by the block that small chunks are copied into.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(super) chunks: VecDeque<Chunk>,
    /// The open block: the newest chunk, unless it is empty. An empty one has no memory.
    open: Vec<u8>,
    bytes: usize,
    /// An empty block that was written before, for the next small chunk.
    spare: Option<Vec<u8>>,
    block_size: usize,
    /// Blocks were filled since the block size was last adapted.
    overflowed: bool,
    /// The thread on which the last block was begun.
    thread: usize,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self {
            chunks: VecDeque::new(),
            open: Vec::new(),
            bytes: 0,
            spare: None,
            block_size: BLOCK_MIN,
            overflowed: false,
            thread: 0,
        }
    }

    /// The number of queued bytes.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Appends a chunk. It must not be empty.
    pub(crate) fn push(&mut self, chunk: Chunk) {
        self.bytes += chunk.as_slice().len();
        self.adapt();
        self.close_block();
        self.chunks.push_back(chunk);
    }

    /// How many more bytes fit into the open block; 0 if there is none.
    #[inline]
    pub(crate) fn open_room(&self) -> usize {
        self.open.capacity() - self.open.len()
    }

    /// Copies `bytes` into the open block if they fit. Returns whether they did.
    #[inline]
    pub(crate) fn append(&mut self, bytes: &[u8]) -> bool {
        let fits = bytes.len() <= self.open_room();
        if fits {
            self.open.extend_from_slice(bytes);
            self.bytes += bytes.len();
        }
        fits
    }

    /// Closes the open block: nothing more is copied into it.
    fn close_block(&mut self) {
        if !self.open.is_empty() {
            self.chunks.push_back(Chunk::Block(mem::take(&mut self.open)));
        }
    }

    /// Copies `bytes` into the open block or into a new one. Returns how many entries that added (0
    /// or 1).
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> usize {
        if self.append(bytes) {
            return 0;
        }
        self.bytes += bytes.len();
        if !self.open.is_empty() {
            // The burst is larger than a block, so the next blocks are larger.
            self.block_size = (self.block_size * 4).min(BLOCK_MAX);
            self.overflowed = true;
            self.close_block();
        }
        self.open = self.new_block(bytes.len());
        self.open.extend_from_slice(bytes);
        1
    }

    /// Returns an empty block with room for at least `len` bytes.
    pub(crate) fn new_block(&mut self, len: usize) -> Vec<u8> {
        let size = len.max(self.block_size);
        self.thread = thread::token();
        match self.spare.take() {
            Some(spare) if spare.capacity() >= size => spare,
            _ => take_idle(size).unwrap_or_else(|| Vec::with_capacity(size)),
        }
    }

    /// Shrinks the next block if at most half of the last one was used, because many such blocks
    /// may wait in the queue.
    fn adapt(&mut self) {
        if mem::take(&mut self.overflowed) {
            // This block is the last of several. It says nothing about the next burst.
            return;
        }
        let used = self.open.len();
        if used > 0 && used <= self.block_size / 2 {
            self.block_size = used.next_power_of_two().clamp(BLOCK_MIN, BLOCK_MAX);
        }
    }

    /// Takes the only entry, if there is one.
    #[inline]
    pub(crate) fn take_only(&mut self) -> Option<Chunk> {
        self.bytes = 0;
        self.adapt();
        let chunk = match self.chunks.pop_front() {
            None if self.open.is_empty() => None,
            None => Some(Chunk::Block(mem::take(&mut self.open))),
            chunk => chunk,
        };
        debug_assert!(self.chunks.is_empty() && self.open.is_empty(), "the others would be lost sight of");
        chunk
    }

    /// Empties the queue for a holder of the writer, which takes all chunks.
    #[inline]
    pub(super) fn take(&mut self) -> &mut VecDeque<Chunk> {
        self.bytes = 0;
        self.adapt();
        self.close_block();
        &mut self.chunks
    }

    /// Appends the block at the front to `last`, which is older, if it fits. Returns whether it
    /// did.
    ///
    /// A batch waits while the writer stalls. Its holder may come back often and take a few copied
    /// bytes each time. Without merging, the blocks would be many times as large as the bytes.
    pub(super) fn merge_front(&mut self, last: Option<&mut Chunk>) -> bool {
        let (Some(Chunk::Block(last)), Some(Chunk::Block(first))) = (last, self.chunks.front_mut()) else {
            return false;
        };
        if last.capacity() - last.len() < first.len() {
            return false;
        }
        last.extend_from_slice(first);
        first.clear();
        let block = self.chunks.pop_front().and_then(Chunk::finish);
        block.into_iter().for_each(|block| self.recycle(block));
        true
    }

    /// Keeps a written block for reuse, if there is no spare one and it has the right size.
    pub(crate) fn recycle(&mut self, block: Vec<u8>) {
        if self.spare.is_none() && (self.block_size..=BLOCK_MAX).contains(&block.capacity()) {
            self.spare = Some(block);
        }
    }

    /// Gives the spare block to the other streams of this thread when there is nothing left to
    /// write. A small block stays here. A block from another thread also stays, because that thread
    /// would have to allocate a new one.
    #[inline]
    pub(crate) fn leave_spare(&mut self) {
        if self.spare.is_some() {
            self.leave_large_spare();
        }
    }

    fn leave_large_spare(&mut self) {
        if self.spare.as_ref().is_some_and(|spare| spare.capacity() > BLOCK_MIN)
            && self.thread == thread::token()
        {
            self.spare.take().into_iter().for_each(give_idle);
        }
    }

    /// Empties the queue at the end of the stream.
    pub(crate) fn drain(&mut self) -> VecDeque<Chunk> {
        self.bytes = 0;
        self.spare = None;
        self.close_block();
        mem::take(&mut self.chunks)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        discard(self.drain());
    }
}

/// Drops unwritten chunks that no party asks for. Each owner may panic.
pub(crate) fn discard(chunks: impl IntoIterator<Item = Chunk>) {
    for chunk in chunks {
        contain(|| drop(chunk));
    }
}

/// Frees the memory of an empty list that a burst has made long.
pub(super) fn shrink(chunks: &mut VecDeque<Chunk>) {
    if chunks.capacity() > KEEP && chunks.is_empty() {
        *chunks = VecDeque::new();
    }
}

/// The most idle blocks of a thread. Each has at most 16 KiB.
const IDLE_MAX: usize = 8;

thread_local! {
    /// Blocks of streams that have nothing to write, for other streams on this thread. All are
    /// empty, and the oldest comes first.
    static IDLE: Cell<VecDeque<Vec<u8>>> = const { Cell::new(VecDeque::new()) };
}

/// Leaves an empty block to other streams, in place of the oldest one if the list is full. Drops
/// the block if the thread is ending.
fn give_idle(block: Vec<u8>) {
    let _ = IDLE.try_with(|idle| {
        let mut blocks = idle.take();
        if blocks.len() == IDLE_MAX {
            blocks.pop_front();
        }
        blocks.push_back(block);
        idle.set(blocks);
    });
}

/// Takes an empty block of exactly this capacity, so that a stream behaves the same whatever blocks
/// other streams have left.
fn take_idle(size: usize) -> Option<Vec<u8>> {
    let take = |idle: &Cell<VecDeque<Vec<u8>>>| {
        let mut blocks = idle.take();
        let found = blocks.iter().rposition(|block| block.capacity() == size);
        let block = found.and_then(|at| blocks.swap_remove_back(at));
        idle.set(blocks);
        block
    };
    IDLE.try_with(take).ok().flatten()
}
