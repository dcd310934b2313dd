//! The queue of a stream: chunks that were accepted and that no holder of the writer has taken yet.

use crate::{contain::contain, sync::thread};
use bytes::Bytes;
use std::{cell::Cell, collections::VecDeque, mem};

/// The first block of a stream. Blocks grow to [`BLOCK_MAX`] once bursts fill them, and shrink
/// again when they are used for little.
const BLOCK_MIN: usize = 1024;
const BLOCK_MAX: usize = 16 * 1024;

/// An empty list of chunks with room for more than this many gives its memory back.
const KEEP: usize = 256;

/// A piece of the stream. Its borders mean nothing: any number of submitted chunks may share one.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// As it was submitted.
    Owned(Bytes),
    /// Copies of small ones.
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

    /// Done with: what is left is a block to be used again. The owner of other memory may panic;
    /// the bytes are written all the same.
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

/// Chunks, and behind them the block that small ones are copied into.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(super) chunks: VecDeque<Chunk>,
    /// The open block: the newest chunk, unless it is empty. Then it has no memory either.
    open: Vec<u8>,
    bytes: usize,
    /// A written block, empty, for the next small chunk.
    spare: Option<Vec<u8>>,
    block_size: usize,
    /// More was copied than fits in a block since the last look at how large they should be.
    overflowed: bool,
    /// The thread that the last block was begun on.
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

    /// Bytes queued.
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

    /// How many more bytes fit into the open block, if there is one.
    #[inline]
    pub(crate) fn open_room(&self) -> usize {
        self.open.capacity() - self.open.len()
    }

    /// Copies bytes into the open block, if there is one with room for them.
    #[inline]
    pub(crate) fn append(&mut self, bytes: &[u8]) -> bool {
        let fits = bytes.len() <= self.open_room();
        if fits {
            self.open.extend_from_slice(bytes);
            self.bytes += bytes.len();
        }
        fits
    }

    /// Nothing more is copied into the open block.
    fn close_block(&mut self) {
        if !self.open.is_empty() {
            self.chunks.push_back(Chunk::Block(mem::take(&mut self.open)));
        }
    }

    /// Copies bytes into the open block or a new one; returns how many entries that added (0 or 1).
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> usize {
        if self.append(bytes) {
            return 0;
        }
        self.bytes += bytes.len();
        if !self.open.is_empty() {
            // The burst is larger than a block: the next ones are larger, too.
            self.block_size = (self.block_size * 4).min(BLOCK_MAX);
            self.overflowed = true;
            self.close_block();
        }
        self.open = self.new_block(bytes.len());
        self.open.extend_from_slice(bytes);
        1
    }

    /// An empty block with room for so many bytes.
    pub(crate) fn new_block(&mut self, len: usize) -> Vec<u8> {
        let size = len.max(self.block_size);
        self.thread = thread::token();
        match self.spare.take() {
            Some(spare) if spare.capacity() >= size => spare,
            _ => take_idle(size).unwrap_or_else(|| Vec::with_capacity(size)),
        }
    }

    /// Shrinks the next block if at most half of the one that is no longer open was used: any
    /// number of them may be waiting.
    fn adapt(&mut self) {
        if mem::take(&mut self.overflowed) {
            // It is the last of several, and tells nothing of the next burst.
            return;
        }
        let used = self.open.len();
        if used > 0 && used <= self.block_size / 2 {
            self.block_size = used.next_power_of_two().clamp(BLOCK_MIN, BLOCK_MAX);
        }
    }

    /// Takes the entry, if there is one. There are no more.
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

    /// All chunks, which a holder of the writer takes.
    #[inline]
    pub(super) fn take(&mut self) -> &mut VecDeque<Chunk> {
        self.bytes = 0;
        self.adapt();
        self.close_block();
        &mut self.chunks
    }

    /// Takes the block at the front if it fits into `last`, which is older.
    ///
    /// A batch waits for as long as the writer stalls. Should its holder come back often and take a
    /// few copied bytes each time, the blocks would be many times as large as the bytes.
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

    /// Takes a written block back, if one is wanted and it has the right size.
    pub(crate) fn recycle(&mut self, block: Vec<u8>) {
        if self.spare.is_none() && (self.block_size..=BLOCK_MAX).contains(&block.capacity()) {
            self.spare = Some(block);
        }
    }

    /// With nothing left to write, leaves a spare block to the other streams of this thread, unless
    /// it is small. A block from another thread is kept, because that thread would have to allocate
    /// a new one.
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

    /// Empties the queue for good.
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

/// Drops chunks that are not written and that nothing asks for. Each owner may panic.
pub(crate) fn discard(chunks: impl IntoIterator<Item = Chunk>) {
    for chunk in chunks {
        contain(|| drop(chunk));
    }
}

/// Gives the memory of a list back that a burst has made long.
pub(super) fn shrink(chunks: &mut VecDeque<Chunk>) {
    if chunks.capacity() > KEEP && chunks.is_empty() {
        *chunks = VecDeque::new();
    }
}

/// The most idle blocks of a thread, of at most 16 KiB each.
const IDLE_MAX: usize = 8;

thread_local! {
    /// Blocks of streams that have nothing to write, for the next stream on this thread that has.
    /// All of them are empty, the oldest first.
    static IDLE: Cell<VecDeque<Vec<u8>>> = const { Cell::new(VecDeque::new()) };
}

/// Leaves an empty block for others, in place of the oldest one if there are enough. Drops it if
/// the thread is ending.
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

/// An empty block with room for just that many bytes, so that what a stream does never depends on
/// what others have left here.
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
