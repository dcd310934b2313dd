//! The crates bytes-handoff 1.0.0 and 2.0.0, on Tokio.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Proxy, Ticket, Tickets};
use crate::{
    Runtime,
    harness::{Completion, Metered, Next, Settings, next, transport::IntoTokio},
};

/// Entries that the queue of 1.0.0 holds.
const ITEMS: usize = 1024;

/// A proxy made of one of the peers, whose `$output` is made of its handoff and the settings.
/// `$slack` is how much more than a line and two reads the buffer may hold, and `$enough` how much
/// of the tunnel is submitted at once.
macro_rules! peer {
    ($(#[$doc:meta])* $name:ident, $peer:ident, $config:expr, $output:ident, $slack:expr, $enough:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default)]
        pub struct $name;

        impl<I, O> Proxy<Metered<I>, Metered<O>> for $name
        where
            I: IntoTokio<Io: AsyncRead> + Send + 'static,
            O: IntoTokio<Io: AsyncWrite> + Send + 'static,
        {
            async fn run<R: Runtime>(
                self,
                reader: Metered<I>,
                mut writer: Metered<O>,
                settings: Settings,
            ) -> io::Result<()> {
                let (slack, enough): (fn(&Settings) -> usize, fn(&Settings) -> usize) = ($slack, $enough);
                let mut reader = reader.into_tokio();
                let dropped = writer.dropped();
                let handoff = $peer::WriteHandoff::spawn(writer.into_tokio(), $config(&settings));
                let mut output = $output::new(handoff, settings);
                let longest = settings.frame_len + slack(&settings) + 2 * settings.read_reserve;
                let config = $peer::HandoffBufferConfig::new(longest).with_read_reserve(settings.read_reserve);
                let mut buffer = $peer::HandoffBuffer::with_config(config);
                let mut tunnel = false;
                while buffer.read_available(&mut reader).await.map_err(io::Error::other)? > 0 {
                    while !tunnel {
                        match next(buffer.peek()) {
                            Next::More => break,
                            Next::Tunnel => {
                                output.end_of_lines().await?;
                                tunnel = true;
                            }
                            Next::Frame(len) => {
                                let frame = buffer.split_prefix(len).map_err(io::Error::other)?;
                                output.submit(frame).await?;
                            }
                        }
                    }
                    if tunnel && !buffer.is_empty() && buffer.len() >= enough(&settings) {
                        output.submit(buffer.freeze_all()).await?;
                    }
                }
                if !buffer.is_empty() {
                    output.submit(buffer.freeze_all()).await?;
                }
                output.finish().await?;
                // The peer's task owns the writer and does not report its end, so the counts of the
                // writer would be missing.
                let _ = dropped.await;
                Ok(())
            }
        }

        impl Ticket for $peer::WriteTicket {
            async fn done(self) -> io::Result<()> {
                self.wait().await.map_err(io::Error::other)
            }
        }
    };
}

peer! {
    /// bytes-handoff 1.0.0: reads into a handoff buffer and submits each line, and each arrival of
    /// the tunnel.
    Peer1, peer_1, |settings: &Settings| peer_1::WriteHandoffConfig::new(ITEMS, settings.write_pending_bytes()), Output1,
    |_| 0, |_| 1
}

peer! {
    /// bytes-handoff 2.0.0. Without tickets, lines go through the coalescer and the tunnel gathers
    /// in the buffer; with tickets, each line and each arrival is submitted on its own, as the
    /// coalescer has none.
    Peer2, peer_2,
    |settings: &Settings| {
        peer_2::WriteHandoffConfig::default().with_max_pending_bytes(settings.write_pending_bytes())
    },
    Output2, |settings| settings.gather_bytes,
    |settings| match settings.completion {
        Completion::FireAndForget => settings.gather_bytes,
        Completion::Ticket => 1,
    }
}

struct Output1 {
    handoff: peer_1::WriteHandoff,
    tickets: Tickets<peer_1::WriteTicket>,
    completion: Completion,
}

impl Output1 {
    fn new(handoff: peer_1::WriteHandoff, settings: Settings) -> Self {
        Self { handoff, tickets: Tickets::new(&settings), completion: settings.completion }
    }

    async fn submit(&mut self, bytes: Bytes) -> io::Result<()> {
        match self.completion {
            Completion::FireAndForget => {
                self.handoff.write_fire_and_forget(bytes).await.map_err(io::Error::other)
            }
            Completion::Ticket => {
                self.tickets.add(self.handoff.write(bytes).await.map_err(io::Error::other)?).await
            }
        }
    }

    async fn end_of_lines(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Waits for all that was submitted; an empty write is done after everything before it.
    async fn finish(mut self) -> io::Result<()> {
        self.tickets.finish().await?;
        self.handoff.write(Bytes::new()).await.map_err(io::Error::other)?.done().await
    }
}

struct Output2 {
    handoff: peer_2::WriteHandoff,
    coalescer: peer_2::WriteCoalescer,
    tickets: Tickets<peer_2::WriteTicket>,
    completion: Completion,
}

impl Output2 {
    fn new(handoff: peer_2::WriteHandoff, settings: Settings) -> Self {
        let coalescer = peer_2::WriteCoalescer::with_threshold(handoff.clone(), settings.gather_bytes);
        Self { handoff, coalescer, tickets: Tickets::new(&settings), completion: settings.completion }
    }

    async fn submit(&mut self, bytes: Bytes) -> io::Result<()> {
        match self.completion {
            Completion::FireAndForget => {
                self.coalescer.write_fire_and_forget(bytes).await.map_err(io::Error::other)
            }
            Completion::Ticket => {
                self.tickets.add(self.handoff.write(bytes).await.map_err(io::Error::other)?).await
            }
        }
    }

    async fn end_of_lines(&mut self) -> io::Result<()> {
        self.coalescer.flush().await.map_err(io::Error::other)
    }

    async fn finish(mut self) -> io::Result<()> {
        self.coalescer.flush().await.map_err(io::Error::other)?;
        self.tickets.finish().await?;
        self.handoff.drain().await.map_err(io::Error::other)
    }
}
