//! Bytes that are written from where they lie.

use super::queue::{Batch, Chunk};
use crate::HandoffBuffer;
use bytes::Bytes;
use std::mem;

/// Bytes that are part of the stream but not owned by it yet. They are one entry, also when the rest of them becomes an owned
/// chunk.
#[derive(Debug, Default)]
pub struct Borrowed<'b> {
    from: Lender<'b>,
    left: usize,
}

#[derive(Debug, Default)]
enum Lender<'b> {
    #[default]
    Nobody,
    /// The front of a read buffer, which gives up what is written.
    Buffer(&'b mut HandoffBuffer),
    /// The front of this is what is left.
    Slice(&'b [u8]),
}

impl<'b> Borrowed<'b> {
    /// The first `n` bytes of `buffer`; it holds at least as many.
    pub(crate) fn prefix(buffer: &'b mut HandoffBuffer, n: usize) -> Self {
        Self { from: Lender::Buffer(buffer), left: n }
    }

    /// All of `bytes`.
    pub(crate) fn slice(bytes: &'b [u8]) -> Self {
        Self { from: Lender::Slice(bytes), left: bytes.len() }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        match &self.from {
            Lender::Nobody => &[],
            Lender::Buffer(buffer) => &buffer.peek()[..self.left],
            Lender::Slice(bytes) => bytes,
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// The first `n` bytes are done with: there are at least as many.
    pub(crate) fn advance(&mut self, n: usize) {
        match &mut self.from {
            Lender::Nobody => return,
            Lender::Buffer(buffer) => {
                // Within `left`, and so within the buffer.
                let _ = buffer.advance(n);
            }
            Lender::Slice(bytes) => *bytes = &bytes[n..],
        }
        self.left -= n;
    }

    /// Turns the rest into a chunk at the end of `batch`: a copy in a `block` with room for so many bytes, if it is no longer than
    /// `copy_max`, and otherwise an owned one.
    pub(crate) fn own(&mut self, batch: &mut Batch, copy_max: usize, block: impl FnOnce(usize) -> Vec<u8>) {
        let left = mem::take(&mut self.left);
        match &mut self.from {
            Lender::Nobody => {}
            Lender::Buffer(buffer) if left <= copy_max => {
                let mut block = block(left);
                block.extend_from_slice(&buffer.peek()[..left]);
                // Within the buffer, as it was before.
                let _ = buffer.advance(left);
                batch.push(Chunk::Gathered(block));
            }
            Lender::Buffer(buffer) => batch.push(Chunk::Owned(buffer.split_front(left))),
            Lender::Slice(bytes) if left <= copy_max => {
                let mut block = block(left);
                block.extend_from_slice(bytes);
                batch.push(Chunk::Gathered(block));
            }
            Lender::Slice(bytes) => batch.push(Chunk::Owned(Bytes::copy_from_slice(bytes))),
        }
    }
}
