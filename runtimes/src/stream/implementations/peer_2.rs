//! bytes-handoff 2.0.0.

use std::{collections::VecDeque, io};

use bytes::Bytes;
use peer_2::{
    HandoffBuffer, HandoffBufferConfig, WriteCoalescer, WriteError, WriteHandoff, WriteHandoffConfig,
    WriteTicket,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Proxy, until_gone::UntilGone};
use crate::stream::{Completion, Next, Settings, next, transport::IntoTokio};

/// Reads into a handoff buffer. Without tickets, lines go through the coalescer and the tunnel gathers in the buffer;
/// with tickets, each line and each arrival is submitted on its own, as the coalescer has none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Peer2;

impl<I, O> Proxy<I, O> for Peer2
where
    I: IntoTokio<Io: AsyncRead> + Send + 'static,
    O: IntoTokio<Io: AsyncWrite> + Send + 'static,
{
    async fn run(self, reader: I, writer: O, settings: Settings) -> io::Result<()> {
        let mut reader = reader.into_tokio();
        let config = WriteHandoffConfig::default().with_max_pending_bytes(settings.write_pending_bytes());
        let (writer, gone) = UntilGone::new(writer.into_tokio());
        let handoff = WriteHandoff::spawn(writer, config);
        let mut output = Output {
            coalescer: WriteCoalescer::with_threshold(handoff.clone(), settings.gather_bytes),
            handoff,
            tickets: VecDeque::new(),
            settings,
        };
        let mut buffer = HandoffBuffer::with_config(
            HandoffBufferConfig::new(settings.frame_len + settings.gather_bytes + 2 * settings.read_reserve)
                .with_read_reserve(settings.read_reserve),
        );
        let enough = match settings.completion {
            Completion::FireAndForget => settings.gather_bytes.max(1),
            Completion::Ticket => 1,
        };
        let mut tunnel = false;
        while buffer.read_available(&mut reader).await.map_err(io::Error::other)? > 0 {
            while !tunnel {
                match next(buffer.peek()) {
                    Next::More => break,
                    Next::Tunnel => {
                        output.coalescer.flush().await.map_err(io::Error::other)?;
                        tunnel = true;
                    }
                    Next::Frame(len) => {
                        let frame = buffer.split_prefix(len).map_err(io::Error::other)?;
                        output.submit(frame).await.map_err(io::Error::other)?;
                    }
                }
            }
            if tunnel && buffer.len() >= enough {
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

struct Output {
    handoff: WriteHandoff,
    coalescer: WriteCoalescer,
    tickets: VecDeque<WriteTicket>,
    settings: Settings,
}

impl Output {
    async fn submit(&mut self, bytes: Bytes) -> Result<(), WriteError> {
        match self.settings.completion {
            Completion::FireAndForget => self.coalescer.write_fire_and_forget(bytes).await,
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

    async fn finish(mut self) -> Result<(), WriteError> {
        self.coalescer.flush().await?;
        for ticket in self.tickets.drain(..) {
            ticket.wait().await?;
        }
        self.handoff.drain().await
    }
}
