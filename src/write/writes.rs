//! Writing through a handle: each kind of payload with and without waiting for room.

use super::{
    error::{RejectReason, WriteError},
    handle::WriteHandoff,
    payload::{Chunks, Owned, Payload, Prefix, Slice},
    shared::Shared,
    submit::{Submit, try_submit},
    ticket::{Accepted, WriteTicket},
};
use crate::{HandoffBuffer, sync::Arc};
use bytes::Bytes;
use futures_io::AsyncWrite;
use std::{future::Future, ops::Range};

type Submitted = Result<Range<u64>, RejectReason>;

/// What a submission without a ticket gives.
#[inline]
fn forget<W>(_: &Shared<W>, chunk: &mut Owned, submitted: Submitted) -> Result<(), WriteError> {
    submitted.map(drop).map_err(|reason| WriteError::new(chunk.own(), reason))
}

/// What a submission with a ticket gives.
#[inline]
fn ticket<W>(shared: &Shared<W>, chunk: &mut Owned, submitted: Submitted) -> Result<WriteTicket, WriteError> {
    match submitted {
        Ok(range) => Ok(WriteTicket::new(Arc::clone(&shared.stream), range)),
        Err(reason) => Err(WriteError::new(chunk.own(), reason)),
    }
}

/// What a submission gives whose payload stays with the caller if it is rejected.
#[inline]
fn accepted<'a, W, P>(
    shared: &'a Shared<W>,
    _: &mut P,
    submitted: Submitted,
) -> Result<Accepted<'a>, RejectReason> {
    submitted.map(|range| Accepted::new(&shared.stream, range))
}

impl<W: AsyncWrite + Unpin> WriteHandoff<W> {
    /// Submits a chunk if there is room for it now. Never waits. Where it may poll the writer (see
    /// [`Inline`](crate::Inline)), it does so for a large chunk, and to make room.
    ///
    /// An empty chunk takes no room and is accepted unless the stream is closed: its ticket is a
    /// barrier behind all that was accepted before.
    ///
    /// Constant time. Allocates nothing once the queue and its block have grown to what the stream
    /// needs; only a burst of more than 16 KiB in small chunks that the producer may not send
    /// itself takes a block of 16 KiB for each of those.
    ///
    /// # Errors
    ///
    /// [`WriteError`] with the chunk: [`Full`](RejectReason::Full) when there is no room or others
    /// wait for it, [`TooLarge`](RejectReason::TooLarge) when there never will be,
    /// [`Closed`](RejectReason::Closed) when the stream takes no more writes. `Full` does not mean
    /// that the peer is slow: see [`stalled`](RejectReason::Full::stalled).
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{RejectReason, WriteHandoff, WriteHandoffConfig};
    ///
    /// // At most 8 bytes wait. The task has had no turn yet.
    /// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::new(16, 8));
    /// let ticket = handoff.try_write("eight by".into()).unwrap();
    /// let rejected = handoff.try_write("tes".into()).unwrap_err();
    /// assert!(matches!(rejected.reason(), RejectReason::Full { stalled: false }));
    /// assert_eq!(rejected.into_bytes(), "tes");
    /// # drop(handoff);
    /// # futures_executor::block_on(task).unwrap();
    /// # assert!(matches!(ticket.try_result(), Some(Ok(()))));
    /// ```
    pub fn try_write(&self, bytes: Bytes) -> Result<WriteTicket, WriteError> {
        let mut chunk = Owned(Some(bytes));
        let submitted = try_submit(&self.shared, &mut chunk);
        ticket(&self.shared, &mut chunk, submitted)
    }

    /// [`try_write`](Self::try_write) without a ticket.
    ///
    /// # Errors
    ///
    /// As for `try_write`.
    pub fn try_write_fire_and_forget(&self, bytes: Bytes) -> Result<(), WriteError> {
        let mut chunk = Owned(Some(bytes));
        let submitted = try_submit(&self.shared, &mut chunk);
        forget(&self.shared, &mut chunk, submitted)
    }

