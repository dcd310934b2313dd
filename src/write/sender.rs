//! A handle without the writer's type.

use super::{
    borrowed::Borrowed,
    core::{SharedCore, StateGuard},
    ends::{Close, Closed},
    error::{CloseReason, PermitError, TryWriteError},
    flush::Flush,
    permit::Permit,
    phase::{Caller, Via},
    port::{Port, ticket, try_submit, try_submit_all},
    stats::WriteStats,
    submit::{Reserve, Write, WriteAll, WriteFireAndForget},
    ticket::WriteTicket,
};
use crate::sync::Arc;
use bytes::Bytes;
use std::fmt;

/// A handle to a stream that does not name the writer's type: what a struct with producers stores. From
/// [`WriteHandoff::sender`](crate::WriteHandoff::sender).
///
/// It is `Send` and `Sync` whatever the writer is, and it never polls the writer: all its chunks are written by the task
/// (or by a producer with a [`WriteHandoff`](crate::WriteHandoff), on the way). It keeps the stream open. Its methods do
/// what those of the same name do there, with the same errors and the same cancel safety.
///
/// # Examples
///
/// ```
/// use futures_handoff::{WriteHandoff, WriteHandoffConfig, WriteSender, bytes::Bytes};
///
/// struct Session {
///     out: WriteSender,
/// }
///
/// # futures_executor::block_on(async {
/// let (handoff, task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
/// let session = Session { out: handoff.sender() };
/// drop(handoff);
/// session.out.write(Bytes::from_static(b"hello")).await?;
/// drop(session);
/// assert_eq!(task.await?, b"hello");
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub struct WriteSender {
    core: SharedCore,
}

impl WriteSender {
    pub(crate) fn new(core: SharedCore) -> Self {
        core.add_handle();
        Self { core }
    }

    /// As [`WriteHandoff::try_write`](crate::WriteHandoff::try_write).
    ///
    /// # Errors
    ///
    /// [`TryWriteError`] with the chunk.
    pub fn try_write(&self, bytes: Bytes) -> Result<WriteTicket, TryWriteError> {
        try_submit(self, bytes).map(|range| ticket(self, range))
    }

    /// As [`WriteHandoff::try_write_fire_and_forget`](crate::WriteHandoff::try_write_fire_and_forget).
    ///
    /// # Errors
    ///
    /// [`TryWriteError`] with the chunk.
    pub fn try_write_fire_and_forget(&self, bytes: Bytes) -> Result<(), TryWriteError> {
        try_submit(self, bytes).map(drop)
    }

    /// As [`WriteHandoff::write`](crate::WriteHandoff::write).
    pub fn write(&self, bytes: Bytes) -> Write<'_, Self> {
        Write::new(self, bytes)
    }

    /// As [`WriteHandoff::write_fire_and_forget`](crate::WriteHandoff::write_fire_and_forget).
    pub fn write_fire_and_forget(&self, bytes: Bytes) -> WriteFireAndForget<'_, Self> {
        WriteFireAndForget::new(self, bytes)
    }

    /// As [`WriteHandoff::write_all`](crate::WriteHandoff::write_all).
    pub fn write_all<B: AsMut<[Bytes]>>(&self, parts: B) -> WriteAll<'_, Self, B> {
        WriteAll::new(self, parts)
    }

    /// As [`WriteHandoff::try_write_all`](crate::WriteHandoff::try_write_all).
    ///
    /// # Errors
    ///
    /// [`TryWriteError`] with the parts.
    pub fn try_write_all<B: AsMut<[Bytes]>>(&self, parts: B) -> Result<WriteTicket, TryWriteError<B>> {
        try_submit_all(self, parts)
    }

    /// As [`WriteHandoff::reserve`](crate::WriteHandoff::reserve).
    pub fn reserve(&self, bytes: usize) -> Reserve<'_, Self> {
        Reserve::new(self, bytes)
    }

    /// As [`WriteHandoff::try_reserve`](crate::WriteHandoff::try_reserve).
    ///
    /// # Errors
    ///
    /// [`PermitError`].
    pub fn try_reserve(&self, bytes: usize) -> Result<Permit<'_, Self>, PermitError> {
        Permit::try_new(self, bytes)
    }

    /// As [`WriteHandoff::written`](crate::WriteHandoff::written).
    pub fn written(&self) -> WriteTicket {
        let accepted = self.core.lock().accepted;
        ticket(self, accepted..accepted)
    }

    /// As [`WriteHandoff::flush`](crate::WriteHandoff::flush).
    pub fn flush(&self) -> Flush<'_, Self> {
        Flush::new(self)
    }

    /// As [`WriteHandoff::close`](crate::WriteHandoff::close).
    pub fn close(&self) -> Close<'_, Self> {
        Close::new(self)
    }

    /// As [`WriteHandoff::closed`](crate::WriteHandoff::closed).
    pub fn closed(&self) -> Closed<'_, Self> {
        Closed::new(self)
    }

    /// As [`WriteHandoff::pending_bytes`](crate::WriteHandoff::pending_bytes).
    pub fn pending_bytes(&self) -> usize {
        self.core.lock().pending()
    }

    /// As [`WriteHandoff::pending_items`](crate::WriteHandoff::pending_items).
    pub fn pending_items(&self) -> usize {
        self.core.lock().pending_items()
    }

    /// As [`WriteHandoff::available`](crate::WriteHandoff::available).
    pub fn available(&self) -> usize {
        self.core.lock().available()
    }

    /// As [`WriteHandoff::is_closed`](crate::WriteHandoff::is_closed).
    pub fn is_closed(&self) -> bool {
        self.close_reason().is_some()
    }

    /// As [`WriteHandoff::close_reason`](crate::WriteHandoff::close_reason).
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.core.lock().closed()
    }

    /// As [`WriteHandoff::stats`](crate::WriteHandoff::stats).
    pub fn stats(&self) -> WriteStats {
        self.core.lock().stats()
    }
}

impl Port for WriteSender {
    fn core(&self) -> &SharedCore {
        &self.core
    }

    fn caller(&self, via: Via) -> Caller {
        self.core.caller(via)
    }

    fn drive<'a>(&'a self, state: StateGuard<'a>, borrowed: Borrowed<'_>) {
        self.core.drive(state, borrowed);
    }
}

impl Clone for WriteSender {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.core))
    }
}

impl Drop for WriteSender {
    fn drop(&mut self) {
        self.core.drop_handle();
    }
}

impl fmt::Debug for WriteSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.debug("WriteSender", f)
    }
}
