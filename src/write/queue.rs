//! Chunks on their way to the writer: the queue behind the state lock and the batch in the holder's hands.

use super::{contain::contain, shelf};
use crate::sync::thread;
use bytes::Bytes;
use std::{collections::VecDeque, io::IoSlice, mem};

/// The first gather block of a stream. Blocks grow to [`BLOCK_MAX`] once bursts fill them, and shrink again when they
/// are used for little.
const BLOCK_MIN: usize = 1024;
const BLOCK_MAX: usize = 16 * 1024;

/// A piece of the stream. Its borders mean nothing: any number of submitted chunks may share one.
#[derive(Debug)]
pub(crate) enum Chunk {
    Owned(Bytes),
    Gathered(Vec<u8>),
}

impl Chunk {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Gathered(block) => block,
        }
    }

    /// Done with: what is left is a gather block to be used again. The owner of other memory may panic; the bytes are written
    /// all the same.
    #[inline]
    pub(crate) fn finish(self) -> Option<Vec<u8>> {
        match self {
            Self::Owned(bytes) => {
                contain(|| drop(bytes));
                None
            }
            Self::Gathered(mut block) => {
                block.clear();
                Some(block)
            }
        }
    }

    /// Not the caller's memory any more, if it is no longer than that: a copy in a `block` with room for so many bytes.
    pub(crate) fn copied_up_to(self, copy_max: usize, block: impl FnOnce(usize) -> Vec<u8>) -> Self {
        match self {
            Self::Owned(bytes) if bytes.len() <= copy_max => {
                let mut block = block(bytes.len());
                block.extend_from_slice(&bytes);
                contain(|| drop(bytes));
                Self::Gathered(block)
            }
            chunk => chunk,
        }
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Gathered(block) => Bytes::from(block),
        }
    }
}

/// Accepted chunks that no holder has taken yet. The last one may be a gather block with room left.
#[derive(Debug)]
pub(crate) struct Queue {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    /// A written gather block, empty, for the next small chunk.
    spare: Option<Vec<u8>>,
    block_size: usize,
    /// More was gathered than fits in a block since the last look at how large they should be.
    overflowed: bool,
    /// The thread that the last block was begun on.
    thread: usize,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self {
            chunks: VecDeque::new(),
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
        self.chunks.is_empty()
    }

