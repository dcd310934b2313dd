//! Bytes that are written out of a read buffer.

use super::queue::Batch;
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

    /// Turns the rest into an owned chunk at the end of `batch`.
    pub(crate) fn own(&mut self, batch: &mut Batch) {
        let left = mem::take(&mut self.left);
        if let Some(Ok(rest)) = self.from.as_mut().map(|buffer| buffer.split_prefix(left)) {
            batch.push(rest);
        }
    }
}