    /// Submits a chunk, waiting for room if need be.
    ///
    /// While there is room this does not wait. A loop of it over a writer that is always ready
    /// yields now and then all the same, see
    /// [`with_cooperative`](crate::WriteHandoffConfig::with_cooperative). Panics if it is polled
    /// after it has completed, as all futures of this type do.
    ///
    /// # Errors
    ///
    /// [`WriteError`] with the chunk, when it is longer than the byte budget or the stream takes no
    /// more writes.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it has accepted nothing, and the chunk is dropped with it. To
    /// keep the chunk in such a case, [`reserve`](Self::reserve) first.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    ///
    /// # futures_executor::block_on(async {
    /// let (handoff, mut task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let producer = async {
    ///     // Accepted: the first await waits for room, the second one until it is written.
    ///     handoff.write("a message".into()).await?.await?;
    ///     Ok::<_, std::io::Error>(())
    /// };
    /// task.run_until(producer).await?;
    /// # drop(handoff);
    /// # assert_eq!(task.await?, b"a message");
    /// # Ok::<_, std::io::Error>(()) }).unwrap();
    /// ```
    #[inline]
    pub fn write(&self, bytes: Bytes) -> impl Future<Output = Result<WriteTicket, WriteError>> {
        Submit::new(&*self.shared, Owned(Some(bytes)), ticket::<W>)
    }

    /// [`write`](Self::write) without a ticket, which saves counting a reference to the stream.
    ///
    /// # Errors
    ///
    /// As for `write`.
    ///
    /// # Cancel safety
    ///
    /// As for `write`.
    #[inline]
    pub fn write_fire_and_forget(&self, bytes: Bytes) -> impl Future<Output = Result<(), WriteError>> {
        Submit::new(&*self.shared, Owned(Some(bytes)), forget::<W>)
    }