    /// Appends a chunk as it is. It must not be empty.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.push_chunk(Chunk::Owned(bytes));
    }

    /// As [`push`](Self::push), also for a block.
    pub(crate) fn push_chunk(&mut self, chunk: Chunk) {
        self.bytes += chunk.as_slice().len();
        self.adapt();
        self.chunks.push_back(chunk);
    }

    /// How many more bytes fit into the open gather block, if there is one.
    #[inline]
    pub(crate) fn open_room(&self) -> usize {
        match self.chunks.back() {
            Some(Chunk::Gathered(block)) => block.capacity() - block.len(),
            _ => 0,
        }
    }

    /// Copies a small chunk into the open gather block, if there is one with room for it.
    #[inline]
    pub(crate) fn join(&mut self, bytes: &[u8]) -> bool {
        let Some(Chunk::Gathered(block)) = self.chunks.back_mut() else { return false };
        let fits = block.capacity() - block.len() >= bytes.len();
        if fits {
            block.extend_from_slice(bytes);
            self.bytes += bytes.len();
        }
        fits
    }

    /// Copies a small chunk into the open gather block or a new one; returns how many entries that added (0 or 1).
    pub(crate) fn gather(&mut self, bytes: &[u8]) -> usize {
        if self.join(bytes) {
            return 0;
        }
        self.bytes += bytes.len();
        if matches!(self.chunks.back(), Some(Chunk::Gathered(_))) {
            // The burst is larger than a block: the next ones are larger, too.
            self.block_size = (self.block_size * 4).min(BLOCK_MAX);
            self.overflowed = true;
        }
        let mut block = self.new_block(bytes.len());
        block.extend_from_slice(bytes);
        self.chunks.push_back(Chunk::Gathered(block));
        1
    }

    /// An empty gather block with room for so many bytes.
    pub(crate) fn new_block(&mut self, len: usize) -> Vec<u8> {
        let size = len.max(self.block_size);
        self.thread = thread::token();
        match self.spare.take() {
            Some(spare) if spare.capacity() >= size => spare,
            _ => shelf::take(size).unwrap_or_else(|| Vec::with_capacity(size)),
        }
    }

    /// Makes the next block smaller where the one that nothing more is gathered in was used for little: any number of
    /// them may be waiting.
    fn adapt(&mut self) {
        if mem::take(&mut self.overflowed) {
            // It is the last of several, and tells nothing of the next burst.
            return;
        }
        if let Some(Chunk::Gathered(block)) = self.chunks.back() {
            if block.len() <= self.block_size / 2 {
                self.block_size = block.len().next_power_of_two().clamp(BLOCK_MIN, BLOCK_MAX);
            }
        }
    }

    /// Takes the entry, if there is one. There are no more.
    #[inline]
    pub(crate) fn take_only(&mut self) -> Option<Chunk> {
        debug_assert!(self.chunks.len() <= 1, "the others would be lost sight of");
        self.bytes = 0;
        self.adapt();
        self.chunks.pop_front()
    }

    /// Takes the block at the front if it fits into the last one of `batch`.
    ///
    /// A batch waits for as long as the writer stalls. Should its holder come back often and take a few gathered bytes each
    /// time, the blocks would be many times as large as the bytes.
    fn pour_into(&mut self, batch: &mut VecDeque<Chunk>) -> bool {
        let (Some(Chunk::Gathered(last)), Some(Chunk::Gathered(first))) =
            (batch.back_mut(), self.chunks.front())
        else {
            return false;
        };
        if last.capacity() - last.len() < first.len() {
            return false;
        }
        last.extend_from_slice(first);
        if let Some(Chunk::Gathered(mut block)) = self.chunks.pop_front() {
            block.clear();
            self.recycle(block);
        }
        true
    }

    /// Takes a written block back, if one is wanted and it has the right size.
    pub(crate) fn recycle(&mut self, block: Vec<u8>) {
        if self.spare.is_none() && (self.block_size..=BLOCK_MAX).contains(&block.capacity()) {
            self.spare = Some(block);
        }
    }

    /// With nothing left to write, leaves a spare block to the other streams of this thread, unless it is small. One that
    /// was begun on another thread is kept: there it would be missed.
    #[inline]
    pub(crate) fn rest(&mut self) {
        if self.spare.is_some() {
            self.leave_spare();
        }
    }

    fn leave_spare(&mut self) {
        if self.spare.as_ref().is_some_and(|spare| spare.capacity() > BLOCK_MIN)
            && self.thread == thread::token()
        {
            self.spare.take().into_iter().for_each(shelf::give);
        }
    }

    /// Empties the queue for good.
    pub(crate) fn drain(&mut self) -> VecDeque<Chunk> {
        self.bytes = 0;
        self.spare = None;
        mem::take(&mut self.chunks)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        discard(self.drain());
    }
}

/// Drops chunks that are not written and that nobody asks for. Each owner may panic.
pub(crate) fn discard(chunks: VecDeque<Chunk>) {
    for chunk in chunks {
        contain(|| drop(chunk));
    }
}

/// How the writer treats vectored writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vectored {
    /// It took more than the first slice at least once.
    Real,
    /// It took exactly the first of several slices this many times in a row.
    Doubted(u8),
    /// It only ever takes the first slice: copying into one block costs less than one call per chunk.
    No,
}

/// Takes of exactly the first slice after which a writer counts as not vectored. A short write may end at a border
/// once by chance.
const DOUBTS: u8 = 3;

/// An empty list of chunks with room for more than this many gives its memory back.
const KEEP: usize = 256;

/// The longest chunk that is merged into one block for a writer without vectored writes, and the block's size.
const MERGE_MAX: usize = 16 * 1024;

/// The most slices offered in one write.
const SLICES_MAX: usize = 64;

