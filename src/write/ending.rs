//! The methods of a handle that end the stream, and that wait for its end.

use super::{
    error::CloseReason,
    handle::WriteHandoff,
    lifecycle::{self, WriterFailure},
};
use futures_io::AsyncWrite;

impl<W> WriteHandoff<W> {
    /// Ends the stream without waiting for its writer. A poll of the writer that is in progress is
    /// completed first.
    ///
    /// Tickets, flushes and waiting producers end with [`CloseReason::Aborted`]. The task completes
    /// and gives back the writer, neither flushed nor closed, and the unwritten bytes. Does nothing
    /// to a stream that has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{CloseReason, WriteHandoff, WriteHandoffConfig};
    ///
    /// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let ticket = handoff.try_write("never sent".into())?;
    /// handoff.abort();
    /// let failure = futures_executor::block_on(task).unwrap_err();
    /// assert!(matches!(failure.reason(), CloseReason::Aborted));
    /// assert_eq!(failure.unwritten(), ["never sent"]);
    /// assert!(matches!(ticket.try_result(), Some(Err(error)) if error.written() == 0));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn abort(&self) {
        self.stream().end(CloseReason::Aborted);
    }

    /// Stops accepting writes on all handles, and gives the writer back, open, once all accepted
    /// bytes are written and flushed. The connection can go on with another protocol. The handles
    /// are closed when the future is first polled. The first call gets the writer.
    ///
    /// # Errors
    ///
    /// [`WriterFailure`] with the unwritten bytes if the stream has failed or was aborted. It has
    /// no writer if another call has taken it or the task was dropped. A writer that was closed
    /// before comes back closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before its first poll drops the handle. Dropping it later leaves the
    /// handoff closed to writes, and closes it as [`close`](Self::close) does if this was the last
    /// handle. Another handle can call `into_parts` again.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    /// use futures_util::{AsyncWriteExt, future::join};
    ///
    /// # futures_executor::block_on(async {
    /// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// let upgrade = async move {
    ///     handoff.write_fire_and_forget("101 Switching Protocols\r\n\r\n".into()).await?;
    ///     let mut socket = handoff.into_parts().await?;
    ///     // The next protocol owns the socket.
    ///     socket.write_all(b"\x81\x02hi").await?;
    ///     Ok::<_, std::io::Error>(socket)
    /// };
    /// let ((), upgraded) = join(task.detach(), upgrade).await;
    /// assert_eq!(upgraded?, b"101 Switching Protocols\r\n\r\n\x81\x02hi");
    /// # Ok::<_, std::io::Error>(()) }).unwrap();
    /// ```
    pub async fn into_parts(self) -> Result<W, WriterFailure<W>> {
        lifecycle::into_parts(&self.shared).await
    }
}

impl<W: AsyncWrite + Unpin> WriteHandoff<W> {
    /// Stops accepting writes at once, on all handles. All accepted bytes are then written and
    /// flushed, and the writer is closed: by this call if this thread may poll the writer, and by
    /// the task otherwise. Never waits; [`closed`](Self::closed) does. [The
    /// guide](crate::guide::closing) shows how to close with a deadline.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{WriteHandoff, WriteHandoffConfig};
    ///
    /// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    /// handoff.try_write("goodbye".into())?;
    /// handoff.close();
    /// let rejected = handoff.try_write("too late".into()).unwrap_err();
    /// assert!(rejected.is_closed());
    /// assert_eq!(futures_executor::block_on(task)?, b"goodbye");
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn close(&self) {
        lifecycle::close(&self.shared);
    }

    /// Waits until the stream has ended. Does not end it: a handle that waits here keeps it open.
    ///
    /// # Errors
    ///
    /// The reason why the stream ended, unless it was closed.
    ///
    /// # Cancel safety
    ///
    /// Safe: a later call gives the same answer.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_handoff::{CloseReason, WriteHandoff, WriteHandoffConfig};
    /// use futures_util::{future::join, io::Cursor};
    ///
    /// # futures_executor::block_on(async {
    /// // A writer with room for 4 bytes.
    /// let mut space = [0; 4];
    /// let (handoff, task) = WriteHandoff::new(Cursor::new(&mut space[..]), WriteHandoffConfig::default());
    /// handoff.write_fire_and_forget("too long".into()).await?;
    /// let (ended, ()) = join(handoff.closed(), task.detach()).await;
    /// assert!(matches!(ended, Err(CloseReason::WriteZero)));
    /// # Ok::<_, std::io::Error>(()) }).unwrap();
    /// ```
    pub async fn closed(&self) -> Result<(), CloseReason> {
        lifecycle::closed(self.stream()).await
    }
}
