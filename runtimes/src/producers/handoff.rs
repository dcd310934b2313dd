//! This crate, with its defaults but for the limits.

use std::io;

use bytes::Bytes;
use futures_handoff::{WriteHandoff, WriteHandoffConfig, WriteTicket};

use super::{
    discard::Discard,
    handle::{End, Handle, Limits},
};
use crate::Runtime;

pub(super) type Handoff = WriteHandoff<Discard>;

impl Handle for Handoff {
    type Ticket = WriteTicket;

    fn open<R: Runtime>(writer: Discard, limits: Limits) -> io::Result<(Self, End)> {
        let config = WriteHandoffConfig::new(limits.items, limits.bytes)?;
        let (handoff, task) = Self::new(writer, config);
        R::spawn(task.detach());
        let last = handoff.clone();
        Ok((handoff, Box::pin(async move { Ok(last.close().await?) })))
    }

    async fn submit(&mut self, chunk: Bytes) -> io::Result<()> {
        Ok(self.write_fire_and_forget(chunk).await?)
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<WriteTicket> {
        Ok(Self::write(self, chunk).await?)
    }

    async fn wait(ticket: WriteTicket) -> io::Result<()> {
        Ok(ticket.await?)
    }
}