/// Chunks that the holder of the writer is writing. Older than all that is in the queue.
#[derive(Debug)]
pub(crate) struct Batch {
    chunks: VecDeque<Chunk>,
    /// Bytes of the first chunk that are written.
    head: usize,
    /// Entries finished since the last publication.
    finished: usize,
    /// A finished gather block on its way back to the queue.
    spare: Option<Vec<u8>>,
    vectored: Vectored,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { chunks: VecDeque::new(), head: 0, finished: 0, spare: None, vectored: Vectored::Doubted(0) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Takes all that is queued; returns how many entries fewer that makes (0 or 1).
    #[inline]
    pub(crate) fn take(&mut self, queue: &mut Queue) -> usize {
        queue.bytes = 0;
        queue.adapt();
        if self.chunks.is_empty() {
            mem::swap(&mut self.chunks, &mut queue.chunks);
            return 0;
        }
        let poured = queue.pour_into(&mut self.chunks);
        self.chunks.append(&mut queue.chunks);
        shrink(&mut queue.chunks);
        usize::from(poured)
    }

    /// Appends what a holder could not write of the bytes it had borrowed: they are older than what is queued.
    pub(crate) fn push(&mut self, chunk: Chunk) {
        self.chunks.push_back(chunk);
    }

    /// Puts a chunk, of which `head` bytes are written, into the empty batch.
    pub(crate) fn begin(&mut self, chunk: Chunk, head: usize) {
        debug_assert!(self.chunks.is_empty(), "it would come after newer bytes");
        self.chunks.push_back(chunk);
        self.head = head;
    }

    /// Entries finished and the gather block to reuse, since the last call.
    #[inline]
    pub(crate) fn take_finished(&mut self) -> (usize, Option<Vec<u8>>) {
        (mem::take(&mut self.finished), self.spare.take())
    }

    /// Calls `write` with what comes next, `extra` being the last part of it.
    pub(crate) fn offer<R>(&mut self, extra: &[u8], write: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        if self.vectored == Vectored::No {
            self.merge();
        }
        let parts = self.chunks.len() + usize::from(!extra.is_empty());
        match parts {
            0 | 1 => self.offer_up_to::<1, R>(extra, write),
            2..=8 if self.vectored != Vectored::No => self.offer_up_to::<8, R>(extra, write),
            _ if self.vectored != Vectored::No => self.offer_up_to::<SLICES_MAX, R>(extra, write),
            _ => self.offer_up_to::<1, R>(extra, write),
        }
    }

    fn offer_up_to<const N: usize, R>(&self, extra: &[u8], write: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        let mut slices = [IoSlice::new(&[]); N];
        let mut count = 0;
        let mut skip = self.head;
        let chunks = self.chunks.iter().map(Chunk::as_slice);
        for chunk in chunks.chain((!extra.is_empty()).then_some(extra)).take(N) {
            slices[count] = IoSlice::new(&chunk[mem::take(&mut skip)..]);
            count += 1;
        }
        write(&slices[..count])
    }

    /// Notes that `n` bytes were written, of what [`offer`](Self::offer) offered, and drops the chunks that are done;
    /// returns how many of the bytes were not of this batch but of the extra part.
    #[inline]
    pub(crate) fn advance(&mut self, n: usize, offered: usize) -> usize {
        self.learn(n, offered);
        let mut left = n;
        while let Some(front) = self.chunks.front() {
            let rest = front.as_slice().len() - self.head;
            if left < rest {
                self.head += left;
                return 0;
            }
            left -= rest;
            self.head = 0;
            self.finished += 1;
            if let Some(block) = self.chunks.pop_front().and_then(Chunk::finish) {
                self.spare = Some(block);
            }
            if left == 0 {
                break;
            }
        }
        shrink(&mut self.chunks);
        left
    }

    #[inline]
    fn learn(&mut self, n: usize, offered: usize) {
        let Vectored::Doubted(doubts) = self.vectored else { return };
        let first = self.chunks.front().map_or(offered, |front| front.as_slice().len() - self.head);
        if n > first {
            self.vectored = Vectored::Real;
        } else if n == first && n < offered {
            self.vectored = if doubts + 1 < DOUBTS { Vectored::Doubted(doubts + 1) } else { Vectored::No };
        }
    }

    /// Copies the small chunks at the front into one block.
    fn merge(&mut self) {
        let mut total = 0;
        let mut count = 0;
        for chunk in &self.chunks {
            let len = chunk.as_slice().len() - if count == 0 { self.head } else { 0 };
            if total + len > MERGE_MAX {
                break;
            }
            total += len;
            count += 1;
        }
        // One that is large already, above all what is left of the last merged one, is not worth copying again.
        let first = self.chunks.front().map_or(0, |chunk| chunk.as_slice().len() - self.head);
        if count < 2 || first > MERGE_MAX / 2 {
            return;
        }
        let mut block = Vec::with_capacity(total);
        for chunk in self.chunks.drain(..count) {
            block.extend_from_slice(&chunk.as_slice()[mem::take(&mut self.head)..]);
            contain(|| drop(chunk));
        }
        self.finished += count - 1;
        self.chunks.push_front(Chunk::Gathered(block));
    }

    /// Empties the batch for good: what is not written of it.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Bytes> {
        let head = mem::take(&mut self.head);
        mem::take(&mut self.chunks).into_iter().map(Chunk::into_bytes).enumerate().map(
            move |(i, mut bytes)| {
                if i == 0 {
                    bytes = bytes.slice(head..);
                }
                bytes
            },
        )
    }
}

fn shrink(chunks: &mut VecDeque<Chunk>) {
    if chunks.capacity() > KEEP && chunks.is_empty() {
        *chunks = VecDeque::new();
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        discard(mem::take(&mut self.chunks));
    }
}
