//! Writing through a handle: each kind of payload, with and without waiting for room.

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

/// The result of a submission without a ticket.
#[inline]
fn forget<W>(_: &Shared<W>, chunk: &mut Owned, submitted: Submitted) -> Result<(), WriteError> {
    submitted.map(drop).map_err(|reason| WriteError::new(chunk.own(), reason))
}

/// The result of a submission with a ticket.
#[inline]
fn ticket<W>(shared: &Shared<W>, chunk: &mut Owned, submitted: Submitted) -> Result<WriteTicket, WriteError> {
    match submitted {
        Ok(range) => Ok(WriteTicket::new(Arc::clone(&shared.stream), range)),
        Err(reason) => Err(WriteError::new(chunk.own(), reason)),
    }
}

/// The result of a submission whose payload stays with the caller if it is rejected.
#[inline]
fn accepted<'a, W, P>(
    shared: &'a Shared<W>,
    _: &mut P,
    submitted: Submitted,
) -> Result<Accepted<'a>, RejectReason> {
    submitted.map(|range| Accepted::new(&shared.stream, range))
}

impl<W: AsyncWrite + Unpin> WriteHandoff<W> {
    /// Submits a chunk if there is room for it now. Never waits. If this thread may poll the writer
    /// (see [`Inline`](crate::Inline)), the call polls it to send a large chunk, and to make room.
    ///
    /// An empty chunk takes no room and is accepted unless the stream is closed. Its ticket is a
    /// barrier: it completes when everything accepted before it is written.
    ///
    /// Takes constant time. Allocates nothing once the queue and its block have grown to what the
    /// stream needs. The exception is a burst of more than 16 KiB in small chunks that the producer
    /// may not send itself: each 16 KiB of it takes a new block.
    ///
    /// # Errors
    ///
    /// [`WriteError`] with the chunk: [`Full`](RejectReason::Full) if there is no room or other
    /// producers wait for it, [`TooLarge`](RejectReason::TooLarge) if the chunk is larger than the
    /// byte budget, and [`Closed`](RejectReason::Closed) if the stream takes no more writes. `Full`
    /// does not mean that the peer is slow: see [`RejectReason::Full`].
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{RejectReason, WriteHandoff, WriteHandoffConfig};
    ///
    /// // At most 8 bytes may be pending. The task has not run yet.
    /// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::new(16, 8));
    /// let ticket = handoff.try_write("eight by".into()).unwrap();
    /// let rejected = handoff.try_write("tes".into()).unwrap_err();
    /// assert!(matches!(rejected.reason(), RejectReason::Full { writer_pending: false }));
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

    /// Submits a chunk as [`try_write`](Self::try_write) does, without a ticket.
    ///
    /// # Errors
    ///
    /// As for `try_write`.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    ///
    /// // Samples that find no room are dropped.
    /// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::new(16, 8));
    /// let mut dropped = 0;
    /// for sample in ["1.5\n", "1.7\n", "1.6\n"] {
    ///     match handoff.try_write_fire_and_forget(sample.into()) {
    ///         Err(error) if error.is_full() => dropped += 1,
    ///         written => written?,
    ///     }
    /// }
    /// drop(handoff);
    /// assert_eq!(futures_executor::block_on(task)?, b"1.5\n1.7\n");
    /// assert_eq!(dropped, 1);
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn try_write_fire_and_forget(&self, bytes: Bytes) -> Result<(), WriteError> {
        let mut chunk = Owned(Some(bytes));
        let submitted = try_submit(&self.shared, &mut chunk);
        forget(&self.shared, &mut chunk, submitted)
    }

    /// Submits a chunk. Waits for room if there is none.
    ///
    /// Borrowed bytes go through [`write_slice`](Self::write_slice). Code that wants an
    /// [`AsyncWrite`] gets one from [`into_writer`](Self::into_writer).
    ///
    /// A loop of writes to a writer that is always ready yields now and then although there is
    /// room, see [`with_cooperative`](crate::WriteHandoffConfig::with_cooperative). The future
    /// panics if it is polled after it has completed, as all futures of this type do.
    ///
    /// # Errors
    ///
    /// [`WriteError`] with the chunk if it is longer than the byte budget, or if the stream takes
    /// no more writes.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it completes has submitted nothing, and drops its chunk. To
    /// keep the chunk in that case, [`reserve`](Self::reserve) room first.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    ///
    /// # futures_executor::block_on(async {
    /// let (handoff, mut task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let producer = async {
    ///     // The first await waits for room, the second one until the message is written.
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

