//! The crate: bytes are borrowed until they have to wait.

use std::{collections::VecDeque, io};

use futures_handoff::{
    HandoffBuffer, HandoffBufferConfig, Then, WriteHandoff, WriteHandoffConfig, WriteTicket,
};
use futures_util::{AsyncRead, AsyncWrite};

use super::Proxy;
use crate::stream::{Completion, Settings, TUNNEL, Tally};

/// Reads while it pays, and submits the lines of a read in one piece, or each one if it is to have a ticket, and then the
/// tunnel, right out of the read buffer. The writer's task runs in the connection's own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Handoff;

impl<I, O> Proxy<I, O> for Handoff
where
    I: AsyncRead + Unpin + Send + 'static,
    O: AsyncWrite + Unpin + Send + 'static,
{
    async fn run(self, reader: I, writer: O, settings: Settings) -> io::Result<()> {
        proxy(reader, writer, settings, read_config(&settings)?).await
    }
}

/// Moves a stream with a read buffer of some configuration.
pub(super) async fn proxy<I, O>(
    reader: I,
    writer: O,
    settings: Settings,
    config: HandoffBufferConfig,
) -> io::Result<()>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin + Send + 'static,
{
    let (handoff, mut task) = WriteHandoff::new(writer, write_config(&settings)?);
    task.run_until(serve(&handoff, reader, settings, config)).await
}

/// Moves a stream into a handoff whose task somebody runs.
pub(super) async fn serve<I, O>(
    handoff: &WriteHandoff<O>,
    mut reader: I,
    settings: Settings,
    config: HandoffBufferConfig,
) -> io::Result<()>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
{
    let mut buffer = HandoffBuffer::with_config(config);
    route(handoff, &mut buffer, &mut reader, settings).await?;
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
    let longest = if settings.completion == Completion::Ticket { 0 } else { settings.gather_bytes };
    let mut tunnel = false;
    loop {
        let filled = buffer.read_ready(reader, settings.read_reserve).await?;
        // Lines that are routed and not submitted.
        let mut routed = 0;
        while !tunnel {
            match buffer.find_from(routed, b"\n") {
                None => break,
                Some(end) if &buffer.peek()[routed..=end] == TUNNEL => tunnel = true,
                Some(end) => routed = end + 1,
            }
            if routed > longest {
                submit(handoff, &mut tickets, buffer, routed).await?;
                routed = 0;
            }
        }
        if tunnel || matches!(filled.then, Then::End) {
            routed = buffer.len();
        }
        if routed > 0 {
            submit(handoff, &mut tickets, buffer, routed).await?;
        }
        match filled.then {
            Then::End => return tickets.finish().await,
            Then::Error(error) => return Err(error.into()),
            Then::Pending | Then::Limit | Then::Full => {}
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
