//! This crate, with its defaults.

use std::io;

use futures_handoff::{HandoffBuffer, HandoffBufferConfig, WriteHandoff, WriteHandoffConfig};

use super::{
    connection::{Connection, ROOM, Traffic, finds_nothing},
    wire::{Arrival, Sink},
};

/// Borrows frames from the read buffer, or takes them out of it if they are `OWNED`.
pub(super) struct Handoff<const OWNED: bool> {
    buffer: HandoffBuffer,
    handoff: WriteHandoff<Sink>,
}

impl<const OWNED: bool> Connection for Handoff<OWNED> {
    fn open() -> io::Result<Self> {
        let config = WriteHandoffConfig::default().with_max_pending_bytes(ROOM)?;
        let (handoff, task) = WriteHandoff::new(Sink, config);
        tokio::spawn(task.detach());
        Ok(Self { buffer: HandoffBuffer::new(ROOM)?, handoff })
    }

    async fn pass(&mut self, traffic: Traffic) -> io::Result<()> {
        let mut arrival = traffic.arrival();
        let mut frames = 0;
        while frames < traffic.frames {
            self.buffer.read_available(&mut arrival).await?;
            while self.buffer.len() >= traffic.frame {
                if OWNED {
                    let frame = self.buffer.split_prefix(traffic.frame).map_err(io::Error::other)?;
                    self.handoff.write_fire_and_forget(frame).await?;
                } else {
                    drop(self.handoff.write_prefix(&mut self.buffer, traffic.frame).await?);
                }
                frames += 1;
            }
        }
        Ok(self.handoff.written().await?)
    }

    async fn wait(&mut self) -> io::Result<()> {
        finds_nothing(self.buffer.read_available(&mut Arrival::none())).await
    }

    /// A thread keeps the last blocks that were left to it: tiny ones, which go with their buffers.
    async fn rinse() -> io::Result<()> {
        let mut buffers = Vec::new();
        for size in 1..=100 {
            let config = HandoffBufferConfig::new(ROOM)?.with_read_reserve(size)?;
            let mut buffer = HandoffBuffer::with_config(config);
            finds_nothing(buffer.read_available(&mut Arrival::none())).await?;
            buffers.push(buffer);
        }
        Ok(())
    }
}
