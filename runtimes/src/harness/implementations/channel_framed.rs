//! The most common form: a channel, and a task that forwards its items into a framed writer.

use std::{io, pin::pin};

use async_channel::{Receiver, Sender};
use asynchronous_codec::{BytesCodec, FramedWrite};
use bytes::Bytes;
use futures_channel::oneshot;
use futures_util::{
    AsyncRead, AsyncWrite, SinkExt,
    future::{Either, select},
};

use super::{Proxy, Reader, Ticket, Tickets, Writer, bytesmut::Incoming};
use crate::{
    Runtime,
    harness::{Completion, Next, Settings, next},
};

/// Items that the channel holds.
const ITEMS: usize = 64;

/// Reads into a `BytesMut`; splits each line off, and each arrival of the tunnel, and sends it
/// through a bounded channel to a task with a `FramedWrite`. The task feeds the writer while there
/// are items, and flushes it before it waits, as `StreamExt::forward` does. A ticket is a oneshot
/// that the flush completes.
///
/// The byte budget of the settings does not apply: the channel counts items.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChannelFramed;

impl<I: Reader, O: Writer> Proxy<I, O> for ChannelFramed {
    async fn run<R: Runtime>(self, reader: I, writer: O, settings: Settings) -> io::Result<()> {
        let (sender, receiver) = async_channel::bounded(ITEMS);
        let writing = R::task(write(receiver, writer, settings));
        let routing = pin!(route(reader, sender, settings));
        // A failed writer ends this even while nothing arrives.
        match select(routing, pin!(writing.outcome())).await {
            // The task reports why the channel was closed.
            Either::Left((routed, writing)) => written(writing.await).and(routed),
            Either::Right((outcome, _)) => written(outcome),
        }
    }
}

fn written(outcome: Option<io::Result<()>>) -> io::Result<()> {
    outcome.unwrap_or_else(|| Err(io::Error::other("the writer task panicked")))
}

/// A piece of the stream, and its ticket.
struct Item {
    bytes: Bytes,
    ticket: Option<oneshot::Sender<()>>,
}

async fn write(
    receiver: Receiver<Item>,
    writer: impl AsyncWrite + Unpin,
    settings: Settings,
) -> io::Result<()> {
    let mut framed = FramedWrite::new(writer, BytesCodec);
    // With a mark of 0 it would write an empty buffer.
    framed.set_send_high_water_mark(settings.gather_bytes.max(1));
    let mut fed = Vec::new();
    while let Ok(first) = receiver.recv().await {
        let mut item = Some(first);
        while let Some(Item { bytes, ticket }) = item {
            framed.feed(bytes).await?;
            fed.extend(ticket);
            item = receiver.try_recv().ok();
        }
        framed.flush().await?;
        for ticket in fed.drain(..) {
            // The ticket may have been dropped.
            let _ = ticket.send(());
        }
    }
    framed.close().await
}

async fn route(
    mut reader: impl AsyncRead + Unpin,
    sender: Sender<Item>,
    settings: Settings,
) -> io::Result<()> {
    let mut incoming = Incoming::new(&settings);
    let mut output = Output { sender, tickets: Tickets::new(&settings), settings };
    let mut tunnel = false;
    while incoming.read(&mut reader).await? > 0 {
        while !tunnel {
            match next(incoming.as_slice()) {
                Next::More => break,
                Next::Tunnel => tunnel = true,
                Next::Frame(len) => output.send(incoming.split_to(len)).await?,
            }
        }
        if tunnel {
            output.send(incoming.split_all()).await?;
        }
    }
    output.send(incoming.split_all()).await?;
    output.tickets.finish().await
}

struct Output {
    sender: Sender<Item>,
    tickets: Tickets<oneshot::Receiver<()>>,
    settings: Settings,
}

impl Output {
    async fn send(&mut self, bytes: Bytes) -> io::Result<()> {
        let (ticket, written) = match self.settings.completion {
            Completion::FireAndForget => (None, None),
            Completion::Ticket => {
                let (sender, receiver) = oneshot::channel();
                (Some(sender), Some(receiver))
            }
        };
        self.sender.send(Item { bytes, ticket }).await.map_err(|_| closed())?;
        match written {
            Some(written) => self.tickets.add(written).await,
            None => Ok(()),
        }
    }
}

impl Ticket for oneshot::Receiver<()> {
    async fn done(self) -> io::Result<()> {
        self.await.map_err(|_| closed())
    }
}

/// The writer task has ended.
fn closed() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}
