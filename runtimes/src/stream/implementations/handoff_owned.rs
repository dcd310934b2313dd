//! The crate: every frame is owned, and the writer task writes it.

use std::io;

use bytes::Bytes;
use futures_handoff::{Delimiter, HandoffBuffer, Then, WriteHandoff};
use futures_util::{AsyncRead, AsyncWrite};

use super::{
    Proxy,
    handoff::{Tickets, read_config, write_config},
};
use crate::{
    Runtime,
    stream::{Settings, TUNNEL, Tally},
};

on_a_runtime! {
    /// Takes each line out as `Bytes`, as code that hands frames to other tasks does, and so all that was read of the tunnel.
    HandoffOwned
}

impl<R, I, O> Proxy<I, O> for HandoffOwned<R>
where
    R: Runtime,
    I: AsyncRead + Unpin + Send + 'static,
    O: AsyncWrite + Unpin + Send + 'static,
{
    async fn run(self, mut reader: I, writer: O, settings: Settings) -> io::Result<()> {
        let (handoff, task) = WriteHandoff::new(writer, write_config(&settings)?);
        R::spawn(task.detach());
        let mut buffer = HandoffBuffer::with_config(read_config(&settings)?);
        let mut tickets = Tickets::new(settings);

        let mut lines = Delimiter::new(b"\n");
        loop {
            let Some(line) = buffer.next_frame(&mut reader, &mut lines).await? else {
                return finish(&handoff, tickets).await;
            };
            let tunnel = line == TUNNEL;
            submit(&handoff, &mut tickets, line).await?;
            if tunnel {
                break;
            }
        }

        loop {
            let filled = buffer.read_ready(&mut reader, settings.read_reserve).await?;
            if !buffer.is_empty() {
                submit(&handoff, &mut tickets, buffer.freeze_all()).await?;
            }
            match filled.then {
                Then::End => break,
                Then::Error(error) => return Err(error.into()),
                Then::Pending | Then::Limit | Then::Full => {}
            }
        }
        finish(&handoff, tickets).await
    }
}

async fn finish<O>(handoff: &WriteHandoff<O>, tickets: Tickets) -> io::Result<()>
where
    O: AsyncWrite + Unpin,
{
    tickets.finish().await?;
    handoff.close().await?;
    Tally::add(&handoff.stats());
    Ok(())
}

async fn submit<O>(handoff: &WriteHandoff<O>, tickets: &mut Tickets, bytes: Bytes) -> io::Result<()>
where
    O: AsyncWrite + Unpin,
{
    tickets.add(handoff.write(bytes).await?).await
}
