//! The crate: bytes are borrowed until they have to wait.

use std::{collections::VecDeque, io};

use futures_handoff::{
    HandoffBuffer, HandoffBufferConfig, Then, WriteHandoff, WriteHandoffConfig, WriteTicket,
};
use futures_util::{AsyncRead, AsyncWrite};

use super::Proxy;
use crate::{
    Runtime,
    stream::{Completion, Settings, TUNNEL, Tally},
};

on_a_runtime! {
    /// Reads while it pays and submits each line, and then the tunnel, right out of the read buffer.
    Handoff
}

impl<R, I, O> Proxy<I, O> for Handoff<R>
where
    R: Runtime,
    I: AsyncRead + Unpin + Send + 'static,
    O: AsyncWrite + Unpin + Send + 'static,
{
    async fn run(self, reader: I, writer: O, settings: Settings) -> io::Result<()> {
        proxy::<R, _, _>(reader, writer, settings, read_config(&settings)?).await
    }
}

/// Moves a stream with a read buffer of some configuration.
pub(super) async fn proxy<R, I, O>(
    mut reader: I,
    writer: O,
    settings: Settings,
    config: HandoffBufferConfig,
) -> io::Result<()>
where
    R: Runtime,
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin + Send + 'static,
{
    let (handoff, task) = WriteHandoff::new(writer, write_config(&settings)?);
    R::spawn(task.detach());
    let mut buffer = HandoffBuffer::with_config(config);
    handoff.batching(route(&handoff, &mut buffer, &mut reader, settings)).await?;
    handoff.close().await?;
    Tally::add(&handoff.stats());
    Ok(())
}

async fn route<I, O>(
    handoff: &WriteHandoff<O>,
    buffer: &mut HandoffBuffer,
    reader: &mut I,
    settings: Settings,
) -> io::Result<()>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
{
    let mut tickets = Tickets::new(settings);
    let mut tunnel = false;
    loop {
        let filled = buffer.read_ready(reader, settings.read_reserve).await;
        while !tunnel {
            match buffer.find(b"\n") {
                None => break,
                Some(end) if &buffer.peek()[..=end] == TUNNEL => tunnel = true,
                Some(end) => submit(handoff, &mut tickets, buffer, end + 1).await?,
            }
        }
        let ended = matches!(filled.then, Then::End);
        if (tunnel || ended) && !buffer.is_empty() {
            let n = buffer.len();
            submit(handoff, &mut tickets, buffer, n).await?;
        }
        match filled.then {
            Then::End => return tickets.finish().await,
            Then::Error(error) => return Err(error.into()),
            _ => {}
        }
    }
}

async fn submit<O: AsyncWrite + Unpin>(
    handoff: &WriteHandoff<O>,
    tickets: &mut Tickets,
    buffer: &mut HandoffBuffer,
    n: usize,
) -> io::Result<()> {
    match tickets.settings.completion {
        Completion::FireAndForget => handoff.write_prefix_fire_and_forget(buffer, n).await?,
        Completion::Ticket => tickets.add(handoff.write_prefix(buffer, n).await?).await?,
    }
    Ok(())
}

pub(super) fn write_config(settings: &Settings) -> io::Result<WriteHandoffConfig> {
    let config = WriteHandoffConfig::default().with_max_pending_bytes(settings.write_pending_bytes())?;
    Ok(config.with_send_at(settings.gather_bytes.min(settings.write_pending_bytes()))?)
}

pub(super) fn read_config(settings: &Settings) -> io::Result<HandoffBufferConfig> {
    let max_len = settings.frame_len + 2 * settings.read_reserve;
    Ok(HandoffBufferConfig::new(max_len)?.with_read_reserve(settings.read_reserve)?)
}

/// The tickets that are not awaited yet.
pub(super) struct Tickets {
    outstanding: VecDeque<WriteTicket>,
    settings: Settings,
}

impl Tickets {
    pub(super) fn new(settings: Settings) -> Self {
        Self { outstanding: VecDeque::new(), settings }
    }

    pub(super) async fn add(&mut self, ticket: WriteTicket) -> io::Result<()> {
        if self.settings.completion == Completion::Ticket {
            self.outstanding.push_back(ticket);
            if self.outstanding.len() > self.settings.window
                && let Some(oldest) = self.outstanding.pop_front()
            {
                oldest.await?;
            }
        }
        Ok(())
    }

    pub(super) async fn finish(mut self) -> io::Result<()> {
        for ticket in self.outstanding.drain(..) {
            ticket.await?;
        }
        Ok(())
    }
}
