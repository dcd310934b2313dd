//! The chunks that the holder of the writer is writing. They are older than the queue.

use super::queue::{Chunk, Queue, discard, shrink};
use crate::contain::contain;
use bytes::Bytes;
use std::{collections::VecDeque, io::IoSlice, mem};

/// What is known about the writer's vectored writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vectored {
    /// It took more than the first slice at least once.
    Real,
    /// It took exactly the first of several slices this many times, and never more.
    Doubted(u8),
    /// It only takes the first slice. Copying chunks into one block costs less than one call per
    /// chunk.
    No,
}

/// A writer counts as not vectored after it took exactly the first slice this many times. A single
/// short write may end at a border by chance.
const DOUBTS: u8 = 3;

/// The size of a merged block for a writer without vectored writes, and so the longest chunk that
/// is merged.
const MERGE_MAX: usize = 16 * 1024;

/// The most slices offered in one write.
const SLICES_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct Batch {
    /// The chunk that is being written. Separate from the rest, because it is usually the only one.
    current: Option<Chunk>,
    /// How many of its bytes are written.
    head: usize,
    /// The chunks behind it. Empty if there is no current chunk.
    rest: VecDeque<Chunk>,
    /// Entries finished since the last call of `take_finished`.
    finished: usize,
    /// A finished block that the queue reuses.
    spare: Option<Vec<u8>>,
    vectored: Vectored,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self {
            current: None,
            head: 0,
            rest: VecDeque::new(),
            finished: 0,
            spare: None,
            vectored: Vectored::Doubted(0),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.current.is_none()
    }

    /// Takes all queued chunks. Returns by how many entries a merge has reduced them (0 or 1).
    #[inline]
    pub(crate) fn take(&mut self, queue: &mut Queue) -> usize {
        if queue.is_empty() { 0 } else { self.take_all(queue) }
    }

    fn take_all(&mut self, queue: &mut Queue) -> usize {
        if self.current.is_some() {
            return self.take_more(queue);
        }
        let chunks = queue.take();
        self.current = chunks.pop_front();
        if !chunks.is_empty() {
            mem::swap(&mut self.rest, chunks);
        }
        0
    }

    fn take_more(&mut self, queue: &mut Queue) -> usize {
        queue.take();
        let merged = queue.merge_front(self.rest.back_mut().or(self.current.as_mut()));
        self.rest.append(&mut queue.chunks);
        shrink(&mut queue.chunks);
        usize::from(merged)
    }

    /// Appends what the holder could not write of its payload. It is older than the queue.
    pub(crate) fn push(&mut self, chunk: Chunk) {
        if self.current.is_none() {
            self.current = Some(chunk);
        } else {
            self.rest.push_back(chunk);
        }
    }

    /// Puts a chunk with `head` written bytes into the empty batch.
    pub(crate) fn begin(&mut self, chunk: Chunk, head: usize) {
        debug_assert!(self.current.is_none(), "it would come after newer bytes");
        (self.current, self.head) = (Some(chunk), head);
    }

    /// Returns the entries finished since the last call, and a block to reuse.
    #[inline]
    pub(crate) fn take_finished(&mut self) -> (usize, Option<Vec<u8>>) {
        (mem::take(&mut self.finished), self.spare.take())
    }

    /// Calls `write` with the next slices to write. `payload` comes last.
    #[inline]
    pub(crate) fn offer<R>(&mut self, payload: &[u8], write: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        match &self.current {
            None => write(&[IoSlice::new(payload)]),
            Some(current) if self.rest.is_empty() && payload.is_empty() => {
                write(&[IoSlice::new(&current.as_slice()[self.head..])])
            }
            Some(_) => self.offer_several(payload, write),
        }
    }

    fn offer_several<R>(&mut self, payload: &[u8], write: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        if self.vectored == Vectored::No {
            self.merge();
            return self.offer_up_to::<1, R>(payload, write);
        }
        if 1 + self.rest.len() + usize::from(!payload.is_empty()) <= 8 {
            self.offer_up_to::<8, R>(payload, write)
        } else {
            self.offer_up_to::<SLICES_MAX, R>(payload, write)
        }
    }

    fn offer_up_to<const N: usize, R>(&self, payload: &[u8], write: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        let mut slices = [IoSlice::new(&[]); N];
        let mut count = 0;
        let mut skip = self.head;
        let chunks = self.current.iter().chain(&self.rest).map(Chunk::as_slice);
        for chunk in chunks.chain((!payload.is_empty()).then_some(payload)).take(N) {
            slices[count] = IoSlice::new(&chunk[mem::take(&mut skip)..]);
            count += 1;
        }
        write(&slices[..count])
    }

    /// Records that `n` of the bytes that [`offer`](Self::offer) offered are written, and drops the
    /// finished chunks. Returns how many of the bytes belong to the payload.
    #[inline]
    pub(crate) fn advance(&mut self, n: usize, offered: usize) -> usize {
        if self.current.is_none() { n } else { self.advance_chunks(n, offered) }
    }

    fn advance_chunks(&mut self, n: usize, offered: usize) -> usize {
        let Some(current) = &self.current else { return n };
        let first = current.as_slice().len() - self.head;
        if offered > first {
            self.learn(n, first);
        }
        let mut left = n;
        while let Some(current) = &self.current {
            let remaining = current.as_slice().len() - self.head;
            if left < remaining {
                self.head += left;
                return 0;
            }
            left -= remaining;
            self.head = 0;
            self.finished += 1;
            let done = mem::replace(&mut self.current, self.rest.pop_front());
            if let Some(block) = done.and_then(Chunk::finish) {
                self.spare = Some(block);
            }
            if left == 0 {
                break;
            }
        }
        shrink(&mut self.rest);
        left
    }

    /// Learns from a write of `n` bytes from several slices, the first of which had `first` bytes.
    fn learn(&mut self, n: usize, first: usize) {
        let Vectored::Doubted(doubts) = self.vectored else { return };
        if n > first {
            self.vectored = Vectored::Real;
        } else if n == first {
            self.vectored = if doubts + 1 < DOUBTS { Vectored::Doubted(doubts + 1) } else { Vectored::No };
        }
    }

    /// Copies the small chunks at the front into one block.
    fn merge(&mut self) {
        let mut total = 0;
        let mut count = 0;
        let mut skip = self.head;
        for chunk in self.current.iter().chain(&self.rest) {
            let len = chunk.as_slice().len() - mem::take(&mut skip);
            if total + len > MERGE_MAX {
                break;
            }
            total += len;
            count += 1;
        }
        // A large first chunk is not worth copying again, above all the rest of the last merged
        // block.
        let first = self.current.as_ref().map_or(0, |chunk| chunk.as_slice().len() - self.head);
        if count < 2 || first > MERGE_MAX / 2 {
            return;
        }
        let mut block = Vec::with_capacity(total);
        for chunk in self.current.take().into_iter().chain(self.rest.drain(..count - 1)) {
            block.extend_from_slice(&chunk.as_slice()[mem::take(&mut self.head)..]);
            contain(|| drop(chunk));
        }
        self.finished += count - 1;
        self.current = Some(Chunk::Block(block));
    }

    /// Empties the batch at the end of the stream. Returns its unwritten bytes.
    pub(crate) fn drain(&mut self) -> Vec<Bytes> {
        let mut head = mem::take(&mut self.head);
        let chunks = self.current.take().into_iter().chain(mem::take(&mut self.rest));
        chunks.map(|chunk| chunk.into_bytes().slice(mem::take(&mut head)..)).collect()
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        discard(self.current.take().into_iter().chain(mem::take(&mut self.rest)));
    }
}
