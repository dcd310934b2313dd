//! Single operations, done often enough for their instructions to be counted.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_handoff::{HandoffBuffer, WriteHandoff, WriteHandoffConfig};
use futures_util::{AsyncWrite, FutureExt};

use super::names::names;

names! {
    /// What is done over and over.
    Operation {
        /// A write of 64 bytes that is held with others, fire-and-forget.
        Held,
        /// The same, with a ticket that is dropped.
        Dropped,
        /// The same, with a ticket that is awaited after 64 more writes.
        Windowed,
        /// A write of 64 bytes and a ticket that is awaited before the next one.
        Awaited,
        /// The same with `send_at(0)`, where the write itself sends.
        AwaitedAtOnce,
        /// A write of 16 KiB that is sent at once.
        Large,
        /// A write of 64 bytes out of a read buffer, with a ticket that is dropped.
        Routed,
    }
}

names! {
    /// Who does it.
    Operator {
        /// This crate, inside `batching`.
        Handoff,
        /// bytes-handoff 1.0.0, on Tokio's single-threaded runtime.
        #[value(name = "peer_1")]
        #[serde(rename = "peer_1")]
        Peer1,
        /// bytes-handoff 2.0.0, on Tokio's single-threaded runtime.
        #[value(name = "peer_2")]
        #[serde(rename = "peer_2")]
        Peer2,
    }
}

/// The tickets that are outstanding in [`Operation::Windowed`].
const WINDOW: usize = 64;

impl Operation {
    fn chunk(self) -> Bytes {
        Bytes::from_static(match self {
            Self::Large => &[b'x'; 16 * 1024],
            _ => &[b'x'; 64],
        })
    }
}

/// The same through a peer, whose tickets are awaited by `wait`.
#[cfg(feature = "peers")]
macro_rules! peer {
    ($peer:ident, $operation:expr, $count:expr) => {{
        let runtime = ::tokio::runtime::Builder::new_current_thread().build()?;
        let chunk = $operation.chunk();
        runtime.block_on(async {
            // The defaults of this crate.
            let config = $peer::WriteHandoffConfig::new(1024, 128 * 1024);
            let handoff = $peer::WriteHandoff::spawn(::tokio::io::sink(), config);
            let mut window = VecDeque::with_capacity(WINDOW + 1);
            for _ in 0..$count {
                let chunk = chunk.clone();
                match $operation {
                    Operation::Held | Operation::Large => {
                        handoff.write_fire_and_forget(chunk).await.map_err(io::Error::other)?;
                    }
                    Operation::Dropped => drop(handoff.write(chunk).await.map_err(io::Error::other)?),
                    Operation::Awaited | Operation::AwaitedAtOnce => {
                        let ticket = handoff.write(chunk).await.map_err(io::Error::other)?;
                        ticket.wait().await.map_err(io::Error::other)?;
                    }
                    Operation::Windowed => {
                        window.push_back(handoff.write(chunk).await.map_err(io::Error::other)?);
                        if window.len() > WINDOW
                            && let Some(oldest) = window.pop_front()
                        {
                            oldest.wait().await.map_err(io::Error::other)?;
                        }
                    }
                    Operation::Routed => {}
                }
            }
            Ok::<_, io::Error>(())
        })
    }};
}

impl Operator {
    /// Does it `count` times; false if that is not possible here.
    ///
    /// # Errors
    ///
    /// What the writing fails with.
    pub(super) fn operate(self, operation: Operation, count: usize) -> io::Result<bool> {
        match self {
            Self::Handoff => handoff(operation, count).map(|()| true),
            #[cfg(feature = "peers")]
            Self::Peer1 | Self::Peer2 if operation == Operation::Routed => Ok(false),
            #[cfg(feature = "peers")]
            Self::Peer1 => peer!(peer_1, operation, count).map(|()| true),
            #[cfg(feature = "peers")]
            Self::Peer2 => peer!(peer_2, operation, count).map(|()| true),
            #[cfg(not(feature = "peers"))]
            Self::Peer1 | Self::Peer2 => Ok(false),
        }
    }
}

fn handoff(operation: Operation, count: usize) -> io::Result<()> {
    let mut config = WriteHandoffConfig::default();
    if operation == Operation::AwaitedAtOnce {
        config = config.with_send_at(0)?;
    }
    let (handoff, task) = WriteHandoff::new(Discard, config);
    let mut task = Box::pin(task);
    futures_executor::block_on(async {
        // A task that has run once lets producers send.
        assert!((&mut task).now_or_never().is_none(), "the stream is open");
        handoff.batching(operate(&handoff, operation, count)).await
    })
}

async fn operate(handoff: &WriteHandoff<Discard>, operation: Operation, count: usize) -> io::Result<()> {
    let chunk = operation.chunk();
    let mut window = VecDeque::with_capacity(WINDOW + 1);
    let mut buffer = HandoffBuffer::new(chunk.len() * WINDOW).map_err(io::Error::other)?;
    for _ in 0..count {
        match operation {
            Operation::Held | Operation::Large => handoff.write_fire_and_forget(chunk.clone()).await?,
            Operation::Dropped => drop(handoff.write(chunk.clone()).await?),
            Operation::Awaited | Operation::AwaitedAtOnce => handoff.write(chunk.clone()).await?.await?,
            Operation::Windowed => {
                window.push_back(handoff.write(chunk.clone()).await?);
                if window.len() > WINDOW
                    && let Some(oldest) = window.pop_front()
                {
                    oldest.await?;
                }
            }
            Operation::Routed => {
                if buffer.is_empty() {
                    let mut arrival = futures_util::io::repeat(b'x');
                    buffer.read_available(&mut arrival).await?;
                }
                drop(handoff.write_prefix(&mut buffer, chunk.len()).await?);
            }
        }
    }
    Ok(())
}

/// A writer that takes everything at once.
#[derive(Debug)]
struct Discard;

impl AsyncWrite for Discard {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
