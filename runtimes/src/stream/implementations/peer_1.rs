//! bytes-handoff 1.0.0.

use std::{collections::VecDeque, io};

use bytes::Bytes;
use peer_1::{HandoffBuffer, HandoffBufferConfig, WriteError, WriteHandoff, WriteHandoffConfig, WriteTicket};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Proxy, until_gone::UntilGone};
use crate::stream::{Completion, Next, Settings, next, transport::IntoTokio};

/// Reads into a handoff buffer and submits each line, and each arrival of the tunnel.
#[derive(Debug, Clone, Copy, Default)]
pub struct Peer1;

impl<I, O> Proxy<I, O> for Peer1
where
    I: IntoTokio<Io: AsyncRead> + Send + 'static,
    O: IntoTokio<Io: AsyncWrite> + Send + 'static,
{
    async fn run(self, reader: I, writer: O, settings: Settings) -> io::Result<()> {
        let mut reader = reader.into_tokio();
        let config = WriteHandoffConfig::new(ITEMS, settings.write_pending_bytes());
        let (writer, gone) = UntilGone::new(writer.into_tokio());
        let handoff = WriteHandoff::spawn(writer, config);
        let mut output = Output { handoff, tickets: VecDeque::new(), settings };
        let mut buffer = HandoffBuffer::with_config(
            HandoffBufferConfig::new(settings.frame_len + 2 * settings.read_reserve)
                .with_read_reserve(settings.read_reserve),
        );
        let mut tunnel = false;
        while buffer.read_available(&mut reader).await.map_err(io::Error::other)? > 0 {
            while !tunnel {
                match next(buffer.peek()) {
                    Next::More => break,
                    Next::Tunnel => tunnel = true,
                    Next::Frame(len) => {
                        let frame = buffer.split_prefix(len).map_err(io::Error::other)?;
                        output.submit(frame).await.map_err(io::Error::other)?;
                    }
                }
            }
            if tunnel && !buffer.is_empty() {
                output.submit(buffer.freeze_all()).await.map_err(io::Error::other)?;
            }
        }
        if !buffer.is_empty() {
            output.submit(buffer.freeze_all()).await.map_err(io::Error::other)?;
        }
        output.finish().await.map_err(io::Error::other)?;
        gone.wait().await;
        Ok(())
    }
}

const ITEMS: usize = 1024;

struct Output {
    handoff: WriteHandoff,
    tickets: VecDeque<WriteTicket>,
    settings: Settings,
}

impl Output {
    async fn submit(&mut self, bytes: Bytes) -> Result<(), WriteError> {
        match self.settings.completion {
            Completion::FireAndForget => self.handoff.write_fire_and_forget(bytes).await,
            Completion::Ticket => {
                self.tickets.push_back(self.handoff.write(bytes).await?);
                if self.tickets.len() > self.settings.window
                    && let Some(oldest) = self.tickets.pop_front()
                {
                    oldest.wait().await?;
                }
                Ok(())
            }
        }
    }

    /// Waits for all that was submitted; an empty write is done after everything before it.
    async fn finish(mut self) -> Result<(), WriteError> {
        for ticket in self.tickets.drain(..) {
            ticket.wait().await?;
        }
        self.handoff.write(Bytes::new()).await?.wait().await
    }
}
