//! The implementations of the proxy.

mod bytesmut;
mod channel_framed;
mod handoff;
mod manual_buffered;
mod manual_vec;
#[cfg(feature = "peers")]
mod peers;
mod raw_copy;

use std::{collections::VecDeque, future::Future, io};

pub use bytesmut::SplitBytesMut;
pub use channel_framed::ChannelFramed;
pub use handoff::{Handoff, HandoffAdaptive, HandoffOwned, HandoffSpawned};
pub use manual_buffered::ManualBuffered;
pub use manual_vec::ManualVec;
#[cfg(feature = "peers")]
pub use peers::{Peer1, Peer2};
pub use raw_copy::RawCopy;

use futures_util::{AsyncRead, AsyncWrite};

use super::Settings;
use crate::Runtime;

/// What a proxy reads from.
pub trait Reader: AsyncRead + Unpin + Send + 'static {}
impl<I: AsyncRead + Unpin + Send + 'static> Reader for I {}

/// What a proxy writes to.
pub trait Writer: AsyncWrite + Unpin + Send + 'static {}
impl<O: AsyncWrite + Unpin + Send + 'static> Writer for O {}

/// Moves one stream from a reader to a writer, and routes its lines on the way.
pub trait Proxy<I, O>: Copy + Send + Sync + 'static {
    /// Runs until the reader has ended, everything is written and the writer is closed. What it
    /// spawns runs on `R`.
    fn run<R: Runtime>(
        self,
        reader: I,
        writer: O,
        settings: Settings,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static;
}

/// The completion of a write.
trait Ticket: Send {
    fn done(self) -> impl Future<Output = io::Result<()>> + Send;
}

/// The tickets that are not awaited yet, up to the allowed number.
struct Tickets<T> {
    outstanding: VecDeque<T>,
    window: usize,
}

impl<T: Ticket> Tickets<T> {
    fn new(settings: &Settings) -> Self {
        Self { outstanding: VecDeque::new(), window: settings.window }
    }

    /// Adds one, and awaits the oldest if there are too many.
    async fn add(&mut self, ticket: T) -> io::Result<()> {
        self.outstanding.push_back(ticket);
        if self.outstanding.len() > self.window
            && let Some(oldest) = self.outstanding.pop_front()
        {
            oldest.done().await?;
        }
        Ok(())
    }

    /// Awaits all.
    async fn finish(&mut self) -> io::Result<()> {
        while let Some(ticket) = self.outstanding.pop_front() {
            ticket.done().await?;
        }
        Ok(())
    }
}
