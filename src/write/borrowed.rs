//! Bytes that are written out of a read buffer.

use super::queue::{Batch, Chunk};
use crate::HandoffBuffer;
use std::mem;

/// Bytes at the front of a read buffer that are part of the stream but not owned by it yet. They are one entry, also
/// when the rest of them becomes an owned chunk.
#[derive(Debug, Default)]
pub struct Borrowed<'b> {
    from: Option<&'b mut HandoffBuffer>,
    left: usize,
}

impl<'b> Borrowed<'b> {
    /// The first `n` bytes of `buffer`; it holds at least as many.
    pub(crate) fn prefix(buffer: &'b mut HandoffBuffer, n: usize) -> Self {
        Self { from: Some(buffer), left: n }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.from.as_ref().map_or(&[], |buffer| &buffer.peek()[..self.left])
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.left == 0
    }

    pub(crate) fn advance(&mut self, n: usize) {
        if let Some(buffer) = &mut self.from {
            // Within `left`, and so within the buffer.
            let _ = buffer.advance(n);
            self.left -= n;
        }
    }

    /// Turns the rest into a chunk at the end of `batch`: a copy in a `block` with room for so many bytes, if it is no longer than
    /// `copy_max`, and otherwise an owned one.
    pub(crate) fn own(&mut self, batch: &mut Batch, copy_max: usize, block: impl FnOnce(usize) -> Vec<u8>) {
        let left = mem::take(&mut self.left);
        let Some(buffer) = &mut self.from else { return };
        if left <= copy_max {
            let mut block = block(left);
            block.extend_from_slice(&buffer.peek()[..left]);
            // Within the buffer, as it was before.
            let _ = buffer.advance(left);
            batch.push(Chunk::Gathered(block));
        } else if let Ok(rest) = buffer.split_prefix(left) {
            batch.push(Chunk::Owned(rest));
        }
    }
}
