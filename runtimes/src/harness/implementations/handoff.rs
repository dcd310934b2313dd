//! This crate, in the different ways to build a proxy with it.

use std::io;

use futures_handoff::{
    Delimiter, HandoffBuffer, HandoffBufferConfig, Then, WriteHandoff, WriteHandoffConfig, WriteTicket,
};
use futures_util::{AsyncRead, AsyncWrite};

use super::{Proxy, Reader, Ticket, Tickets, Writer};
use crate::{
    Runtime,
    harness::{Completion, Settings, TUNNEL, measure::count_handoff},
};

/// The largest default read of a buffer.
const READ_MAX: usize = 256 * 1024;

/// Reads with `read_ready`, and submits the lines of a read in one piece, or one by one if they
/// have tickets, and then the tunnel, directly from the read buffer. The writer task runs inside
/// the connection's task.
#[derive(Debug, Clone, Copy, Default)]
pub struct Handoff;

impl<I: Reader, O: Writer> Proxy<I, O> for Handoff {
    async fn run<R: Runtime>(self, reader: I, writer: O, settings: Settings) -> io::Result<()> {
        let (handoff, mut task) = WriteHandoff::new(writer, write_config(&settings)?);
        task.run_until(serve(&handoff, reader, settings, read_config(&settings)?)).await
    }
}

/// As [`Handoff`], with the adaptive read size instead of that of the settings, and a byte budget
/// of at least two of the longest reads.
#[derive(Debug, Clone, Copy, Default)]
pub struct HandoffAdaptive;

impl<I: Reader, O: Writer> Proxy<I, O> for HandoffAdaptive {
    async fn run<R: Runtime>(self, reader: I, writer: O, settings: Settings) -> io::Result<()> {
        let budget = settings.write_pending_bytes().max(2 * READ_MAX);
        let settings = Settings { read_reserve: READ_MAX, write_pending_bytes: Some(budget), ..settings };
        let config = HandoffBufferConfig::new(settings.frame_len + 2 * READ_MAX);
        let (handoff, mut task) = WriteHandoff::new(writer, write_config(&settings)?);
        task.run_until(serve(&handoff, reader, settings, config)).await
    }
}

/// As [`Handoff`], but the writer's task is spawned.
#[derive(Debug, Clone, Copy, Default)]
pub struct HandoffSpawned;

impl<I: Reader, O: Writer> Proxy<I, O> for HandoffSpawned {
    async fn run<R: Runtime>(self, reader: I, writer: O, settings: Settings) -> io::Result<()> {
        let (handoff, task) = WriteHandoff::new(writer, write_config(&settings)?);
        R::spawn(task.detach());
        handoff.batching(serve(&handoff, reader, settings, read_config(&settings)?)).await
    }
}

/// Takes each line out as `Bytes`, like code that passes frames to other tasks, and each arrival of
/// the tunnel too. The writer task is spawned.
#[derive(Debug, Clone, Copy, Default)]
pub struct HandoffOwned;

impl<I: Reader, O: Writer> Proxy<I, O> for HandoffOwned {
    async fn run<R: Runtime>(self, mut reader: I, writer: O, settings: Settings) -> io::Result<()> {
        let (handoff, task) = WriteHandoff::new(writer, write_config(&settings)?);
        R::spawn(task.detach());
        let mut buffer = HandoffBuffer::with_config(read_config(&settings)?);
        let mut tickets = Tickets::new(&settings);
        let mut lines = Delimiter::new(b"\n");
        let mut tunnel = false;
        while !tunnel && let Some(line) = buffer.next_frame(&mut reader, &mut lines).await? {
            tunnel = line == TUNNEL;
            completed(&mut tickets, settings, handoff.write(line).await?).await?;
        }
        while tunnel {
            let filled = buffer.read_ready(&mut reader, settings.read_reserve).await?;
            if !buffer.is_empty() {
                completed(&mut tickets, settings, handoff.write(buffer.freeze_all()).await?).await?;
            }
            tunnel = goes_on(filled.then)?;
        }
        tickets.finish().await?;
        close(&handoff).await
    }
}

/// Moves a stream into a handoff. The caller runs its task.
async fn serve<I, O>(
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
    close(handoff).await
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
    let mut tickets = Tickets::new(&settings);
    let longest = if settings.completion == Completion::Ticket { 0 } else { settings.gather_bytes };
    let mut tunnel = false;
    loop {
        let filled = buffer.read_ready(reader, settings.read_reserve).await?;
        // Lines that are routed and not submitted yet.
        let mut routed = 0;
        while !tunnel {
            match buffer.find_from(routed, b"\n") {
                None => break,
                Some(end) if &buffer.peek()[routed..=end] == TUNNEL => tunnel = true,
                Some(end) => routed = end + 1,
            }
            if routed > longest {
                submit(handoff, &mut tickets, settings, buffer, routed).await?;
                routed = 0;
            }
        }
        if tunnel || matches!(filled.then, Then::End) {
            routed = buffer.len();
        }
        if routed > 0 {
            submit(handoff, &mut tickets, settings, buffer, routed).await?;
        }
        if !goes_on(filled.then)? {
            return tickets.finish().await;
        }
    }
}

async fn submit<O: AsyncWrite + Unpin>(
    handoff: &WriteHandoff<O>,
    tickets: &mut Tickets<WriteTicket>,
    settings: Settings,
    buffer: &mut HandoffBuffer,
    n: usize,
) -> io::Result<()> {
    let accepted = handoff.write_prefix(buffer, n).await?;
    match settings.completion {
        Completion::FireAndForget => Ok(()),
        Completion::Ticket => tickets.add(accepted.ticket()).await,
    }
}

/// Keeps a ticket, or drops it.
async fn completed(
    tickets: &mut Tickets<WriteTicket>,
    settings: Settings,
    ticket: WriteTicket,
) -> io::Result<()> {
    match settings.completion {
        Completion::FireAndForget => Ok(()),
        Completion::Ticket => tickets.add(ticket).await,
    }
}

/// Whether there may be more to read.
fn goes_on(then: Then) -> io::Result<bool> {
    match then {
        Then::End => Ok(false),
        Then::Error(error) => Err(error.into()),
        Then::Pending | Then::Limit | Then::Full => Ok(true),
    }
}

/// Closes the stream and counts its calls.
async fn close<O: AsyncWrite + Unpin>(handoff: &WriteHandoff<O>) -> io::Result<()> {
    handoff.close();
    handoff.closed().await?;
    count_handoff(&handoff.stats());
    Ok(())
}

impl Ticket for WriteTicket {
    async fn done(self) -> io::Result<()> {
        Ok(self.await?)
    }
}

fn write_config(settings: &Settings) -> io::Result<WriteHandoffConfig> {
    let config = WriteHandoffConfig::default().with_max_pending_bytes(settings.write_pending_bytes());
    Ok(config.with_send_at(settings.gather_bytes.min(settings.write_pending_bytes())))
}

fn read_config(settings: &Settings) -> io::Result<HandoffBufferConfig> {
    let max_len = settings.frame_len + 2 * settings.read_reserve;
    Ok(HandoffBufferConfig::new(max_len).with_read_reserve(settings.read_reserve))
}