    /// [`write_slice`](Self::write_slice) if there is room for it now.
    ///
    /// # Errors
    ///
    /// [`RejectReason`].
    pub fn try_write_slice(&self, bytes: &[u8]) -> Result<Accepted<'_>, RejectReason> {
        try_submit(&self.shared, &mut Slice(bytes)).map(|range| Accepted::new(self.stream(), range))
    }

    /// Submits borrowed bytes, waiting for room for all of them if need be.
    ///
    /// What is to be sent at once is offered to the writer where it lies, unless it is short and
    /// joins what is held; only what has to wait is copied.
    ///
    /// # Errors
    ///
    /// [`RejectReason`], when they are more than the byte budget or the stream takes no more
    /// writes.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it has accepted nothing.
    pub fn write_slice<'a, 'b>(
        &'a self,
        bytes: &'b [u8],
    ) -> impl Future<Output = Result<Accepted<'a>, RejectReason>> + use<'a, 'b, W> {
        Submit::new(&*self.shared, Slice(bytes), accepted)
    }

    /// [`write_chunks`](Self::write_chunks) if there is room for all of them now.
    ///
    /// # Errors
    ///
    /// [`RejectReason`]; the chunks are unchanged.
    pub fn try_write_chunks(&self, chunks: &mut [Bytes]) -> Result<Accepted<'_>, RejectReason> {
        try_submit(&self.shared, &mut Chunks(chunks)).map(|range| Accepted::new(self.stream(), range))
    }

    /// Submits several chunks that stay adjacent, whatever other producers write, or none of them.
    /// Waits for room for all of them if need be. Every chunk that is not empty takes an entry.
    /// Accepted ones are left empty.
    ///
    /// Small chunks are copied, as others are, up to 16 KiB in all; those beyond keep the blocks
    /// that they are slices of.
    ///
    /// # Errors
    ///
    /// [`RejectReason`], when they are more than the limits or the stream takes no more writes; the
    /// chunks are unchanged.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it has accepted nothing and the chunks are unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// # use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};
    /// # futures_executor::block_on(async {
    /// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let body = Bytes::from_static(b"hello");
    /// let header = Bytes::copy_from_slice(&(body.len() as u32).to_be_bytes());
    /// handoff.write_chunks(&mut [header, body]).await?;
    /// drop(handoff);
    /// assert_eq!(task.await?, b"\0\0\0\x05hello");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn write_chunks<'a, 'b>(
        &'a self,
        chunks: &'b mut [Bytes],
    ) -> impl Future<Output = Result<Accepted<'a>, RejectReason>> + use<'a, 'b, W> {
        Submit::new(&*self.shared, Chunks(chunks), accepted)
    }

    /// [`write_prefix`](Self::write_prefix) if there is room for it now.
    ///
    /// # Errors
    ///
    /// [`RejectReason`]; the buffer is unchanged.
    pub fn try_write_prefix(
        &self,
        buffer: &mut HandoffBuffer,
        n: usize,
    ) -> Result<Accepted<'_>, RejectReason> {
        try_submit(&self.shared, &mut Prefix { buffer, len: n })
            .map(|range| Accepted::new(self.stream(), range))
    }

    /// Submits the first `n` bytes of `buffer`, waiting for room for all of them if need be.
    ///
    /// A short prefix is copied, once. A longer one is offered to the writer where it lies in the
    /// buffer, if with what is held it makes three quarters of
    /// [`send_at`](crate::WriteHandoffConfig::with_send_at) or more; only what has to wait is
    /// copied, up to 4 KiB, or becomes owned. So bytes that the writer takes right away are neither
    /// copied nor allocated for.
    ///
    /// # Errors
    ///
    /// [`RejectReason`] when the buffer holds fewer bytes, when they are more than the byte budget,
    /// and when the stream takes no more writes; the buffer is unchanged.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it has accepted nothing and the buffer is unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{HandoffBuffer, WriteHandoff, WriteHandoffConfig};
    ///
    /// # futures_executor::block_on(async {
    /// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let mut buffer = HandoffBuffer::new(64);
    /// buffer.read_available(&mut &b"one\ntwo"[..]).await?;
    /// handoff.write_prefix(&mut buffer, 4).await?;
    /// assert_eq!(buffer.peek(), b"two");
    /// drop(handoff);
    /// assert_eq!(task.await?, b"one\n");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn write_prefix<'a, 'b>(
        &'a self,
        buffer: &'b mut HandoffBuffer,
        n: usize,
    ) -> impl Future<Output = Result<Accepted<'a>, RejectReason>> + use<'a, 'b, W> {
        Submit::new(&*self.shared, Prefix { buffer, len: n }, accepted)
    }

    /// Submits all that `buffer` holds, in as many pieces as the byte budget asks for, and waits
    /// for room where there is none. Returns the last piece; for an empty buffer, a barrier.
    ///
    /// [`write_prefix`](Self::write_prefix) of a whole buffer fails where the buffer holds more
    /// than the byte budget, which depends on how fast bytes arrive. This does not. Pieces of other
    /// producers may come between its own.
    ///
    /// # Errors
    ///
    /// [`RejectReason`] when the stream takes no more writes. What was not submitted is still in
    /// the buffer.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it has submitted what is no longer in the buffer. Call it again
    /// to go on.
    ///
    /// # Examples
    ///
    /// A copy loop, whatever the two limits are:
    ///
    /// ```
    /// use futures_handoff::{HandoffBuffer, WriteHandoff, WriteHandoffConfig};
    ///
    /// # futures_executor::block_on(async {
    /// let mut reader: &[u8] = b"more bytes than the budget";
    /// let mut buffer = HandoffBuffer::new(1024);
    /// let (handoff, mut task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::new(16, 8));
    /// let copy = async move {
    ///     while buffer.read_available(&mut reader).await? > 0 {
    ///         handoff.write_all_buf(&mut buffer).await?;
    ///     }
    ///     Ok::<_, std::io::Error>(())
    /// };
    /// task.run_until(copy).await?;
    /// assert_eq!(task.await?, b"more bytes than the budget");
    /// # Ok::<_, std::io::Error>(()) }).unwrap();
    /// ```
    pub async fn write_all_buf(&self, buffer: &mut HandoffBuffer) -> Result<Accepted<'_>, RejectReason> {
        // Two pieces fit, so that one can be written while the next one is accepted.
        let piece = self.config().max_pending_bytes().div_ceil(2);
        while buffer.len() > piece {
            Submit::new(&*self.shared, Prefix { buffer, len: piece }, accepted).await?;
        }
        let len = buffer.len();
        Submit::new(&*self.shared, Prefix { buffer, len }, accepted).await
    }
}
