//! The ways to write a burst.

use std::{future::Future, io};

use futures_handoff::{Inline, WriteHandoff, WriteHandoffConfig};
use futures_util::{AsyncWrite, AsyncWriteExt, io::BufWriter};

use super::{Pattern, Policy};

/// What a producer writes through.
pub(super) trait Way: Send {
    /// Writes the frame of `len` bytes at `offset`.
    fn write(
        &mut self,
        pattern: &Pattern,
        offset: u64,
        len: usize,
    ) -> impl Future<Output = io::Result<()>> + Send;

    /// Has what was written sent, where that takes more than to wait.
    fn end_of_burst(&mut self) -> impl Future<Output = io::Result<()>> + Send;

    /// Ends the stream.
    fn close(&mut self) -> impl Future<Output = io::Result<()>> + Send;
}

/// The writer itself.
pub(super) struct Direct<W>(pub(super) W);

impl<W: AsyncWrite + Unpin + Send> Way for Direct<W> {
    async fn write(&mut self, pattern: &Pattern, offset: u64, len: usize) -> io::Result<()> {
        self.0.write_all(pattern.at(offset, len)).await
    }

    async fn end_of_burst(&mut self) -> io::Result<()> {
        Ok(())
    }

    async fn close(&mut self) -> io::Result<()> {
        self.0.close().await
    }
}

/// A buffer in front of the writer.
pub(super) struct Buffered<W>(BufWriter<W>);

impl<W: AsyncWrite> Buffered<W> {
    /// A buffer that holds as much as a handle does.
    pub(super) fn new(writer: W) -> Self {
        Self(BufWriter::with_capacity(WriteHandoffConfig::DEFAULT_SEND_AT, writer))
    }
}

impl<W: AsyncWrite + Unpin + Send> Way for Buffered<W> {
    async fn write(&mut self, pattern: &Pattern, offset: u64, len: usize) -> io::Result<()> {
        self.0.write_all(pattern.at(offset, len)).await
    }

    async fn end_of_burst(&mut self) -> io::Result<()> {
        self.0.flush().await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.0.close().await
    }
}

/// A handle.
pub(super) struct Through<'a, W> {
    pub(super) handoff: &'a WriteHandoff<W>,
    /// It does not wait for the producer to wait.
    pub(super) dispatches: bool,
}

impl<W: AsyncWrite + Unpin + Send> Way for Through<'_, W> {
    async fn write(&mut self, pattern: &Pattern, offset: u64, len: usize) -> io::Result<()> {
        Ok(self.handoff.write_fire_and_forget(pattern.owned(offset, len)).await?)
    }

    async fn end_of_burst(&mut self) -> io::Result<()> {
        if self.dispatches {
            self.handoff.dispatch();
        }
        Ok(())
    }

    async fn close(&mut self) -> io::Result<()> {
        Ok(self.handoff.close().await?)
    }
}

/// What `policy` asks of a handle.
///
/// # Errors
///
/// None; a configuration is asked for what it takes.
pub(super) fn config(policy: Policy) -> io::Result<WriteHandoffConfig> {
    let config = WriteHandoffConfig::default();
    Ok(match policy {
        Policy::SendAt0 => config.with_send_at(0)?,
        Policy::InlineNever => config.with_inline(Inline::Never),
        _ => config,
    })
}