    /// Submits a chunk as [`write`](Self::write) does, without a ticket. That saves counting a
    /// reference to the stream.
    ///
    /// # Errors
    ///
    /// As for `write`.
    ///
    /// # Cancel safety
    ///
    /// As for `write`.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    ///
    /// # futures_executor::block_on(async {
    /// // At most 8 bytes may be pending: the producer runs as fast as the writer.
    /// let (handoff, mut task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::new(16, 8));
    /// let producer = async move {
    ///     for line in ["first\n", "second\n", "third\n"] {
    ///         handoff.write_fire_and_forget(line.into()).await?;
    ///     }
    ///     Ok::<_, std::io::Error>(())
    /// };
    /// task.run_until(producer).await?;
    /// assert_eq!(task.await?, b"first\nsecond\nthird\n");
    /// # Ok::<_, std::io::Error>(()) }).unwrap();
    /// ```
    #[inline]
    pub fn write_fire_and_forget(&self, bytes: Bytes) -> impl Future<Output = Result<(), WriteError>> {
        Submit::new(&*self.shared, Owned(Some(bytes)), forget::<W>)
    }

    /// Submits borrowed bytes as [`write_slice`](Self::write_slice) does, if there is room for them
    /// now. Never waits.
    ///
    /// # Errors
    ///
    /// [`RejectReason`]: `Full` if there is no room now, and as for `write_slice`.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    ///
    /// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let scratch = format!("status {}\r\n", 200);
    /// handoff.try_write_slice(scratch.as_bytes())?;
    /// drop((scratch, handoff));
    /// assert_eq!(futures_executor::block_on(task)?, b"status 200\r\n");
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn try_write_slice(&self, bytes: &[u8]) -> Result<Accepted<'_>, RejectReason> {
        try_submit(&self.shared, &mut Slice(bytes)).map(|range| Accepted::new(self.stream(), range))
    }

    /// Submits borrowed bytes. Waits until there is room for all of them.
    ///
    /// Bytes that are sent at once are offered to the writer in place, unless they are few and join
    /// bytes that are queued. Only bytes that have to wait are copied.
    ///
    /// # Errors
    ///
    /// [`RejectReason`] if the bytes are more than the byte budget, or if the stream takes no more
    /// writes.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it completes has submitted nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    ///
    /// # futures_executor::block_on(async {
    /// let (handoff, mut task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let producer = async {
    ///     let mut block = [0; 64];
    ///     for letter in *b"abc" {
    ///         block.fill(letter);
    ///         // The block may be filled again, whether these bytes are written yet or not.
    ///         handoff.write_slice(&block).await?;
    ///     }
    ///     Ok::<_, std::io::Error>(())
    /// };
    /// task.run_until(producer).await?;
    /// drop(handoff);
    /// assert_eq!(task.await?.len(), 192);
    /// # Ok::<_, std::io::Error>(()) }).unwrap();
    /// ```
    pub fn write_slice<'a, 'b>(
        &'a self,
        bytes: &'b [u8],
    ) -> impl Future<Output = Result<Accepted<'a>, RejectReason>> + use<'a, 'b, W> {
        Submit::new(&*self.shared, Slice(bytes), accepted)
    }

    /// Submits chunks as [`write_chunks`](Self::write_chunks) does, if there is room for all of
    /// them now. Never waits.
    ///
    /// # Errors
    ///
    /// [`RejectReason`]: `Full` if there is no room now, and as for `write_chunks`. The chunks are
    /// unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};
    ///
    /// let (handoff, _task) = WriteHandoff::new(Vec::<u8>::new(), WriteHandoffConfig::new(16, 8));
    /// let mut message = [Bytes::from_static(b"head"), Bytes::from_static(b"body!")];
    /// // All or nothing.
    /// assert!(handoff.try_write_chunks(&mut message).is_err());
    /// assert_eq!((handoff.pending_bytes(), message), (0, ["head".into(), "body!".into()]));
    /// ```
    pub fn try_write_chunks(&self, chunks: &mut [Bytes]) -> Result<Accepted<'_>, RejectReason> {
        try_submit(&self.shared, &mut Chunks(chunks)).map(|range| Accepted::new(self.stream(), range))
    }

    /// Submits several chunks that stay adjacent, whatever other producers write, or none of them.
    /// Waits until there is room for all of them. Every chunk that is not empty takes one entry.
    /// Accepted chunks are left empty.
    ///
    /// Small chunks are copied as elsewhere, up to 16 KiB in all. All other chunks keep the blocks
    /// alive that they are slices of.
    ///
    /// # Errors
    ///
    /// [`RejectReason`] if the chunks are more than the limits, or if the stream takes no more
    /// writes. The chunks are unchanged.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it completes has submitted nothing. The chunks are
    /// unchanged.
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

    /// Submits the first `n` bytes of `buffer` as [`write_prefix`](Self::write_prefix) does, if
    /// there is room for them now. Never waits.
    ///
    /// # Errors
    ///
    /// [`RejectReason`]: `Full` if there is no room now, and as for `write_prefix`. The buffer is
    /// unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{HandoffBuffer, WriteHandoff, WriteHandoffConfig};
    ///
    /// # futures_executor::block_on(async {
    /// let (handoff, _task) = WriteHandoff::new(Vec::<u8>::new(), WriteHandoffConfig::new(16, 4));
    /// let mut buffer = HandoffBuffer::new(64);
    /// buffer.read_available(&mut &b"one\ntwo\n"[..]).await?;
    /// handoff.try_write_prefix(&mut buffer, 4)?;
    /// // No room for more: the rest stays in the buffer.
    /// assert!(handoff.try_write_prefix(&mut buffer, 4).unwrap_err().is_full());
    /// assert_eq!(buffer.peek(), b"two\n");
    /// # Ok::<_, std::io::Error>(()) }).unwrap();
    /// ```
    pub fn try_write_prefix(
        &self,
        buffer: &mut HandoffBuffer,
        n: usize,
    ) -> Result<Accepted<'_>, RejectReason> {
        try_submit(&self.shared, &mut Prefix { buffer, len: n })
            .map(|range| Accepted::new(self.stream(), range))
    }

    /// Submits the first `n` bytes of `buffer` and removes them from it. Waits until there is room
    /// for all of them.
    ///
    /// A short prefix is copied once. A longer prefix is offered to the writer in place if the
    /// producer may poll it and, with the bytes queued before it, the prefix makes at least three
    /// quarters of [`send_at`](crate::WriteHandoffConfig::with_send_at). The bytes that the writer
    /// does not take at once are copied, up to 4 KiB, or else become owned. Bytes that it takes at
    /// once are neither copied nor allocated for.
    ///
    /// # Errors
    ///
    /// [`RejectReason`] if the buffer holds fewer bytes, if they are more than the byte budget, or
    /// if the stream takes no more writes. The buffer is unchanged.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it completes has submitted nothing. The buffer is unchanged.
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

    /// Submits all bytes of `buffer`, in as many pieces as the byte budget requires. Waits for room
    /// for each piece. Returns the last piece, or a barrier if the buffer is empty.
    ///
    /// [`write_prefix`](Self::write_prefix) of a whole buffer fails if the buffer holds more than
    /// the byte budget, which depends on how fast bytes arrive. This method does not fail then.
    /// Chunks of other producers may come between its pieces.
    ///
    /// # Errors
    ///
    /// [`RejectReason`] if the stream takes no more writes. Bytes that were not submitted are still
    /// in the buffer.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it completes has submitted the bytes that are no longer in
    /// the buffer. Call the method again to continue.
    ///
    /// # Examples
    ///
    /// A copy loop that works with any two limits:
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
        // Half of the budget: one piece is written while the next one is accepted.
        let piece = self.config().max_pending_bytes().div_ceil(2);
        while buffer.len() > piece {
            Submit::new(&*self.shared, Prefix { buffer, len: piece }, accepted).await?;
        }
        let len = buffer.len();
        Submit::new(&*self.shared, Prefix { buffer, len }, accepted).await
    }
}
